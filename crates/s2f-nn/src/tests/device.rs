//! The device that tests compute on.

use burn::tensor::Device;

/// The processor, whatever other backends were compiled in.
pub(crate) fn cpu() -> Device {
    Device::flex()
}
