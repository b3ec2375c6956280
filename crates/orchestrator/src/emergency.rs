//! Emergency controls: who may set which, and the evidence of it.
//!
//! A tenant's admin covers that tenant. The platform tenant's admin covers every tenant with `all` and `tool`, and any
//! tenant by its name, with controls that only the platform tenant's admin lifts. `goal` is always one of the admin's own
//! tenant.

use std::time::Duration;

use ::audit::{Action, Draft};
use api::emergency::{ControlBody, ControlView};
use api::list::Page;
use domain::emergency::{Mode, Scope};
use domain::id::{GoalId, TenantId};
use store::{Chain, Control, Gate, SetControl};

use crate::body::check_reason;
use crate::caller::Caller;
use crate::context::Context;
use crate::error::ApiError;
use crate::state::App;

/// Whose goals a control covers (`None`: every tenant's), and which of them.
type Cover = (Option<TenantId>, Option<String>);

/// Pause before the goals are looked at again after the store failed.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Follows the controls: what is to be cancelled is, what was held goes on. Never ends.
///
/// The controls of the last process count too: one that cancels may have been set just before it died.
///
/// # Cancel safety
/// What was not done is done by the next process.
pub(crate) async fn follow(app: &App) {
    let mut gates = app.store.watch_gate();
    let mut due = gates
        .borrow_and_update()
        .all_active()
        .iter()
        .any(|control| control.mode == Mode::Cancel);
    loop {
        if due {
            gates.mark_unchanged();
            due = app.engine.control_changed().await.inspect_err(|error| tracing::warn!(%error, "a change of the emergency controls has not reached every goal"))
            .is_err();
        }
        tokio::select! {
            changed = gates.changed() => match changed {
                Ok(()) => due = true,
                // The store is closed: nothing changes any more.
                Err(_) => return std::future::pending().await,
            },
            () = tokio::time::sleep(AGAIN_AFTER), if due => {}
        }
    }
}

/// Lists the controls that are set, as far as they concern the caller's tenant; all of them for the platform's admin.
pub(crate) fn list(app: &App, caller: &Caller) -> Page<ControlView> {
    shown(app, caller, &app.store.gate())
}

/// Sets a control; effective for the very next effect.
pub(crate) async fn set(
    app: &App,
    caller: &Caller,
    context: &Context,
    body: ControlBody,
) -> Result<Page<ControlView>, ApiError> {
    check_reason("/reason", Some(&body.reason))?;
    let (tenant, target) = cover(app, caller, &body).await?;
    let named = target.clone().filter(|_| body.scope == Scope::Tenant);
    let of = tenant.as_ref().map(ToString::to_string).or(named);
    // Whoever is covered finds it in their own evidence.
    let chain = of
        .and_then(|name| Chain::parse(&name))
        .unwrap_or(Chain::Installation);
    let evidence = Draft::new(
        Action::ADMIN_CHANGED,
        caller.subject().as_str(),
        "emergency_control",
        scope(body.scope),
    )
    .correlated(context.request_id())
    .with("mode", mode(body.mode))
    .with("actor_tenant", caller.principal.tenant.as_str())
    .with("target", target.clone().unwrap_or_default());
    let change = SetControl {
        tenant,
        scope: body.scope,
        target,
        mode: body.mode,
        reason: body.reason,
        by: caller.subject().clone(),
        chain,
        evidence: vec![evidence],
    };
    let gate = app.store.set_control(change).await?;
    Ok(shown(app, caller, &gate))
}

async fn cover(app: &App, caller: &Caller, body: &ControlBody) -> Result<Cover, ApiError> {
    let platform = app.auth.is_platform(&caller.principal);
    let own = &caller.principal.tenant;
    let everyone = (!platform).then(|| own.clone());
    let needed = || ApiError::field("/target", "this scope needs a target");
    match (body.scope, body.target.as_deref()) {
        (Scope::All, None) => Ok((everyone, None)),
        (Scope::All, Some(_)) => Err(ApiError::field(
            "/target",
            "the scope \"all\" takes no target",
        )),
        (Scope::Tenant, None) => Ok((Some(own.clone()), None)),
        (Scope::Tenant, Some(name)) => {
            let tenant = TenantId::try_from(name.to_owned());
            let tenant = tenant.map_err(|error| ApiError::field("/target", error.to_string()))?;
            match (tenant == *own, platform) {
                (true, _) => Ok((Some(tenant), None)),
                // The installation's, so that the tenant's own admin does not lift it.
                (false, true) => Ok((None, Some(tenant.to_string()))),
                (false, false) => Err(ApiError::forbidden("the role admin of the platform tenant")),
            }
        }
        (Scope::Tool, tool) => {
            let tool = tool.ok_or_else(needed)?;
            if app.agent.toolset().get(tool).is_none() {
                return Err(ApiError::field("/target", "there is no such tool"));
            }
            Ok((everyone, Some(tool.to_owned())))
        }
        (Scope::Goal, goal) => {
            let unknown = || ApiError::field("/target", "the tenant has no such goal");
            let goal =
                GoalId::try_from(goal.ok_or_else(needed)?.to_owned()).map_err(|_| unknown())?;
            if app.store.load(own, &goal).await?.is_none() {
                return Err(unknown());
            }
            Ok((Some(own.clone()), Some(goal.to_string())))
        }
    }
}

fn shown(app: &App, caller: &Caller, gate: &Gate) -> Page<ControlView> {
    let items = if app.auth.is_platform(&caller.principal) {
        gate.all_active().iter().map(view).collect()
    } else {
        gate.active(&caller.principal.tenant).map(view).collect()
    };
    Page::whole(items)
}

fn view(control: &Control) -> ControlView {
    let tenant = control.tenant.as_ref().map(ToString::to_string);
    ControlView {
        scope: control.scope,
        target: match control.scope {
            Scope::Tenant => tenant.clone().or_else(|| control.target.clone()),
            Scope::All | Scope::Tool | Scope::Goal => control.target.clone(),
        },
        tenant,
        mode: control.mode,
        reason: control.reason.clone(),
        set_by: control.set_by.to_string(),
        set_at: control.since,
    }
}

fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::All => "all",
        Scope::Tenant => "tenant",
        Scope::Tool => "tool",
        Scope::Goal => "goal",
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Hold => "hold",
        Mode::Cancel => "cancel",
        Mode::Off => "off",
    }
}
