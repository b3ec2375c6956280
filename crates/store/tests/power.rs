//! Cutting the power: at every sync, what the disk would hold had everything unsynced been lost, and a start on that.
//!
//! A child's writes and syncs are recorded by strace. The model is the strict one: a file holds what was written before
//! its last sync began, and has the name that the last sync of its folder gave it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::child;
use crate::crash::check;

/// What a disk holds, and what it would hold without what is not synced.
#[derive(Default)]
struct Disk {
    files: Vec<File>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
}

#[derive(Default, Clone)]
struct File {
    content: Vec<u8>,
    /// What a sync under way makes durable.
    syncing: Vec<u8>,
    durable: Vec<u8>,
}

/// A system call as strace writes it; a sync that others interrupted comes in two halves.
struct Call {
    half: Half,
    name: String,
    arguments: Vec<String>,
    result: i64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Half {
    Begin,
    End,
    Whole,
}

#[test]
fn nothing_answered_is_lost_when_the_power_goes() {
    // The log is short, so that copying it and beginning it anew is part of what is cut.
    for log_pages in ["1000000", "40"] {
        let (cuts, lost) = cut_everywhere(&[("STORE_LOG_PAGES", log_pages)]);
        assert!(cuts > 50, "only {cuts} syncs were seen");
        assert_eq!(
            lost,
            Vec::<String>::new(),
            "copying after {log_pages} pages"
        );
    }
}

#[test]
fn without_syncing_the_same_test_sees_the_loss() {
    let (_, lost) = cut_everywhere(&[("STORE_NO_SYNC", "1")]);
    assert!(
        lost.iter().any(|lost| lost.contains("APPENDED")),
        "no loss was seen: {lost:?}"
    );
}

/// Runs a child, and starts on what the disk would hold after each of its syncs. Returns how many, and what was lost.
fn cut_everywhere(environment: &[(&str, &str)]) -> (usize, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("prove-run"), "").unwrap();
    let trace = record(&data, &dir.path().join("trace"), environment);
    let mut disk = Disk::default();
    let mut lines: Vec<String> = Vec::new();
    let (mut cuts, mut lost) = (0, Vec::new());
    for call in &trace {
        let is_sync = matches!(call.name.as_str(), "fsync" | "fdatasync");
        if is_sync && call.half != Half::Begin && call.result == 0 {
            // The power goes just before this sync: all that was answered until here has to be on the disk.
            cuts += 1;
            lost.extend(start_on(&disk, &data, &lines).err());
        }
        if let Some(text) = call.says() {
            lines.extend(text.lines().map(str::to_owned));
        }
        disk.follow(call);
    }
    lost.extend(start_on(&disk, &data, &lines).err());
    assert!(
        lines.iter().any(|line| line == "DONE"),
        "the child did not come to its end: {:?}",
        lines.last()
    );
    (cuts, lost)
}

/// Writes down what is durable, and starts a store on it.
fn start_on(disk: &Disk, data: &Path, lines: &[String]) -> Result<(), String> {
    let restored = tempfile::tempdir().unwrap();
    std::fs::write(restored.path().join("prove-run"), "").unwrap();
    for (path, file) in &disk.durable_names {
        let Ok(name) = path.strip_prefix(data) else {
            continue;
        };
        let path = restored.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &disk.files[*file].durable).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    check(restored.path(), lines)
}

fn record(data: &Path, trace: &Path, environment: &[(&str, &str)]) -> Vec<Call> {
    let calls = "openat,pwrite64,write,fsync,fdatasync,ftruncate,rename,renameat,renameat2,unlink,unlinkat,link,linkat";
    let calls = format!("trace={calls}");
    let options = ["-y", "-xx", "-s", "1000000", "-e", &calls];
    let mut traced = child::under_strace(&options, trace, "work", data);
    let output = traced.envs(environment.iter().copied()).output();
    let output = output.expect(child::STRACE);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    parse(&std::fs::read_to_string(trace).unwrap())
}

/// Reads a trace, putting calls that were interrupted by others together where they ended.
fn parse(trace: &str) -> Vec<Call> {
    let mut begun: BTreeMap<&str, String> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let (thread, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim_start();
        let mut half = Half::Whole;
        let whole = if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, start.to_owned());
            if start.starts_with("fsync(") || start.starts_with("fdatasync(") {
                let begin = Call::parse(&format!("{start}) = 0"));
                calls.extend(begin.map(|call| Call {
                    half: Half::Begin,
                    ..call
                }));
            }
            continue;
        } else if rest.starts_with("<... ") {
            let (_, end) = rest.split_once(" resumed>").unwrap();
            let Some(start) = begun.remove(thread) else {
                continue;
            };
            half = Half::End;
            start + end
        } else {
            rest.to_owned()
        };
        calls.extend(Call::parse(&whole).map(|call| Call { half, ..call }));
    }
    calls
}

impl Call {
    fn parse(line: &str) -> Option<Self> {
        let (name, rest) = line.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(") ")?;
        let result = result.trim_start().strip_prefix("= ")?;
        let result = result.split([' ', '<']).next()?.parse().ok()?;
        let arguments = arguments.split(", ").map(str::to_owned).collect();
        Some(Self {
            half: Half::Whole,
            name: name.to_owned(),
            arguments,
            result,
        })
    }

    /// What the call writes to the standard output.
    fn says(&self) -> Option<String> {
        let to_stdout = self.name == "write" && self.arguments[0].starts_with("1<");
        to_stdout.then(|| String::from_utf8(self.bytes(1)).unwrap())
    }

    /// The file that a descriptor stands for.
    fn file(&self, argument: usize) -> PathBuf {
        let (_, path) = self.arguments[argument].split_once('<').unwrap();
        let path = path.strip_suffix('>').unwrap_or(path);
        PathBuf::from(String::from_utf8(unescape(path)).unwrap())
    }

    fn path(&self, argument: usize) -> PathBuf {
        PathBuf::from(String::from_utf8(self.bytes(argument)).unwrap())
    }

    fn bytes(&self, argument: usize) -> Vec<u8> {
        unescape(self.arguments[argument].trim_matches('"'))
    }

    fn number(&self, argument: usize) -> usize {
        self.arguments[argument].parse().unwrap()
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        match rest.strip_prefix(b"\\x") {
            Some(hex) => {
                bytes
                    .push(u8::from_str_radix(std::str::from_utf8(&hex[..2]).unwrap(), 16).unwrap());
                rest = &hex[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}

impl Disk {
    fn follow(&mut self, call: &Call) {
        if call.result < 0 {
            return;
        }
        match call.name.as_str() {
            "openat" => self.open(&call.path(1), &call.arguments[2]),
            "write" => {
                let bytes = call.bytes(1);
                if let Some(file) = self.file(&call.file(0)) {
                    file.content.extend(bytes);
                }
            }
            "pwrite64" => {
                let (bytes, at) = (call.bytes(1), call.number(3));
                if let Some(file) = self.file(&call.file(0)) {
                    let end = at + bytes.len();
                    file.content.resize(file.content.len().max(end), 0);
                    file.content[at..end].copy_from_slice(&bytes);
                }
            }
            "ftruncate" => {
                let size = call.number(1);
                if let Some(file) = self.file(&call.file(0)) {
                    file.content.resize(size, 0);
                }
            }
            "fsync" | "fdatasync" => self.sync(&call.file(0), call.half),
            "rename" => self.rename(&call.path(0), &call.path(1)),
            "unlink" => drop(self.names.remove(&call.path(0))),
            "unlinkat" => drop(self.names.remove(&call.path(1))),
            "link" => self.link(&call.path(0), &call.path(1)),
            "linkat" => self.link(&call.path(1), &call.path(3)),
            name => panic!("the model does not know {name}"),
        }
    }

    fn open(&mut self, path: &Path, flags: &str) {
        if flags.contains("O_CREAT") && !self.names.contains_key(path) {
            self.files.push(File::default());
            self.names.insert(path.to_owned(), self.files.len() - 1);
        }
        if flags.contains("O_TRUNC")
            && let Some(file) = self.file(path)
        {
            file.content.clear();
        }
    }

    fn file(&mut self, path: &Path) -> Option<&mut File> {
        self.names.get(path).map(|file| &mut self.files[*file])
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        if let Some(file) = self.names.remove(from) {
            self.names.insert(to.to_owned(), file);
        }
    }

    fn link(&mut self, from: &Path, to: &Path) {
        if let Some(file) = self.names.get(from) {
            self.names.insert(to.to_owned(), *file);
        }
    }

    /// A file's content as the sync begins, or the names in a folder.
    fn sync(&mut self, path: &Path, half: Half) {
        if let Some(file) = self.file(path) {
            if half != Half::End {
                file.syncing.clone_from(&file.content);
            }
            if half != Half::Begin {
                file.durable.clone_from(&file.syncing);
            }
            return;
        }
        if half == Half::Begin {
            return;
        }
        let inside = |name: &Path| name.parent() == Some(path);
        self.durable_names.retain(|name, _| !inside(name));
        let named = self.names.iter().filter(|(name, _)| inside(name));
        self.durable_names
            .extend(named.map(|(name, file)| (name.clone(), *file)));
    }
}
