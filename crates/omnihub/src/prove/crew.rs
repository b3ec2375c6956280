//! The processes of a proof: one that is everything, or an api and its workers, each with a data directory of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::Cluster;
use super::child::Child;
use super::ground::Ground;
use super::sabotage::{self, Sabotage};

/// Where keys are in a data directory.
const KEYS: &str = "keys";

/// A place for a process.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    /// What the process is.
    pub(crate) role: &'static str,
    data_dir: PathBuf,
}

impl Post {
    /// Whether it answers clients.
    pub(crate) fn answers(&self) -> bool {
        self.role != "worker"
    }
}

/// The places of a proof; the first answers clients.
pub(crate) fn posts(ground: &Ground, cluster: Option<&Cluster>) -> Vec<Post> {
    let first = |role| Post {
        role,
        data_dir: ground.data_dir(),
    };
    let worker = |name| Post {
        role: "worker",
        data_dir: ground.file(name),
    };
    match cluster {
        None => vec![first("all")],
        Some(_) => vec![first("api"), worker("worker-1"), worker("worker-2")],
    }
}

/// Starts a process at its place. Whoever is first there has made the keys that the others need.
///
/// # Errors
/// There are no files for it, or the system starts no process.
pub(crate) fn start(ground: &Ground, post: &Post, sabotage: Option<Sabotage>) -> Result<Child> {
    if !post.data_dir.exists() {
        let (from, to) = (ground.data_dir().join(KEYS), post.data_dir.join(KEYS));
        copy_keys(&from, &to).context("the keys for another process")?;
        std::fs::write(post.data_dir.join(sabotage::MARKER), "")?;
    }
    Child::start(ground, (post.role, &post.data_dir), sabotage)
}

fn copy_keys(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for key in std::fs::read_dir(from)? {
        let key = key?;
        std::fs::copy(key.path(), to.join(key.file_name()))?;
    }
    Ok(())
}
