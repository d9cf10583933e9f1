//! Key maps: TOML files that say how another program names and stores weights.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use s2f_nn::weights::{KeyMap, Layout};
use serde::Deserialize;
use speech2face::ModelConfig;
use toml::{Table, Value};

use super::import::Network;

/// The names of all tensors of a network and its configuration are far smaller.
const MAX_BYTES: u64 = 1 << 20;

/// A key map, read and checked.
pub(super) struct KeyMapFile {
    path: PathBuf,
    contents: Contents,
}

enum Contents {
    /// Lines `"theirs" = "ours"`, for any network.
    Names(Layout),
    /// A re-implementation.
    Program(Box<Program>),
}

/// The networks of another program, in `configs/import`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Program {
    /// Their configuration here.
    config: ModelConfig,
    /// Names and order of the weights of its voice encoder.
    voice_encoder: Layout,
}

impl KeyMapFile {
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = s2f_core::read_text(path, MAX_BYTES)?;
        let wrong = |error: toml::de::Error| {
            let at = error.span().map(|at| at.start);
            let reason = s2f_core::at_line(&text, at, error.message());
            anyhow!(
                "{} is not a key map: {reason}; hint: each line is \"theirs\" = \"ours\", with \
                 quotes around names that contain dots",
                path.display()
            )
        };
        let table: Table = toml::from_str(&text).map_err(wrong)?;
        let contents = if table.get("config").is_some_and(Value::is_table) {
            Contents::Program(Box::new(toml::from_str(&text).map_err(wrong)?))
        } else {
            let names: KeyMap = toml::from_str(&text).map_err(wrong)?;
            Contents::Names(names.into())
        };
        Ok(Self { path: path.to_owned(), contents })
    }

    /// The configuration of the program's networks, if the file has it.
    pub(super) fn config(&self) -> Option<&ModelConfig> {
        match &self.contents {
            Contents::Names(_) => None,
            Contents::Program(program) => Some(&program.config),
        }
    }

    /// How the program names and stores the weights of a network.
    pub(super) fn layout(&self, network: Network) -> anyhow::Result<&Layout> {
        match &self.contents {
            Contents::Names(layout) => Ok(layout),
            Contents::Program(program) if network == Network::VoiceEncoder => {
                Ok(&program.voice_encoder)
            }
            Contents::Program(_) => bail!(
                "{} is a key map of a voice encoder; hint: use --network voice-encoder",
                self.path.display()
            ),
        }
    }
}
