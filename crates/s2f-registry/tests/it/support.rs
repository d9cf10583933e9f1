//! A store in a temporary folder, with a network `net` of one file.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use s2f_core::hash::sha256;
use s2f_registry::{PullOutcome, PullProgress, Registry, RegistryError, RetryPolicy, Store};
use tempfile::TempDir;

/// Short enough for a quick test suite, long enough for a busy computer.
pub const POLICY: RetryPolicy = RetryPolicy {
    connect_timeout: Duration::from_secs(1),
    read_timeout: Duration::from_millis(900),
    response_timeout: Duration::from_secs(5),
    attempts: 3,
    first_delay: Duration::from_millis(5),
};

/// The bytes of the published file.
pub fn published() -> Vec<u8> {
    (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// The table of a registry with the network `net`, whose files `(name, bytes)` are at `url/name`.
pub fn registry(url: &str, files: &[(&str, &[u8])]) -> String {
    let mut table = r#"
        [[entry]]
        name = "net"
        title = "Net"
        purpose = "to test"
        home = "https://example.org"
        licence = { id = "MIT", text = "https://example.org/licence" }
        "#
    .to_owned();
    for (name, bytes) in files {
        let (size, hash) = (bytes.len(), sha256(bytes));
        table += &format!(
            "\n[[entry.file]]\nname = \"{name}\"\nbytes = {size}\nsha256 = \"{hash}\"\n\
             url = \"{url}/{name}\"\n"
        );
    }
    table
}

/// A store in a folder that is removed at the end.
pub struct TestStore {
    pub store: Store,
    folder: TempDir,
}

impl TestStore {
    /// `net` has one file, `file.bin` at `url/file.bin`.
    pub fn new(url: &str) -> Self {
        Self::with(url, &[("file.bin", &published())])
    }

    pub fn with(url: &str, files: &[(&str, &[u8])]) -> Self {
        let registry = Registry::from_toml(&registry(url, files), "the test").unwrap();
        let folder = TempDir::new().unwrap();
        let store = Store::new(registry, folder.path().join("models")).with_retry_policy(POLICY);
        Self { store, folder }
    }

    pub fn with_retry_policy(self, policy: RetryPolicy) -> Self {
        Self { store: self.store.with_retry_policy(policy), ..self }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder of the network.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        fs::create_dir_all(self.path("models/net")).unwrap();
        fs::write(self.path("models/net").join(name), bytes).unwrap();
    }

    /// The files of the network, without the lock.
    pub fn files(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path("models/net")) else { return Vec::new() };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name != ".lock").collect();
        names.sort();
        names
    }

    /// Pulls, and counts the retries.
    pub fn pull(&self) -> (Result<PullOutcome, RegistryError>, usize) {
        let mut retries = 0;
        let result = self.store.pull("net", &mut |event| {
            retries += usize::from(matches!(event, PullProgress::Retrying { .. }));
        });
        (result, retries)
    }

    /// Checks that a pull installs the published file and leaves no other file, after `retries`
    /// retries.
    #[track_caller]
    pub fn installs(&self, retries: usize) {
        let (result, counted) = self.pull();
        assert_eq!((result.unwrap(), counted), (PullOutcome::Installed, retries));
        assert_eq!(self.files(), ["file.bin"]);
        assert!(fs::read(&self.store.locate("net").unwrap()[0]).unwrap() == published());
    }

    /// Checks that a pull fails with a message that contains all `parts`, after `retries` retries,
    /// and leaves the files `left`.
    #[track_caller]
    pub fn fails(&self, retries: usize, parts: &[&str], left: &[&str]) {
        let (result, counted) = self.pull();
        let message = result.unwrap_err().to_string();
        for part in parts.iter().chain(&["; hint: "]) {
            assert!(message.contains(part), "{part:?} is missing in {message:?}");
        }
        assert_eq!(counted, retries, "{message}");
        assert_eq!(self.files(), left, "{message}");
    }
}
