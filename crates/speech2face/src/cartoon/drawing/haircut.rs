//! Hair: short, or long with a parting.

use super::Drawing;
use super::head::BOTTOM;
use crate::cartoon::hair::HairLength;
use crate::cartoon::of_pupils;
use crate::cartoon::shape::{EARS, HAIR_OUTLINE, HAIRLINE, Point, between, moved};
use crate::cartoon::svg::{Elements, Paint, Path};

/// The row in which long hair is drawn to end: below the mouth, and on the bust.
fn hair_end(measured: f32, mouth: f32) -> f32 {
    measured.clamp(mouth + 14.0, BOTTOM - 8.0)
}

impl Drawing {
    /// The outer contour of the hair from the left to the right, a little fuller than measured.
    fn crown(&self) -> Vec<Point> {
        let points = self.shape.list(&HAIR_OUTLINE);
        let base = between(points[0], points[6], 0.5);
        points.iter().map(|&point| between(base, point, 1.04)).collect()
    }

    /// What belongs to the outline of the whole figure.
    pub fn hair_outlines(&self) -> Vec<Path> {
        let mut outlines = vec![self.cap()];
        outlines.extend(self.back_path());
        outlines
    }

    /// Long hair behind face and neck.
    fn back_path(&self) -> Option<Path> {
        let HairLength::Long { edges: [left, right], end } = self.hair else { return None };
        let mouth = self.shape.middle(&[43, 44])[1];
        let ears = self.shape.middle(&[80, 84])[1];
        let end = hair_end(end, mouth);
        let low = mouth + 0.6 * (end - mouth);
        let middle = (left + right) / 2.0;
        let mut points = self.crown();
        points.extend([
            [right + 1.5, ears],
            [right + 2.0, mouth],
            [right + 1.5, low],
            [right - 3.0, end - 2.0],
            [right - of_pupils(0.3), end + 1.5],
            [middle, end - 5.0],
            [left + of_pupils(0.3), end + 1.5],
            [left + 3.0, end - 2.0],
            [left - 1.5, low],
            [left - 2.0, mouth],
            [left - 1.5, ears],
        ]);
        Some(Path::closed(&points))
    }

    pub fn back_hair(&self, elements: &mut Elements) {
        if let Some(path) = self.back_path() {
            elements.path(&path, self.part(self.palette.hair_shade));
        }
    }

    /// Hair over the forehead and beside it.
    pub fn cap(&self) -> Path {
        match self.hair {
            HairLength::Short => self.short_cap(),
            HairLength::Long { .. } => self.long_cap(),
        }
    }

    fn short_cap(&self) -> Path {
        let crown = self.crown();
        let [left_ear, right_ear] = EARS.map(|ear| self.shape.at(ear[1]));
        let [left_burn, right_burn] = [73, 76].map(|index| self.shape.at(index));
        let (left_temple, right_temple) = (self.shape.at(86), self.shape.at(96));
        // Hair ends as sideburns in front of the ears, and lies close to the head above them.
        let mut points = vec![
            moved(left_burn, 1.5, -5.0),
            moved(left_ear, 5.5, 4.0),
            moved(left_ear, 0.5, -9.0),
        ];
        points.extend(crown.iter().copied());
        points.extend([
            moved(right_ear, -0.5, -9.0),
            moved(right_ear, -5.5, 4.0),
            moved(right_burn, -1.5, -5.0),
            moved(right_temple, -1.0, 1.0),
        ]);
        // A fringe that rises towards the parting.
        let line = self.shape.list(&HAIRLINE);
        let lift = [0.0, -0.5, 1.5, 2.0, 0.5, -1.0, -0.5, 2.0, 1.5, -0.5];
        // Cut square at the temples.
        let out = [0.0, -1.5, -3.5, -1.5, 0.0, 0.0, 0.0, 1.5, 3.5, 1.5];
        let fringe = (1..10).rev().map(|n| {
            let place = if self.parting < 0.0 { 10 - n } else { n };
            moved(line[n], out[n], lift[place] - self.hairline[n])
        });
        points.extend(fringe);
        points.push(moved(left_temple, 1.0, 1.0));
        Path::closed(&points)
    }

    /// Both sides of a parting, which fall over the temples.
    fn long_cap(&self) -> Path {
        let crown = self.crown();
        let HairLength::Long { edges: [left, right], end } = self.hair else {
            return Path::closed(&crown);
        };
        let line = self.shape.list(&HAIRLINE);
        let mouth = self.shape.middle(&[43, 44])[1];
        let lock = mouth + 0.5 * (hair_end(end, mouth) - mouth);
        let parting = moved(line[5], self.parting * of_pupils(0.2), -of_pupils(0.07));
        let [jaw_left, jaw_right] = [68, 71].map(|index| self.shape.at(index));
        let side = |edge: f32, jaw: Point, index: [usize; 3], sign: f32| {
            let [temple, cheek, low] = index.map(|index| self.shape.at(index));
            vec![
                [edge - sign * 1.5, mouth],
                [edge + sign * 0.5, lock],
                [edge + sign * 6.0, lock + 9.0],
                [0.35 * edge + 0.65 * jaw[0], lock - 3.0],
                moved(low, sign * 2.0, 4.0),
                moved(cheek, sign * 4.5, 0.0),
                moved(temple, sign * 6.5, -4.0),
            ]
        };
        let mut points = crown.clone();
        points.push([right + 1.0, self.shape.at(84)[1]]);
        points.extend(side(right, jaw_right, [96, 75, 77], -1.0));
        points.push(moved(between(line[8], parting, 0.35), 1.0, 1.0));
        points.push(parting);
        let mut other = side(left, jaw_left, [86, 72, 74], 1.0);
        other.reverse();
        points.push(moved(between(line[2], parting, 0.35), -1.0, 1.0));
        points.extend(other);
        points.push([left - 1.0, self.shape.at(80)[1]]);
        Path::closed(&points)
    }

    pub fn front_hair(&self, elements: &mut Elements) {
        let cap = self.cap();
        elements.path(&cap, Paint::fill(self.palette.hair));
        let crown = self.crown();
        let line = self.shape.list(&HAIRLINE);
        elements.within("hair", &cap, |elements| {
            // Strands from the crown to the hairline, and light along the crown.
            let top = moved(crown[3], self.parting * of_pupils(0.2), of_pupils(0.08));
            for index in [0, 1, 2, 8, 9, 10] {
                let end = line[index];
                let bend = between(top, end, 0.55);
                let out = crown[if index < 5 { 1 } else { 5 }];
                let strand = [top, between(bend, out, 0.38), end];
                elements.path(&Path::open(&strand), Paint::stroke(self.palette.hair_shade, 1.3));
            }
            let light: Vec<Point> = [0, 1, 2, 3, 4]
                .map(|n| between(crown[1 + n], line[1 + 2 * n], 0.34))
                .into_iter()
                .collect();
            let wide = Paint::stroke(self.palette.hair_light, 5.0).opacity(0.4);
            elements.path(&Path::open(&light[0..3]), wide);
            let narrow = Paint::stroke(self.palette.hair_light, 2.2).opacity(0.7);
            elements.path(&Path::open(&light[0..3]), narrow);
            elements.path(&Path::open(&light[3..5]), narrow);
        });
        elements.path(&cap, Paint::default().and_stroke(self.outline(self.palette.hair)));
    }
}
