//! The rules, as tables. Each has a reason, which is printed if the rule is broken.

use super::crates::Crates;
use super::sources::Source;

/// External crates that only some of our crates may use.
pub struct Dependency {
    crates: &'static [&'static str],
    users: &'static [&'static str],
    /// Whether every crate may use it in its tests.
    tests: bool,
    why: &'static str,
}

/// Words that only some files may hold outside tests.
pub struct Words {
    words: &'static [&'static str],
    /// Beginnings of paths.
    allowed: &'static [&'static str],
    why: &'static str,
}

pub const DEPENDENCIES: &[Dependency] = &[
    Dependency {
        crates: &["burn"],
        users: &["s2f-kernels", "s2f-nn", "speech2face", "s2f-train", "s2f-eval"],
        tests: false,
        why: "sound, pictures and corpora are read without the tensor library",
    },
    Dependency {
        crates: &["ureq"],
        users: &["s2f-registry"],
        tests: false,
        why: "only `model pull` and `model push` open the network, through s2f-registry",
    },
    Dependency {
        crates: &["reqwest", "curl"],
        users: &[],
        tests: false,
        why: "only `model pull` and `model push` open the network, through ureq",
    },
    Dependency {
        crates: &["axum", "hyper", "hyper-util", "tokio"],
        users: &["s2f-serve"],
        tests: false,
        why: "only s2f-serve answers requests; the rest is not asynchronous",
    },
    Dependency {
        crates: &["sha2"],
        users: &["s2f-core"],
        tests: true,
        why: "hashes are those of s2f_core::hash",
    },
    Dependency {
        crates: &["symphonia", "ropus"],
        users: &["s2f-audio"],
        tests: true,
        why: "recordings are decoded in one place, s2f-audio",
    },
    Dependency {
        crates: &["parquet", "arrow-array", "arrow-schema"],
        users: &["s2f-pairs"],
        tests: true,
        why: "files of pairs are read and written in one place, s2f-pairs",
    },
    Dependency {
        crates: &["pyo3", "pyo3-build-config"],
        users: &["s2f-python"],
        tests: false,
        why: "the Python package is one crate",
    },
    Dependency {
        crates: &["clap", "anyhow", "indicatif", "anstream"],
        users: &["s2f-cli"],
        tests: false,
        why: "libraries return typed errors and print nothing",
    },
];

pub const WORDS: &[Words] = &[
    Words {
        words: &["process::Command", "Command::new("],
        allowed: &[
            "crates/s2f-audio/src/ffmpeg",
            // The user's browser.
            "crates/s2f-cli/src/serve/browser.rs",
            // The build script asks git for the commit.
            "crates/s2f-cli/build.rs",
            "xtask/",
        ],
        why: "only s2f_audio::ffmpeg starts processes",
    },
    Words {
        words: &["TcpStream", "TcpListener", "UdpSocket", "ureq::"],
        allowed: &["crates/s2f-registry/src/", "crates/s2f-serve/src/server.rs"],
        why: "only s2f-registry opens the network, and only s2f-serve listens",
    },
    Words { words: &["Device::default()"], allowed: &[], why: "the device is always an argument" },
    Words {
        words: &["rand::rng()", "thread_rng(", "from_os_rng(", "from_entropy("],
        allowed: &[],
        why: "everything that is drawn at random has a seed",
    },
    Words {
        words: &["fs::write(", "File::create(", "fs::rename(", "NamedTempFile"],
        allowed: &[
            "crates/s2f-core/src/files.rs",
            "xtask/",
            // A download that resumes: renamed once it is verified.
            "crates/s2f-registry/src/partial_file.rs",
            // Temporary copies of what has no name, for ffmpeg or as it is too long for memory.
            "crates/s2f-audio/src/decode/recording.rs",
            // A checkpoint is a folder: complete under another name, then renamed.
            "crates/s2f-train/src/run/files.rs",
        ],
        why: "files are written by s2f_core::AtomicFile",
    },
    Words {
        words: &["clippy::print_stdout", "clippy::print_stderr"],
        allowed: &["crates/s2f-cli/src/printer", "xtask/"],
        why: "only the printer prints",
    },
];

/// Maximum line length, as in rustfmt, which does not wrap comments and strings.
const MAX_COLUMNS: usize = 100;
/// A file that is longer has more than one subject.
const MAX_LINES: usize = 400;
/// Files that may be longer: tables of cases.
const LONG: &[&str] =
    &["crates/s2f-registry/tests/it/pull.rs", "crates/s2f-corpus/src/media/tests.rs"];
const FORBIDS_UNSAFE: &str = "#![forbid(unsafe_code)]";
/// The one crate that may have unsafe code, and what its root must deny.
const UNSAFE_CRATE: &str = "crates/s2f-kernels/src/lib.rs";
const DENIES_UNPROVEN: &str =
    "#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]";

impl Dependency {
    pub fn breaches(&self, crates: &Crates) -> Vec<String> {
        let mut breaches = Vec::new();
        for one in crates.all.iter().filter(|one| !self.users.contains(&one.name.as_str())) {
            for dependency in &one.dependencies {
                let excused = self.tests && dependency.for_tests;
                if self.crates.contains(&dependency.name.as_str()) && !excused {
                    breaches
                        .push(format!("{} depends on {}: {}", one.name, dependency.name, self.why));
                }
            }
        }
        breaches
    }
}

impl Words {
    pub fn breaches(&self, sources: &[Source]) -> Vec<String> {
        let mut breaches = Vec::new();
        for source in sources {
            if self.allowed.iter().any(|allowed| source.path.starts_with(allowed)) {
                continue;
            }
            for (line, code) in (1..).zip(source.code.lines()) {
                if let Some(word) = self.words.iter().find(|word| holds(code, word)) {
                    breaches.push(format!("{}:{line}: `{word}`: {}", source.path, self.why));
                }
            }
        }
        breaches
    }
}

/// Whether a line of code holds a word that is not the end of a longer one.
fn holds(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
    })
}

/// Rules for a single file.
pub fn source(source: &Source) -> Vec<String> {
    let Source { path, text, code } = source;
    let mut breaches = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let columns = text.chars().count();
        if columns > MAX_COLUMNS {
            breaches.push(format!("{path}:{line}: {columns} columns; at most {MAX_COLUMNS}"));
        }
    }
    let lines = text.lines().count();
    if lines > MAX_LINES && !LONG.contains(&path.as_str()) {
        breaches
            .push(format!("{path}: {lines} lines; hint: split it by subject, at most {MAX_LINES}"));
    }
    let is_root = path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs");
    let attribute = if path == UNSAFE_CRATE { DENIES_UNPROVEN } else { FORBIDS_UNSAFE };
    if is_root && !text.contains(attribute) {
        breaches.push(format!("{path}: `{attribute}` is missing"));
    }
    breaches.extend(closed_errors(path, code));
    breaches
}

/// Public error enums that could not be given another variant without breaking callers.
fn closed_errors(path: &str, code: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut attributes = String::new();
    for (line, text) in (1..).zip(code.lines().map(str::trim)) {
        let declaration = text.strip_prefix("pub enum ");
        if let Some(name) = declaration
            && derives_error(&attributes)
            && !attributes.contains("non_exhaustive")
        {
            let name = name.trim_end_matches('{').trim();
            breaches.push(format!("{path}:{line}: `#[non_exhaustive]` is missing on {name}"));
        }
        if text.starts_with("#[") || text.is_empty() {
            attributes.push_str(text);
        } else {
            attributes.clear();
        }
    }
    breaches
}

fn derives_error(attributes: &str) -> bool {
    let mut derives = attributes.split("derive(").skip(1);
    derives.any(|list| {
        let list = list.split(')').next().unwrap_or_default();
        list.split(',').any(|one| matches!(one.trim(), "Error" | "thiserror::Error"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::crates;
    use super::super::sources::tests::sources;
    use super::*;

    /// Each rule about dependencies fails for a crate that it does not name.
    #[test]
    fn dependencies_can_fail() {
        for rule in DEPENDENCIES {
            for name in rule.crates {
                let of = |user: &str, for_tests| Crates {
                    all: vec![crates::Crate {
                        name: user.to_owned(),
                        dependencies: vec![crates::Dependency {
                            name: (*name).to_owned(),
                            for_tests,
                        }],
                    }],
                    order: Vec::new(),
                };
                let breaches = rule.breaches(&of("s2f-other", false));
                assert_eq!(breaches.len(), 1, "{name}");
                assert!(breaches[0].contains("s2f-other") && breaches[0].contains(rule.why));
                assert_eq!(rule.breaches(&of("s2f-other", true)).is_empty(), rule.tests, "{name}");
                for user in rule.users {
                    assert_eq!(rule.breaches(&of(user, false)), [""; 0], "{user} {name}");
                }
            }
        }
    }

    /// Each word fails in code, and not in a comment, a text, a test or an allowed file.
    #[test]
    fn words_can_fail() {
        for rule in WORDS {
            for word in rule.words {
                let wrong = format!("fn f() {{\n    {word}\n}}\n");
                let found = rule.breaches(&sources(&[("crates/other/src/a.rs", &wrong)]));
                assert_eq!(found.len(), 1, "{word}");
                assert!(found[0].starts_with("crates/other/src/a.rs:2: "), "{}", found[0]);
                for right in [
                    format!("// {word}\n"),
                    format!("const A: &str = \"{word}\";\n"),
                    format!("#[cfg(test)]\nmod tests {{\n    {word}\n}}\n"),
                    format!("Other{word}"),
                ] {
                    let sources = sources(&[("crates/other/src/a.rs", &right)]);
                    assert_eq!(rule.breaches(&sources), [""; 0], "{right}");
                }
                for allowed in rule.allowed {
                    let path = format!("{allowed}/a.rs");
                    assert_eq!(rule.breaches(&sources(&[(&path, &wrong)])), [""; 0], "{path}");
                }
            }
        }
    }

    #[test]
    fn files_can_fail() {
        let long = "\n".repeat(MAX_LINES + 1);
        let wide = format!("// {}\n", "ä".repeat(MAX_COLUMNS - 2));
        let closed =
            "#[derive(Debug, thiserror::Error)]\n/// Doc.\npub enum OneError {\n    A,\n}\n";
        let open = "/// Doc.\n#[derive(Debug, Error)]\n#[non_exhaustive]\npub enum OneError {}\n";
        for (path, text, breach) in [
            ("crates/a/src/b.rs", long.as_str(), Some("401 lines")),
            (LONG[0], long.as_str(), None),
            ("crates/a/src/b.rs", &wide, Some("b.rs:1: 101 columns")),
            ("crates/a/src/b.rs", &wide.replacen('ä', "", 1), None),
            ("crates/a/src/lib.rs", "//! A.\n", Some("forbid(unsafe_code)")),
            ("crates/a/src/main.rs", "//! A.\n#![forbid(unsafe_code)]\n", None),
            (UNSAFE_CRATE, "//! A.\n", Some("undocumented_unsafe_blocks")),
            (UNSAFE_CRATE, DENIES_UNPROVEN, None),
            (
                "crates/a/src/b.rs",
                closed,
                Some("b.rs:3: `#[non_exhaustive]` is missing on OneError"),
            ),
            ("crates/a/src/b.rs", open, None),
        ] {
            let breaches: Vec<String> = sources(&[(path, text)]).iter().flat_map(source).collect();
            assert_eq!(breaches.len(), usize::from(breach.is_some()), "{path}: {breaches:?}");
            if let Some(breach) = breach {
                assert!(breaches[0].contains(breach), "{breaches:?}");
            }
        }
    }
}
