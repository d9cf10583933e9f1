//! The list of published networks: a table in TOML, validated when it is parsed.

use s2f_core::at_line;
use serde::Deserialize;

use crate::{FileHash, RegistryError};

/// The table embedded in the program.
const EMBEDDED: &str = include_str!("../registry.toml");

/// The registered networks, in the order of their table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    entries: Vec<Entry>,
}

impl Registry {
    /// The table embedded in the program: `crates/s2f-registry/registry.toml`.
    ///
    /// # Errors
    /// None; a test of this crate parses the table.
    pub fn embedded() -> Result<Self, RegistryError> {
        Self::from_toml(EMBEDDED, "the embedded registry")
    }

    /// Parses a table in the format of the embedded one, for a mirror or for tests. `origin` is its
    /// name in error messages.
    ///
    /// # Errors
    /// [`RegistryError::InvalidTable`] for TOML of another format, and for a name, size, hash or
    /// address that cannot be used.
    pub fn from_toml(table: &str, origin: &str) -> Result<Self, RegistryError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            entry: Vec<Entry>,
        }
        let invalid =
            |reason: String| RegistryError::InvalidTable { origin: origin.to_owned(), reason };
        let parsed: Result<Table, _> = toml::from_str(table);
        let entries = parsed
            .map_err(|error| {
                invalid(at_line(table, error.span().map(|span| span.start), error.message()))
            })?
            .entry;
        for (n, entry) in entries.iter().enumerate() {
            if entries[..n].iter().any(|before| before.name == entry.name) {
                return Err(invalid(format!("{} is listed twice", entry.name)));
            }
        }
        Ok(Self { entries })
    }

    /// All networks, in the order of the table.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The network called `name`.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`], which lists the registered names.
    pub fn entry(&self, name: &str) -> Result<&Entry, RegistryError> {
        self.entries.iter().find(|entry| entry.name == name).ok_or_else(|| {
            let known: Vec<_> = self.entries.iter().map(|entry| entry.name.as_str()).collect();
            RegistryError::Unknown { name: name.to_owned(), known: known.join(", ") }
        })
    }
}

/// A published network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "EntryTable")]
pub struct Entry {
    /// Its name here, which is also the name of its folder: lower-case letters, digits, `_`, `-`.
    pub name: String,
    /// The name that its authors gave it.
    pub title: String,
    /// What this program uses it for.
    pub purpose: String,
    /// The web page of its authors.
    pub home: String,
    /// Its terms of use.
    pub licence: Licence,
    /// Where its files come from.
    pub origin: Origin,
}

impl Entry {
    /// The files to download; none if the user supplies them.
    pub fn files(&self) -> &[RemoteFile] {
        match &self.origin {
            Origin::Download(files) => files,
            Origin::UserSupplied { .. } => &[],
        }
    }

    /// The file that a reader of the network opens: the first of [`Entry::files`].
    pub fn main_file(&self) -> Option<&RemoteFile> {
        self.files().first()
    }

    /// Total size of the files to download, in bytes.
    pub fn bytes(&self) -> u64 {
        self.files().iter().map(|file| file.bytes).sum()
    }
}

/// Where the files of a network come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// They are downloaded: at least one file. The first is the one that a reader of the network
    /// opens; it finds the others beside it.
    Download(Vec<RemoteFile>),
    /// The user supplies them, since their licence or their format does not allow a download.
    UserSupplied {
        /// How to get them.
        instructions: String,
    },
}

/// Terms of use.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// Its SPDX identifier.
    pub id: String,
    /// The address of its text.
    pub text: String,
    /// Anything else that a user should know.
    pub note: Option<String>,
}

/// A published file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteFile {
    /// Its name, without a folder.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its hash.
    #[serde(rename = "sha256")]
    pub hash: FileHash,
    /// Its address, `https://` or `http://`.
    pub url: String,
}

/// An [`Entry`] as the table has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryTable {
    name: String,
    title: String,
    purpose: String,
    home: String,
    licence: Licence,
    #[serde(default)]
    file: Vec<RemoteFile>,
    /// Older tables call it `how`.
    #[serde(alias = "how")]
    instructions: Option<String>,
}

impl TryFrom<EntryTable> for Entry {
    type Error = String;

    fn try_from(table: EntryTable) -> Result<Self, String> {
        let EntryTable { name, title, purpose, home, licence, file: files, instructions } = table;
        if !is_entry_name(&name) {
            return Err(format!(
                "the name {name:?} may only have lower-case letters, digits, _ and -"
            ));
        }
        for (n, file) in files.iter().enumerate() {
            check(file).map_err(|reason| format!("{name}: file {:?} {reason}", file.name))?;
            if files[..n].iter().any(|before| before.name.eq_ignore_ascii_case(&file.name)) {
                return Err(format!("{name}: file {:?} is listed twice", file.name));
            }
        }
        let origin = match (files.is_empty(), instructions) {
            (false, None) => Origin::Download(files),
            (true, Some(instructions)) => Origin::UserSupplied { instructions },
            _ => return Err(format!("{name}: either `file` or `instructions` is needed")),
        };
        Ok(Self { name, title, purpose, home, licence, origin })
    }
}

/// Whether `name` can be the name of a network: lower-case letters, digits, `_` and `-`.
pub(crate) fn is_entry_name(name: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    !name.is_empty() && name.bytes().all(is_allowed)
}

/// Checks the description of a file. Names become paths, so a name that could leave the folder or
/// collide with a partial download is an error.
fn check(file: &RemoteFile) -> Result<(), &'static str> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let RemoteFile { name, bytes, hash, url } = file;
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(is_allowed) {
        return Err("has a name with other characters than letters, digits, _, - and .");
    }
    if name.ends_with(".part") || name.ends_with(".etag") {
        return Err("has a name that is reserved for partial downloads");
    }
    if *bytes == 0 {
        return Err("has a size of 0 bytes");
    }
    if !hash.is_valid() {
        return Err("has a sha256 that is not 64 lower-case hexadecimal digits");
    }
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err("has a url that starts with neither https:// nor http://");
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failing test panics")]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_registry_is_valid_and_complete() {
        let registry = Registry::embedded().unwrap();
        let names: Vec<_> = registry.entries().iter().map(|e| e.name.as_str()).collect();
        let expected = [
            "yunet",
            "mobileface",
            "face_landmark_68",
            "age_gender",
            "silero_vad",
            "ge2e",
            "vgg-face",
        ];
        assert_eq!(names, expected);
        for entry in registry.entries() {
            let Entry { title, purpose, home, licence, .. } = entry;
            assert!(![title, purpose, home, &licence.id].iter().any(|text| text.is_empty()));
            assert!(licence.text.starts_with("https://"), "{}", entry.name);
            // The address contains a commit, so its bytes never change.
            for file in entry.files() {
                let mut parts = file.url.split('/');
                let is_commit = |p: &str| p.len() == 40 && p.bytes().all(|b| b.is_ascii_hexdigit());
                assert!(file.url.starts_with("https://") && parts.any(is_commit), "{}", file.url);
            }
        }
        let message = registry.entry("yunnet").unwrap_err().to_string();
        assert!(message.starts_with("there is no network called yunnet; hint: "), "{message}");
        assert!(message.contains("mobileface, face_landmark_68"), "{message}");
    }

    #[test]
    fn invalid_tables_are_refused_with_the_reason() {
        let entry = r#"
            [[entry]]
            name = "net"
            title = "Net"
            purpose = "to test"
            home = "https://example.org"
            licence = { id = "MIT", text = "https://example.org/licence" }"#;
        let hash = "0".repeat(64);
        let file = format!(
            "\n[[entry.file]]\nname = \"a.bin\"\nbytes = 1\nsha256 = \"{hash}\"\n\
             url = \"http://h/a\""
        );
        let whole = format!("{entry}{file}");
        Registry::from_toml(&whole, "t").unwrap();
        for key in ["instructions", "how"] {
            let supplied = Registry::from_toml(&format!("{entry}\n{key} = \"ask\""), "t").unwrap();
            let origin = Origin::UserSupplied { instructions: "ask".to_owned() };
            assert_eq!(supplied.entries()[0].origin, origin);
        }
        let cases = [
            (entry.to_owned(), "net: either `file` or `instructions` is needed"),
            (
                format!("{entry}\ninstructions = \"ask\"{file}"),
                "net: either `file` or `instructions` is needed",
            ),
            (format!("{whole}{whole}"), "net is listed twice"),
            (format!("{whole}{file}"), "file \"a.bin\" is listed twice"),
            (
                whole.replace("\"net\"", "\"../net\""),
                "the name \"../net\" may only have lower-case letters",
            ),
            (whole.replace("a.bin", "../a.bin"), "has a name with other characters"),
            (whole.replace("a.bin", ".lock"), "has a name with other characters"),
            (whole.replace("a.bin", "a.part"), "has a name that is reserved"),
            (whole.replace("bytes = 1", "bytes = 0"), "has a size of 0"),
            (whole.replace("bytes = 1", "bytes = -1"), "line 10: invalid value: integer `-1`"),
            (whole.replace(&hash, "0"), "has a sha256 that is not 64 lower-case"),
            (whole.replace("http://h", "ftp://h"), "has a url that starts with neither"),
            (format!("{whole}\nextra = 1"), "unknown field `extra`"),
            (String::new(), "missing field `entry`"),
        ];
        for (table, reason) in cases {
            let message = Registry::from_toml(&table, "mirror.toml").unwrap_err().to_string();
            assert!(message.starts_with("mirror.toml is not a valid registry"), "{message}");
            assert!(message.contains(reason), "{reason}: {message}");
        }
    }
}
