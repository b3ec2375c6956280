//! Emergency controls: who is held by what, for how long, and that the writer keeps to it.

use audit::{Action, Draft};
use domain::emergency::{Mode, Scope};
use domain::id::TenantId;
use jiff::{SignedDuration, Timestamp};
use store::{AppendError, Chain, Gate, SetControl, Store};

use crate::place::{Place, on_either_store};
use crate::sharing;
use crate::world::{Driven, chain_of, goal_id, subject, tenant};

on_either_store!(
    a_control_of_the_installation_that_names_a_tenant_is_not_the_tenants_own,
    each_scope_holds_what_it_covers_and_nothing_else,
    overlapping_holds_count_once_and_are_remembered,
    who_admits_has_to_have_seen_the_newest_controls,
);

async fn set(
    store: &Store,
    of: Option<&TenantId>,
    scope: Scope,
    target: Option<&str>,
    mode: Mode,
) -> Gate {
    let chain = of.map_or(Chain::Installation, |of| Chain::Tenant(of.clone()));
    store
        .set_control(SetControl {
            tenant: of.cloned(),
            scope,
            target: target.map(str::to_owned),
            mode,
            reason: format!("{scope:?} {mode:?}"),
            by: subject("boss"),
            chain,
            evidence: vec![Draft::new(
                Action::ADMIN_CHANGED,
                "boss",
                "control",
                format!("{scope:?}"),
            )],
        })
        .await
        .unwrap()
}

async fn a_control_of_the_installation_that_names_a_tenant_is_not_the_tenants_own(place: Place) {
    let store = place.open().await;
    let (acme, other, one) = (tenant("acme"), tenant("other"), goal_id("one"));
    set(&store, None, Scope::Tenant, Some("acme"), Mode::Hold).await;

    let gate = set(&store, Some(&acme), Scope::Tenant, None, Mode::Off).await;

    assert!(gate.holding(&acme, &one).is_some());
    assert!(gate.holding(&other, &one).is_none());
    assert_eq!(gate.active(&acme).count(), 1);
    assert_eq!(gate.active(&other).count(), 0);
}

async fn each_scope_holds_what_it_covers_and_nothing_else(place: Place) {
    let store = place.open().await;
    let (acme, other, one, two) = (
        tenant("acme"),
        tenant("other"),
        goal_id("one"),
        goal_id("two"),
    );
    let cases = [
        (None, Scope::All, None, [true, true, true, true]),
        (Some(&acme), Scope::All, None, [true, true, true, false]),
        (Some(&acme), Scope::Tenant, None, [true, true, true, false]),
        (
            Some(&acme),
            Scope::Tool,
            Some("pay"),
            [true, false, true, false],
        ),
        (
            Some(&acme),
            Scope::Goal,
            Some("goal-one"),
            [true, true, false, false],
        ),
    ];
    for (of, scope, target, expected) in cases {
        let gate = set(&store, of, scope, target, Mode::Hold).await;
        let held = [
            gate.held(&acme, &one, "pay"),
            gate.held(&acme, &one, "respond"),
            gate.held(&acme, &two, "pay"),
            gate.held(&other, &one, "pay"),
        ];
        assert_eq!(
            held.map(|reason| reason.is_some()),
            expected,
            "{scope:?} of {of:?}"
        );
        assert_eq!(gate.cancelling(&acme, &one, |_| true), None);
        let gate = set(&store, of, scope, target, Mode::Cancel).await;
        let cancelled =
            |tenant, tool: &str| gate.cancelling(tenant, &one, |used| used == tool).is_some();
        assert!(cancelled(&acme, "pay"), "{scope:?}");
        assert_eq!(
            cancelled(&acme, "respond"),
            scope != Scope::Tool,
            "{scope:?}"
        );
        assert_eq!(cancelled(&other, "pay"), of.is_none(), "{scope:?}");
        assert_eq!(
            gate.held(&acme, &one, "pay").is_some(),
            scope == Scope::Tool,
            "{scope:?}"
        );
        let gate = set(&store, of, scope, target, Mode::Off).await;
        assert_eq!(gate.held(&acme, &one, "pay"), None);
        assert_eq!(gate.all_active(), []);
    }
}

async fn overlapping_holds_count_once_and_are_remembered(place: Place) {
    let store = place.open().await;
    let (acme, one) = (tenant("acme"), goal_id("one"));
    set(&store, Some(&acme), Scope::All, None, Mode::Hold).await;
    set(
        &store,
        Some(&acme),
        Scope::Goal,
        Some("goal-one"),
        Mode::Hold,
    )
    .await;
    set(&store, Some(&acme), Scope::All, None, Mode::Off).await;
    set(&store, Some(&acme), Scope::Tool, Some("pay"), Mode::Hold).await;
    let gate = set(
        &store,
        Some(&acme),
        Scope::Goal,
        Some("goal-one"),
        Mode::Off,
    )
    .await;
    let now = Timestamp::now();
    let total = gate.held_total(&acme, &one, Timestamp::MIN, now);
    assert!(total > SignedDuration::ZERO);
    assert!(gate.held_total(&acme, &goal_id("two"), Timestamp::MIN, now) < total);
    assert_eq!(
        gate.held_total(&tenant("other"), &one, Timestamp::MIN, now),
        SignedDuration::ZERO
    );
    assert_eq!(gate.held_total(&acme, &one, now, now), SignedDuration::ZERO);
    drop(store);
    let store = place.open().await;
    let gate = store.gate();
    assert_eq!(gate.held_total(&acme, &one, Timestamp::MIN, now), total);
    assert_eq!(
        gate.active(&acme)
            .map(|control| control.scope)
            .collect::<Vec<_>>(),
        [Scope::Tool]
    );
    assert_eq!(gate.active(&tenant("other")).count(), 0);
}

async fn who_admits_has_to_have_seen_the_newest_controls(place: Place) {
    let store = place.open().await;
    let acme = tenant("acme");
    let mut goal = Driven::new(&store, &acme, "one");
    goal.accept(&store, &chain_of(2));
    store.append(goal.append()).await.unwrap();
    let before = store.gate().generation();
    let gate = set(&store, Some(&acme), Scope::All, None, Mode::Hold).await;
    assert_eq!(store.gate().generation(), gate.generation());
    goal.start();
    let mut append = goal.append();
    (append.admits, append.gate) = (true, before);
    let refused = store.append(append.clone()).await.unwrap_err();
    assert!(matches!(refused, AppendError::Gate), "{refused:?}");
    append.gate = gate.generation();
    store.append(append).await.unwrap();
}

#[tokio::test]
async fn a_control_that_was_set_is_answered_and_shown_although_it_cannot_be_read_anew() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let store = place.open().await;
    sharing::set(&store, "acme", Mode::Hold).await.unwrap();
    place
        .sql("REVOKE SELECT ON omnihub.gate FROM omnihub_driver")
        .await;
    for mode in [Mode::Cancel, Mode::Off] {
        let gate = sharing::set(&store, "acme", mode).await.unwrap();
        assert_eq!(gate.generation(), store.gate().generation());
        place
            .sql("GRANT SELECT ON omnihub.gate TO omnihub_driver")
            .await;
        let read = store.look_at_controls().await.unwrap();
        assert_eq!(format!("{gate:?}"), format!("{read:?}"));
        place
            .sql("REVOKE SELECT ON omnihub.gate FROM omnihub_driver")
            .await;
    }
}
