//! Bust, neck, ears and the face itself.

use super::Drawing;
use crate::cartoon::CartoonStyle;
use crate::cartoon::of_pupils;
use crate::cartoon::shape::{CHIN, EARS, FACE, HAIRLINE, NECK, Point, between, mean, moved};
use crate::cartoon::svg::{Elements, Paint, Path};

/// The lower edge of the bust, pixels from the top.
pub const BOTTOM: f32 = 230.0;

impl Drawing {
    /// The face from temple to temple around the chin, and its forehead under the hair.
    pub fn face_path(&self) -> Path {
        let mut points = self.shape.list(&FACE);
        if !self.is_woman {
            // A square jaw.
            for (place, out) in [(5, -1.0), (6, -2.5), (7, -2.5), (9, 2.5), (10, 2.5), (11, 1.0)] {
                points[place] = moved(points[place], out, 0.4 * f32::abs(out));
            }
        }
        let up = |place: usize| {
            let rise = of_pupils(0.18) + self.hairline[place].max(0.0);
            moved(self.shape.at(HAIRLINE[place]), 0.0, -rise)
        };
        points.extend([up(8), up(5), up(2)]);
        Path::closed(&points)
    }

    pub fn ear_paths(&self) -> [Path; 2] {
        EARS.map(|ear| Path::closed(&self.shape.list(&ear)))
    }

    /// Left and right end of the neck, where it meets the shirt.
    fn neck_ends(&self) -> [Point; 2] {
        let down = of_pupils(0.36);
        let [left, right] = NECK.map(|index| self.shape.at(index));
        [moved(left, -1.5, down), moved(right, 1.5, down)]
    }

    pub fn neck_path(&self) -> Path {
        let [left, right] = NECK.map(|index| self.shape.at(index));
        let [left_end, right_end] = self.neck_ends();
        let under = moved(between(left_end, right_end, 0.5), 0.0, 9.0);
        let rise = of_pupils(0.7);
        let points = [moved(left, 1.0, -rise), left, left_end, under, right_end, right];
        Path::closed_by_lines(&points, &[moved(right, -1.0, -rise)])
    }

    /// Shoulders that round off at the bottom.
    pub fn shirt_path(&self) -> Path {
        let [left, right] = self.neck_ends();
        let side = |end: Point, sign: f32| {
            let out = |x: f32, y: f32| [end[0] + sign * of_pupils(x), y];
            let fall = BOTTOM - end[1];
            [
                moved(end, sign * 1.0, -1.0),
                out(0.3, end[1] + 0.13 * fall),
                out(0.68, end[1] + 0.28 * fall),
                out(0.95, end[1] + 0.55 * fall),
                out(1.04, BOTTOM - 6.0),
                out(0.97, BOTTOM),
            ]
        };
        let middle = moved(between(left, right, 0.5), 0.0, 9.5);
        let mut points: Vec<Point> = side(left, -1.0).into_iter().rev().collect();
        points.push(middle);
        points.extend(side(right, 1.0));
        Path::closed_by_lines(&points, &[])
    }

    pub fn bust(&self, elements: &mut Elements) {
        let (skin, shade) = (self.skin(), self.shade());
        let neck = self.neck_path();
        elements.path(&neck, self.part(skin));
        elements.within("neck", &neck, |elements| {
            elements.moved_path(&self.face_path(), [0.0, of_pupils(0.2)], Paint::fill(shade));
        });
        let shirt = self.shirt_path();
        elements.path(&shirt, self.part(self.palette.shirt));
        let [left, right] = self.neck_ends();
        let collar = [
            moved(left, -2.5, 2.0),
            moved(between(left, right, 0.5), 0.0, 14.0),
            moved(right, 2.5, 2.0),
        ];
        let stitch = self.palette.shirt.brighter(0.74);
        elements.path(&Path::open(&collar), Paint::stroke(stitch, 1.4));
        if !self.hair.is_long() {
            for (path, ear) in self.ear_paths().iter().zip(EARS) {
                elements.path(path, self.part(skin));
                let inside = self.shape.list(&ear[1..5]);
                let centre = mean(&inside);
                let fold: Vec<Point> =
                    inside.iter().map(|&point| between(point, centre, 0.45)).collect();
                elements.path(&Path::open(&fold), Paint::stroke(shade, 1.6));
            }
        }
    }

    /// The face in two tones: light comes from the upper left.
    pub fn face(&self, elements: &mut Elements) {
        let path = self.face_path();
        let (skin, shade) = (self.skin(), self.shade());
        elements.path(&path, Paint::fill(shade));
        elements.within("face", &path, |elements| {
            let light = if self.is_woman { [-4.5, -2.5] } else { [-7.0, -3.5] };
            elements.moved_path(&path, light, Paint::fill(skin));
            if !self.is_woman {
                let beard = self.palette.hair_shade.mixed(skin, 0.3);
                let opacity = 0.2 + 0.2 * self.palette.stubble;
                elements.path(&self.beard_path(), Paint::fill(beard).opacity(opacity));
            }
            // The hair's shadow on the forehead.
            elements.moved_path(&self.cap(), [0.0, 3.2], Paint::fill(shade));
            if self.style == CartoonStyle::Sticker && self.is_woman {
                let across = of_pupils(0.21);
                for (lid, side, mouth) in [(13, 73, 43), (16, 76, 44)] {
                    let cheek =
                        between(self.shape.middle(&[lid, side]), self.shape.at(mouth), 0.42);
                    let blush = Paint::fill(self.palette.blush);
                    elements.ellipse(cheek, [across, 0.66 * across], blush.opacity(0.25));
                    elements.ellipse(cheek, [0.7 * across, 0.46 * across], blush.opacity(0.25));
                }
            }
        });
        elements.path(&path, Paint::default().and_stroke(self.outline(self.palette.skin)));
    }

    /// Where a beard grows: from the ears along the jaw, and above the lips.
    fn beard_path(&self) -> Path {
        let side = |ear: usize, mouth: usize, wing: usize, out: f32| {
            let [ear, corner, wing] = [ear, mouth, wing].map(|index| self.shape.at(index));
            [
                moved(ear, out * 4.0, -8.0),
                moved(between(ear, corner, 0.3), 0.0, 1.0),
                moved(between(ear, corner, 0.62), 0.0, 3.5),
                moved(corner, out * 4.5, -4.0),
                moved(wing, out * 0.5, 3.5),
            ]
        };
        let mut points = side(74, 43, 37, -1.0).to_vec();
        points.push(moved(self.shape.at(34), 0.0, 3.0));
        points.extend(side(77, 44, 41, 1.0).into_iter().rev());
        let below = of_pupils(0.2);
        let jaw = [71, 70, 67, 66, 65, 64, 63, 69, 68];
        points.extend(jaw.map(|index| moved(self.shape.at(index), 0.0, below)));
        Path::closed(&points)
    }

    /// Lines that come with age.
    pub fn wrinkles(&self, elements: &mut Elements) {
        let line = |points: &[Point]| Path::open(points);
        // From nothing at 40 to strong at 75.
        let age = ((self.age_years - 40.0) / 35.0).clamp(0.0, 1.0) as f32;
        let colour = self.shade().mixed(self.palette.shade.brighter(0.6), age);
        let paint = Paint::stroke(colour, 1.0 + 0.7 * age);
        if self.age_years > 42.0 {
            for (wing, corner, out) in [(36, 43, -1.0), (40, 44, 1.0)] {
                let start = moved(self.shape.at(wing), out * 4.0, -1.0);
                let end = moved(self.shape.at(corner), out * 4.5, -3.0);
                let middle = moved(between(start, end, 0.5), out * 2.5, -1.0);
                elements.path(&line(&[start, middle, end]), paint);
            }
        }
        if self.age_years > 52.0 {
            for (lid, out) in [(12, -1.0), (17, 1.0)] {
                let start = moved(self.shape.at(lid), out * 2.0, 7.0);
                let bag = [start, moved(start, -out * 6.0, 2.4), moved(start, -out * 12.0, 1.0)];
                elements.path(&line(&bag), paint);
            }
        }
        if self.age_years > 56.0 {
            let brow = self.shape.middle(&[21, 26]);
            let hair = self.shape.at(HAIRLINE[5]);
            for share in [0.38, 0.58] {
                let centre = between(brow, hair, share);
                let half = of_pupils(0.3) * (1.2 - share);
                let ends = [moved(centre, -half, 0.8), centre, moved(centre, half, 0.8)];
                elements.path(&line(&ends), paint);
            }
        }
        let chin = self.shape.at(CHIN);
        let crease = moved(self.shape.at(61), 0.0, 1.5);
        if self.style == CartoonStyle::Sticker && chin[1] - crease[1] > 8.0 {
            let half = of_pupils(0.09);
            let points =
                [moved(crease, -half, 0.0), moved(crease, 0.0, 1.2), moved(crease, half, 0.0)];
            elements.path(&line(&points), paint);
        }
    }
}
