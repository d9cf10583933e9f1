//! Square rasters of one value per pixel: filled polygons and blurring.

/// A square raster, row by row.
#[derive(Debug, Clone)]
pub(crate) struct Raster {
    side: usize,
    values: Vec<f32>,
}

impl Raster {
    /// The raster with `value(column, row)` at (column, row).
    pub(crate) fn from_fn(side: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        let values = (0..side * side).map(|index| value(index % side, index / side)).collect();
        Self { side, values }
    }

    /// 1 where a pixel's centre lies inside the closed `polygon` (even-odd rule), 0 elsewhere.
    pub(crate) fn polygon(side: usize, polygon: &[[f32; 2]]) -> Self {
        let mut values = vec![0.0; side * side];
        let mut crossings = Vec::new();
        for (row, line) in values.chunks_exact_mut(side).enumerate() {
            let y = row as f32;
            crossings.clear();
            for (a, b) in edges(polygon) {
                if (a[1] <= y) != (b[1] <= y) {
                    crossings.push(a[0] + (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]));
                }
            }
            crossings.sort_by(f32::total_cmp);
            for &[from, to] in crossings.as_chunks::<2>().0 {
                let first = (from.ceil().max(0.0) as usize).min(side);
                let end = ((to.floor() + 1.0).max(0.0) as usize).min(side);
                if first < end {
                    line[first..end].fill(1.0);
                }
            }
        }
        Self { side, values }
    }

    /// The values, row by row.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// The raster of `values`, row by row; their number is the square of `side`.
    pub(crate) fn from_values(side: usize, values: Vec<f32>) -> Self {
        debug_assert_eq!(values.len(), side * side);
        Self { side, values }
    }

    /// The raster blurred with approximately a Gaussian of `sigma` pixels; the edge is repeated.
    ///
    /// Method: three running means (Wells, "Efficient synthesis of Gaussian filters by cascaded
    /// uniform filters", PAMI 1986). The time does not depend on `sigma`.
    pub(crate) fn blurred(&self, sigma: f32) -> Self {
        // Three means over w pixels have the variance 3 (w² − 1) / 12.
        let width = (4.0 * sigma * sigma + 1.0).sqrt();
        let radius = (((width - 1.0) / 2.0).round() as usize).clamp(1, self.side / 2);
        let mut values = self.values.clone();
        for _ in 0..3 {
            // Each pass also swaps rows and columns, so two passes blur in both directions.
            values = running_mean(&values, self.side, radius);
            values = running_mean(&values, self.side, radius);
        }
        Self { side: self.side, values }
    }

    /// The value at a point, interpolated bilinearly; the edge is repeated.
    pub(crate) fn at(&self, [x, y]: [f32; 2]) -> f32 {
        let last = self.side - 1;
        let (x, y) = (x.clamp(0.0, last as f32), y.clamp(0.0, last as f32));
        let (column, row) = (x as usize, y as usize);
        let (next_column, next_row) = ((column + 1).min(last), (row + 1).min(last));
        let (right, below) = (x - column as f32, y - row as f32);
        let value = |column: usize, row: usize| self.values[row * self.side + column];
        let above = value(column, row) * (1.0 - right) + value(next_column, row) * right;
        let under = value(column, next_row) * (1.0 - right) + value(next_column, next_row) * right;
        above * (1.0 - below) + under * below
    }
}

/// The distance of a point from the outline of the closed `polygon`; negative outside.
pub(crate) fn depth(polygon: &[[f32; 2]], [x, y]: [f32; 2]) -> f32 {
    let mut inside = false;
    let mut nearest = f32::INFINITY;
    for (a, b) in edges(polygon) {
        if (a[1] <= y) != (b[1] <= y) && x < a[0] + (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) {
            inside = !inside;
        }
        let (along_x, along_y) = (b[0] - a[0], b[1] - a[1]);
        let length = along_x * along_x + along_y * along_y;
        let dot = (x - a[0]) * along_x + (y - a[1]) * along_y;
        let t = if length > 0.0 { (dot / length).clamp(0.0, 1.0) } else { 0.0 };
        nearest = nearest.min((x - a[0] - t * along_x).hypot(y - a[1] - t * along_y));
    }
    if inside { nearest } else { -nearest }
}

/// A closed curve through the points of `polygon`, as a polygon with `steps` sides for each of its
/// sides.
///
/// Method: Catmull and Rom, "A class of local interpolating splines", 1974.
pub(crate) fn smooth_polygon(polygon: &[[f32; 2]], steps: usize) -> Vec<[f32; 2]> {
    let count = polygon.len();
    let at = |index: usize| polygon[index % count];
    let mut curve = Vec::with_capacity(count * steps);
    for index in 0..count {
        let [a, b, c, d] = [count - 1, 0, 1, 2].map(|offset| at(index + offset));
        for step in 0..steps {
            let t = step as f32 / steps as f32;
            curve.push([0, 1].map(|axis| {
                let (a, b, c, d) = (a[axis], b[axis], c[axis], d[axis]);
                let bend = 2.0 * a - 5.0 * b + 4.0 * c - d;
                0.5 * (2.0 * b + t * (c - a + t * (bend + t * (3.0 * (b - c) + d - a))))
            }));
        }
    }
    curve
}

/// 0 up to `from`, 1 from `to` on, a smooth step in between.
pub(crate) fn smooth_step(from: f32, to: f32, value: f32) -> f32 {
    let t = ((value - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

fn edges(polygon: &[[f32; 2]]) -> impl Iterator<Item = ([f32; 2], [f32; 2])> {
    polygon.iter().copied().zip(polygon.iter().copied().cycle().skip(1))
}

/// Running means over `2 * radius + 1` pixels along each row, with rows and columns swapped.
fn running_mean(values: &[f32], side: usize, radius: usize) -> Vec<f32> {
    let mut swapped = vec![0.0; values.len()];
    let share = 1.0 / (2 * radius + 1) as f32;
    for (row, line) in values.chunks_exact(side).enumerate() {
        let mut sum = line[0] * (radius + 1) as f32 + line[1..=radius].iter().sum::<f32>();
        for column in 0..side {
            swapped[column * side + row] = sum * share;
            let entering = line[(column + radius + 1).min(side - 1)];
            let leaving = line[column.saturating_sub(radius)];
            sum += entering - leaving;
        }
    }
    swapped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circle(middle: f32, radius: f32) -> Vec<[f32; 2]> {
        let corner = |n: usize| (n as f32 / 200.0 * std::f32::consts::TAU).sin_cos();
        (0..200).map(|n| [middle + radius * corner(n).1, middle + radius * corner(n).0]).collect()
    }

    #[test]
    fn a_filled_circle_has_its_area() {
        let area: f32 = Raster::polygon(200, &circle(99.3, 60.0)).values().iter().sum();
        let expected = std::f32::consts::PI * 60.0 * 60.0;
        assert!((area / expected - 1.0).abs() < 0.002, "{area} {expected}");
    }

    #[test]
    fn a_polygon_beyond_the_edge_is_clipped() {
        let all =
            Raster::polygon(20, &[[-50.0, -50.0], [80.0, -50.0], [80.0, 80.0], [-50.0, 80.0]]);
        assert!(all.values().iter().all(|&value| value == 1.0));
        let none = Raster::polygon(20, &[[30.0, 0.0], [40.0, 0.0], [40.0, 20.0]]);
        assert!(none.values().iter().all(|&value| value == 0.0));
    }

    #[test]
    fn a_smooth_polygon_passes_through_its_points() {
        let corners = circle(50.0, 30.0).into_iter().step_by(20).collect::<Vec<_>>();
        let curve = smooth_polygon(&corners, 8);
        assert_eq!(curve.len(), 80);
        assert!(curve.chunks_exact(8).zip(&corners).all(|(side, corner)| side[0] == *corner));
        // Between ten points of a circle, the curve deviates from it by less than half a percent.
        assert!(curve.iter().all(|p| ((p[0] - 50.0).hypot(p[1] - 50.0) - 30.0).abs() < 0.15));
    }

    #[test]
    fn depth_is_the_distance_to_the_outline() {
        let circle = circle(50.0, 30.0);
        for (place, expected) in [([50.0, 50.0], 30.0), ([50.0, 75.0], 5.0), ([100.0, 50.0], -20.0)]
        {
            assert!((depth(&circle, place) - expected).abs() < 0.02);
        }
    }

    #[test]
    fn blurring_spreads_by_sigma_and_keeps_the_sum() {
        let middle = 100;
        let point = Raster::from_fn(201, |x, y| if x == middle && y == middle { 1.0 } else { 0.0 })
            .blurred(8.0);
        let (mut sum, mut variance) = (0.0, 0.0);
        for (index, &value) in point.values().iter().enumerate() {
            sum += value;
            variance += value * (index % 201).abs_diff(middle).pow(2) as f32;
        }
        assert!((sum - 1.0).abs() < 1e-3, "{sum}");
        // The width of a running mean is an odd number of pixels.
        assert!((variance.sqrt() / 8.0 - 1.0).abs() < 0.08, "{}", variance.sqrt());
    }
}
