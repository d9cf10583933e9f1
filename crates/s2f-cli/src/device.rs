//! `--device`: what a command computes on.

use speech2face::{Device, DeviceChoice};

/// The option that names a device.
#[derive(clap::Args)]
pub struct DeviceArgs {
    /// Device to compute on: auto, cpu, cuda:N or wgpu:N
    ///
    /// auto is the first GPU, or the CPU if there is none. GPUs need a build with --features cuda
    /// or --features wgpu.
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
}

impl DeviceArgs {
    /// The device as it was given.
    pub fn choice(&self) -> DeviceChoice {
        self.device
    }

    /// Opens the device.
    ///
    /// # Errors
    /// Names a device that this build does not support or this machine does not have.
    pub fn open(&self) -> anyhow::Result<Device> {
        Ok(self.device.open()?)
    }
}
