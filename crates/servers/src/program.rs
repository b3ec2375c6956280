//! Where the programs of servers are: among the tools that `.ci/tools` builds, or on the PATH.

use std::path::PathBuf;

/// The folder of the tools, in the home of whoever runs this: it outlives a clone.
const TOOLS: &str = ".cache/omnihub/tools";

/// A program in a folder of the tools; `None`: it is not there.
pub(crate) fn tool(folder: &str, program: &str) -> Option<PathBuf> {
    let home = PathBuf::from(std::env::var_os("HOME")?);
    Some(home.join(TOOLS).join(folder).join(program)).filter(|program| program.is_file())
}

/// A program on the PATH; `None`: it is not there.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|program| program.is_file())
}
