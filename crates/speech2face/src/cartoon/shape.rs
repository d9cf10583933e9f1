//! The contours of a face: its landmarks, as they are drawn.

use s2f_face::{LANDMARK_COUNT, MOUTH_CORNERS, PUPILS};

/// A point, x and y in pixels of the picture.
pub type Point = [f32; 2];

/// Landmarks in lists that follow an edge; "left" and "right" are sides of the picture.
pub const EYES: [Eye; 2] = [
    Eye { upper: [2, 3, 4, 5, 6], lower: [14, 13, 12], pupil: PUPILS[0], outer: 2 },
    Eye { upper: [7, 8, 9, 10, 11], lower: [17, 16, 15], pupil: PUPILS[1], outer: 11 },
];
pub const BROWS: [&[usize]; 2] =
    [&[18, 19, 20, 21, 22, 23, 31, 30], &[24, 25, 26, 27, 28, 29, 33, 32]];
pub const FACE: [usize; 17] = [86, 72, 73, 74, 68, 69, 63, 64, 65, 66, 67, 70, 71, 77, 76, 75, 96];
pub const HAIRLINE: [usize; 11] = [86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96];
pub const HAIR_OUTLINE: [usize; 7] = [98, 99, 100, 101, 102, 103, 104];
pub const EARS: [[usize; 6]; 2] = [[72, 78, 79, 80, 81, 74], [75, 82, 83, 84, 85, 77]];
pub const NECK: [usize; 2] = [97, 105];
pub const NOSE: [usize; 9] = [35, 36, 37, 38, 34, 42, 41, 40, 39];
pub const LIP_UPPER: [usize; 5] = [45, 46, 47, 48, 49];
pub const LIP_MIDDLE: [usize; 5] = [50, 51, 52, 53, 54];
pub const LIP_LOWER: [usize; 5] = [55, 56, 57, 58, 59];
pub const CHIN: usize = 65;

/// The landmarks of an eye.
pub struct Eye {
    /// From the left corner to the right one.
    pub upper: [usize; 5],
    /// From right to left, between the corners.
    pub lower: [usize; 3],
    pub pupil: usize,
    /// The corner away from the nose.
    pub outer: usize,
}

/// Landmarks as they are drawn.
pub struct Shape {
    points: Vec<Point>,
}

impl Shape {
    /// The landmarks, moved away from `mean` by `amount` of their distance from it. The corners of
    /// the mouth are raised a little: decoded faces look stern.
    pub fn caricature(landmarks: &[Point], mean: &[Point], amount: f32) -> Self {
        debug_assert_eq!(landmarks.len(), LANDMARK_COUNT);
        let moved = landmarks.iter().zip(mean);
        let moved = moved.map(|(p, m)| [0, 1].map(|axis| p[axis] + amount * (p[axis] - m[axis])));
        let mut shape = Self { points: moved.collect() };
        shape.smile();
        shape
    }

    fn smile(&mut self) {
        const LIFT: f32 = 2.4;
        let [left, right] = MOUTH_CORNERS.map(|corner| self.at(corner));
        let (middle, half) = ((left[0] + right[0]) / 2.0, (right[0] - left[0]).abs() / 2.0);
        let lips = [LIP_UPPER, LIP_MIDDLE, LIP_LOWER].into_iter().flatten().chain(MOUTH_CORNERS);
        for index in lips {
            let point = &mut self.points[index];
            let away = ((point[0] - middle) / half.max(1.0)).clamp(-1.0, 1.0);
            point[1] += LIFT * (0.35 - away * away);
        }
    }

    /// A landmark.
    pub fn at(&self, index: usize) -> Point {
        self.points[index]
    }

    /// Several landmarks.
    pub fn list(&self, indices: &[usize]) -> Vec<Point> {
        indices.iter().map(|&index| self.at(index)).collect()
    }

    /// The middle of several landmarks.
    pub fn middle(&self, indices: &[usize]) -> Point {
        mean(&self.list(indices))
    }
}

/// The mean of points.
pub fn mean(points: &[Point]) -> Point {
    let count = points.len().max(1) as f32;
    [0, 1].map(|axis| points.iter().map(|point| point[axis]).sum::<f32>() / count)
}

/// The point at `share` of the way from `p` to `q`.
pub fn between(p: Point, q: Point, share: f32) -> Point {
    [0, 1].map(|axis| p[axis] + share * (q[axis] - p[axis]))
}

/// A point, moved.
pub fn moved(p: Point, x: f32, y: f32) -> Point {
    [p[0] + x, p[1] + y]
}

/// Points, moved away from `centre` by these factors.
pub fn scaled(points: &[Point], centre: Point, across: f32, down: f32) -> Vec<Point> {
    let scale = |p: &Point| {
        [centre[0] + across * (p[0] - centre[0]), centre[1] + down * (p[1] - centre[1])]
    };
    points.iter().map(scale).collect()
}
