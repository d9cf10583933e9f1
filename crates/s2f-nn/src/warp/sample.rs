//! Bilinear samples of pictures.

use burn::tensor::{Device, Tensor, TensorData};
use s2f_kernels::isa::Isa;

use crate::plain_cpu::is_plain_cpu;

/// Bilinear samples of `picture` at (`x`, `y`); positions outside give the nearest pixel of the
/// edge. `picture` has at least 2 × 2 pixels.
///
/// # Shapes
/// - `picture`: `[batch, channels, height, width]`
/// - `x`, `y`: `[batch, rows, columns]`, pixels of `picture`
/// - output: `[batch, channels, rows, columns]`
pub fn sample(picture: Tensor<4>, x: Tensor<3>, y: Tensor<3>) -> Tensor<4> {
    let [batch, channels, height, width] = picture.dims();
    let [_, rows, columns] = x.dims();
    let pixels = rows * columns;
    if [&picture.device(), &x.device(), &y.device()].into_iter().all(is_plain_cpu) {
        let shape = [batch, channels, height, width];
        let values = picture.clone().into_data();
        let [right, down] = [&x, &y].map(|axis| axis.clone().into_data());
        if let (Ok(values), Ok(x), Ok(y)) = (values.as_slice(), right.as_slice(), down.as_slice()) {
            let samples = s2f_kernels::sample::bilinear(Isa::best(), values, shape, x, y);
            let data = TensorData::new(samples, [batch, channels, rows, columns]);
            return Tensor::from_data(data, &Device::flex());
        }
    }
    let x = x.clamp(0.0, (width - 1) as f64).reshape([batch, 1, pixels]);
    let y = y.clamp(0.0, (height - 1) as f64).reshape([batch, 1, pixels]);
    // The last cell starts one pixel before the edge, so that its far corner is inside.
    let left = x.clone().detach().floor().clamp_max((width - 2) as f64);
    let top = y.clone().detach().floor().clamp_max((height - 2) as f64);
    let (right, down) = (x - left.clone(), y - top.clone()); // [batch, 1, pixels]
    let corner = (top * width as f64 + left).int(); // [batch, 1, pixels]
    let flat = picture.reshape([batch, channels, height * width]);
    let at = |offset: usize| {
        let index = (corner.clone() + offset as i64).repeat_dim(1, channels);
        flat.clone().gather(2, index) // [batch, channels, pixels]
    };
    let lerp = |a: Tensor<3>, b: Tensor<3>, t: &Tensor<3>| a.clone() + (b - a) * t.clone();
    let upper = lerp(at(0), at(1), &right);
    let lower = lerp(at(width), at(width + 1), &right);
    lerp(upper, lower, &down).reshape([batch, channels, rows, columns])
}
