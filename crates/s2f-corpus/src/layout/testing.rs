//! Small trees for the tests of the layouts.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::plan::{Clip, Plan};

/// A folder with empty files of these names, removed when dropped.
pub(super) fn tree(files: &[&str]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        write(root.path(), file, "");
    }
    root
}

/// Writes a file and the folders that it needs.
pub(super) fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The clip of that name.
#[track_caller]
pub(super) fn clip<'a>(plan: &'a Plan, pair_id: &str) -> &'a Clip {
    let found = plan.clips.iter().find(|clip| clip.pair_id == pair_id);
    found.unwrap_or_else(|| panic!("no {pair_id} in {:?}", ids(plan)))
}

/// The names of the clips, in their order.
pub(super) fn ids(plan: &Plan) -> Vec<&str> {
    plan.clips.iter().map(|clip| clip.pair_id.as_str()).collect()
}

/// `pair_id: missing` of what is absent, in order.
pub(super) fn absent(plan: &Plan) -> Vec<String> {
    plan.absent.iter().map(|absent| format!("{}: {}", absent.pair_id, absent.missing)).collect()
}

/// A corpus of the test data; `None`, with a line that says so, if it is missing.
pub(crate) fn example(name: &str) -> Option<PathBuf> {
    s2f_testing::data(&format!("data/{name}"))
}

/// The unpaired voices and faces of the test data, side by side; `None` if they are missing.
#[cfg(unix)]
pub(crate) fn unpaired_example() -> Option<TempDir> {
    let root = example("")?;
    let links = tempfile::tempdir().unwrap();
    for part in ["faces", "voices"] {
        std::os::unix::fs::symlink(root.join(part), links.path().join(part)).unwrap();
    }
    Some(links)
}
