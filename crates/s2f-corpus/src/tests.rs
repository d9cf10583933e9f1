//! What the unit tests of several modules share: small corpora on disk.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::plan::{Clip, Plan};

/// A folder with empty files of these names, removed when dropped.
pub(crate) fn tree(files: &[&str]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        write(root.path(), file, "");
    }
    root
}

/// Writes a file and the folders that it needs.
pub(crate) fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The clip with this name.
#[track_caller]
pub(crate) fn clip<'a>(plan: &'a Plan, pair_id: &str) -> &'a Clip {
    let found = plan.clips.iter().find(|clip| clip.pair_id == pair_id);
    found.unwrap_or_else(|| panic!("no {pair_id} in {:?}", ids(plan)))
}

/// The names of the clips, in their order.
pub(crate) fn ids(plan: &Plan) -> Vec<&str> {
    plan.clips.iter().map(|clip| clip.pair_id.as_str()).collect()
}

/// `pair_id: missing` of what is absent, in order.
pub(crate) fn absent(plan: &Plan) -> Vec<String> {
    plan.absent.iter().map(|absent| format!("{}: {}", absent.pair_id, absent.missing)).collect()
}

/// The unpaired voices and faces of the test data, side by side.
#[cfg(unix)]
pub(crate) fn unpaired_example() -> Option<TempDir> {
    let links = tempfile::tempdir().unwrap();
    for part in ["faces/london", "faces/canada", "voices/librispeech", "voices/alphanumeric"] {
        let data = fs::canonicalize(s2f_testing::data(&format!("data/{part}"))?).unwrap();
        let link = links.path().join(part);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(data, link).unwrap();
    }
    Some(links)
}
