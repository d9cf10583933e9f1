//! The elements of a cartoon, from the back to the front.

mod features;
mod haircut;
mod head;

use super::CartoonStyle;
use super::hair::HairLength;
use super::palette::{Colour, Palette};
use super::shape::{HAIRLINE, Shape};
use super::svg::{Elements, Paint, Path};
use crate::{ModelId, SOFTWARE, SYNTHETIC};

/// Margin around the frame, for the outline of a sticker.
const MARGIN: i32 = 16;
/// Width and height of the frame that faces are decoded in.
const FRAME: i32 = s2f_face::FRAME as i32;

/// Text for XML, which a name of a model may not be.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Everything that a cartoon is drawn from.
pub struct Drawing {
    pub shape: Shape,
    pub palette: Palette,
    pub hair: HairLength,
    /// How far above its landmarks the hair begins, pixels.
    pub hairline: [f32; HAIRLINE.len()],
    pub is_woman: bool,
    pub age_years: f64,
    /// The side of the parting: −1 left, 1 right.
    pub parting: f32,
    pub style: CartoonStyle,
}

impl Drawing {
    /// The picture of a face that `model` decoded.
    pub fn svg(&self, model: &ModelId) -> String {
        let outlines = self.outlines();
        let mut elements = Elements::default();
        match self.style {
            CartoonStyle::Sticker => {
                for path in &outlines {
                    let shadow = Paint::fill(Colour::INK).and_stroke(Some((Colour::INK, 12.0)));
                    elements.moved_path(path, [0.0, 3.5], shadow.opacity(0.16));
                }
                for path in &outlines {
                    let edge = Paint::fill(Colour::WHITE).and_stroke(Some((Colour::WHITE, 11.0)));
                    elements.path(path, edge);
                }
            }
            CartoonStyle::Line => {
                let frame = [-MARGIN, FRAME + MARGIN].map(|edge| edge as f32);
                let [low, high] = frame;
                let corners = [[high, low], [high, high], [low, high]];
                let paper = Path::closed_by_lines(&[[low, low]], &corners);
                elements.path(&paper, Paint::fill(Colour::WHITE));
            }
        }
        self.back_hair(&mut elements);
        self.bust(&mut elements);
        self.face(&mut elements);
        self.wrinkles(&mut elements);
        self.nose(&mut elements);
        self.mouth(&mut elements);
        self.eyes(&mut elements);
        self.brows(&mut elements);
        self.front_hair(&mut elements);
        let side = FRAME + 2 * MARGIN;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{start} {start} {side} {side}\" \
             width=\"{side}\" height=\"{side}\" role=\"img\" stroke-linecap=\"round\" \
             stroke-linejoin=\"round\"><metadata>{SOFTWARE}, model {name}, SHA-256 {sha256}\
             </metadata><title>Cartoon of a synthetic face</title>\
             <desc>{SYNTHETIC}</desc>{elements}</svg>",
            start = -MARGIN,
            name = escaped(&model.name),
            sha256 = model.sha256,
            elements = elements.into_string(),
        )
    }

    /// What the outline of a sticker goes around.
    fn outlines(&self) -> Vec<Path> {
        let mut outlines = vec![self.shirt_path(), self.neck_path(), self.face_path()];
        outlines.extend(self.hair_outlines());
        if !self.hair.is_long() {
            outlines.extend(self.ear_paths());
        }
        outlines
    }

    /// The line around a part.
    fn outline(&self, colour: Colour) -> Option<(Colour, f32)> {
        Some(match self.style {
            CartoonStyle::Sticker => (colour.mixed(Colour::INK, 0.62), 1.5),
            CartoonStyle::Line => (Colour::INK, 1.8),
        })
    }

    /// A flat part with its line.
    fn part(&self, colour: Colour) -> Paint {
        Paint::fill(colour).and_stroke(self.outline(colour))
    }

    fn skin(&self) -> Colour {
        match self.style {
            CartoonStyle::Sticker => self.palette.skin,
            CartoonStyle::Line => self.palette.skin.mixed(Colour::WHITE, 0.06),
        }
    }

    fn shade(&self) -> Colour {
        match self.style {
            CartoonStyle::Sticker => self.palette.shade,
            CartoonStyle::Line => self.palette.shade.mixed(Colour::WHITE, 0.06),
        }
    }
}
