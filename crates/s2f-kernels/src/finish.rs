//! What follows the sums of a convolution before they are written: bias, ReLU, normalisation with
//! known statistics.

use crate::vector::Vector;

/// Applied channel by channel, in the order of the fields.
#[derive(Debug, Clone, Copy, Default)]
pub struct Finish<'a> {
    /// Added first.
    pub bias: Option<&'a [f32]>,
    /// Whether negative values become 0.
    pub relu: bool,
    /// A factor and a summand.
    pub norm: Option<[&'a [f32]; 2]>,
}

/// The values of some channels in vectors.
#[derive(Clone, Copy)]
pub struct FinishVector<V> {
    bias: V,
    /// 0 with ReLU, otherwise less than any value.
    floor: V,
    norm: Option<[V; 2]>,
}

impl Finish<'_> {
    /// For the channels from `channel` on, as many as `count`.
    ///
    /// # Safety
    /// The processor has the instruction set of `V`.
    #[inline(always)]
    pub unsafe fn vector<V: Vector>(&self, channel: usize, count: usize) -> FinishVector<V> {
        // SAFETY: as the caller promises.
        unsafe {
            FinishVector {
                bias: match self.bias {
                    Some(bias) => read(bias, channel, count),
                    None => V::splat(0.0),
                },
                floor: V::splat(if self.relu { 0.0 } else { f32::NEG_INFINITY }),
                norm: (self.norm)
                    .map(|[scale, shift]| [scale, shift].map(|of| read(of, channel, count))),
            }
        }
    }
}

/// Some of the values of all channels.
///
/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
unsafe fn read<V: Vector>(values: &[f32], channel: usize, count: usize) -> V {
    let values = &values[channel..channel + count];
    // SAFETY: the slice has `count` values; the rest is as the caller promises.
    unsafe { V::load_first(values.as_ptr(), count) }
}

impl<V: Vector> FinishVector<V> {
    /// The finished values.
    #[inline(always)]
    pub fn apply(&self, sum: V) -> V {
        // In this order, a value that is not a number stays one.
        let value = self.floor.max(sum.add(self.bias));
        match self.norm {
            Some([scale, shift]) => value.mul_add(scale, shift),
            None => value,
        }
    }
}
