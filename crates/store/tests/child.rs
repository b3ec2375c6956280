//! Stores in processes of their own, for tests that end the process or record what it does.
//!
//! The child is this very test binary, running the one test below; what it was told by the store it prints, a line each,
//! after the store has answered and before it does anything else.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use audit::{Action, Draft};
use domain::emergency::{Mode, Scope};
use store::{Chain, Error, PostgresConfig, Proof, SetControl, Store, StoreConfig};

use crate::world::{Driven, asking, chain_of, goal_id, subject, tenant};

/// Goals that the working child drives at once, and one after the other.
pub const LANES: usize = 3;
pub const ROUNDS: usize = 4;

/// What a child came to.
pub struct Done {
    pub status: ExitStatus,
    pub lines: Vec<String>,
    /// What it said beside, where it failed.
    pub said: String,
}

/// The command that makes this binary a child.
pub fn command(mode: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "child::is_no_test_but_the_process_that_others_end",
        "--nocapture",
    ]);
    command
        .env("STORE_CHILD", mode)
        .env("STORE_DIR", dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// What to do where strace is not there.
pub const STRACE: &str = "strace is needed for this test: apt-get install strace";

/// The command that makes this binary a child whose system calls are recorded or made to fail.
pub fn under_strace(options: &[&str], trace: &Path, mode: &str, dir: &Path) -> Command {
    let child = command(mode, dir);
    let mut strace = Command::new("strace");
    strace.arg("-f").args(options).arg("-o").arg(trace);
    strace.arg(child.get_program()).args(child.get_args());
    let set = |(name, value)| Some((name, value?));
    strace.envs(child.get_envs().filter_map(set));
    strace
}

/// Runs a child to its end.
pub fn run(mode: &str, dir: &Path, environment: &[(&str, &str)]) -> Done {
    let output = command(mode, dir)
        .envs(environment.iter().copied())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    Done {
        status: output.status,
        lines,
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn is_no_test_but_the_process_that_others_end() {
    let Ok(mode) = std::env::var("STORE_CHILD") else {
        return;
    };
    let dir = std::env::var("STORE_DIR").unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let mut config = StoreConfig::new(&dir);
    config.proof = Proof {
        no_sync: std::env::var("STORE_NO_SYNC").is_ok(),
        sabotage_journal: std::env::var("STORE_SABOTAGE").is_ok(),
        log_pages: std::env::var("STORE_LOG_PAGES")
            .ok()
            .map(|pages| pages.parse().unwrap()),
    };
    match mode.as_str() {
        "work" => runtime.block_on(async {
            work(&open(config).await.unwrap()).await;
        }),
        "long" => runtime.block_on(long(&Store::open(config).unwrap())),
        "hold" => {
            let _store = runtime.block_on(open(config)).unwrap();
            say("HOLDING");
            std::io::stdin().read_line(&mut String::new()).unwrap();
        }
        mode => panic!("{mode}"),
    }
}

/// The store of the database that the environment names, or of the data directory.
async fn open(config: StoreConfig) -> Result<Store, Error> {
    match std::env::var("STORE_URL") {
        Ok(url) => Store::connect(PostgresConfig::new(config.dir, url)).await,
        Err(_) => Store::open(config),
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// Does everything that a store can be asked to write.
async fn work(store: &Store) {
    let mut lanes = tokio::task::JoinSet::new();
    // What this process' goals begin with, where others work for the same tenant.
    let name = std::env::var("STORE_NAME").unwrap_or_default();
    for lane in 0..LANES {
        let (store, name) = (store.clone(), name.clone());
        lanes.spawn(async move {
            for round in 0..ROUNDS {
                do_all(&store, &format!("{name}{lane}-{round}"), &say).await;
            }
        });
    }
    while let Some(lane) = lanes.join_next().await {
        lane.unwrap();
    }
    say("DONE");
}

/// Says what was answered, a line each.
pub type Say = dyn Fn(&str) + Send + Sync;

/// Does everything once, and says what was answered.
pub async fn do_all(store: &Store, trace: &str, say: &Say) {
    goal(store, trace, say).await;
    beside(store, trace, say).await;
}

/// A goal that is asked about, granted and completed.
async fn goal(store: &Store, trace: &str, say: &Say) {
    let acme = tenant("acme");
    let mut goal = Driven::new(store, &acme, trace);
    goal.accept(store, &asking());
    let mut first = goal.append();
    first.notices.push(store::Notice {
        kind: "approval.asked".to_owned(),
        data: serde_json::json!({ "goal": trace }),
    });
    let key = store::RequestKey {
        principal: subject("ana"),
        route: "goals".to_owned(),
        key: trace.to_owned(),
    };
    let answer = store::Answer {
        body: domain::digest::Digest::from_bytes([1; 32]),
        answer: b"accepted".to_vec(),
    };
    first.created.as_mut().unwrap().idempotency = Some((key, answer));
    append(store, trace, first, say).await;
    let grant = goal.grant();
    let posted = store
        .post(&acme, &goal_id(trace), grant.clone(), |_| Ok::<(), ()>(()))
        .await
        .unwrap();
    say(&format!("POSTED {trace} {}", posted.id));
    goal.hear(posted.id, grant);
    goal.start();
    append(store, trace, goal.append(), say).await;
    goal.succeed();
    append(store, trace, goal.append(), say).await;
}

async fn append(store: &Store, trace: &str, append: store::Append, say: &Say) {
    let appended = store.append(append).await.unwrap();
    say(&format!("APPENDED {trace} {}", appended.sequence));
}

/// What belongs to no goal.
async fn beside(store: &Store, trace: &str, say: &Say) {
    let chain = Chain::Tenant(tenant("acme"));
    let failed = Draft::new(Action::AUTH_FAILED, "nobody", "token", trace);
    store
        .append_evidence(&Chain::Installation, vec![failed])
        .await
        .unwrap();
    say(&format!("EVIDENCE {trace}"));
    store
        .set_control(SetControl {
            tenant: Some(tenant("acme")),
            scope: Scope::Goal,
            target: Some(goal_id(trace).as_str().to_owned()),
            mode: Mode::Hold,
            reason: trace.to_owned(),
            by: subject("boss"),
            chain: chain.clone(),
            evidence: vec![Draft::new(Action::ADMIN_CHANGED, "boss", "control", trace)],
        })
        .await
        .unwrap();
    say(&format!("HELD {trace}"));
    let signed = store.checkpoint(&chain).await.unwrap();
    say(&format!("CHECKPOINT {}", signed.size));
}

/// One long goal, and what its steps cost.
async fn long(store: &Store) {
    let steps = std::env::var("STORE_STEPS").unwrap().parse().unwrap();
    let mut goal = Driven::new(store, &tenant("acme"), "long");
    goal.accept(store, &chain_of(steps));
    goal.start();
    store.append(goal.append()).await.unwrap();
    let before = written();
    for _ in 0..steps {
        goal.succeed();
        goal.start();
        store.append(goal.append()).await.unwrap();
    }
    say(&format!("BYTES {}", written() - before));
}

/// Bytes that this process gave to files.
fn written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    io.lines()
        .find_map(|line| line.strip_prefix("wchar: "))
        .unwrap()
        .parse()
        .unwrap()
}
