//! What a repository of a model holds: which of its files are used here, and how large each may be.

/// The files that every model has.
pub(crate) const REQUIRED: [&str; 2] = ["config.json", "model.safetensors"];
/// The files that it may have besides.
const OPTIONAL: [&str; 5] = ["README.md", "LICENSE", "LICENSE.md", "LICENSE.txt", "NOTICE"];

/// As for the files of any model folder.
const MAX_TEXT_BYTES: u64 = 1 << 20;
const MAX_WEIGHTS_BYTES: u64 = 4 << 30;

/// The names of all files that are used.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    REQUIRED.into_iter().chain(OPTIONAL)
}

/// The maximum size of a file that is used; `None` for all others.
pub(crate) fn max_bytes(name: &str) -> Option<u64> {
    let limit = if name == REQUIRED[1] { MAX_WEIGHTS_BYTES } else { MAX_TEXT_BYTES };
    names().any(|used| used == name).then_some(limit)
}

/// Whether a name can stand in the listing of a repository: a relative path without steps
/// upwards.
#[cfg(feature = "download")]
pub(crate) fn is_path(name: &str) -> bool {
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    name.split('/').all(is_part)
        && !name.contains(['\\', ':'])
        && !name.chars().any(char::is_control)
}

#[cfg(all(test, feature = "download"))]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_a_model_are_used() {
        assert_eq!(max_bytes("config.json"), Some(1 << 20));
        assert_eq!(max_bytes("model.safetensors"), Some(4 << 30));
        for other in ["", "pytorch_model.bin", "Config.json", "a/config.json", ".gitattributes"] {
            assert_eq!(max_bytes(other), None, "{other}");
        }
    }

    #[test]
    fn paths_stay_inside() {
        for good in ["config.json", "onnx/model.onnx", ".gitattributes", "a b/ä.txt"] {
            assert!(is_path(good), "{good}");
        }
        for bad in [
            "",
            "/etc/passwd",
            "../config.json",
            "a/../../b",
            "a/..",
            "./a",
            "a//b",
            "a/",
            "C:a",
            "a\\..\\b",
            "a\0b",
            "a\nb",
        ] {
            assert!(!is_path(bad), "{bad:?}");
        }
    }
}
