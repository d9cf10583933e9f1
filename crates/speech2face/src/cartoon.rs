//! A face as a cartoon: an SVG picture made from its landmarks and the colours of its regions.
//!
//! The paper turns its faces into stickers with an app for phones, which chooses drawn parts
//! (section 5.3). Here the contours are the face's own landmarks, moved a little further away from
//! the mean face, and the fills are medians of the picture. Only hair, lashes and light are drawn
//! by hand; how long the hair is, where it begins and how strong the shadow of a beard is, are
//! measured in the picture.
//!
//! | to find | look at |
//! |---|---|
//! | contours: landmarks, caricature, smile | `shape.rs` |
//! | colours of skin, hair, eyes, lips | `palette.rs` |
//! | whether hair is long, where it begins and ends | `hair.rs` |
//! | curves and SVG elements | `svg.rs` |
//! | head, eyes, nose, mouth, hair as elements | `drawing.rs`, `drawing/` |

mod drawing;
mod hair;
mod palette;
mod shape;
mod svg;

use std::ops::RangeInclusive;
use std::str::FromStr;

use drawing::Drawing;
use hair::HairLength;
use palette::Palette;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};
use s2f_core::Trait;
use s2f_face::{LANDMARK_COUNT, PUPIL_DISTANCE};
use shape::Shape;

use crate::export::synthetic_rgba;
use crate::{DecodeError, EncodingError, Face, ModelId, Provenance, Speech2Face};

/// Width and height that a cartoon can be drawn with, pixels.
const SIDES: RangeInclusive<u32> = 16..=4096;

/// How a cartoon is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CartoonStyle {
    /// Flat colours in two tones, with a white outline and a shadow.
    Sticker,
    /// Ink lines with flat colours, on white.
    Line,
}

impl CartoonStyle {
    /// How far the landmarks can be moved away from the mean face: 0 leaves them.
    pub const CARICATURE: RangeInclusive<f32> = 0.0..=2.0;
    /// Width and height in pixels that programs should draw a cartoon with.
    pub const USUAL_SIDE: u32 = 1024;
    /// A slight caricature.
    pub const USUAL_CARICATURE: f32 = 0.4;
}

/// A style that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no cartoon style called {name:?}; hint: use sticker or line")]
pub struct UnknownStyle {
    /// The name.
    pub name: String,
}

impl FromStr for CartoonStyle {
    type Err = UnknownStyle;

    /// `sticker` or `line`; `cartoon` is a sticker.
    fn from_str(name: &str) -> Result<Self, UnknownStyle> {
        match name {
            "sticker" | "cartoon" => Ok(Self::Sticker),
            "line" => Ok(Self::Line),
            _ => Err(UnknownStyle { name: name.to_owned() }),
        }
    }
}

/// Why a face could not be drawn as a cartoon.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CartoonError {
    /// The model has other landmarks than those that are drawn.
    #[error(
        "model {model} has {found} landmarks, and cartoons are drawn from {LANDMARK_COUNT}; hint: \
         use a model whose face decoder has the landmarks of the shipped one"
    )]
    Landmarks {
        /// Name of the model.
        model: String,
        /// Number of landmarks.
        found: usize,
    },
    /// The amount of caricature is out of its range.
    #[error("a caricature of {amount} is not from 0 to 2; hint: 0.4 is usual")]
    Caricature {
        /// The amount.
        amount: f32,
    },
    /// The weights are damaged, or the device failed.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// A cartoon: a clean SVG picture without scripts, text elements or outside references.
#[derive(Debug, Clone, PartialEq)]
pub struct Cartoon {
    svg: String,
    model: ModelId,
    provenance: Option<Provenance>,
}

impl Speech2Face {
    /// Draws a face as a cartoon. `caricature` moves its landmarks away from the mean face, from 0
    /// to 2 ([`CartoonStyle::CARICATURE`]). The same face gives the same bytes.
    ///
    /// ```
    /// use speech2face::audio::ReadOptions;
    /// use speech2face::device::DeviceChoice;
    /// use speech2face::{CartoonStyle, ReconstructOptions, Speech2Face, VoiceRecording};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/voices/low.flac");
    /// let model = Speech2Face::shipped(&DeviceChoice::Cpu.open()?)?;
    /// let recording = VoiceRecording::read(path.as_ref(), &ReadOptions::default())?;
    /// let drawn = model.reconstruct(&recording, ReconstructOptions::default())?;
    /// let cartoon = model.cartoon(&drawn.face, CartoonStyle::Sticker, 0.4)?;
    /// assert!(cartoon.svg().starts_with("<svg ") && cartoon.svg().len() < 40_000);
    /// let png = cartoon.to_png(512)?;
    /// # assert!(png.starts_with(b"\x89PNG"));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`CartoonError::Landmarks`] for a model with other landmarks, [`CartoonError::Caricature`],
    /// [`CartoonError::Decode`].
    pub fn cartoon(
        &self,
        face: &Face,
        style: CartoonStyle,
        caricature: f32,
    ) -> Result<Cartoon, CartoonError> {
        let found = face.landmarks.len();
        if found != LANDMARK_COUNT {
            return Err(CartoonError::Landmarks { model: self.id().name.clone(), found });
        }
        if !CartoonStyle::CARICATURE.contains(&caricature) {
            return Err(CartoonError::Caricature { amount: caricature });
        }
        let mean = self.finite(self.networks().face_decoder.warp().mean(), "landmarks")?;
        let palette = Palette::of(face);
        let hair = HairLength::measure(face, &palette);
        let traits = face.feature.traits();
        let drawing = Drawing {
            hairline: hair::hairline(face, &palette),
            shape: Shape::caricature(&face.landmarks, mean.as_chunks().0, caricature),
            palette,
            hair,
            is_woman: traits.sex.map(|sex| Trait::of_sex(sex) > 0.0).unwrap_or(hair.is_long()),
            age_years: traits.age_years.unwrap_or(35.0),
            // People part their hair on either side; a feature decides, so it is the same again.
            parting: face.feature.values().first().map_or(1.0, |value| value.signum()),
            style,
        };
        let model = self.id().clone();
        Ok(Cartoon { svg: drawing.svg(&model), model, provenance: None })
    }
}

impl Cartoon {
    /// The same cartoon with the provenance of the face, which its PNG file will hold.
    #[must_use]
    pub fn with_provenance(self, provenance: &Provenance) -> Self {
        Self { provenance: Some(provenance.clone()), ..self }
    }

    /// The picture as SVG. Its description says that it is synthetic.
    pub fn svg(&self) -> &str {
        &self.svg
    }

    /// [`svg`](Self::svg), owned.
    pub fn into_svg(self) -> String {
        self.svg
    }

    /// The picture as a PNG file with `side` · `side` pixels (16 to 4096), transparent around the
    /// head for a sticker. Its metadata say that it is synthetic.
    ///
    /// # Errors
    /// [`EncodingError::Cartoon`] if `side` is out of its range.
    pub fn to_png(&self, side: u32) -> Result<Vec<u8>, EncodingError> {
        let failed = || EncodingError::Cartoon { side };
        if !SIDES.contains(&side) {
            return Err(failed());
        }
        let tree = Tree::from_str(&self.svg, &Options::default()).map_err(|_| failed())?;
        let mut pixmap = Pixmap::new(side, side).ok_or_else(failed)?;
        let scale = side as f32 / tree.size().width();
        resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
        let pixels = pixmap.take_demultiplied();
        synthetic_rgba([side; 2], &pixels, &self.model, self.provenance.as_ref())
    }
}

/// A length in the frame of a decoded face, in which pupils are about [`PUPIL_DISTANCE`] apart,
/// from a share of that distance.
const fn of_pupils(share: f32) -> f32 {
    share * PUPIL_DISTANCE
}

#[cfg(test)]
mod tests;
