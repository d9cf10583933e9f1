//! What follows the sums of a convolution before they are written: bias, activation, normalisation
//! with known statistics.

use crate::vector::Vector;

/// What limits the values of a layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// Negative values become 0.
    Relu,
    /// Likewise, and values above 6 become 6.
    Relu6,
}

impl Activation {
    /// The smallest and the largest value.
    pub(crate) fn limits(self) -> [f32; 2] {
        match self {
            Self::None => [f32::NEG_INFINITY, f32::INFINITY],
            Self::Relu => [0.0, f32::INFINITY],
            Self::Relu6 => [0.0, 6.0],
        }
    }
}

/// Applied channel by channel, in the order of the fields.
#[derive(Debug, Clone, Copy, Default)]
pub struct Finish<'a> {
    /// Added first.
    pub bias: Option<&'a [f32]>,
    /// What follows.
    pub activation: Activation,
    /// A factor and a summand.
    pub norm: Option<[&'a [f32]; 2]>,
}

/// The values of some channels in vectors.
#[derive(Clone, Copy)]
pub struct FinishVector<V> {
    bias: V,
    floor: V,
    ceiling: V,
    norm: Option<[V; 2]>,
}

impl Finish<'_> {
    /// For the channels from `channel` on, as many as `count`.
    ///
    /// # Safety
    /// The processor has the instruction set of `V`.
    #[inline(always)]
    pub unsafe fn vector<V: Vector>(&self, channel: usize, count: usize) -> FinishVector<V> {
        let [floor, ceiling] = self.activation.limits();
        // SAFETY: as the caller promises.
        unsafe {
            FinishVector {
                bias: match self.bias {
                    Some(bias) => read(bias, channel, count),
                    None => V::splat(0.0),
                },
                floor: V::splat(floor),
                ceiling: V::splat(ceiling),
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
        let value = self.ceiling.min(self.floor.max(sum.add(self.bias)));
        match self.norm {
            Some([scale, shift]) => value.mul_add(scale, shift),
            None => value,
        }
    }
}
