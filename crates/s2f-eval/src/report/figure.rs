//! Figures as SVG: line charts with confidence intervals, and maps of points.
//!
//! Axis labels and legends are HTML outside the SVG, so that they wrap on a narrow screen. Colours
//! are in the style sheet of the page, which has a dark mode.

mod axis;
mod marker;

use maud::{Markup, html};

use self::axis::Axis;
pub(super) use self::axis::plain;
use self::marker::{at, hue, marker, polyline};
use super::number::sentence;
use super::{Line, Lines, Map, Report, Score};

/// Size of a line chart. It is scaled to the width of the page.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 330.0;
/// Margins above and to the right of the axes, and below them for the tick labels.
const ABOVE: f64 = 10.0;
const RIGHT: f64 = 1.0;
const BELOW: f64 = 28.0;
/// Distance of the outermost points from the ends of the axis.
const INSET: f64 = 16.0;
/// Width of a digit on a wide and on a narrow page. On a narrow page the chart is scaled down, so
/// the style sheet has a larger font there.
const DIGIT: f64 = 6.6;
const LARGE_DIGIT: f64 = 10.5;
/// Half the width of a marker on a line.
const MARKER: f64 = 4.2;

/// Side of a map, and half the width of a marker on it.
const SIDE: f64 = 440.0;
const DOT: f64 = 3.4;

/// A point with finite coordinates.
struct Point<'a> {
    x: f64,
    score: &'a Score,
    interval: Option<[f64; 2]>,
    chance: Option<f64>,
}

/// A line with at least one point; the points are in the order of x.
struct Drawn<'a> {
    line: &'a Line,
    points: Vec<Point<'a>>,
}

impl<'a> Drawn<'a> {
    fn new(report: &'a Report, line: &'a Line, log: bool) -> Option<Self> {
        let point = |(x, id): &'a (f64, String)| {
            let score = report.score(id)?;
            let shown = score.value.is_finite() && x.is_finite() && (!log || *x > 0.0);
            shown.then(|| Point {
                x: *x,
                score,
                interval: score.interval.filter(|ends| ends.iter().all(|end| end.is_finite())),
                chance: score.chance.filter(|chance| line.chance && chance.is_finite()),
            })
        };
        let mut points: Vec<_> = line.points.iter().filter_map(point).collect();
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        (!points.is_empty()).then_some(Self { line, points })
    }

    fn has_chance(&self) -> bool {
        self.points.iter().any(|point| point.chance.is_some())
    }
}

/// Lines, with bands for their intervals and dashes for chance; `None` if no line has a point.
pub(super) fn lines(report: &Report, figure: &Lines) -> Option<Markup> {
    let drawn: Vec<_> =
        figure.lines.iter().filter_map(|line| Drawn::new(report, line, figure.x_log)).collect();
    let points = || drawn.iter().flat_map(|line| &line.points);
    points().next()?;
    let across: Vec<f64> = points().map(|point| point.x).collect();
    let heights: Vec<f64> = points()
        .flat_map(|point| {
            let ends = point.interval.into_iter().flatten();
            ends.chain([point.score.value]).chain(point.chance)
        })
        .collect();
    let y = Axis::upwards(&heights, [HEIGHT - BELOW, ABOVE]);
    let letters = y.ticks.iter().map(|(_, name)| name.chars().count()).max().unwrap_or(0);
    let left = LARGE_DIGIT * letters as f64 + 8.0;
    let x = Axis::across(&across, figure.x_log, [left, WIDTH - RIGHT], INSET);
    Some(html! {
        div.plot {
            p.y-label { (figure.y_label) }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(figure.title) {
                (axes(&x, &y, left))
                @for (index, line) in drawn.iter().enumerate() {
                    g class=(hue(index)) {
                        (band(line, &x, &y))
                        (chance(index, line, &x, &y, left))
                    }
                }
                // Lines are drawn over all bands.
                @for (index, line) in drawn.iter().enumerate() {
                    g class=(hue(index)) { (curve(index, line, &x, &y)) }
                }
            }
            p.x-label { (figure.x_label) }
            (legend_of_lines(&drawn))
        }
    })
}

fn axes(x: &Axis, y: &Axis, left: f64) -> Markup {
    let bottom = HEIGHT - BELOW;
    let wide = x.legible(DIGIT, &vec![true; x.ticks.len()]);
    let narrow = x.legible(LARGE_DIGIT, &wide);
    html! {
        g.grid {
            @for (value, name) in &y.ticks {
                path d={ "M" (at(left)) " " (at(y.place(*value))) "H" (at(WIDTH - RIGHT)) } {}
                text x=(at(left - 8.0)) y=(at(y.place(*value))) dy=".35em" text-anchor="end" {
                    (name)
                }
            }
        }
        g.axis {
            path d={ "M" (at(left)) " " (at(bottom)) "H" (at(WIDTH - RIGHT)) } {}
            @for (index, (value, name)) in x.ticks.iter().enumerate() {
                @let place = at(x.place(*value));
                path d={ "M" (place) " " (at(bottom)) "v4" } {}
                @if wide[index] {
                    text.wide[!narrow[index]] x=(place) y=(at(HEIGHT - 5.0)) text-anchor="middle" {
                        (name)
                    }
                }
            }
        }
    }
}

/// The intervals of consecutive points as a band; the interval of a single point as a bar.
fn band(line: &Drawn, x: &Axis, y: &Axis) -> Markup {
    let runs = line.points.split(|point| point.interval.is_none()).filter(|run| !run.is_empty());
    let corner = |point: &Point, end: usize| {
        let height = point.interval.map_or(point.score.value, |ends| ends[end]);
        (x.place(point.x), y.place(height))
    };
    html! {
        @for run in runs {
            @let low = run.iter().map(|point| corner(point, 0));
            @let high = run.iter().rev().map(|point| corner(point, 1));
            @if run.len() > 1 {
                path.band d={ (polyline(low.chain(high))) "Z" } {}
            } @else {
                path.bar d=(polyline(low.chain(high))) {}
            }
        }
    }
}

fn chance(index: usize, line: &Drawn, x: &Axis, y: &Axis, left: f64) -> Markup {
    let points = line.points.iter().filter_map(|point| Some((point.x, point.chance?)));
    let places: Vec<_> = points.map(|(place, chance)| (x.place(place), y.place(chance))).collect();
    // A constant level spans the whole width.
    let level = places.first().filter(|first| places.iter().all(|place| place.1 == first.1));
    let path = match level {
        Some((_, height)) => polyline([(left, *height), (WIDTH - RIGHT, *height)]),
        None => polyline(places),
    };
    // Where chance levels coincide, their dashes alternate.
    html! {
        @if line.has_chance() {
            path.chance d=(path) stroke-dashoffset=(index * 6) {}
        }
    }
}

fn curve(index: usize, line: &Drawn, x: &Axis, y: &Axis) -> Markup {
    let place = |point: &Point| (x.place(point.x), y.place(point.score.value));
    html! {
        path.line d=(polyline(line.points.iter().map(place))) {}
        @for point in &line.points {
            path.marker data-score=(point.score.id) d=(marker(index, place(point), MARKER)) {
                title {
                    (point.score.id) ": "
                    (sentence(point.score).unwrap_or_default()) " at " (plain(point.x))
                }
            }
        }
    }
}

fn legend_of_lines(lines: &[Drawn]) -> Markup {
    let swatch = |index: usize, class: &str, marked: bool| {
        html! {
            svg class={ "swatch " (hue(index)) } viewBox="0 0 28 12" aria-hidden="true" {
                path class=(class) d="M1 6H27" {}
                @if marked { path.marker d=(marker(index, (14.0, 6.0), MARKER)) {} }
            }
        }
    };
    html! {
        ul.legend {
            @for (index, line) in lines.iter().enumerate() {
                li { (swatch(index, "line", true)) (line.line.label) }
                @if line.has_chance() {
                    li { (swatch(index, "chance", false)) (line.line.label) ", chance" }
                }
            }
        }
    }
}

/// Points by class; `None` if no point is in a class with a name.
pub(super) fn map(map: &Map) -> Option<Markup> {
    let shown = |(x, y, class): &&(f32, f32, usize)| {
        x.is_finite() && y.is_finite() && *class < map.classes.len()
    };
    let points: Vec<_> = map.points.iter().filter(shown).collect();
    let (first, rest) = points.split_first()?;
    let mut low = [f64::from(first.0), f64::from(first.1)];
    let mut high = low;
    for (x, y, _) in rest {
        for (axis, value) in [f64::from(*x), f64::from(*y)].into_iter().enumerate() {
            low[axis] = low[axis].min(value);
            high[axis] = high[axis].max(value);
        }
    }
    // Both axes have the same scale, so that distances are comparable.
    let span = (high[0] - low[0]).max(high[1] - low[1]);
    let scale = if span > 0.0 { (SIDE - 2.0 * INSET) / span } else { 0.0 };
    let place = |axis: usize, value: f32| {
        SIDE / 2.0 + (f64::from(value) - (low[axis] + high[axis]) / 2.0) * scale
    };
    Some(html! {
        div.map {
            svg viewBox={ "0 0 " (SIDE) " " (SIDE) } role="img" aria-label=(map.title) {
                rect.frame width=(SIDE) height=(SIDE) {}
                @for (x, y, class) in points {
                    // In SVG, y grows downwards.
                    @let centre = (place(0, *x), SIDE - place(1, *y));
                    path class={ "dot " (hue(*class)) } d=(marker(*class, centre, DOT)) {}
                }
            }
            ul.legend {
                @for (class, name) in map.classes.iter().enumerate() {
                    li {
                        svg class={ "swatch small " (hue(class)) } viewBox="0 0 12 12"
                            aria-hidden="true" {
                            path.dot d=(marker(class, (6.0, 6.0), MARKER)) {}
                        }
                        (name)
                    }
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Item;
    use crate::report::html::sample;

    fn of_sample() -> (Report, Lines, Map) {
        let report = sample::report();
        let (mut lines, mut map) = (None, None);
        for item in report.sections[0].items.iter().rev() {
            match item {
                Item::Lines(item) => lines = Some(item.clone()),
                Item::Map(item) => map = Some(item.clone()),
                Item::Table(_) | Item::Picture(_) => {}
            }
        }
        (report, lines.unwrap(), map.unwrap())
    }

    #[test]
    fn points_without_a_number_are_left_out() {
        let (report, figure, _) = of_sample();
        let page = lines(&report, &figure).unwrap().into_string();
        assert_eq!(page.matches("data-score").count(), 2);
        assert!(page.contains("<title>identity/top/1: 10.9\u{202f}% (8.1 – 13.8) at 1</title>"));
        // The first line and its chance; the line without points is omitted.
        assert_eq!(page.matches("<li>").count(), 2);
        // The only interval has no neighbour.
        assert_eq!(
            [page.matches("class=\"band\"").count(), page.matches("class=\"bar\"").count()],
            [0, 1]
        );
        assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
    }

    #[test]
    fn a_figure_without_points_is_none() {
        let (report, mut figure, mut points) = of_sample();
        figure.lines.remove(0);
        assert!(lines(&report, &figure).is_none());
        points.points.retain(|(x, _, class)| x.is_nan() || *class == 7);
        assert!(map(&points).is_none());
    }

    #[test]
    fn a_logarithmic_axis_omits_zero() {
        let (report, mut figure, _) = of_sample();
        figure.lines[0].points = vec![(0.0, "angle".to_owned())];
        assert!(lines(&report, &figure).is_none());
        figure.x_log = false;
        assert!(lines(&report, &figure).is_some());
    }

    #[test]
    fn a_map_has_every_point_of_a_class() {
        let (_, _, points) = of_sample();
        let page = map(&points).unwrap().into_string();
        // Two points and two legend entries.
        assert_eq!(page.matches("<path class=\"dot").count(), 4);
        assert!(!page.contains("NaN"), "{page}");
    }

    #[test]
    fn a_map_of_one_point_has_it_in_the_middle() {
        let (_, _, mut points) = of_sample();
        points.points.truncate(1);
        let page = map(&points).unwrap().into_string();
        assert!(page.contains(&marker(0, (SIDE / 2.0, SIDE / 2.0), DOT)), "{page}");
    }
}
