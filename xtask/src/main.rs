//! The workshop: writes the generated files. The rules of the house are held by `tests/tidy.rs`.

use std::path::Path;
use std::process::{Command, ExitCode};

/// Each generated file, and the arguments that make the binary print it.
const GENERATED: [(&str, &[&str]); 2] = [
    ("omnihub.example.toml", &["config", "example"]),
    ("openapi.json", &["openapi"]),
];

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() != Some("generate") {
        eprintln!("usage: cargo run -p xtask -- generate");
        return ExitCode::from(2);
    }
    for (file, arguments) in GENERATED {
        if let Err(reason) = generate(file, arguments) {
            eprintln!("{file}: {reason}");
            return ExitCode::FAILURE;
        }
        eprintln!("{file} written");
    }
    ExitCode::SUCCESS
}

/// Writes one file from what the binary prints.
fn generate(file: &str, arguments: &[&str]) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or("the workspace has no folder")?;
    let profile: &[&str] = if cfg!(debug_assertions) {
        &[]
    } else {
        &["--release"]
    };
    let printed = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--locked", "-p", "omnihub"])
        .args(profile)
        .arg("--")
        .args(arguments)
        .current_dir(root)
        .output()
        .map_err(|error| error.to_string())?;
    if !printed.status.success() {
        return Err(String::from_utf8_lossy(&printed.stderr).into_owned());
    }
    std::fs::write(root.join(file), printed.stdout).map_err(|error| error.to_string())
}
