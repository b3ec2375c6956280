//! What an agent acts with: tools, connected databases, mail, notices, and the guard around all that leaves the house.
//!
//! It carries out one effect and says what became of it. Whether, when and how often is decided elsewhere; nothing here
//! knows goals or journals. A tool's failure is an `Outcome`; a Rust error means that the agent cannot open.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use domain::effect::Call;
use domain::outcome::{Answer, Outcome, ToolError};
use domain::schema::{Problem, Schema, ToolSchemaError, ToolSchemas};
use domain::tool::{EffectClass, Toolset};

pub mod databases;
pub mod email;
mod error;
mod failure;
pub mod notify;
pub mod outbound;
pub mod secrets;
mod tools;

pub use self::error::Error;
pub use self::failure::{Failure, Stage};

use self::databases::{DatabaseConfig, Databases, Lack};
use self::email::{EmailConfig, Mailer};
use self::notify::{Notifier, NotifyConfig};
use self::outbound::{Outbound, OutboundConfig, Resolver};
use self::secrets::{SecretConfig, Secrets};

/// Everything an agent is opened with.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// The connected databases by name.
    pub databases: BTreeMap<String, DatabaseConfig>,
    /// Mail.
    pub email: EmailConfig,
    /// Where requests may go.
    pub outbound: OutboundConfig,
    /// The secrets by name.
    pub secrets: BTreeMap<String, SecretConfig>,
    /// The folder for mails where no SMTP server is configured.
    pub outbox_dir: PathBuf,
    /// Most bytes of a step's output (`limits.output_bytes_max`): what tools bring in from outside is cut to fit.
    pub output_bytes_max: u32,
}

/// The tools, opened.
pub struct Agent {
    databases: Databases,
    mailer: Arc<Mailer>,
    outbound: Arc<Outbound>,
    secrets: Arc<Secrets>,
    schemas: ToolSchemas,
    /// Of the tools that take another input as a compensation.
    undo_schemas: BTreeMap<String, Schema>,
    output_bytes_max: usize,
}

impl Agent {
    /// Reads the settings, the secrets and the connected databases; changes nothing in them.
    ///
    /// # Errors
    /// [`Error`] names the setting that cannot be worked with.
    pub fn open(config: AgentConfig) -> Result<Self, Error> {
        let secrets = Secrets::open(&config.secrets)?;
        let outbound = Outbound::open(&config.outbound, Resolver::System)?;
        let mailer = Mailer::open(
            &config.email,
            &config.outbound,
            &config.outbox_dir,
            &secrets,
        )?;
        let databases = Databases::open(&config.databases)?;
        let toolset: Toolset = tools::specs(&outbound)
            .into_iter()
            .chain(databases.specs())
            .collect();
        Ok(Self {
            undo_schemas: undo_schemas(&toolset)?,
            schemas: ToolSchemas::compile(toolset)?,
            databases,
            mailer: Arc::new(mailer),
            outbound: Arc::new(outbound),
            secrets: Arc::new(secrets),
            output_bytes_max: usize::try_from(config.output_bytes_max).unwrap_or(usize::MAX),
        })
    }

    /// Makes what the connected databases need before anything is written to them: the table `omnihub_effects`. Where
    /// that was not done, writes fail.
    ///
    /// # Errors
    /// [`Error::Database`] names the database that cannot be written.
    pub fn prepare(&self) -> Result<(), Error> {
        Ok(self.databases.prepare()?)
    }

    /// What connected databases lacked when they were opened for what plans may write to them, by name.
    pub fn lacks(&self) -> &BTreeMap<String, Lack> {
        self.databases.lacks()
    }

    /// What can be done, as plans are checked against it.
    pub fn toolset(&self) -> &Toolset {
        self.schemas.tools()
    }

    /// The same with all schemas compiled.
    pub fn schemas(&self) -> &ToolSchemas {
        &self.schemas
    }

    /// Delivers notices the way these settings say.
    ///
    /// # Errors
    /// [`Error::Notify`] names the setting that is wrong.
    pub fn notifier(&self, config: &NotifyConfig) -> Result<Notifier, Error> {
        Notifier::open(config, self)
    }

    /// Asks each connected database for a sign of life: its name, and what is wrong where none comes within 2 s.
    pub async fn probe(&self) -> BTreeMap<String, Result<(), String>> {
        self.databases.probe().await
    }

    /// Carries out one attempt of one effect, within its timeout.
    ///
    /// # Cancel safety
    /// Dropping it may leave the effect done or half-way: treat it as an unknown outcome.
    pub async fn perform(&self, call: &Call) -> Outcome {
        match self.refuse(call) {
            Some(refused) => refused,
            None => {
                let outcome = tools::perform(self, call).await;
                self.fit_to_pass_on(call, outcome)
            }
        }
    }

    /// The same for what neither changes anything nor waits for anything; `None`: it does either.
    pub fn perform_at_once(&self, call: &Call) -> Option<Outcome> {
        let outcome = tools::perform_at_once(call)?;
        Some(match self.refuse(call) {
            Some(refused) => refused,
            None => self.fit_to_pass_on(call, outcome),
        })
    }

    /// What becomes of a call that no tool should see; `None`: one may.
    fn refuse(&self, call: &Call) -> Option<Outcome> {
        if self.toolset().get(&call.tool).is_none() {
            let message = format!("there is no tool {:?}", call.tool);
            return Some(Outcome::permanent("tool.unknown", message));
        }
        let problems = self.input_problems(call);
        (!problems.is_empty()).then(|| Outcome::permanent("input.invalid", sentence(&problems)))
    }

    /// Asks whether an effect happened. No tool built in can be asked.
    pub fn ask(&self, call: &Call) -> Answer {
        Answer::Unknown {
            error: ToolError::new(
                "tool.not_asked",
                format!("{} cannot be asked what it did", call.tool),
            ),
        }
    }

    fn input_problems(&self, call: &Call) -> Vec<Problem> {
        match self.undo_schemas.get(&call.tool) {
            Some(schema) if call.undoes.is_some() => schema.errors(&call.input),
            _ => self.schemas.input_errors(&call.tool, &call.input),
        }
    }

    /// An output that is not as declared is worth nothing to a reader. An effect that changed the world has happened all
    /// the same, so its output is passed on where it is only too long, and is a doubt where it cannot be relied on.
    fn fit_to_pass_on(&self, call: &Call, outcome: Outcome) -> Outcome {
        let Outcome::Succeeded { output } = outcome else {
            return outcome;
        };
        let reads = call.class == EffectClass::Read;
        let problems = self.schemas.output_errors(&call.tool, &output);
        if !problems.is_empty() {
            let error = ToolError::new("output.invalid", sentence(&problems));
            return if reads {
                Outcome::permanent(error.code, error.message)
            } else {
                Outcome::Unknown { error }
            };
        }
        if reads && output.to_string().len() > self.output_bytes_max {
            let message = format!("the output has more than {} bytes", self.output_bytes_max);
            return Outcome::permanent("output.too_large", message);
        }
        Outcome::Succeeded { output }
    }
}

fn undo_schemas(toolset: &Toolset) -> Result<BTreeMap<String, Schema>, Error> {
    let specs = toolset
        .iter()
        .filter_map(|spec| Some((spec, spec.compensation_schema.as_ref()?)));
    let compiled = specs.map(|(spec, document)| {
        let schema = Schema::compile(document);
        let schema = schema.map_err(|source| ToolSchemaError {
            tool: spec.name.clone(),
            which: "compensation",
            source,
        });
        Ok((spec.name.clone(), schema?))
    });
    compiled.collect()
}

/// The first problems, as one sentence.
fn sentence(problems: &[Problem]) -> String {
    let named = |problem: &Problem| format!("{:?} {}", problem.pointer, problem.reason);
    problems
        .iter()
        .take(PROBLEMS_SHOWN_MAX)
        .map(named)
        .collect::<Vec<_>>()
        .join("; ")
}

/// Problems that one error names: enough to start mending.
const PROBLEMS_SHOWN_MAX: usize = 3;
