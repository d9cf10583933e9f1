//! Axes: positions of values, and ticks.

use crate::report::number::fixed;

/// Maximum number of distinct values that are ticks themselves; with more, ticks are round numbers.
const OWN_TICKS: usize = 12;
/// Approximate number of steps between round ticks.
const STEPS_ACROSS: f64 = 5.0;
const STEPS_UPWARDS: f64 = 4.0;

/// An axis: maps a range of values to a range of positions.
#[derive(Debug)]
pub(super) struct Axis {
    log: bool,
    /// The values at the ends, in the scale of the axis.
    range: [f64; 2],
    /// Positions of the ends.
    ends: [f64; 2],
    /// Values and labels of the ticks, in ascending order.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// A horizontal axis that covers exactly `values`, with `margin` at both ends. If it is
    /// logarithmic, all values are positive.
    pub(super) fn across(values: &[f64], log: bool, ends: [f64; 2], margin: f64) -> Self {
        let mut own = values.to_vec();
        own.sort_by(f64::total_cmp);
        own.dedup();
        let (low, high) = bounds(&own);
        let ticks = if own.len() <= OWN_TICKS {
            own.into_iter().map(|x| (x, plain(x))).collect()
        } else if log {
            ratio_ticks(low, high)
        } else {
            round_ticks(low, high, STEPS_ACROSS).filter(|(x, _)| (low..=high).contains(x)).collect()
        };
        let scale = |x: f64| if log { x.log10() } else { x };
        let (low, high) = widened(scale(low), scale(high));
        let inner = [ends[0] + margin, ends[1] - margin];
        Self { log, range: [low, high], ends: inner, ticks }
    }

    /// A vertical axis that covers `values` and begins and ends at round numbers.
    pub(super) fn upwards(values: &[f64], ends: [f64; 2]) -> Self {
        let (low, high) = bounds(values);
        // From zero, if that takes little space: heights can then be compared by eye.
        let low = if low > 0.0 && low < 0.4 * high { 0.0 } else { low };
        let (low, high) = widened(low, high);
        let ticks: Vec<_> = round_ticks(low, high, STEPS_UPWARDS).collect();
        let end = |tick: Option<&(f64, String)>, other: f64| tick.map_or(other, |(y, _)| *y);
        let range = [end(ticks.first(), low), end(ticks.last(), high)];
        Self { log: false, range, ends, ticks }
    }

    /// Position of a value.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = if self.log { value.log10() } else { value };
        let share = (value - self.range[0]) / (self.range[1] - self.range[0]);
        self.ends[0] + share * (self.ends[1] - self.ends[0])
    }

    /// Which of the `chosen` ticks can be labelled without overlap, if a letter is `letter` wide.
    pub(super) fn legible(&self, letter: f64, chosen: &[bool]) -> Vec<bool> {
        let mut end = f64::NEG_INFINITY;
        let fits = self.ticks.iter().zip(chosen).map(|((x, name), chosen)| {
            let half = letter * name.chars().count() as f64 / 2.0;
            let fits = *chosen && self.place(*x) - half >= end;
            if fits {
                end = self.place(*x) + half + letter;
            }
            fits
        });
        fits.collect()
    }
}

/// A number with at most four significant digits and no trailing zeros.
pub(in crate::report) fn plain(value: f64) -> String {
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    let decimals = rounded.to_string().split_once('.').map_or(0, |(_, decimals)| decimals.len());
    fixed(rounded, decimals)
}

fn bounds(values: &[f64]) -> (f64, f64) {
    let start = (f64::INFINITY, f64::NEG_INFINITY);
    values.iter().fold(start, |(low, high), &value| (low.min(value), high.max(value)))
}

/// Widens a range of length zero.
fn widened(low: f64, high: f64) -> (f64, f64) {
    if low < high { (low, high) } else { (low - 0.5, high + 0.5) }
}

/// Multiples of 1, 2 or 5 times a power of ten, the first at or below `low`, the last at or above
/// `high`.
fn round_ticks(low: f64, high: f64, steps: f64) -> impl Iterator<Item = (f64, String)> {
    let rough = (high - low) / steps;
    let power = rough.log10().floor();
    let factor = match rough / 10_f64.powf(power) {
        factor if factor < 1.5 => 1.0,
        factor if factor < 3.5 => 2.0,
        factor if factor < 7.5 => 5.0,
        _ => 10.0,
    };
    let step = factor * 10_f64.powf(power);
    let decimals = -step.log10().floor().min(0.0) as usize;
    // A value that differs from a multiple only by rounding needs no further tick.
    let (first, last) = ((low / step + 1e-9).floor() as i64, (high / step - 1e-9).ceil() as i64);
    (first..=last).map(move |index| {
        let value = index as f64 * step;
        (value, fixed(value, decimals))
    })
}

/// 1, 2 and 5 times powers of ten between two positive numbers.
fn ratio_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let values = (first..=last).flat_map(|e| [1.0, 2.0, 5.0].map(|x| x * 10_f64.powi(e)));
    let inside = values.filter(|x| (low..=high).contains(x));
    inside.map(|x| (x, plain(x))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(axis: &Axis, expected: &[&str]) {
        let names: Vec<_> = axis.ticks.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn few_values_are_ticks_themselves() {
        let axis = Axis::across(&[4.0, 1.0, 2.0, 4.0, 0.1 + 0.2], true, [0.0, 100.0], 0.0);
        check(&axis, &["0.3", "1", "2", "4"]);
        assert_eq!(axis.place(4.0), 100.0);
    }

    #[test]
    fn many_values_have_round_ticks() {
        let many: Vec<f64> = (0..40).map(f64::from).collect();
        check(&Axis::across(&many, false, [0.0, 1.0], 0.0), &["0", "10", "20", "30"]);
        let ratios: Vec<f64> = many.iter().map(|x| 1.3_f64.powf(x / 3.0)).collect();
        check(&Axis::across(&ratios, true, [0.0, 1.0], 0.0), &["1", "2", "5", "10", "20"]);
    }

    #[test]
    fn vertical_axes_end_at_round_numbers() {
        let check_heights = |values: &[f64], expected: &[&str]| {
            let axis = Axis::upwards(values, [100.0, 0.0]);
            check(&axis, expected);
            for &value in values {
                assert!((0.0..=100.0).contains(&axis.place(value)), "{value}");
            }
        };
        check_heights(&[3.0, 96.0], &["0", "20", "40", "60", "80", "100"]);
        check_heights(&[0.61, 0.93], &["0.6", "0.7", "0.8", "0.9", "1.0"]);
        check_heights(&[-0.1, 0.3], &["−0.1", "0.0", "0.1", "0.2", "0.3"]);
        check_heights(&[50.0], &["49.4", "49.6", "49.8", "50.0", "50.2", "50.4", "50.6"]);
    }

    #[test]
    fn tick_labels_do_not_overlap() {
        let axis = Axis::across(&[1.0, 1.1, 5.0, 10.0], false, [0.0, 90.0], 0.0);
        let wide = axis.legible(6.0, &[true; 4]);
        assert_eq!(wide, [true, false, true, true]);
        assert_eq!(axis.legible(30.0, &wide), [true, false, false, true]);
    }

    #[test]
    fn a_single_value_has_an_axis() {
        let axis = Axis::across(&[3.0], true, [0.0, 10.0], 0.0);
        assert_eq!(axis.place(3.0), 5.0);
    }
}
