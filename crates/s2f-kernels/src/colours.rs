//! Pictures from luma and chroma on a CPU, without gradients.

use rayon::prelude::*;

use crate::isa::{Isa, Kernel};
use crate::scratch::Shared;
use crate::vector::Vector;

/// What luma and chroma are: Y = r·R + g·G + b·B, Cb = (B − Y)·`blue`, Cr = (R − Y)·`red`.
#[derive(Debug, Clone, Copy)]
pub struct Colours {
    /// Shares of R, G and B in luma.
    pub luma: [f32; 3],
    /// Factor of the blue difference.
    pub blue: f32,
    /// Factor of the red difference.
    pub red: f32,
}

impl Colours {
    /// R, G and B from luma and from chroma of half the height and width, which is interpolated
    /// bilinearly between the centres of its pixels.
    ///
    /// # Shapes
    /// - `values`: `[batch, size² + 2·(size/2)²]`: luma, blue and red difference, row by row
    /// - output: `[batch, 3 (R, G, B), size, size]`
    ///
    /// # Panics
    /// If `size` is below 2, or `values` has another length.
    pub fn to_rgb(&self, isa: Isa, values: &[f32], size: usize) -> Vec<f32> {
        let half = size / 2;
        let image = size * size + 2 * half * half;
        assert!(half > 0 && values.len().is_multiple_of(image));
        // The pixels of chroma around each pixel, and its place between them.
        let scale = half as f32 / size as f32;
        let around: Vec<(usize, usize, f32)> = (0..size)
            .map(|pixel| {
                let at = ((pixel as f32 + 0.5) * scale - 0.5).max(0.0);
                let first = (at as usize).min(half - 1);
                (first, (first + 1).min(half - 1), at - first as f32)
            })
            .collect();
        let mut rgb = vec![0.0; values.len() / image * 3 * size * size];
        let target = Shared::new(&mut rgb);
        let rows = values.len() / image * size;
        (0..rows).into_par_iter().with_min_len(32).for_each(|row| {
            let (values, y) = (&values[row / size * image..][..image], row % size);
            let start = row / size * 3 * size * size + y * size;
            isa.run(Row { colours: self, values, around: &around, y, target, start });
        });
        rgb
    }
}

/// A row of a picture.
struct Row<'a> {
    colours: &'a Colours,
    /// Of its image.
    values: &'a [f32],
    around: &'a [(usize, usize, f32)],
    y: usize,
    target: Shared,
    start: usize,
}

impl Kernel for Row<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Colours { luma: [of_red, of_green, of_blue], blue: to_blue, red: to_red } =
            *self.colours;
        let size = self.around.len();
        let half = size / 2;
        let (luma, chroma) = self.values.split_at(size * size);
        let luma = &luma[self.y * size..][..size];
        let (blue, red) = chroma.split_at(half * half);
        let (above, below, down) = self.around[self.y];
        let lerp = |a: f32, b: f32, t: f32| a + (b - a) * t;
        for (x, &(left, right, along)) in self.around.iter().enumerate() {
            let between = |plane: &[f32]| {
                let row = |y: usize| lerp(plane[y * half + left], plane[y * half + right], along);
                lerp(row(above), row(below), down)
            };
            let blue = luma[x] + between(blue) / to_blue;
            let red = luma[x] + between(red) / to_red;
            let green = (luma[x] - red * of_red - blue * of_blue) / of_green;
            for (plane, value) in [red, green, blue].into_iter().enumerate() {
                // SAFETY: the caller of this task has a row of each plane, which no other uses.
                unsafe { self.target.at(self.start + plane * size * size + x).write(value) }
            }
        }
    }
}
