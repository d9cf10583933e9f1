//! SVG elements and smooth curves.

use std::fmt::Write;

use super::palette::Colour;
use super::shape::Point;

/// A path through points.
pub struct Path(String);

impl Path {
    /// A smooth closed curve through `points`.
    pub fn closed(points: &[Point]) -> Self {
        let count = points.len();
        let at = |index: usize| points[index % count.max(1)];
        let mut path = Self(String::new());
        if count < 3 {
            return path;
        }
        path.start(at(0));
        for index in 0..count {
            path.curve(at(index + count - 1), at(index), at(index + 1), at(index + 2));
        }
        path.0.push('Z');
        path
    }

    /// A smooth curve through `points`, from the first to the last.
    pub fn open(points: &[Point]) -> Self {
        let mut path = Self(String::new());
        if let Some(&first) = points.first() {
            path.start(first);
        }
        path.extend(points);
        path
    }

    /// A smooth curve through `points`, then straight lines through `corners`, closed.
    pub fn closed_by_lines(points: &[Point], corners: &[Point]) -> Self {
        let mut path = Self::open(points);
        for &[x, y] in corners {
            let _ = write!(path.0, "L{} {}", number(x), number(y));
        }
        path.0.push('Z');
        path
    }

    /// Two smooth curves that meet in corners, closed.
    pub fn lens(there: &[Point], back: &[Point]) -> Self {
        let mut path = Self::open(there);
        let end = there.last().copied().unwrap_or_default();
        let start = there.first().copied().unwrap_or_default();
        let points: Vec<Point> =
            std::iter::once(end).chain(back.iter().copied()).chain([start]).collect();
        path.extend(&points);
        path.0.push('Z');
        path
    }

    fn start(&mut self, [x, y]: Point) {
        let _ = write!(self.0, "M{} {}", number(x), number(y));
    }

    fn extend(&mut self, points: &[Point]) {
        let last = points.len().saturating_sub(1);
        for index in 0..last {
            let (before, after) = (index.saturating_sub(1), (index + 2).min(last));
            self.curve(points[before], points[index], points[index + 1], points[after]);
        }
    }

    /// The part from `p` to `q` of a Catmull-Rom curve through four points, as a Bézier curve.
    fn curve(&mut self, before: Point, p: Point, q: Point, after: Point) {
        let first = [0, 1].map(|axis| p[axis] + (q[axis] - before[axis]) / 6.0);
        let second = [0, 1].map(|axis| q[axis] - (after[axis] - p[axis]) / 6.0);
        let numbers = [first, second, q].into_iter().flatten().map(number);
        let _ = write!(self.0, "C{}", numbers.collect::<Vec<_>>().join(" "));
    }

    /// The attribute `d`.
    pub fn data(&self) -> &str {
        &self.0
    }
}

/// A tenth of a pixel is finer than anybody sees.
fn number(value: f32) -> String {
    let text = format!("{:.1}", if value.is_finite() { value } else { 0.0 });
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// How an element is painted.
#[derive(Clone, Copy, Default)]
pub struct Paint {
    pub fill: Option<Colour>,
    pub stroke: Option<(Colour, f32)>,
    pub opacity: Option<f32>,
}

impl Paint {
    pub fn fill(colour: Colour) -> Self {
        Self { fill: Some(colour), ..Self::default() }
    }

    pub fn stroke(colour: Colour, width: f32) -> Self {
        Self { stroke: Some((colour, width)), ..Self::default() }
    }

    pub fn and_stroke(self, stroke: Option<(Colour, f32)>) -> Self {
        Self { stroke, ..self }
    }

    pub fn opacity(self, opacity: f32) -> Self {
        Self { opacity: Some(opacity), ..self }
    }

    fn attributes(&self) -> String {
        let fill = self.fill.map_or("none".to_owned(), |colour| colour.hex());
        let mut text = format!(" fill=\"{fill}\"");
        if let Some((colour, width)) = self.stroke {
            let _ = write!(text, " stroke=\"{}\" stroke-width=\"{}\"", colour.hex(), number(width));
        }
        if let Some(opacity) = self.opacity {
            let _ = write!(text, " opacity=\"{opacity}\"");
        }
        text
    }
}

/// A picture that grows element by element.
#[derive(Default)]
pub struct Elements(String);

impl Elements {
    pub fn path(&mut self, path: &Path, paint: Paint) {
        let _ = write!(self.0, "<path d=\"{}\"{}/>", path.data(), paint.attributes());
    }

    /// A path, moved.
    pub fn moved_path(&mut self, path: &Path, [x, y]: Point, paint: Paint) {
        let _ = write!(
            self.0,
            "<path d=\"{}\" transform=\"translate({} {})\"{}/>",
            path.data(),
            number(x),
            number(y),
            paint.attributes()
        );
    }

    pub fn ellipse(&mut self, [x, y]: Point, [across, down]: Point, paint: Paint) {
        let _ = write!(
            self.0,
            "<ellipse cx=\"{}\" cy=\"{}\" rx=\"{}\" ry=\"{}\"{}/>",
            number(x),
            number(y),
            number(across),
            number(down),
            paint.attributes()
        );
    }

    /// Elements that are visible within `path` only; `name` is the path's id.
    pub fn within(&mut self, name: &str, path: &Path, draw: impl FnOnce(&mut Self)) {
        let _ = write!(
            self.0,
            "<clipPath id=\"{name}\"><path d=\"{}\"/></clipPath><g clip-path=\"url(#{name})\">",
            path.data()
        );
        draw(self);
        self.0.push_str("</g>");
    }

    /// The elements as text.
    pub fn into_string(self) -> String {
        self.0
    }
}
