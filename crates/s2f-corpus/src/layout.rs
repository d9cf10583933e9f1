//! Layouts of corpora on disk, one file a layout: each reads names and tables, and makes a
//! [`Plan`].

use serde::Serialize;

use crate::plan::Plan;

/// How a corpus lies on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// VoxCeleb1.
    VoxCeleb1,
    /// VoxCeleb2.
    VoxCeleb2,
    /// AVSpeech.
    AvSpeech,
    /// A folder per person.
    Folder,
    /// Voices and faces of different people.
    Unpaired,
}
