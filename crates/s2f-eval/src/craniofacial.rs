//! Measures of a face from its 68 points.
//!
//! The paper names twelve measures and prints no formula. These follow the usual landmarks of
//! facial anthropometry (Farkas, *Anthropometry of the Head and Face*, 1994), found among the
//! points of iBUG 300-W, from 0:
//!
//! | landmark | points | landmark | points |
//! |---|---|---|---|
//! | n, nasion | 27 | sto, stomion | middle of 62 and 66 |
//! | sn, subnasale | 33 | ls, li: middle of upper and lower lip's outer edge | 51, 57 |
//! | al, wings of the nose | 31, 35 | ch, corners of the mouth | 48, 54 |
//! | sbal, base of the wings | 32, 34 | cph, peaks of the upper lip | 50, 52 |
//! | en, inner corners of the eyes | 39, 42 | go, angles of the jaw | 4, 12 |
//! | ex, outer corners of the eyes | 36, 45 | zy, widest part of the face | 1, 15 |
//! | gn, lowest point of the chin | 8 | | |
//!
//! Lengths are divided by the distance between the centres of the eyes and areas by its square, so
//! that the size of a picture does not matter. Pictures have no millimetres, and the points of a
//! network smooth unusual shapes.

use s2f_nn::face_api::POINTS;

/// The 68 points of a face, x and y in any unit.
pub type Face = [[f32; 2]; POINTS];

/// A craniofacial measure.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    /// Its name in scores.
    pub id: &'static str,
    /// Its name in the paper.
    pub title: &'static str,
    /// Its definition; "eyes" is the distance between the centres of the eyes.
    pub formula: &'static str,
    /// Computes it.
    pub of: fn(&Face) -> f64,
}

/// The paper's twelve measures in its order, and the width of the philtrum.
pub const MEASURES: [Measure; 13] = [
    measure("upper-lip-height", "upper lip height", "sn–sto / eyes", |face| {
        distance(at(face, 33), stomion(face)) / eyes(face)
    }),
    measure(
        "lateral-upper-lip-heights",
        "lateral upper lip heights",
        "mean of both sides of sbal–cph / eyes",
        |face| (length(face, 32, 50) + length(face, 34, 52)) / 2.0 / eyes(face),
    ),
    measure("jaw-width", "jaw width", "go–go / eyes", |face| length(face, 4, 12) / eyes(face)),
    measure("nose-height", "nose height", "n–sn / eyes", |face| {
        length(face, 27, 33) / eyes(face)
    }),
    measure("nose-width", "nose width", "al–al / eyes", |face| length(face, 31, 35) / eyes(face)),
    measure("labio-oral-region", "labio-oral region", "ch–ch / eyes", |face| {
        length(face, 48, 54) / eyes(face)
    }),
    measure("mandibular-index", "mandibular index", "sto–gn / go–go", |face| {
        distance(stomion(face), at(face, 8)) / length(face, 4, 12)
    }),
    measure("intercanthal-index", "intercanthal index", "en–en / ex–ex", |face| {
        length(face, 39, 42) / length(face, 36, 45)
    }),
    measure("nasal-index", "nasal index", "al–al / n–sn", |face| {
        length(face, 31, 35) / length(face, 27, 33)
    }),
    measure("vermilion-height-index", "vermilion height index", "ls–sto / sto–li", |face| {
        distance(at(face, 51), stomion(face)) / distance(stomion(face), at(face, 57))
    }),
    measure("mouth-face-width-index", "mouth–face width index", "ch–ch / zy–zy", |face| {
        length(face, 48, 54) / length(face, 1, 15)
    }),
    measure("nose-area", "nose area", "polygon n, al, sbal, sn, sbal, al / eyes²", |face| {
        area(&[27, 31, 32, 33, 34, 35].map(|point| at(face, point))) / eyes(face).powi(2)
    }),
    measure("philtrum-width", "philtrum width", "cph–cph / eyes", |face| {
        length(face, 50, 52) / eyes(face)
    }),
];

const fn measure(
    id: &'static str,
    title: &'static str,
    formula: &'static str,
    of: fn(&Face) -> f64,
) -> Measure {
    Measure { id, title, formula, of }
}

fn at(face: &Face, point: usize) -> [f64; 2] {
    face[point].map(f64::from)
}

fn middle(face: &Face, points: std::ops::Range<usize>) -> [f64; 2] {
    let count = points.len() as f64;
    points.fold([0.0; 2], |[x, y], point| {
        let [px, py] = at(face, point);
        [x + px / count, y + py / count]
    })
}

fn distance([ax, ay]: [f64; 2], [bx, by]: [f64; 2]) -> f64 {
    (ax - bx).hypot(ay - by)
}

fn length(face: &Face, a: usize, b: usize) -> f64 {
    distance(at(face, a), at(face, b))
}

fn stomion(face: &Face) -> [f64; 2] {
    let ([ax, ay], [bx, by]) = (at(face, 62), at(face, 66));
    [(ax + bx) / 2.0, (ay + by) / 2.0]
}

/// Distance between the centres of the eyes.
fn eyes(face: &Face) -> f64 {
    distance(middle(face, 36..42), middle(face, 42..48))
}

/// Area of a polygon (shoelace formula).
fn area(corners: &[[f64; 2]]) -> f64 {
    let next = corners.iter().cycle().skip(1);
    let twice: f64 = corners.iter().zip(next).map(|([ax, ay], [bx, by])| ax * by - bx * ay).sum();
    twice.abs() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A face with integer coordinates: eyes at x = 10 and 30 in row 20, and the rest by hand.
    fn face() -> Face {
        let mut face = [[0.0; 2]; POINTS];
        for (point, place) in [
            (36, [6.0, 20.0]),
            (37, [9.0, 18.0]),
            (38, [11.0, 18.0]),
            (39, [14.0, 20.0]),
            (40, [11.0, 22.0]),
            (41, [9.0, 22.0]),
            (42, [26.0, 20.0]),
            (43, [29.0, 18.0]),
            (44, [31.0, 18.0]),
            (45, [34.0, 20.0]),
            (46, [31.0, 22.0]),
            (47, [29.0, 22.0]),
            (27, [20.0, 20.0]),
            (31, [15.0, 34.0]),
            (32, [17.0, 35.0]),
            (33, [20.0, 36.0]),
            (34, [23.0, 35.0]),
            (35, [25.0, 34.0]),
            (48, [12.0, 44.0]),
            (50, [18.0, 41.0]),
            (51, [20.0, 42.0]),
            (52, [22.0, 41.0]),
            (54, [28.0, 44.0]),
            (57, [20.0, 48.0]),
            (62, [20.0, 43.0]),
            (66, [20.0, 45.0]),
            (4, [4.0, 44.0]),
            (12, [36.0, 44.0]),
            (8, [20.0, 60.0]),
            (1, [0.0, 24.0]),
            (15, [40.0, 24.0]),
        ] {
            face[point] = place;
        }
        face
    }

    #[test]
    fn every_measure_by_hand() {
        let expected = [
            ("upper-lip-height", 8.0 / 20.0),
            // (1, 6) on both sides
            ("lateral-upper-lip-heights", 37_f64.sqrt() / 20.0),
            ("jaw-width", 32.0 / 20.0),
            ("nose-height", 16.0 / 20.0),
            ("nose-width", 10.0 / 20.0),
            ("labio-oral-region", 16.0 / 20.0),
            ("mandibular-index", 16.0 / 32.0),
            ("intercanthal-index", 12.0 / 28.0),
            ("nasal-index", 10.0 / 16.0),
            ("vermilion-height-index", 2.0 / 4.0),
            ("mouth-face-width-index", 16.0 / 40.0),
            // A triangle of base 10 and height 14, and below it two trapezoids of 2 and 3 by 1 …
            ("nose-area", (70.0 + (10.0 + 6.0) / 2.0 + 6.0 / 2.0) / 400.0),
            ("philtrum-width", 4.0 / 20.0),
        ];
        for (measure, (id, expected)) in MEASURES.iter().zip(expected) {
            let found = (measure.of)(&face());
            assert_eq!(measure.id, id);
            assert!((found - expected).abs() < 1e-9, "{id}: {found}, {expected}");
        }
    }

    #[test]
    fn size_and_place_of_the_picture_do_not_matter() {
        let moved = face().map(|[x, y]| [3.0 * x + 11.0, 3.0 * y - 5.0]);
        for measure in MEASURES {
            let (a, b) = ((measure.of)(&face()), (measure.of)(&moved));
            assert!((a - b).abs() < 1e-6, "{}: {a}, {b}", measure.id);
        }
    }
}
