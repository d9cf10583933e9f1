//! What a user or a configuration names: a registered network, or a file of their own.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::registry::is_entry_name;

/// Where the file of a network comes from.
///
/// In text (a command-line option, a key of a TOML file) it is one string. A string of lower-case
/// letters, digits, `_` and `-` is the name of a registered network; every other string is a path.
/// For a file with such a name, write `./name`.
///
/// ```
/// use s2f_registry::NetworkSource;
///
/// assert_eq!(NetworkSource::from("yunet"), NetworkSource::Registered("yunet".into()));
/// assert_eq!(NetworkSource::from("./yunet"), NetworkSource::File("./yunet".into()));
/// assert_eq!(NetworkSource::from("arcface.onnx"), NetworkSource::File("arcface.onnx".into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum NetworkSource {
    /// A network of the registry, by name. [`Store::find`](crate::Store::find) verifies its files.
    Registered(String),
    /// A file that the user supplies. It is used as it is, since its hash is not registered.
    File(PathBuf),
}

impl NetworkSource {
    /// The user's file if there is one, otherwise the registered network `name`: the rule of an
    /// option such as `--detector FILE` that overrides a default.
    pub fn file_or_registered(file: Option<impl Into<PathBuf>>, name: &str) -> Self {
        file.map_or_else(|| Self::Registered(name.to_owned()), |file| Self::File(file.into()))
    }

    /// The same source with a relative path of a file resolved against `folder`. A registered
    /// network stays as it is.
    #[must_use]
    pub fn relative_to(self, folder: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(folder.join(path)),
            registered @ Self::Registered(_) => registered,
        }
    }
}

impl From<&str> for NetworkSource {
    fn from(text: &str) -> Self {
        if is_entry_name(text) {
            Self::Registered(text.to_owned())
        } else {
            Self::File(PathBuf::from(text))
        }
    }
}

impl From<String> for NetworkSource {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl FromStr for NetworkSource {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::from(text))
    }
}

impl From<NetworkSource> for String {
    fn from(source: NetworkSource) -> Self {
        source.to_string()
    }
}

/// Writes a string that reads back as the same source.
impl fmt::Display for NetworkSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registered(name) => f.write_str(name),
            Self::File(path) => {
                let text = path.display().to_string();
                let prefix = if is_entry_name(&text) { "./" } else { "" };
                write!(f, "{prefix}{text}")
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failing test panics")]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths_are_told_apart_and_written_back() {
        let name = |text: &str| NetworkSource::Registered(text.to_owned());
        let file = |text: &str| NetworkSource::File(PathBuf::from(text));
        for (text, expected) in [
            ("silero_vad", name("silero_vad")),
            ("vgg-face", name("vgg-face")),
            ("face_landmark_68", name("face_landmark_68")),
            ("", file("")),
            ("./yunet", file("./yunet")),
            ("yunet/yunet_n_dynamic.onnx", file("yunet/yunet_n_dynamic.onnx")),
            ("/nets/a", file("/nets/a")),
            ("ArcFace", file("ArcFace")),
            ("arcface.onnx", file("arcface.onnx")),
        ] {
            let parsed: NetworkSource = text.parse().unwrap();
            assert_eq!(parsed, expected, "{text}");
            assert_eq!(parsed.to_string(), text);
        }
        // A file called like a network is written so that it stays a file.
        assert_eq!(file("yunet").to_string(), "./yunet");
    }

    #[test]
    fn a_configuration_holds_a_string() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Config {
            detector: NetworkSource,
        }
        for text in ["detector = \"yunet\"\n", "detector = \"./nets/mine.onnx\"\n"] {
            let config: Config = toml::from_str(text).unwrap();
            assert_eq!(toml::to_string(&config).unwrap(), text);
        }
    }

    #[test]
    fn relative_files_are_resolved_and_names_are_not() {
        let folder = Path::new("/nets");
        let at = |text: &str| NetworkSource::from(text).relative_to(folder).to_string();
        assert_eq!(at("yunet"), "yunet");
        assert_eq!(at("a/b.onnx"), Path::new("/nets/a/b.onnx").display().to_string());
        assert_eq!(at("/elsewhere/b.onnx"), "/elsewhere/b.onnx");
    }

    #[test]
    fn an_option_overrides_the_registered_network() {
        let option = Some("mine.onnx");
        assert_eq!(NetworkSource::file_or_registered(option, "yunet").to_string(), "mine.onnx");
        let none = None::<PathBuf>;
        assert_eq!(NetworkSource::file_or_registered(none, "yunet").to_string(), "yunet");
        // An explicit file is a file, even if it has the name of a network.
        let option = Some("silero_vad");
        assert_eq!(
            NetworkSource::file_or_registered(option, "yunet"),
            NetworkSource::File("silero_vad".into())
        );
    }
}
