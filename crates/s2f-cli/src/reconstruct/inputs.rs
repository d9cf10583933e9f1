//! Which recordings are read.

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use s2f_corpus::layout::has_sound;
use walkdir::{DirEntry, WalkDir};

/// Maximum size of a list of names, bytes.
const MAX_LIST_BYTES: u64 = 64 << 20;

/// Where a recording comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Input {
    Stdin,
    File(PathBuf),
}

impl Input {
    /// The name in messages.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "standard input".into(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// What the arguments name.
pub struct Inputs {
    /// Without repetitions.
    pub recordings: Vec<Input>,
    /// Names of those that were repeated.
    pub repeated: Vec<String>,
}

impl Inputs {
    /// The recordings called `names`, those in the folders among them, and those in `lists`, in
    /// this order.
    ///
    /// # Errors
    /// A list or a folder that cannot be read, a folder without recordings, and standard input for
    /// two purposes.
    pub fn new(names: &[PathBuf], lists: &[PathBuf]) -> anyhow::Result<Self> {
        let from_stdin = names.iter().chain(lists).filter(|name| is_stdin(name)).count();
        if from_stdin > 1 && lists.iter().any(|list| is_stdin(list)) {
            bail!("standard input can only be one thing; hint: give - once");
        }
        let mut all = Vec::new();
        for name in names {
            add(name, &mut all)?;
        }
        for list in lists {
            read_list(list)?.iter().try_for_each(|name| add(name, &mut all))?;
        }
        let mut seen = HashSet::new();
        let (mut recordings, mut repeated) = (Vec::new(), Vec::new());
        for input in all {
            if seen.insert(identity(&input)) {
                recordings.push(input);
            } else {
                repeated.push(input.name());
            }
        }
        Ok(Self { recordings, repeated })
    }
}

fn is_stdin(name: &Path) -> bool {
    name.as_os_str() == "-"
}

/// Adds the recording called `name`, or those in a folder of this name.
fn add(name: &Path, all: &mut Vec<Input>) -> anyhow::Result<()> {
    if is_stdin(name) {
        all.push(Input::Stdin);
        return Ok(());
    }
    if !name.is_dir() {
        // A file that does not exist is reported when it is read.
        all.push(Input::File(name.to_owned()));
        return Ok(());
    }
    let before = all.len();
    let is_hidden = |entry: &DirEntry| {
        entry.depth() > 0 && entry.file_name().as_encoded_bytes().starts_with(b".")
    };
    let walk = WalkDir::new(name).follow_links(true).sort_by_file_name();
    for entry in walk.into_iter().filter_entry(|entry| !is_hidden(entry)) {
        let entry = entry.with_context(|| format!("cannot list {}", name.display()))?;
        if entry.file_type().is_file() && has_sound(&entry.file_name().to_string_lossy()) {
            all.push(Input::File(entry.into_path()));
        }
    }
    if all.len() == before {
        bail!(
            "{} is a folder without recordings; hint: name the files in it whatever their names \
             end in, as in {}/*",
            name.display(),
            name.display()
        );
    }
    Ok(())
}

/// The names in a list, one a line; empty lines are skipped.
fn read_list(list: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let shown = if is_stdin(list) { "standard input".into() } else { list.display().to_string() };
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let source: Box<dyn Read> = match is_stdin(list) {
            true => Box::new(io::stdin().lock()),
            false => Box::new(std::fs::File::open(list)?),
        };
        source.take(MAX_LIST_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().with_context(|| format!("cannot read the list {shown}"))?;
    if bytes.len() as u64 > MAX_LIST_BYTES {
        bail!("the list {shown} has more than {MAX_LIST_BYTES} bytes; hint: split it");
    }
    let lines = bytes.split(|byte| *byte == b'\n');
    let names = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let names: Vec<PathBuf> = names.filter(|name| !name.is_empty()).map(path_of_bytes).collect();
    if names.is_empty() {
        bail!("the list {shown} names no recordings; hint: one name a line");
    }
    Ok(names)
}

#[cfg(unix)]
fn path_of_bytes(name: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(name))
}

#[cfg(not(unix))]
fn path_of_bytes(name: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(name).into_owned())
}

/// Equal for two ways to write one name. Two links to one file are two names: each gets its
/// picture.
fn identity(input: &Input) -> Input {
    let Input::File(path) = input else { return Input::Stdin };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = parent.unwrap_or(Path::new(".")).canonicalize();
    match (folder, path.file_name()) {
        (Ok(folder), Some(name)) => Input::File(folder.join(name)),
        _ => input.clone(),
    }
}
