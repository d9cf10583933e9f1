//! The devices that training computes on: one, or several of a kind.

mod compute;
pub(crate) mod gradients;
mod precision;
mod statistics;

use std::str::FromStr;
use std::sync::Arc;

use burn::tensor::Device;
pub use compute::{Backward, Compute, LossScope, Output, Replica};
pub use precision::{ComputePrecision, LossScale};
use speech2face::{DeviceChoice, DeviceError};

use crate::peers::{OneProcess, PeersError, Processes};

/// Devices that cannot be used for training.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DevicesError {
    /// One of the devices.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Several devices that cannot share the work.
    #[error(
        "{names} cannot be used together; hint: name several GPUs of one kind, each once, as in \
         cuda:0,cuda:1"
    )]
    Mixed {
        /// The devices.
        names: String,
    },
    /// Several devices for a training that uses one.
    #[error(
        "{names}: this network is trained on one device of one process; hint: name one device, and \
         start one process"
    )]
    Several {
        /// The devices.
        names: String,
    },
    /// A device does not support a precision.
    #[error("{name} does not support optimisation.precision = {precision}; hint: use float32")]
    Precision {
        /// The device.
        name: String,
        /// The precision.
        precision: ComputePrecision,
    },
}

/// One device or several of a kind, each with a share of every batch. The first holds the weights.
/// Other processes may have devices of the same number and kind.
#[derive(Debug, Clone)]
pub struct Devices {
    names: Vec<String>,
    devices: Vec<Device>,
    processes: Arc<dyn Processes>,
}

impl Devices {
    /// The CPU.
    pub fn cpu() -> Self {
        Self::one("cpu", Device::flex())
    }

    /// A device that was opened elsewhere, without autodiff; its name is for messages.
    pub fn one(name: impl Into<String>, device: Device) -> Self {
        Self { names: vec![name.into()], devices: vec![device], processes: Arc::new(OneProcess) }
    }

    /// The same devices in each of several processes.
    ///
    /// # Errors
    /// [`PeersError::Different`] if the processes have different numbers of devices.
    pub fn with_processes(self, processes: Arc<dyn Processes>) -> Result<Self, PeersError> {
        let counts = processes.gather(vec![self.count() as f32])?;
        if counts.iter().any(|count| *count != [self.count() as f32]) {
            return Err(PeersError::Different("numbers of devices"));
        }
        Ok(Self { processes, ..self })
    }

    /// The processes that train together.
    pub fn processes(&self) -> &Arc<dyn Processes> {
        &self.processes
    }

    /// The device that holds the weights, without autodiff.
    pub fn first(&self) -> &Device {
        &self.devices[0]
    }

    /// The only device.
    ///
    /// # Errors
    /// [`DevicesError::Several`] if there are more.
    pub fn only(&self) -> Result<&Device, DevicesError> {
        match self.devices.as_slice() {
            [device] if self.processes.count() == 1 => Ok(device),
            _ => Err(DevicesError::Several { names: self.name() }),
        }
    }

    /// All of them, without autodiff.
    pub fn all(&self) -> impl Iterator<Item = &Device> {
        self.devices.iter()
    }

    /// Number of devices of this process, 1 or more.
    pub fn count(&self) -> usize {
        self.devices.len()
    }

    /// Number of devices of all processes: a batch is divided into as many shards.
    pub fn count_of_all(&self) -> usize {
        self.devices.len() * self.processes.count()
    }

    /// The names, as [`FromStr`] reads them, and the number of processes if there are several.
    pub fn name(&self) -> String {
        let names = self.names.join(",");
        match self.processes.count() {
            1 => names,
            count => format!("{names} in each of {count} processes"),
        }
    }

    /// Whether it is the CPU, whose memory is the machine's.
    pub(crate) fn is_cpu(&self) -> bool {
        self.devices.iter().all(|device| *device == Device::flex())
    }
}

/// One [`DeviceChoice`], or several of a kind separated by commas: `auto`, `cpu`, `cuda:0,cuda:1`.
impl FromStr for Devices {
    type Err = DevicesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut choices: Vec<DeviceChoice> = Vec::new();
        for name in text.split(',') {
            let choice = name.trim().parse::<DeviceChoice>()?.resolve();
            let is_other = choices.first().is_some_and(|first| first.kind() != choice.kind());
            if is_other || choices.contains(&choice) {
                return Err(DevicesError::Mixed { names: text.to_owned() });
            }
            choices.push(choice);
        }
        Ok(Self {
            names: choices.iter().map(DeviceChoice::to_string).collect(),
            devices: choices.iter().map(|choice| choice.open()).collect::<Result<_, _>>()?,
            processes: Arc::new(OneProcess),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_available() {
        let devices: Devices = "cpu".parse().unwrap();
        assert_eq!((devices.name().as_str(), devices.count()), ("cpu", 1));
        assert!(!devices.first().is_autodiff() && devices.is_cpu());
        assert!("auto".parse::<Devices>().is_ok());
        assert!(Devices::one("the first device", Device::flex()).is_cpu());
    }

    #[test]
    fn devices_that_cannot_be_used_are_named() {
        let message = |names: &str| names.parse::<Devices>().unwrap_err().to_string();
        for name in ["gpu", "cuda:x", "cpu:1", "", "cpu,"] {
            let unknown = name.split(',').next_back().unwrap();
            assert!(message(name).contains(&format!("{unknown:?}")), "{name}: {}", message(name));
        }
        assert!(message("cpu,cpu").contains("cannot be used together"));
        assert!(message("cuda:0,wgpu:0").contains("cannot be used together"));
        #[cfg(not(feature = "cuda"))]
        assert!(message("cuda:0,cuda:1").contains("--features cuda"));
    }
}
