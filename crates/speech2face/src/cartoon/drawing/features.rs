//! Eyes, brows, nose and mouth.

use super::Drawing;
use crate::cartoon::CartoonStyle;
use crate::cartoon::palette::Colour;
use crate::cartoon::shape::{
    BROWS, EYES, Eye, LIP_LOWER, LIP_MIDDLE, LIP_UPPER, NOSE, Point, between, mean, moved, scaled,
};
use crate::cartoon::svg::{Elements, Paint, Path};

impl Drawing {
    fn ink(&self) -> Colour {
        self.palette.brow.mixed(Colour::INK, 0.75)
    }

    pub fn eyes(&self, elements: &mut Elements) {
        for (eye, name) in EYES.iter().zip(["left", "right"]) {
            self.eye(eye, name, elements);
        }
    }

    fn eye(&self, eye: &Eye, name: &str, elements: &mut Elements) {
        let (upper, lower) = (self.shape.list(&eye.upper), self.shape.list(&eye.lower));
        let centre = mean(&[upper[0], upper[4], upper[2], lower[1]]);
        // Open a little wider than in the picture: eyes carry a cartoon.
        let (across, down) = if self.is_woman { (1.28, 1.95) } else { (1.1, 1.1) };
        let upper = scaled(&upper, centre, across, down);
        let lower = scaled(&lower, centre, across, if self.is_woman { 1.45 } else { 1.1 });
        let outline = Path::lens(&upper, &lower);
        let white = Colour([0.985, 0.98, 0.97]);
        elements.path(&outline, Paint::fill(white));
        let width = upper[4][0] - upper[0][0];
        let opening = lower[1][1] - upper[2][1];
        let radius = (0.25 * width).min(0.56 * opening).max(2.5);
        let pupil = self.shape.at(eye.pupil);
        let iris = [pupil[0], 0.5 * (upper[2][1] + lower[1][1]) - 0.04 * opening];
        // The shadow of the lid, and the light in the iris.
        let (dark, shine) = if self.is_woman { (0.16, 0.27) } else { (0.3, 0.2) };
        elements.within(name, &outline, |elements| {
            let rim = self.palette.iris.brighter(0.55);
            let paint = Paint::fill(self.palette.iris).and_stroke(Some((rim, 1.0)));
            elements.ellipse(iris, [radius; 2], paint);
            elements.ellipse(iris, [0.5 * radius; 2], Paint::fill(Colour::INK));
            let lid = moved(centre, 0.0, -0.62 * opening);
            let shadow = Paint::fill(Colour::INK).opacity(dark);
            elements.ellipse(lid, [0.6 * width, 0.3 * opening], shadow);
            let light = moved(iris, -0.34 * radius, -0.38 * radius);
            elements.ellipse(light, [shine * radius; 2], Paint::fill(Colour::WHITE));
        });
        let ink = self.ink();
        let lash = if self.is_woman { 2.3 } else { 1.7 };
        elements.path(&Path::open(&upper), Paint::stroke(ink, lash));
        if self.is_woman {
            let outer = if eye.outer == eye.upper[0] { 0 } else { 4 };
            let out = if outer == 0 { -1.0 } else { 1.0 };
            let corner = upper[outer];
            let flick = [between(corner, upper[2], 0.25), corner, moved(corner, out * 2.8, -2.4)];
            elements.path(&Path::open(&flick), Paint::stroke(ink, 1.7));
        }
        let mut below = vec![upper[4]];
        below.extend(&lower);
        below.push(upper[0]);
        let soft = self.shade().mixed(ink, 0.35);
        elements.path(&Path::open(&below), Paint::stroke(soft, 0.9));
        let crease: Vec<Point> = upper[1..4].iter().map(|&p| moved(p, 0.0, -3.1)).collect();
        elements.path(&Path::open(&crease), Paint::stroke(self.shade().mixed(ink, 0.2), 1.0));
    }

    pub fn brows(&self, elements: &mut Elements) {
        let lift = if self.is_woman { -1.6 } else { 1.2 };
        for brow in BROWS {
            let mut points: Vec<Point> =
                self.shape.list(brow).into_iter().map(|p| moved(p, 0.0, lift)).collect();
            let thicker = if self.is_woman { -0.4 } else { 1.6 };
            for (place, point) in points.iter_mut().enumerate().skip(1) {
                point[1] += if place < 5 { -thicker } else { thicker };
            }
            let colour = match self.style {
                CartoonStyle::Sticker => self.palette.brow,
                CartoonStyle::Line => self.palette.brow.mixed(Colour::INK, 0.45),
            };
            elements.path(&Path::closed(&points), Paint::fill(colour));
        }
    }

    /// Shadows between the brows and the eyes, towards the nose: deep eyes.
    fn sockets(&self, elements: &mut Elements) {
        for (brow, eye, out) in [([23, 31], [5, 6], 1.0), ([24, 32], [8, 7], -1.0)] {
            let [inner, arch] = brow.map(|index| self.shape.at(index));
            let [lid, corner] = eye.map(|index| self.shape.at(index));
            let points = [arch, inner, moved(corner, out * 3.5, 1.0), corner, lid];
            elements.path(&Path::closed(&points), Paint::fill(self.shade()).opacity(0.85));
        }
    }

    pub fn nose(&self, elements: &mut Elements) {
        let points = self.shape.list(&NOSE);
        let (ink, shade) = (self.ink(), self.shade());
        let line = shade.mixed(ink, if self.style == CartoonStyle::Line { 0.7 } else { 0.42 });
        // The side of the bridge that lies in the shade.
        let brow = self.shape.at(24);
        let wing = points[8];
        let bridge = [
            between(brow, points[4], 0.3),
            moved(between(brow, wing, 0.62), -3.0, 0.0),
            moved(wing, -2.0, 0.0),
        ];
        let width = if self.is_woman { 2.2 } else { 3.4 };
        elements.path(&Path::open(&bridge), Paint::stroke(shade, width).opacity(0.75));
        if !self.is_woman {
            self.sockets(elements);
        }
        for side in [&points[0..3], &points[6..9]] {
            elements.path(&Path::open(side), Paint::stroke(line, 1.4));
        }
        let base = &points[3..6];
        elements.path(&Path::open(base), Paint::stroke(line, 1.6));
        let tip = moved(between(points[0], points[8], 0.42), 0.0, 1.5);
        if self.style == CartoonStyle::Sticker && self.is_woman {
            let light = Paint::fill(Colour::WHITE).opacity(0.3);
            elements.ellipse(tip, [2.6, 1.8], light);
        }
    }

    pub fn mouth(&self, elements: &mut Elements) {
        let [left, right] = [43, 44].map(|corner| self.shape.at(corner));
        let ends = |list: &[usize]| {
            let mut points = vec![left];
            points.extend(self.shape.list(list));
            points.push(right);
            points
        };
        let (upper, middle, lower) = (ends(&LIP_UPPER), ends(&LIP_MIDDLE), ends(&LIP_LOWER));
        let strength = if self.is_woman { 0.0 } else { 0.8 };
        let lip = self.palette.lip.mixed(self.palette.skin, strength);
        let lens = |there: &[Point], back: &[Point]| {
            let inner: Vec<Point> = back[1..back.len() - 1].iter().rev().copied().collect();
            Path::lens(there, &inner)
        };
        elements.path(&lens(&upper, &middle), Paint::fill(lip.brighter(0.88)));
        elements.path(&lens(&middle, &lower), Paint::fill(lip));
        let line = self.palette.lip.mixed(Colour::INK, 0.6);
        elements.path(&Path::open(&middle), Paint::stroke(line, 1.5));
        let shine = between(middle[3], lower[3], 0.55);
        if self.style == CartoonStyle::Sticker && self.is_woman {
            let light = Paint::fill(Colour::WHITE).opacity(0.35);
            elements.ellipse(moved(shine, -2.0, 0.0), [3.2, 1.0], light);
        }
        for (corner, out) in [(left, -1.0), (right, 1.0)] {
            let dimple = [moved(corner, out * 0.6, -0.8), moved(corner, out * 2.0, -1.6)];
            elements.path(&Path::open(&dimple), Paint::stroke(line, 1.2));
        }
    }
}
