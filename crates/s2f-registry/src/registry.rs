//! What can be pulled: a table in TOML, checked when it is read.

use serde::Deserialize;

use crate::RegistryError;

/// The table that is part of the program.
const SHIPPED: &str = include_str!("../registry.toml");

/// The networks that are known, in the order of their table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    entries: Vec<Entry>,
}

impl Registry {
    /// The table that is part of the program.
    ///
    /// # Errors
    /// None that the tests of this crate would let through.
    pub fn shipped() -> Result<Self, RegistryError> {
        Self::from_toml(SHIPPED, "the registry of the program")
    }

    /// A table in the form of the shipped one, for a mirror or for tests; `origin` is what errors
    /// call it.
    ///
    /// # Errors
    /// A table of another form, or one with a name, size, hash or address that cannot be used.
    pub fn from_toml(table: &str, origin: &str) -> Result<Self, RegistryError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            entry: Vec<Entry>,
        }
        let wrong = |reason: String| RegistryError::Table { origin: origin.to_owned(), reason };
        let parsed: Result<Table, _> = toml::from_str(table);
        let entries = parsed.map_err(|error| wrong(in_line(table, &error)))?.entry;
        for (n, entry) in entries.iter().enumerate() {
            if entries[..n].iter().any(|before| before.name == entry.name) {
                return Err(wrong(format!("{} is there twice", entry.name)));
            }
        }
        Ok(Self { entries })
    }

    /// All networks.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The network of that name.
    ///
    /// # Errors
    /// There is none; the error lists the names there are.
    pub fn entry(&self, name: &str) -> Result<&Entry, RegistryError> {
        self.entries.iter().find(|entry| entry.name == name).ok_or_else(|| {
            let known: Vec<_> = self.entries.iter().map(|entry| entry.name.as_str()).collect();
            RegistryError::Unknown { name: name.to_owned(), known: known.join(", ") }
        })
    }
}

/// A network that somebody published.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "EntryTable")]
pub struct Entry {
    /// What it is called here, and its folder: lower-case letters, digits, `_` and `-`.
    pub name: String,
    /// What its authors call it.
    pub title: String,
    /// What it is used for.
    pub purpose: String,
    /// The page of its authors.
    pub home: String,
    /// Under which terms it may be used.
    pub licence: Licence,
    /// How its files come here.
    pub origin: Origin,
}

impl Entry {
    /// The files to download, none where the user brings them.
    pub fn files(&self) -> &[RemoteFile] {
        match &self.origin {
            Origin::Download(files) => files,
            Origin::Yours { .. } => &[],
        }
    }

    /// Size of all files to download, in bytes.
    pub fn bytes(&self) -> u64 {
        self.files().iter().map(|file| file.bytes).sum()
    }
}

/// How the files of a network come here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// From the addresses of these files, of which there is at least one.
    Download(Vec<RemoteFile>),
    /// The user gets them: their terms or their form do not allow a download.
    Yours {
        /// What to do.
        how: String,
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
    /// What to know beyond it.
    pub note: Option<String>,
}

/// A file and where it is published.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteFile {
    /// Its name, without a folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Where it is, `https://` or `http://`.
    pub url: String,
}

/// An [`Entry`] as it is written.
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
    how: Option<String>,
}

impl TryFrom<EntryTable> for Entry {
    type Error = String;

    fn try_from(table: EntryTable) -> Result<Self, String> {
        let EntryTable { name, title, purpose, home, licence, file: files, how } = table;
        if !is_entry_name(&name) {
            return Err(format!("{name:?} is no name of lower-case letters, digits, _ and -"));
        }
        for (n, file) in files.iter().enumerate() {
            check(file).map_err(|reason| format!("{name}: file {:?} {reason}", file.name))?;
            if files[..n].iter().any(|before| before.name.eq_ignore_ascii_case(&file.name)) {
                return Err(format!("{name}: file {:?} is there twice", file.name));
            }
        }
        let origin = match (files.is_empty(), how) {
            (false, None) => Origin::Download(files),
            (true, Some(how)) => Origin::Yours { how },
            _ => return Err(format!("{name}: either files or `how` are needed")),
        };
        Ok(Self { name, title, purpose, home, licence, origin })
    }
}

/// What is wrong with a table, after the line it is in where that is known.
fn in_line(table: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| table.get(..span.start));
    match before {
        Some(before) => format!("line {}: {}", before.matches('\n').count() + 1, error.message()),
        None => error.message().to_owned(),
    }
}

fn is_entry_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    !name.is_empty() && name.bytes().all(fits)
}

/// Why a file cannot be used, if so. Names become paths, so that nothing that could lead out of
/// the folder, or meet the files that a download leaves beside, is let through.
fn check(file: &RemoteFile) -> Result<(), &'static str> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let RemoteFile { name, bytes, sha256, url } = file;
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(fits) {
        return Err("has a name that is not of letters, digits, _, - and .");
    }
    if name.ends_with(".part") || name.ends_with(".etag") {
        return Err("has a name that is kept for downloads");
    }
    if *bytes == 0 {
        return Err("has no bytes");
    }
    if sha256.len() != 64 || !sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err("has a sha256 that is not 64 lower-case hexadecimal digits");
    }
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err("has a url that begins neither with https:// nor with http://");
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by them")]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_registry_is_right_and_complete() {
        let registry = Registry::shipped().unwrap();
        let names: Vec<_> = registry.entries().iter().map(|e| e.name.as_str()).collect();
        let expected =
            ["yunet", "mobileface", "face_landmark_68", "age_gender", "silero_vad", "vgg-face"];
        assert_eq!(names, expected);
        for entry in registry.entries() {
            let Entry { title, purpose, home, licence, .. } = entry;
            assert!(![title, purpose, home, &licence.id].iter().any(|text| text.is_empty()));
            assert!(licence.text.starts_with("https://"), "{}", entry.name);
            // The address holds a commit: the same bytes for ever.
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
    fn tables_that_cannot_be_used_are_refused_with_the_reason() {
        let entry = r#"
            [[entry]]
            name = "net"
            title = "Net"
            purpose = "to test"
            home = "https://example.org"
            licence = { id = "MIT", text = "https://example.org/licence" }"#;
        let hash = "0".repeat(64);
        let file = format!(
            "\n[[entry.file]]\nname = \"a.bin\"\nbytes = 1\nsha256 = \"{hash}\"\nurl = \"http://h/a\""
        );
        let whole = format!("{entry}{file}");
        Registry::from_toml(&whole, "t").unwrap();
        Registry::from_toml(&format!("{entry}\nhow = \"ask\""), "t").unwrap();
        let cases = [
            (entry.to_owned(), "net: either files or `how` are needed"),
            (format!("{entry}\nhow = \"ask\"{file}"), "net: either files or `how` are needed"),
            (format!("{whole}{whole}"), "net is there twice"),
            (format!("{whole}{file}"), "file \"a.bin\" is there twice"),
            (whole.replace("\"net\"", "\"../net\""), "is no name of lower-case letters"),
            (whole.replace("a.bin", "../a.bin"), "has a name that is not of letters"),
            (whole.replace("a.bin", ".lock"), "has a name that is not of letters"),
            (whole.replace("a.bin", "a.part"), "has a name that is kept for downloads"),
            (whole.replace("bytes = 1", "bytes = 0"), "has no bytes"),
            (whole.replace("bytes = 1", "bytes = -1"), "line 10: invalid value: integer `-1`"),
            (whole.replace(&hash, "0"), "has a sha256 that is not 64 lower-case"),
            (whole.replace("http://h", "ftp://h"), "has a url that begins neither"),
            (format!("{whole}\nextra = 1"), "unknown field `extra`"),
            (String::new(), "missing field `entry`"),
        ];
        for (table, reason) in cases {
            let message = Registry::from_toml(&table, "mirror.toml").unwrap_err().to_string();
            assert!(message.starts_with("mirror.toml is no registry"), "{message}");
            assert!(message.contains(reason), "{reason}: {message}");
        }
    }
}
