//! The parts of the process, opened from the settings; what one refuses is placed where the operator wrote it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent::{Agent, AgentConfig};
use anyhow::{Context as _, Result, bail};
use domain::playbook::{Playbook, PlaybookError, Playbooks};
use domain::schema::ToolSchemas;
use orchestrator::OrchestratorConfig;
use orchestrator::auth::{AuthConfigError, Authenticator, DevelopmentIssuer};
use store::{Location, PostgresConfig, RedisConfig, StoreConfig};

use super::Role;
use crate::config::problem::Problems;
use crate::config::{Loaded, Settings};

/// The folder of mails below the data directory, where no SMTP server is configured.
const OUTBOX: &str = "outbox";
/// Most playbooks of a folder: each is compared with every goal's words.
const PLAYBOOKS_MAX: usize = 1_000;

/// A playbook folder that cannot be worked with: everything that is wrong, file by file.
#[derive(Debug, thiserror::Error)]
#[error("{}", lines(.0))]
pub(crate) struct BrokenPlaybooks(pub Vec<PlaybookError>);

fn lines(errors: &[PlaybookError]) -> String {
    errors
        .iter()
        .map(told_playbook)
        .collect::<Vec<_>>()
        .join("\n")
}

/// One line about a playbook's error: file, line and reason, then the place as programs name it.
pub(crate) fn told_playbook(error: &PlaybookError) -> String {
    match error.pointer.as_deref() {
        None | Some("") => error.to_string(),
        Some(pointer) => format!("{error} ({pointer})"),
    }
}

/// Where the settings say that the store is.
pub(crate) fn store_location(settings: &Settings) -> Location {
    match &settings.store.url {
        None => Location::Directory(StoreConfig {
            reserve_mb: settings.store.reserve_mb,
            ..StoreConfig::new(&settings.data_dir)
        }),
        Some(url) => Location::Database(PostgresConfig {
            ca: settings.store.ca.clone(),
            connections: settings.store.connections,
            hints: redis(settings),
            ..PostgresConfig::new(&settings.data_dir, url)
        }),
    }
}

/// Redis as the settings name it; `None`: they name none, or no store that uses it.
pub(crate) fn redis(settings: &Settings) -> Option<RedisConfig> {
    let (url, _) = settings
        .redis
        .url
        .clone()
        .zip(settings.store.url.as_ref())?;
    let ca = settings.redis.ca.clone();
    Some(RedisConfig { url, ca })
}

fn agent_config(settings: &Settings, outbox_dir: PathBuf) -> AgentConfig {
    AgentConfig {
        databases: settings.databases.clone(),
        email: settings.email.clone(),
        outbound: settings.outbound.clone(),
        secrets: settings.secrets.clone(),
        outbox_dir,
        output_bytes_max: settings.limits.of_a_goal().output_bytes_max,
    }
}

/// Opens the agent: its tools, the connected databases, the secrets.
///
/// # Errors
/// What is wrong, at the place in the settings.
pub(crate) fn open_agent(loaded: &Loaded) -> Result<Agent> {
    open_agent_with(loaded, loaded.settings.data_dir.join(OUTBOX))
}

/// Opens the agent with another folder for mails.
///
/// # Errors
/// As [`open_agent`].
pub(crate) fn open_agent_with(loaded: &Loaded, outbox_dir: PathBuf) -> Result<Agent> {
    Agent::open(agent_config(&loaded.settings, outbox_dir))
        .map_err(|error| blame_agent(loaded, error).into())
}

/// Makes what the connected databases need before anything is written to them.
pub(super) fn prepare_agent(loaded: &Loaded, agent: &Agent) -> Result<()> {
    agent
        .prepare()
        .map_err(|error| blame_agent(loaded, error).into())
}

/// Places what the agent refuses.
pub(super) fn blame_agent(loaded: &Loaded, error: agent::Error) -> Problems {
    let key = match &error {
        agent::Error::Database(error) => error.setting.clone(),
        agent::Error::Outbound { setting, .. } => format!("outbound.{setting}"),
        agent::Error::Email { setting, .. } => format!("email.{setting}"),
        agent::Error::Secret { name, .. } => format!("secrets.{name}"),
        agent::Error::Notify { setting, .. } => format!("notify.{setting}"),
        agent::Error::Schema(_) => "databases".to_owned(),
    };
    loaded.blame(&key, error)
}

/// The issuer of `omnihub token mint`; `None`: its tokens are not taken.
pub(super) fn development_issuer(settings: &Settings) -> Result<Option<DevelopmentIssuer>> {
    if !settings.auth.development {
        return Ok(None);
    }
    Ok(Some(
        DevelopmentIssuer::open_or_create(&settings.data_dir).context("the development issuer")?,
    ))
}

/// Reads the issuers' keys as the service will, so that a start is refused before anything begins.
pub(super) fn check_auth(loaded: &Loaded, development: Option<&DevelopmentIssuer>) -> Result<()> {
    Authenticator::open(&loaded.settings.auth, development)
        .map_err(|error| blame_auth(loaded, &error))?;
    Ok(())
}

/// Places what is wrong with the issuers.
pub(super) fn blame_auth(loaded: &Loaded, error: &AuthConfigError) -> Problems {
    let key = match error {
        AuthConfigError::Issuer { place, .. } => format!("auth.issuers[{place}]"),
        AuthConfigError::PlatformTenant(_) => "auth.platform_tenant".to_owned(),
        _ => "auth".to_owned(),
    };
    loaded.blame(&key, error)
}

/// How the service is set up.
pub(super) fn service_config(settings: &Settings, role: Role) -> OrchestratorConfig {
    OrchestratorConfig {
        auth: settings.auth.clone(),
        limits: settings.limits.of_a_goal(),
        open_goals_max: settings.limits.open_goals_max,
        secrets: settings.secrets.keys().cloned().collect(),
        accepts: role.accepts(),
        metrics: settings.api.metrics,
        drain: Duration::from_secs(settings.engine.drain_seconds),
    }
}

/// Reads and checks every playbook of the settings' folder.
///
/// # Errors
/// Everything that is wrong with them, with file and line; or the folder cannot be read.
pub(crate) fn check_playbooks(loaded: &Loaded, tools: &ToolSchemas) -> Result<Playbooks> {
    let Some(dir) = &loaded.settings.playbooks.dir else {
        return Ok(Playbooks::default());
    };
    let files =
        playbook_files(dir).map_err(|error| loaded.blame("playbooks.dir", format!("{error:#}")))?;
    read_playbooks(&files, &loaded.settings, tools)
}

/// The playbook files of a folder, in order.
///
/// # Errors
/// The folder cannot be read, or has too many.
pub(crate) fn playbook_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir)
        .with_context(|| format!("the folder {} cannot be read", dir.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let is_playbook = path
            .extension()
            .is_some_and(|end| end == "yaml" || end == "yml");
        if is_playbook && path.is_file() {
            files.push(path);
        }
    }
    if files.len() > PLAYBOOKS_MAX {
        bail!(
            "the folder {} has {} playbooks, at most {PLAYBOOKS_MAX} are read",
            dir.display(),
            files.len()
        );
    }
    files.sort();
    Ok(files)
}

/// Reads playbooks and checks them against the tools of this installation.
///
/// # Errors
/// [`BrokenPlaybooks`], or a file cannot be read.
pub(crate) fn read_playbooks(
    files: &[PathBuf],
    settings: &Settings,
    tools: &ToolSchemas,
) -> Result<Playbooks> {
    let (limits, secrets) = (
        settings.limits.of_a_goal(),
        settings.secrets.keys().cloned().collect::<BTreeSet<_>>(),
    );
    let (mut playbooks, mut wrong) = (Vec::new(), Vec::new());
    for file in files {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("{} cannot be read", file.display()))?;
        match Playbook::read(&file.to_string_lossy(), &text) {
            Ok(playbook) => {
                wrong.extend(playbook.check(tools, &limits, &secrets));
                playbooks.push(playbook);
            }
            Err(errors) => wrong.extend(errors),
        }
    }
    match Playbooks::new(playbooks) {
        Ok(playbooks) if wrong.is_empty() => return Ok(playbooks),
        Ok(_) => {}
        Err(error) => wrong.push(error),
    }
    Err(BrokenPlaybooks(wrong).into())
}
