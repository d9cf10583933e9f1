//! The sections of a report, one file each: which scores are computed, and how they are shown.

mod attributes;
pub(crate) mod confusion;
mod consistency;
mod distribution;
pub(crate) mod diversity;
mod groups;
mod lengths;
mod matching;
mod measures;
mod overview;
mod pictures;
mod retrieval;
mod similarity;
pub(crate) mod traits;

use crate::context::Context;
use crate::report::{Attachments, Cell, Section};
use crate::scorer::Scorer;

/// All sections but the comparison and the sheet of faces, in reading order, and their attachments.
pub(crate) fn all(
    context: &Context<'_>,
    scorer: &mut Scorer<'_>,
    attachments: &mut Attachments,
) -> Vec<Section> {
    let mut sections = vec![
        similarity::section(context, scorer),
        retrieval::section(context, scorer),
        matching::section(context, scorer),
        attributes::section(context, scorer),
    ];
    sections.extend(traits::section(context, scorer));
    sections.push(measures::section(context, scorer));
    sections.extend(distribution::section(context, scorer));
    if !context.clips.lengths.is_empty() {
        sections.push(lengths::section(context, scorer));
    }
    sections.push(consistency::section(context, scorer));
    sections.push(groups::section(context, scorer));
    sections.push(diversity::section(context, scorer));
    sections.push(pictures::map(context, attachments));
    sections
}

pub(crate) use overview::headlines;
pub(crate) use pictures::{MAP_COLUMNS, MAP_FILE, sheet};

/// Values of scores by name.
pub(crate) fn values(ids: impl IntoIterator<Item = String>) -> Vec<Cell> {
    ids.into_iter().map(Cell::Value).collect()
}

/// Chance levels of scores by name.
pub(crate) fn chances(ids: impl IntoIterator<Item = String>) -> Vec<Cell> {
    ids.into_iter().map(Cell::Chance).collect()
}
