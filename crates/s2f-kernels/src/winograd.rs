//! Winograd's convolutions for 4 × 4 kernels: F(4 × 4, 4 × 4) with stride 1, and with stride 2 the
//! sum of four convolutions F(4 × 4, 2 × 2), one for each phase of the input. Each direction has a
//! stride of its own.
//!
//! Tiles of the input become points, a matrix product per point mixes the channels, and points
//! become tiles of the output. The phases of a stride stand side by side as channels of the
//! product, so that their sum is part of it. The gradient of the input is such a convolution too:
//! with stride 2 the phases are those of the output.

mod forward;
mod gradient;
mod lines;
mod tiles;
mod weights;

pub use forward::convolve;
pub use gradient::gradient;
use lines::{FourTaps, TILE, TwoTaps};
pub use weights::Weights;

/// Evaluates work for the lines that the strides of a geometry need.
macro_rules! with_lines {
    ($geometry:expr, $y:ident, $x:ident, $work:expr) => {
        match $geometry.stride {
            [1, 1] => {
                type $y = crate::winograd::FourTaps;
                type $x = crate::winograd::FourTaps;
                $work
            }
            [1, _] => {
                type $y = crate::winograd::FourTaps;
                type $x = crate::winograd::TwoTaps;
                $work
            }
            [_, 1] => {
                type $y = crate::winograd::TwoTaps;
                type $x = crate::winograd::FourTaps;
                $work
            }
            [..] => {
                type $y = crate::winograd::TwoTaps;
                type $x = crate::winograd::TwoTaps;
                $work
            }
        }
    };
}
use with_lines;

/// From which tensor to which: both NHWC.
#[derive(Debug, Clone, Copy)]
pub struct Geometry {
    /// Images.
    pub batch: usize,
    /// Height, width and channels of what is read.
    pub source: [usize; 3],
    /// Height, width and channels of what is written.
    pub target: [usize; 3],
    /// 1 or 2 in each direction.
    pub stride: [usize; 2],
    /// Whether this is the gradient of the input of a convolution with this stride.
    pub adjoint: bool,
}

impl Geometry {
    /// Points of a tile.
    fn points(&self) -> usize {
        self.stride.iter().map(|stride| TILE / stride + TILE - 1).product()
    }

    /// Phases of the source: one of its pixels in `gather` belongs to each.
    fn gather(&self) -> [usize; 2] {
        if self.adjoint { [1, 1] } else { self.stride }
    }

    /// Phases of the target.
    fn scatter(&self) -> [usize; 2] {
        if self.adjoint { self.stride } else { [1, 1] }
    }

    /// Rows or columns of zeros before the source.
    fn padding(&self, axis: usize) -> usize {
        if self.adjoint { TILE / self.stride[axis] - 1 } else { 0 }
    }

    /// Tiles of an image, down and across.
    fn tiles(&self) -> [usize; 2] {
        let scatter = self.scatter();
        [0, 1].map(|axis| self.target[axis].div_ceil(scatter[axis]).div_ceil(TILE))
    }

    /// Image, row and column of a tile among all tiles.
    fn tile(&self, index: usize) -> [usize; 3] {
        let [down, across] = self.tiles();
        let within = index % (down * across);
        [index / (down * across), within / across, within % across]
    }

    /// The places in the source that a tile reads, for one phase.
    ///
    /// # Safety
    /// `source` has all elements that the geometry names.
    #[inline(always)]
    unsafe fn patch(&self, source: *const f32, tile: usize, phase: usize) -> tiles::Patch {
        let [image, down, across] = self.tile(tile);
        let [height, width, channels] = self.source;
        let gather = self.gather();
        let [phase_y, phase_x] = [phase / gather[1], phase % gather[1]];
        let place = |tile: usize, at: usize, axis: usize, phase: usize, size: usize| {
            let place = (tile * TILE + at) * gather[axis] + phase;
            place.checked_sub(self.padding(axis)).filter(|place| *place < size)
        };
        let mut patch = [[None; lines::MAX_POINTS]; lines::MAX_POINTS];
        for (y, row) in patch.iter_mut().enumerate() {
            let Some(y) = place(down, y, 0, phase_y, height) else { continue };
            for (x, pixel) in row.iter_mut().enumerate() {
                if let Some(x) = place(across, x, 1, phase_x, width) {
                    // SAFETY: the pixel lies in the image, as the caller promises.
                    *pixel =
                        Some(unsafe { source.add(((image * height + y) * width + x) * channels) });
                }
            }
        }
        patch
    }
}
