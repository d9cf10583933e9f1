//! Devices: which processor or GPU a model computes on.
//!
//! A device is always chosen by the caller; nothing here or above falls back to a default.

use std::fmt;
use std::str::FromStr;

pub use burn::tensor::Device;
#[cfg(any(feature = "cuda", feature = "wgpu"))]
use burn::tensor::DeviceType;

/// Kinds of devices that this build supports.
const BUILT: &[&str] = &[
    "cpu",
    #[cfg(feature = "cuda")]
    "cuda",
    #[cfg(feature = "wgpu")]
    "wgpu",
];

/// A device by name: `auto`, `cpu`, `cuda:0`, `wgpu:0`; without an index, the first of its kind.
///
/// ```
/// use speech2face::device::DeviceChoice;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let choice: DeviceChoice = "cpu".parse()?;
/// let device = choice.open()?;
/// # drop(device);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceChoice {
    /// The first CUDA device, or else the first wgpu device, or else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// An NVIDIA GPU, by its index in the driver's order.
    Cuda(usize),
    /// A GPU through Vulkan, Metal or Direct3D, by its index.
    Wgpu(usize),
}

/// A device that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No device has this name.
    #[error("there is no device called {name:?}; hint: use auto, cpu, cuda:0 or wgpu")]
    Unknown {
        /// The name.
        name: String,
    },
    /// A kind of device that this build does not support.
    #[error(
        "this build supports {} only, not {kind}; hint: build it with cargo build --release \
         --features {kind}",
        BUILT.join(" and ")
    )]
    NotBuilt {
        /// The kind: `cuda` or `wgpu`.
        kind: &'static str,
    },
    /// A device that this machine does not have.
    #[error(
        "there is no {choice}: this machine has {found} {} of this kind; hint: check the driver, \
         or use cpu",
        if *found == 1 { "device" } else { "devices" }
    )]
    Absent {
        /// The device.
        choice: DeviceChoice,
        /// Number of devices of its kind.
        found: usize,
    },
}

impl DeviceChoice {
    /// `auto`, `cpu`, `cuda` or `wgpu`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Cuda(_) => "cuda",
            Self::Wgpu(_) => "wgpu",
        }
    }

    /// The device that [`DeviceChoice::Auto`] stands for on this machine; any other is returned as
    /// it is.
    pub fn resolve(self) -> Self {
        match self {
            Self::Auto if !list("cuda").is_empty() => Self::Cuda(0),
            Self::Auto if list("wgpu").first().is_some_and(is_card) => Self::Wgpu(0),
            Self::Auto => Self::Cpu,
            other => other,
        }
    }

    /// Opens the device, without autodiff.
    ///
    /// # Errors
    /// [`DeviceError::NotBuilt`] and [`DeviceError::Absent`].
    pub fn open(self) -> Result<Device, DeviceError> {
        let choice = self.resolve();
        let (Self::Cuda(index) | Self::Wgpu(index)) = choice else { return Ok(Device::flex()) };
        let kind = choice.kind();
        if !BUILT.contains(&kind) {
            return Err(DeviceError::NotBuilt { kind });
        }
        let mut devices = list(kind);
        if index >= devices.len() {
            return Err(DeviceError::Absent { choice, found: devices.len() });
        }
        Ok(devices.swap_remove(index))
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let unknown = || DeviceError::Unknown { name: name.to_owned() };
        let (kind, index) = match name.split_once(':') {
            Some((kind, index)) => (kind, Some(index.parse().map_err(|_| unknown())?)),
            None => (name, None),
        };
        match (kind, index) {
            ("auto", None) => Ok(Self::Auto),
            ("cpu", None) => Ok(Self::Cpu),
            ("cuda", index) => Ok(Self::Cuda(index.unwrap_or(0))),
            ("wgpu", index) => Ok(Self::Wgpu(index.unwrap_or(0))),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto | Self::Cpu => f.write_str(self.kind()),
            Self::Cuda(index) | Self::Wgpu(index) => write!(f, "{}:{index}", self.kind()),
        }
    }
}

/// GPUs of a kind in this machine, in the driver's order.
fn list(kind: &str) -> Vec<Device> {
    match kind {
        #[cfg(feature = "cuda")]
        "cuda" => Device::enumerate(DeviceType::Cuda).into_vec(),
        #[cfg(feature = "wgpu")]
        "wgpu" => Device::enumerate(DeviceType::Wgpu).into_vec(),
        _ => Vec::new(),
    }
}

/// Whether a device is a card, not a renderer in software: that one is slower than the CPU, and is
/// used only by name.
#[cfg(any(feature = "cuda", feature = "wgpu"))]
fn is_card(device: &Device) -> bool {
    device.identity().is_some_and(|identity| identity.physical.is_some())
}

/// A build without GPUs has no such device.
#[cfg(not(any(feature = "cuda", feature = "wgpu")))]
fn is_card(_: &Device) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for (name, choice, shown) in [
            ("auto", DeviceChoice::Auto, "auto"),
            ("cpu", DeviceChoice::Cpu, "cpu"),
            ("cuda", DeviceChoice::Cuda(0), "cuda:0"),
            ("cuda:3", DeviceChoice::Cuda(3), "cuda:3"),
            ("wgpu", DeviceChoice::Wgpu(0), "wgpu:0"),
        ] {
            assert_eq!(name.parse(), Ok(choice));
            assert_eq!(choice.to_string(), shown);
            assert_eq!(shown.parse(), Ok(choice));
        }
        for name in ["gpu", "cuda:x", "cuda:", "cuda:-1", "cpu:1", "auto:0", "", "cuda:0,cuda:1"] {
            let error = name.parse::<DeviceChoice>().unwrap_err();
            assert_eq!(error, DeviceError::Unknown { name: name.into() });
        }
    }

    #[test]
    fn the_cpu_is_always_available() {
        let device = DeviceChoice::Cpu.open().unwrap();
        assert!(device == Device::flex() && !device.is_autodiff());
        assert_ne!(DeviceChoice::Auto.resolve(), DeviceChoice::Auto);
        assert!(DeviceChoice::Auto.open().is_ok());
    }

    #[test]
    fn a_device_that_cannot_be_used_is_named() {
        let message = |choice: DeviceChoice| choice.open().unwrap_err().to_string();
        if !BUILT.contains(&"cuda") {
            assert!(message(DeviceChoice::Cuda(0)).ends_with(
                "only, not cuda; hint: build it with cargo build --release --features cuda"
            ));
        } else {
            assert!(message(DeviceChoice::Cuda(999)).starts_with("there is no cuda:999: "));
        }
    }
}
