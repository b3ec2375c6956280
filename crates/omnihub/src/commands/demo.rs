//! `omnihub demo`: a travel desk, three goals in plain words, then the proof. Exit 0 only if all is as promised.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use api::client::Client;
use clap::Args;

use crate::context::Context;
use crate::demo::desk::Desk;
use crate::demo::server::{self, Server};
use crate::demo::services::{Services, WITHDRAWN};
use crate::demo::story::{self, Cast, Told};
use crate::demo::verdict::{self, ANA, BEN, FLIGHT};
use crate::failure;
use crate::identity::{self, Persona};
use crate::output::{Output, Tone};

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
}

impl Demo {
    /// Runs the command.
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(self.play(context.output))
    }

    async fn play(self, output: Output) -> Result<()> {
        let begun = Instant::now();
        let folder = tempfile::Builder::new().prefix("omnihub-demo-").tempdir()?;
        let services = Services::start(format!("Bearer {}", random_hex()?)).await?;
        let desk = Desk::lay_out(folder.path(), &services)?;
        let server = Server::start(&desk, &services).await?;
        output.line(output.paint(Tone::Strong, "A travel desk, on this machine alone"))?;
        output.line(format!(
            "  server    {} (ready after {} ms)",
            server.address,
            server.ready_after.as_millis()
        ))?;
        output.line(format!(
            "  payments  http://{}, wants a token, honours idempotency keys",
            services.payments.address
        ))?;
        output.line(format!(
            "  airline   http://{}, has withdrawn flight {WITHDRAWN}",
            services.airline.address
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

        let kept = promises(&desk, &services, goals, output).await?
            & verified(&desk, &server, output).await?;
        summary(goals, begun.elapsed(), output)?;
        if !kept {
            return Err(failure::Told.into());
        }
        if self.keep {
            return keep(&desk, server, output).await;
        }
        server.stop().await?;
        services.stop().await;
        Ok(())
    }
}

/// The clerk who submits and the supervisor who decides; both might decide, but nobody on their own goal.
fn cast(desk: &Desk, server: &Server) -> Result<Cast> {
    let client = |who: &str| -> Result<Client> {
        Ok(Client::new(&server.address, Some(&token(desk, who)?))?)
    };
    Ok(Cast {
        clerk: client("tomas:operator")?,
        supervisor: client("ingrid:operator")?,
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
    let key = server::command()?
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

/// Leaves everything running until somebody interrupts.
async fn keep(desk: &Desk, mut server: Server, output: Output) -> Result<()> {
    let (clerk, supervisor) = (
        token(desk, "tomas:operator")?,
        token(desk, "ingrid:operator")?,
    );
    let url = &server.address;
    output.line(format!(
        "\n{}",
        output.paint(Tone::Strong, "▶ Still running; Ctrl-C ends it")
    ))?;
    output.line(format!(
        "  address     {url}\n  folder      {}",
        desk.folder().display()
    ))?;
    output.line(format!(
        "  clerk       {clerk}\n  supervisor  {supervisor}\n"
    ))?;
    output.line(format!("  omnihub goal submit --watch \"book flight {FLIGHT} for {BEN}\" --url {url} --token {clerk}"))?;
    output.line(format!(
        "  omnihub approval list --url {url} --token {supervisor}"
    ))?;
    output.line(format!(
        "  omnihub goal list --q {ANA} --url {url} --token {clerk}"
    ))?;
    // Both arms are cancel safe: a signal or an end that was not taken is not lost.
    let ended = tokio::select! {
        interrupted = tokio::signal::ctrl_c() => { interrupted?; None }
        ended = server.ended() => Some(ended?),
    };
    match ended {
        // The terminal has told the server too; a second signal would end it before it has drained.
        None => server.ended().await.map(|_| ()),
        Some(status) => bail!("the server ended with {status}"),
    }
}

fn random_hex() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
