//! Key maps: TOML files that say how another program names and stores weights.

use std::path::Path;

use anyhow::anyhow;
use s2f_nn::weights::{KeyMap, Layout};
use serde::Deserialize;
use speech2face::ModelConfig;
use toml::{Table, Value};

/// The names of all tensors of a network and its configuration are far smaller.
const MAX_BYTES: u64 = 1 << 20;

/// A key map, read and checked.
pub(super) enum KeyMapFile {
    /// Lines `"theirs" = "ours"`, for any network.
    Names(Layout),
    /// A re-implementation.
    Program(Box<Program>),
}

/// The networks of another program, in `configs/import`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Program {
    /// Their configuration here.
    pub(super) config: ModelConfig,
    /// Names and order of the weights of its voice encoder.
    pub(super) voice_encoder: Layout,
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
        if table.get("config").is_some_and(Value::is_table) {
            return Ok(Self::Program(Box::new(toml::from_str(&text).map_err(wrong)?)));
        }
        let names: KeyMap = toml::from_str(&text).map_err(wrong)?;
        Ok(Self::Names(names.into()))
    }

    /// The program, if the file describes one.
    pub(super) fn program(&self) -> Option<&Program> {
        match self {
            Self::Names(_) => None,
            Self::Program(program) => Some(program),
        }
    }

    /// How a program names and stores weights.
    pub(super) fn layout(&self) -> &Layout {
        match self {
            Self::Names(layout) => layout,
            Self::Program(program) => &program.voice_encoder,
        }
    }
}
