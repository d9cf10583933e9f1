//! The sheet of faces: one row per person, with the true face, the decoded one, the one from the
//! voice, and the nearest faces to the voice.

use std::convert::Infallible;

use image::RgbImage;
use image::imageops::{FilterType, replace, resize};
use s2f_metrics::nearest;
use s2f_pairs::{PairSet, Payload};
use speech2face::{Speech2Face, synthetic_png};

use crate::EvalError;
use crate::context::{Context, MAIN};
use crate::loader::PairLoader;
use crate::options::PairSelection;
use crate::readings::{draw, photograph};

/// Name of the file of the sheet.
pub(crate) const SHEET: &str = "faces.png";
/// Maximum number of people.
const PEOPLE: usize = 8;
/// Number of nearest faces of each person.
const FOUND: usize = 4;
/// Side of a face, and space around it, pixels.
const SIDE: u32 = 112;
const GAP: u32 = 4;
/// Space before the nearest faces, pixels.
const APART: u32 = 16;

/// Where photographs come from.
pub(crate) struct Photographs<'a> {
    pub(crate) set: &'a PairSet,
    pub(crate) selection: PairSelection,
}

/// Whether a licence is known to allow showing photographs in a report.
pub(crate) fn photographs_allowed(licence: &str) -> bool {
    let name: String =
        licence.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    let words: Vec<&str> = name.split_whitespace().collect();
    // Non-commercial, no derivatives: a program cannot decide whether a report is either.
    if words.iter().any(|word| ["nc", "nd", "noncommercial", "noderivatives"].contains(word)) {
        return false;
    }
    let begins = |with: &[&str]| words.starts_with(with);
    begins(&["cc0"])
        || begins(&["cc", "0"])
        || begins(&["cc", "by"])
        || begins(&["public", "domain"])
}

/// The sheet as PNG, marked as synthetic, and what its columns show.
pub(crate) fn draw_sheet(
    context: &Context<'_>,
    model: &Speech2Face,
    photographs: &Photographs<'_>,
    with_photographs: bool,
) -> Result<(Vec<u8>, Vec<&'static str>), EvalError> {
    let Context { items, voice_features, voices, centre, .. } = context;
    let gallery = items.gallery(0);
    let step = gallery.len().div_ceil(PEOPLE);
    let shown: Vec<usize> = gallery.iter().copied().step_by(step).collect();
    let faces = items.faces.select(&gallery);
    let found = if with_photographs {
        let blocks = std::iter::once(Ok::<_, Infallible>(faces));
        match nearest(&voices.select(&shown), blocks, FOUND, centre, MAIN) {
            Ok(found) => found,
            Err(never) => match never {},
        }
    } else {
        vec![Vec::new(); shown.len()]
    };
    let payload = Payload { face: true, ..Payload::default() };
    let mut loader = PairLoader::new(photographs.set, photographs.selection, items, payload);
    let mut photograph = |pair: usize| photograph(&loader.load(&[pair])?.swap_remove(0));
    let mut rows = Vec::new();
    for (&pair, found) in shown.iter().zip(&found) {
        let mut faces = vec![
            draw(model, context.true_face(model, pair)?.values())?,
            draw(model, voice_features.row(pair))?,
        ];
        if with_photographs {
            faces.insert(0, photograph(pair)?);
            for hit in found {
                faces.push(photograph(gallery[hit.item])?);
            }
        }
        rows.push(faces);
    }
    let (first, columns): (usize, Vec<&'static str>) = if with_photographs {
        (
            3,
            vec![
                "photograph",
                "drawn from its feature",
                "drawn from the voice",
                "nearest photographs to the voice",
            ],
        )
    } else {
        (2, vec!["drawn from the true face's feature", "drawn from the voice"])
    };
    let widest = rows.iter().map(Vec::len).max().unwrap_or(0) as u32;
    let apart = if with_photographs { APART } else { 0 };
    let width = widest * (SIDE + GAP) + GAP + apart;
    let height = rows.len() as u32 * (SIDE + GAP) + GAP;
    let mut sheet = RgbImage::from_pixel(width, height, image::Rgb([255; 3]));
    for (y, faces) in rows.iter().enumerate() {
        for (x, face) in faces.iter().enumerate() {
            let small = resize(face, SIDE, SIDE, FilterType::Lanczos3);
            let shift = if x >= first { apart } else { 0 };
            let left = GAP + x as u32 * (SIDE + GAP) + shift;
            let top = GAP + y as u32 * (SIDE + GAP);
            replace(&mut sheet, &small, i64::from(left), i64::from(top));
        }
    }
    let png = synthetic_png([width, height], sheet.as_raw(), model.id())?;
    Ok((png, columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_free_licences_show_photographs() {
        for licence in ["CC BY 4.0", "CC-BY-SA-3.0", "CC0-1.0", "CC0: nobody real", "Public Domain"]
        {
            assert!(photographs_allowed(licence), "{licence}");
        }
        for licence in
            ["", "CC BY-NC 4.0", "CC BY-ND 4.0", "research only", "not CC BY 4.0", "YouTube"]
        {
            assert!(!photographs_allowed(licence), "{licence}");
        }
    }
}
