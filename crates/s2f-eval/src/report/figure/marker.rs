//! Colours and markers of lines and classes, and SVG path data.

/// Number of colours in the style sheet. The colour-blind can tell them apart.
const COLOURS: usize = 6;
const SHAPES: usize = 6;

/// CSS class of a colour.
pub(super) fn hue(index: usize) -> String {
    format!("hue-{}", index % COLOURS)
}

/// The outline of a marker. Markers of the same colour differ in shape.
pub(super) fn marker(index: usize, (x, y): (f64, f64), half: f64) -> String {
    let corners = |corners: &[(f64, f64)]| {
        let places = corners.iter().map(|(dx, dy)| (x + half * dx, y + half * dy));
        format!("{}Z", polyline(places))
    };
    // The sizes make all shapes look equally large.
    match (index + index / COLOURS) % SHAPES {
        0 => {
            let (start, side) = (at(x - half), at(2.0 * half));
            let (y, half) = (at(y), at(half));
            format!("M{start} {y}a{half} {half} 0 1 0 {side} 0a{half} {half} 0 1 0 -{side} 0Z")
        }
        1 => corners(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
        2 => corners(&[(0.0, -1.25), (1.2, 0.9), (-1.2, 0.9)]),
        3 => corners(&[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)]),
        4 => corners(&[(0.0, 1.25), (1.2, -0.9), (-1.2, -0.9)]),
        _ => corners(&[
            (-0.4, -1.2),
            (0.4, -1.2),
            (0.4, -0.4),
            (1.2, -0.4),
            (1.2, 0.4),
            (0.4, 0.4),
            (0.4, 1.2),
            (-0.4, 1.2),
            (-0.4, 0.4),
            (-1.2, 0.4),
            (-1.2, -0.4),
            (-0.4, -0.4),
        ]),
    }
}

/// A path through all `places`.
pub(super) fn polyline(places: impl IntoIterator<Item = (f64, f64)>) -> String {
    let places: Vec<_> = places.into_iter().map(|(x, y)| format!("{} {}", at(x), at(y))).collect();
    format!("M{}", places.join("L"))
}

/// A coordinate, rounded to a tenth of a unit.
pub(super) fn at(place: f64) -> String {
    let text = format!("{place:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn markers_of_the_same_colour_differ_in_shape() {
        let looks: BTreeSet<_> =
            (0..36).map(|index| (hue(index), marker(index, (0.0, 0.0), 4.0))).collect();
        assert_eq!(looks.len(), 36);
    }
}
