//! Estimates the light on the wall behind a portrait, from the visible parts of the wall.

use crate::FaceError;
use crate::linear::solve;
use crate::raster::Raster;

/// The surface is fitted to every fourth pixel in every fourth row.
const STRIDE: usize = 4;

/// Terms of the surface: 1, x, y, x², xy, y².
const TERMS: usize = 6;

/// Rounds of reweighting; the fit converges after about half of them.
const ROUNDS: usize = 12;

/// Pixels further from the surface than this many robust standard deviations have no weight.
const CUT_OFF: f64 = 4.0;

/// Minimum cut-off, in logarithms of light: the noise that compression adds to an even surface.
const MIN_CUT_OFF: f64 = 0.03;

/// Maximum cut-off, in logarithms of light: shadows on the wall are below it, other objects are
/// not.
const MAX_CUT_OFF: f64 = 0.6;

/// The fit starts with pixels within this distance of the most frequent brightness, in logarithms
/// of light.
const FIRST_WINDOW: f64 = 0.35;

/// Minimum share of the visible pixels that must lie on the surface.
const MIN_SHARE: f64 = 0.25;

/// Fits a smooth surface to the background of a portrait.
///
/// `light` has the logarithm of the linear light of each pixel of a square picture, row by row;
/// `visible` is 1 where the background can be visible. The results have the layout of `light`.
/// Hair, shoulders and other objects in front are outliers: the fit starts at the most frequent
/// brightness, and is a reweighted least-squares fit of a quadratic (Tukey's biweight) to the
/// logarithm, channel by channel. The residual, which is shadows on the wall, is smoothed over
/// `reach` pixels.
///
/// # Errors
/// [`FaceError::NoBackground`] if less than a quarter of the visible pixels lie on a surface.
pub(crate) fn estimate(
    light: &[[f32; 3]],
    visible: &Raster,
    side: usize,
    reach: f32,
) -> Result<Background, FaceError> {
    let surface = fit_surface(light, visible, side)?;
    let wall: Vec<[f32; 3]> = (0..side * side)
        .map(|index| {
            let terms = terms(index, side);
            [0, 1, 2].map(|channel| {
                let value: f64 = (0..TERMS).map(|term| terms[term] * surface[term][channel]).sum();
                value as f32
            })
        })
        .collect();
    let rest = |index: usize, channel: usize| light[index][channel] - wall[index][channel];
    let counts = Raster::from_fn(side, |column, row| {
        let index = row * side + column;
        let near = (0..3).all(|channel| f64::from(rest(index, channel).abs()) < FIRST_WINDOW);
        if near { visible.values()[index] } else { 0.0 }
    });
    let count = counts.blurred(reach);
    let mut shadows = vec![[0.0; 3]; side * side];
    for channel in 0..3 {
        let sum = Raster::from_fn(side, |column, row| {
            let index = row * side + column;
            counts.values()[index] * rest(index, channel)
        });
        let sum = sum.blurred(reach);
        for (index, shadow) in shadows.iter_mut().enumerate() {
            // With little background nearby, the shadow fades out.
            shadow[channel] = sum.values()[index] / (count.values()[index] + 0.1);
        }
    }
    Ok(Background { wall, shadows })
}

/// The light on the background, as logarithms, row by row.
pub(crate) struct Background {
    /// The smooth light on wall and person.
    pub(crate) wall: Vec<[f32; 3]>,
    /// The contribution of shadows on the wall, added to `wall`.
    pub(crate) shadows: Vec<[f32; 3]>,
}

fn fit_surface(
    light: &[[f32; 3]],
    visible: &Raster,
    side: usize,
) -> Result<[[f64; 3]; TERMS], FaceError> {
    let places: Vec<usize> = (0..side * side)
        .filter(|index| {
            (index % side).is_multiple_of(STRIDE) && (index / side).is_multiple_of(STRIDE)
        })
        .filter(|&index| visible.values()[index] > 0.5)
        .collect();
    let brightness: Vec<f64> =
        places.iter().map(|&index| f64::from(light[index].iter().sum::<f32>()) / 3.0).collect();
    let start = mode(&brightness).ok_or(FaceError::NoBackground)?;
    let mut weights: Vec<f64> = brightness
        .iter()
        .map(|value| if (value - start).abs() < FIRST_WINDOW { 1.0 } else { 0.0 })
        .collect();
    let mut surface = [[0.0; 3]; TERMS];
    for _ in 0..ROUNDS {
        surface = weighted_fit(light, &places, &weights, side).ok_or(FaceError::NoBackground)?;
        let misfits: Vec<f64> =
            places.iter().map(|&index| misfit(&light[index], &surface, index, side)).collect();
        let mut counted: Vec<f64> = misfits
            .iter()
            .zip(&weights)
            .filter(|&(_, &weight)| weight > 0.01)
            .map(|(&misfit, _)| misfit)
            .collect();
        counted.sort_by(f64::total_cmp);
        let median = counted.get(counted.len() / 2).ok_or(FaceError::NoBackground)?;
        // The standard deviation of a normal distribution is 1.4826 times its median absolute
        // deviation.
        let limit = (CUT_OFF * 1.4826 * median).clamp(MIN_CUT_OFF, MAX_CUT_OFF);
        for (weight, misfit) in weights.iter_mut().zip(&misfits) {
            *weight = (1.0 - (misfit / limit).powi(2)).max(0.0).powi(2);
        }
    }
    let on_surface = weights.iter().filter(|&&weight| weight > 0.01).count();
    if (on_surface as f64) < MIN_SHARE * places.len() as f64 {
        return Err(FaceError::NoBackground);
    }
    Ok(surface)
}

/// The largest deviation among the three channels.
fn misfit(light: &[f32; 3], surface: &[[f64; 3]; TERMS], index: usize, side: usize) -> f64 {
    let terms = terms(index, side);
    let deviation = |channel: usize| {
        let value: f64 = (0..TERMS).map(|term| terms[term] * surface[term][channel]).sum();
        (f64::from(light[channel]) - value).abs()
    };
    deviation(0).max(deviation(1)).max(deviation(2))
}

/// Weighted least squares by the normal equations; `None` if the pixels do not determine the
/// surface.
fn weighted_fit(
    light: &[[f32; 3]],
    places: &[usize],
    weights: &[f64],
    side: usize,
) -> Option<[[f64; 3]; TERMS]> {
    let mut matrix = [0.0; TERMS * TERMS];
    let mut right = [[0.0; 3]; TERMS];
    for (&index, weight) in places.iter().zip(weights) {
        let terms = terms(index, side);
        for (row, &term) in terms.iter().enumerate() {
            for (column, &other) in terms.iter().enumerate() {
                matrix[row * TERMS + column] += weight * term * other;
            }
            for channel in 0..3 {
                right[row][channel] += weight * term * f64::from(light[index][channel]);
            }
        }
    }
    solve(&mut matrix, &mut right).then_some(right)
}

/// The terms of the surface at a pixel, with x and y from −1 to 1.
fn terms(index: usize, side: usize) -> [f64; TERMS] {
    let middle = (side as f64 - 1.0) / 2.0;
    let x = (index % side) as f64 / middle - 1.0;
    let y = (index / side) as f64 / middle - 1.0;
    [1.0, x, y, x * x, x * y, y * y]
}

/// The most frequent value, by a histogram; `None` for an empty list.
fn mode(values: &[f64]) -> Option<f64> {
    const BINS: usize = 64;
    let low = values.iter().copied().min_by(f64::total_cmp)?;
    let high = values.iter().copied().max_by(f64::total_cmp)?;
    let width = ((high - low) / BINS as f64).max(f64::MIN_POSITIVE);
    let mut counts = [0_usize; BINS];
    for value in values {
        counts[(((value - low) / width) as usize).min(BINS - 1)] += 1;
    }
    // Neighbouring bins count too, so that a single full bin does not win.
    let around =
        |bin: usize| counts[bin.saturating_sub(2)..(bin + 3).min(BINS)].iter().sum::<usize>();
    let best = (0..BINS).max_by_key(|&bin| around(bin))?;
    Some(low + (best as f64 + 0.5) * width)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 200;

    /// A wall with grain; its light falls off towards a corner.
    fn wall(column: usize, row: usize) -> [f32; 3] {
        let (x, y) = (column as f32 / SIDE as f32, row as f32 / SIDE as f32);
        let grain = ((column * 7919 + row * 104_729) % 17) as f32 / 17.0 - 0.5;
        [-0.4, -0.3, -0.35].map(|level| level - 0.2 * x - 0.1 * y * y + 0.02 * grain)
    }

    fn scene(person: impl Fn(usize, usize) -> bool) -> Vec<[f32; 3]> {
        (0..SIDE * SIDE)
            .map(|index| {
                let (column, row) = (index % SIDE, index / SIDE);
                if person(column, row) { [-2.0, -2.5, -3.0] } else { wall(column, row) }
            })
            .collect()
    }

    #[test]
    fn the_wall_is_estimated_behind_a_head_and_long_hair() {
        let head = |column: usize, row: usize| column.abs_diff(100) < 40 && row > 40;
        let hair = |column: usize, row: usize| column.abs_diff(60) < 25 && row > 90;
        let light = scene(|column, row| head(column, row) || hair(column, row));
        let visible =
            Raster::from_fn(SIDE, |column, row| if head(column, row) { 0.0 } else { 1.0 });
        let found = estimate(&light, &visible, SIDE, 12.0).unwrap();
        for (index, wall_light) in found.wall.iter().enumerate() {
            let expected = wall(index % SIDE, index / SIDE);
            for channel in 0..3 {
                let error = wall_light[channel] + found.shadows[index][channel] - expected[channel];
                assert!(error.abs() < 0.025, "{index}: {error}");
            }
        }
    }

    #[test]
    fn a_picture_without_a_wall_is_an_error() {
        let busy = scene(|column, row| (column / 20 + row / 20) % 2 == 0)
            .into_iter()
            .enumerate()
            .map(|(index, light)| light.map(|value| value * (1.0 + (index * 31 % 101) as f32)))
            .collect::<Vec<_>>();
        let visible = Raster::from_fn(SIDE, |_, _| 1.0);
        assert!(matches!(estimate(&busy, &visible, SIDE, 12.0), Err(FaceError::NoBackground)));
        let nothing = Raster::from_fn(SIDE, |_, _| 0.0);
        assert!(matches!(estimate(&busy, &nothing, SIDE, 12.0), Err(FaceError::NoBackground)));
    }
}
