//! Bilinear samples of pictures on a CPU, without gradients.

/// Bilinear samples at (`x`, `y`); positions outside give the nearest pixel of the edge.
///
/// # Shapes
/// - `picture`: `[batch, channels, height, width]`, at least 2 × 2 pixels
/// - `x`, `y`: `[batch, positions]`, pixels of the picture
/// - output: `[batch, channels, positions]`
///
/// # Panics
/// If the lengths do not fit `shape`, or a picture is smaller than 2 × 2 pixels.
///
/// ```
/// let picture = [0.0, 1.0, 2.0, 3.0];
/// let found = s2f_kernels::sample::bilinear(&picture, [1, 1, 2, 2], &[0.5, 9.0], &[0.5, 0.0]);
/// assert_eq!(found, [1.5, 1.0]);
/// ```
pub fn bilinear(picture: &[f32], shape: [usize; 4], x: &[f32], y: &[f32]) -> Vec<f32> {
    let [batch, channels, height, width] = shape;
    let positions = x.len() / batch.max(1);
    let mut samples = vec![0.0; batch * channels * positions];
    // Corner, and the distances from it to the right and down.
    let mut cells: Vec<(usize, f32, f32)> = Vec::with_capacity(positions);
    for (index, samples) in samples.chunks_exact_mut(channels * positions).enumerate() {
        let picture = &picture[index * channels * height * width..][..channels * height * width];
        let [x, y] = [x, y].map(|values| &values[index * positions..][..positions]);
        cells.clear();
        cells.extend(x.iter().zip(y).map(|(x, y)| {
            let ((left, right), (top, down)) = (cell(*x, width), cell(*y, height));
            (top * width + left, right, down)
        }));
        let planes = picture.chunks_exact(height * width);
        for (plane, samples) in planes.zip(samples.chunks_exact_mut(positions)) {
            for (sample, &(corner, right, down)) in samples.iter_mut().zip(&cells) {
                let lerp = |a: f32, b: f32, t: f32| a + (b - a) * t;
                let upper = lerp(plane[corner], plane[corner + 1], right);
                let lower = lerp(plane[corner + width], plane[corner + width + 1], right);
                *sample = lerp(upper, lower, down);
            }
        }
    }
    samples
}

/// The first pixel of the cell of a position, and the distance from it. The last cell starts one
/// pixel before the edge, so that its far corner is inside. A position that is not a number is the
/// edge.
fn cell(position: f32, size: usize) -> (usize, f32) {
    let position = position.max(0.0).min((size - 1) as f32);
    let first = (position as usize).min(size - 2);
    (first, position - first as f32)
}
