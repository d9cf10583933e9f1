//! Where the kernels of `s2f_kernels` can be used that have no gradients.

use burn::tensor::Device;

/// Whether a device is the CPU, without gradients.
pub(crate) fn is_plain_cpu(device: &Device) -> bool {
    *device == Device::flex() && !device.is_autodiff()
}
