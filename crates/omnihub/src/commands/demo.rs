//! `omnihub demo`: a travel desk, three goals in plain words, then the proof. Exit 0 only if all is as promised.

use std::path::Path;
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use api::client::Client;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::footing::{Footing, FootingArgs};
use crate::context::Context;
use crate::demo::desk::Desk;
use crate::demo::server::{self, Cluster, Server};
use crate::demo::services::{Services, WITHDRAWN};
use crate::demo::story::{self, Cast, Told};
use crate::demo::verdict::{self, ANA, BEN, FLIGHT};
use crate::failure::{self, Usage};
use crate::identity::{self, Persona};
use crate::output::{Output, Tone};

/// Who submits, and who decides; both might decide, but nobody on their own goal.
const CLERK: &str = "tomas:operator";
const SUPERVISOR: &str = "ingrid:operator";
/// How long the tokens of `--keep` are good.
const TOKEN_TTL: Duration = Duration::from_secs(12 * 3_600);
/// Longest wait for the duty desk's mails, which are sent beside the goals.
const MAILS_MAX: Duration = Duration::from_secs(10);
/// How often the outbox is looked at meanwhile.
const MAILS_EVERY: Duration = Duration::from_millis(20);

/// Run a small travel desk on a free port: three goals, live, then the proof.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Leave the server running and print its address, tokens and three commands to try
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    footing: FootingArgs,
}

/// A desk whose goals have been played, and what still runs.
struct Stage {
    desk: Desk,
    services: Services,
    server: Server,
    /// Whether all was as promised.
    kept: bool,
}

impl Demo {
    /// Runs the command.
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.play(context.output))
    }

    async fn play(self, output: Output) -> Result<()> {
        let mut interrupted = pin!(interrupted()?);
        let cluster = cluster(self.footing.read()?)?;
        let folder = tempfile::Builder::new().prefix("omnihub-demo-").tempdir()?;
        // Whichever comes first; a play that is dropped ends its server.
        let stage = tokio::select! {
            stage = perform(folder.path(), cluster.as_ref(), output) => stage.map_err(failure::unheard)?,
            () = &mut interrupted => bail!("interrupted"),
        };
        let Stage {
            desk,
            services,
            mut server,
            kept,
        } = stage;
        if !kept {
            return Err(failure::Told.into());
        }
        if self.keep {
            invite(&desk, &server, output)?;
            // Both arms are cancel safe: a signal or an end that was not taken is not lost.
            tokio::select! {
                () = &mut interrupted => {}
                ended = server.ended() => {
                    server.kill().await?;
                    bail!(ended?);
                }
            }
        }
        server.stop().await?;
        services.stop().await;
        Ok(())
    }
}

/// What the demo stands on past one machine; `None`: on one file of SQLite.
fn cluster(footing: Footing) -> Result<Option<Cluster>, Usage> {
    match (footing.database, footing.temporal) {
        (Some(_), None) => Err(Usage(
            "the demo has its facts in Postgres only where Temporal drives: --engine temporal"
                .to_owned(),
        )),
        (database, temporal) => Ok(database
            .zip(temporal)
            .map(|(database, temporal)| Cluster { database, temporal })),
    }
}

/// Plays the three goals and holds them against the world.
async fn perform(folder: &Path, cluster: Option<&Cluster>, output: Output) -> Result<Stage> {
    let begun = Instant::now();
    let services = Services::start(format!("Bearer {}", random_hex()?)).await?;
    let desk = Desk::lay_out(folder, &services)?;
    let server = Server::start(&desk, &services, cluster).await?;
    let (payments, airline) = (services.payments.address, services.airline.address);
    let title = match cluster {
        None => "A travel desk, on this machine alone".to_owned(),
        Some(cluster) => format!(
            "A travel desk: {} processes, Temporal at {}",
            server.processes(),
            cluster.temporal
        ),
    };
    output.line(output.paint(Tone::Strong, &title))?;
    output.line(format!(
        "  server    {} (ready after {} ms)",
        server.address,
        server.ready_after.as_millis()
    ))?;
    output.line(format!(
        "  payments  http://{payments}, wants a token, honours idempotency keys"
    ))?;
    output.line(format!(
        "  airline   http://{airline}, has withdrawn flight {WITHDRAWN}"
    ))?;

    let cast = cast(&desk, &server)?;
    let found = story::tell(
        &cast,
        "find flights from Lisbon to Oslo on 2026-12-03",
        output,
    )
    .await?;
    let booked = story::tell(&cast, "book flight OS 417 for ana@example.com", output).await?;
    let undone = story::tell(&cast, "book flight OS 902 for ben@example.com", output).await?;
    let goals = [&found, &booked, &undone];

    let as_promised = promises(&desk, &services, goals, output).await?;
    let verified = verified(&desk, &server, output).await?;
    summary(goals, begun.elapsed(), output)?;
    Ok(Stage {
        desk,
        services,
        server,
        kept: as_promised && verified,
    })
}

/// The clerk and the supervisor, each with a token.
fn cast(desk: &Desk, server: &Server) -> Result<Cast> {
    let client = |who: &str| -> Result<Client> {
        Ok(Client::new(&server.address, Some(&token(desk, who)?))?)
    };
    Ok(Cast {
        clerk: client(CLERK)?,
        supervisor: client(SUPERVISOR)?,
    })
}

fn token(desk: &Desk, who: &str) -> Result<String> {
    let persona: Persona = who.parse().map_err(anyhow::Error::msg)?;
    identity::mint(&desk.data_dir(), &persona, TOKEN_TTL)
}

/// Says of each promise whether it is kept; returns whether all are.
async fn promises(
    desk: &Desk,
    services: &Services,
    goals: [&Told; 3],
    output: Output,
) -> Result<bool> {
    output.line(format!(
        "\n{}",
        output.paint(
            Tone::Strong,
            "▶ Held against the database and the services' books"
        )
    ))?;
    let mut kept = true;
    for promise in verdict::judge(desk, services, goals)? {
        kept &= promise.broken.is_none();
        match promise.broken {
            None => output.line(output.paint(Tone::Good, &format!("  ✓ {}", promise.what)))?,
            Some(found) => output
                .line(output.paint(Tone::Bad, &format!("  ✗ {}: found {found}", promise.what)))?,
        }
    }
    // Two approvals asked and three goals ended.
    let told = mails(desk, 5).await;
    let line =
        format!("the duty desk was told of 2 approvals and 3 ends: {told} mails in the outbox");
    kept &= told == 5;
    output.line(if told == 5 {
        output.paint(Tone::Good, &format!("  ✓ {line}"))
    } else {
        output.paint(Tone::Bad, &format!("  ✗ {line}"))
    })?;
    Ok(kept)
}

async fn mails(desk: &Desk, wanted: usize) -> usize {
    let begun = Instant::now();
    while desk.mails() < wanted && begun.elapsed() < MAILS_MAX {
        tokio::time::sleep(MAILS_EVERY).await;
    }
    desk.mails()
}

/// Exports the evidence over HTTP and has this very binary verify the file, as an auditor would elsewhere.
async fn verified(desk: &Desk, server: &Server, output: Output) -> Result<bool> {
    output.line(format!(
        "\n{}",
        output.paint(Tone::Strong, "▶ The evidence, exported and verified")
    ))?;
    let file = desk.file("audit.jsonl");
    let auditor = Client::new(&server.address, Some(&token(desk, "astrid:auditor")?))?;
    let mut export = auditor.audit_export().await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = export.chunk().await? {
        bytes.extend_from_slice(&chunk);
    }
    std::fs::write(&file, &bytes)?;
    let key = server
        .command()?
        .current_dir(desk.folder())
        .args(["audit", "key", "--data-dir"])
        .arg(desk.data_dir())
        .output()
        .await?;
    let key = String::from_utf8(key.stdout).context("the key is not text")?;
    let verify = server::command()?
        .current_dir(desk.folder())
        .args(["audit", "verify", "--key", key.trim()])
        .arg(&file)
        .output()
        .await?;
    for line in String::from_utf8_lossy(&verify.stdout)
        .lines()
        .chain(String::from_utf8_lossy(&verify.stderr).lines())
    {
        output.line(format!("  {line}"))?;
    }
    Ok(verify.status.success())
}

fn summary(goals: [&Told; 3], took: Duration, output: Output) -> Result<()> {
    output.line("")?;
    let ms = |duration: Duration| format!("{:.1} ms", duration.as_secs_f64() * 1e3);
    let rows = goals.into_iter().map(|told| {
        let status = told.goal.status.as_str().to_owned();
        let steps = told.goal.steps.len().to_string();
        let undone = told.goal.compensation.done.to_string();
        [
            status,
            steps,
            told.events.len().to_string(),
            undone,
            ms(told.took),
            ms(told.waited),
            told.words.to_owned(),
        ]
    });
    let header = [
        "end",
        "steps",
        "events",
        "undone",
        "took",
        "of that, people",
        "goal",
    ];
    output.table(header, rows.collect(), "no goals")?;
    Ok(output.line(format!("\nall in all {:.2} s", took.as_secs_f64()))?)
}

/// Says how to go on by hand.
fn invite(desk: &Desk, server: &Server, output: Output) -> Result<()> {
    let (clerk, supervisor) = (token(desk, CLERK)?, token(desk, SUPERVISOR)?);
    let (url, data_dir) = (&server.address, desk.data_dir().display().to_string());
    let omnihub = std::env::args()
        .next()
        .unwrap_or_else(|| "omnihub".to_owned());
    output.line(format!(
        "\n{}",
        output.paint(Tone::Strong, "▶ Still running; Ctrl-C ends it")
    ))?;
    output.line(format!("  address     {url}"))?;
    output.line(format!("  folder      {}", desk.folder().display()))?;
    output.line(format!("  clerk       {clerk}"))?;
    output.line(format!("  supervisor  {supervisor}\n"))?;
    output.line(format!(
        "  export OMNIHUB_URL={url} OMNIHUB_DATA_DIR={data_dir}"
    ))?;
    output.line(format!(
        "  {omnihub} goal submit --watch \"book flight {FLIGHT} for {BEN}\" --as {CLERK}"
    ))?;
    output.line(format!("  {omnihub} approval list --as {SUPERVISOR}"))?;
    Ok(output.line(format!("  {omnihub} goal list --q {ANA} --as {CLERK}"))?)
}

/// Ends with the first signal that asks the process to stop; they are taken from now on.
fn interrupted() -> Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    Ok(async move {
        // Both arms are cancel safe: a signal that was not taken is not lost.
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn random_hex() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
