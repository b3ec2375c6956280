//! The house's own rules, held against the tree: who may import whom, how long a file may be, how a module begins.
//!
//! Every rule is a function from text to complaints, so that the tests below can show that it bites.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Lines past which a file is named, and past which it fails (STYLE, "Size").
const LINES_WARN: usize = 400;
const LINES_MAX: usize = 800;

/// Who may import whom (ARCHITECTURE, "The house"), and the sentence that forbids the rest.
const IMPORTS: [(&str, &[&str], &str); 12] = [
    (
        "domain",
        &[],
        "domain is the words of the system: it stands on nothing of ours",
    ),
    (
        "audit",
        &[],
        "audit must verify a file that OmniHub did not write: it stands on nothing of ours",
    ),
    (
        "saga",
        &["domain", "audit"],
        "saga is pure: it knows words and evidence drafts, and nothing that does",
    ),
    (
        "api",
        &["domain", "audit"],
        "api is what crosses a process boundary: a client must not pull in the server",
    ),
    (
        "store",
        &["domain", "saga", "audit"],
        "store keeps facts: it neither calls tools nor serves requests",
    ),
    (
        "agent",
        &["domain"],
        "agent acts on the world for one call: it knows no journal and no saga",
    ),
    (
        "engine",
        &["domain", "saga", "audit", "store"],
        "engine drives sagas through the port: it knows no tool and no wire form",
    ),
    (
        "temporal",
        &["domain", "engine"],
        "temporal has goals driven: what happens to them is the engine's",
    ),
    (
        "orchestrator",
        &["domain", "saga", "audit", "api", "store", "agent", "engine"],
        "orchestrator is a service: it may not import the process that hosts it",
    ),
    (
        "omnihub",
        &[
            "domain",
            "saga",
            "audit",
            "api",
            "store",
            "agent",
            "engine",
            "orchestrator",
            "temporal",
        ],
        "omnihub is the process: it may import every crate of the house and no tool of the workshop",
    ),
    (
        "servers",
        &[],
        "servers starts other people's programs for tests, proofs and benchmarks: it knows nothing of ours",
    ),
    (
        "xtask",
        &[],
        "xtask looks at the house from outside: it imports none of it",
    ),
];

/// Crates without clock, randomness, I/O and async (ARCHITECTURE, law 1), and what would give them one.
const PURE: [&str; 3] = ["domain", "saga", "audit"];
const IMPURE: [&str; 12] = [
    "std::time",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "tokio::",
    "getrandom",
    "Timestamp::now",
    "Uuid::now",
    "rand::",
    "async fn",
];

/// File names that say nothing about what is in them.
const EMPTY_NAMES: [&str; 8] = [
    "mod.rs",
    "utils.rs",
    "util.rs",
    "helpers.rs",
    "helper.rs",
    "common.rs",
    "types.rs",
    "misc.rs",
];

#[test]
fn crates_import_only_what_the_table_allows() {
    let complaints = import_complaints(&imports_of_the_workspace());
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn files_keep_to_the_rules_of_the_house() {
    let mut complaints = Vec::new();
    for path in rust_files() {
        let text = fs::read_to_string(&path).unwrap();
        let path = path
            .strip_prefix(root())
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        complaints.extend(file_complaints(&path, &text));
        let lines = text.lines().count();
        if lines > LINES_WARN {
            println!(
                "warning: {path} has {lines} lines; {LINES_WARN} is where a file wants to be two"
            );
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn the_import_rule_bites() {
    let planted = BTreeMap::from([
        ("domain".to_owned(), BTreeSet::from(["store".to_owned()])),
        ("saga".to_owned(), BTreeSet::from(["domain".to_owned()])),
        ("shared".to_owned(), BTreeSet::new()),
    ]);
    assert_eq!(
        import_complaints(&planted),
        [
            "domain imports store: domain is the words of the system: it stands on nothing of ours",
            "shared is in no line of the import table: add it with the sentence that says why it may exist",
        ]
    );
}

#[test]
fn the_file_rules_bite() {
    let long = format!("//! Long.\n{}", "// line\n".repeat(LINES_MAX));
    let open_end = format!("//! Later.\n// {} tidy up\n", marker());
    let planted = [
        ("crates/agent/src/tools/mod.rs", "//! Tools.\n"),
        ("crates/agent/src/helpers.rs", "//! Helpers.\n"),
        ("crates/agent/src/long.rs", long.as_str()),
        ("crates/agent/src/bare.rs", "use std::fmt;\n"),
        ("crates/agent/src/later.rs", open_end.as_str()),
        (
            "crates/saga/src/clock.rs",
            "//! Clock.\nuse std::time::Instant;\n",
        ),
    ];
    let complaints: Vec<_> = planted
        .into_iter()
        .flat_map(|(path, text)| file_complaints(path, text))
        .collect();
    assert_eq!(
        complaints,
        [
            "crates/agent/src/tools/mod.rs:1: a file called mod.rs says nothing about what is in it",
            "crates/agent/src/helpers.rs:1: a file called helpers.rs says nothing about what is in it",
            "crates/agent/src/long.rs:801: the file has 801 lines, at most 800 are allowed",
            "crates/agent/src/bare.rs:1: a module begins with `//!`: what it is for, what it does not do",
            &format!(
                "crates/agent/src/later.rs:2: `{}` belongs into an issue",
                marker()
            ),
            "crates/saga/src/clock.rs:2: `std::time` in saga: time, ids and randomness are inputs of a pure crate",
        ]
    );
}

#[test]
fn code_and_pure_crates_may_speak_of_what_they_do_not_use() {
    let fine = "//! Fine.\n/// Never calls `std::time`.\nfn nothing() {}\n";
    assert_eq!(
        file_complaints("crates/saga/src/fine.rs", fine),
        Vec::<String>::new()
    );
}

fn import_complaints(imports: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut complaints = Vec::new();
    for (importer, imported) in imports {
        let Some((_, allowed, law)) = IMPORTS.iter().find(|(name, ..)| name == importer) else {
            complaints.push(format!(
                "{importer} is in no line of the import table: add it with the sentence that says why it may exist"
            ));
            continue;
        };
        for name in imported
            .iter()
            .filter(|name| !allowed.contains(&name.as_str()))
        {
            complaints.push(format!("{importer} imports {name}: {law}"));
        }
    }
    complaints
}

fn file_complaints(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain =
        |line: usize, what: String| complaints.push(format!("{path}:{line}: {what}"));
    let name = path.rsplit('/').next().unwrap_or(path);
    if EMPTY_NAMES.contains(&name) {
        complain(
            1,
            format!("a file called {name} says nothing about what is in it"),
        );
    }
    let lines = text.lines().count();
    if lines > LINES_MAX {
        complain(
            lines,
            format!("the file has {lines} lines, at most {LINES_MAX} are allowed"),
        );
    }
    if !text.starts_with("//! ") {
        complain(
            1,
            "a module begins with `//!`: what it is for, what it does not do".to_owned(),
        );
    }
    for (at, line) in text.lines().enumerate() {
        if line.contains(&marker()) {
            complain(at + 1, format!("`{}` belongs into an issue", marker()));
        }
        for (krate, found) in impurities(path, line) {
            complain(
                at + 1,
                format!(
                    "`{found}` in {krate}: time, ids and randomness are inputs of a pure crate"
                ),
            );
        }
    }
    complaints
}

/// What a line of a pure crate's own code takes from the world; comments may speak of it.
fn impurities<'a>(path: &'a str, line: &str) -> Vec<(&'a str, &'static str)> {
    let Some((krate, rest)) = path
        .strip_prefix("crates/")
        .and_then(|path| path.split_once('/'))
    else {
        return Vec::new();
    };
    if !PURE.contains(&krate) || !rest.starts_with("src/") || line.trim_start().starts_with("//") {
        return Vec::new();
    }
    IMPURE
        .into_iter()
        .filter(|word| line.contains(word))
        .map(|word| (krate, word))
        .collect()
}

/// Spelled in two parts, so that this file does not complain about itself.
fn marker() -> String {
    ["TO", "DO"].concat()
}

/// Every crate of the workspace with the crates of the workspace that its own code imports; tests may import more.
fn imports_of_the_workspace() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
            "--locked",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let ours: BTreeSet<&str> = packages
        .iter()
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    let imports = |package: &Value| -> BTreeSet<String> {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let normal = dependencies
            .filter(|dependency| dependency["kind"] != "dev" && dependency["path"].is_string());
        let names = normal.map(|dependency| dependency["name"].as_str().unwrap().to_owned());
        names.filter(|name| ours.contains(name.as_str())).collect()
    };
    packages
        .iter()
        .map(|package| {
            (
                package["name"].as_str().unwrap().to_owned(),
                imports(package),
            )
        })
        .collect()
}

/// Every Rust file of the workspace.
fn rust_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join("crates"), root().join("xtask")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(files.len() > 50, "the walk misses most of the house");
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
