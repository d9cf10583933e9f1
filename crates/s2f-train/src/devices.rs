//! The devices that training computes on: one, or several of a kind.

mod compute;
mod precision;
mod statistics;

use burn::tensor::Device;
#[cfg(any(feature = "cuda", feature = "wgpu"))]
use burn::tensor::DeviceType;

pub use compute::{Backward, Compute, Replica};
pub use precision::{LossScale, ComputePrecision};

/// Names of what this build can compute on.
const BUILT: &[&str] = &[
    "cpu",
    #[cfg(feature = "cuda")]
    "cuda",
    #[cfg(feature = "wgpu")]
    "wgpu",
];

/// A device that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DevicesError {
    /// No device has this name.
    #[error(
        "no device is called {name:?}; hint: auto, cpu, cuda:0, wgpu, or several GPUs as in cuda:0,cuda:1"
    )]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// A kind of device that this build leaves out.
    #[error(
        "this build computes on {} only, not on {kind}; hint: cargo build --release --features {kind}",
        BUILT.join(" and ")
    )]
    NotBuilt {
        /// The kind.
        kind: &'static str,
    },
    /// A device that this machine does not have.
    #[error("there is no {name}: {found} {} found; hint: check the driver, or use cpu", if *found == 1 { "device of this kind was" } else { "devices of this kind were" })]
    Absent {
        /// What was asked for.
        name: String,
        /// Devices of its kind.
        found: usize,
    },
    /// Several devices that cannot share the work.
    #[error(
        "{names} cannot work together; hint: name several GPUs of one kind, each once, as in cuda:0,cuda:1"
    )]
    Mixed {
        /// What was asked for.
        names: String,
    },
    /// Several devices for work that is not shared.
    #[error("{names}: a face decoder trains on one device; hint: name one")]
    Several {
        /// What was asked for.
        names: String,
    },
    /// Numbers that a device cannot compute with.
    #[error("{name} does not compute in {precision}; hint: use float32")]
    Precision {
        /// The device.
        name: String,
        /// The numbers.
        precision: ComputePrecision,
    },
}

/// One device or several equal ones, each with a share of every batch. The first holds the
/// weights.
#[derive(Debug, Clone)]
pub struct Devices {
    names: Vec<String>,
    devices: Vec<Device>,
}

impl Devices {
    /// The processor.
    pub fn cpu() -> Self {
        Self { names: vec!["cpu".into()], devices: vec![Device::flex()] }
    }

    /// `auto` (the first CUDA device, else what wgpu takes for the best, else the processor), `cpu`,
    /// `cuda` or `cuda:0`, `wgpu` or `wgpu:0`, or several of one kind, separated by commas.
    ///
    /// # Errors
    /// [`DevicesError`] where a name means nothing, was not built in or is not there.
    pub fn parse(text: &str) -> Result<Self, DevicesError> {
        if text == "auto" {
            let found = BUILT.iter().rev().filter(|&&kind| count(kind) > 0);
            // CUDA stands before wgpu, which sees the same cards; the processor comes last.
            let kind =
                found.max_by_key(|&&kind| ["cpu", "wgpu", "cuda"].iter().position(|&k| k == kind));
            return Self::parse(kind.unwrap_or(&"cpu"));
        }
        let mut chosen = Self { names: Vec::new(), devices: Vec::new() };
        for name in text.split(',') {
            let (kind, device) = one(name.trim())?;
            let name = name.trim().to_owned();
            let is_other = chosen.names.first().is_some_and(|first| !first.starts_with(kind));
            if is_other || chosen.devices.contains(&device) {
                return Err(DevicesError::Mixed { names: text.to_owned() });
            }
            chosen.names.push(name);
            chosen.devices.push(device);
        }
        Ok(chosen)
    }

    /// The device that holds the weights, without autodiff.
    pub fn first(&self) -> &Device {
        &self.devices[0]
    }

    /// The one device, for work that is not shared.
    ///
    /// # Errors
    /// [`DevicesError::Several`] where there are more.
    pub fn only(&self) -> Result<&Device, DevicesError> {
        match self.devices.as_slice() {
            [device] => Ok(device),
            _ => Err(DevicesError::Several { names: self.name() }),
        }
    }

    /// All of them, without autodiff.
    pub fn all(&self) -> impl Iterator<Item = &Device> {
        self.devices.iter()
    }

    /// Whether it is the processor, whose memory is the machine's.
    pub(crate) fn is_cpu(&self) -> bool {
        self.names.iter().all(|name| name == "cpu")
    }

    /// Number of devices, 1 or more: a batch is divided into as many shards.
    pub fn count(&self) -> usize {
        self.devices.len()
    }

    /// The names, as [`Devices::parse`] reads them.
    pub fn name(&self) -> String {
        self.names.join(",")
    }
}

/// One device and its kind.
fn one(name: &str) -> Result<(&'static str, Device), DevicesError> {
    let unknown = || DevicesError::Unknown { name: name.to_owned() };
    let (kind, index) = match name.split_once(':') {
        Some((kind, index)) => (kind, Some(index.parse::<usize>().map_err(|_| unknown())?)),
        None => (name, None),
    };
    let kind = match (kind, index) {
        ("cpu", None) => return Ok(("cpu", Device::flex())),
        ("cuda", _) => "cuda",
        ("wgpu", _) => "wgpu",
        _ => return Err(unknown()),
    };
    if !BUILT.contains(&kind) {
        return Err(DevicesError::NotBuilt { kind });
    }
    let mut found = list(kind);
    let index = index.unwrap_or(0);
    if index >= found.len() {
        return Err(DevicesError::Absent { name: name.to_owned(), found: found.len() });
    }
    Ok((kind, found.swap_remove(index)))
}

/// Devices of a kind in this machine, in the driver's order.
fn list(kind: &str) -> Vec<Device> {
    match kind {
        "cpu" => vec![Device::flex()],
        #[cfg(feature = "cuda")]
        "cuda" => Device::enumerate(DeviceType::Cuda).into_vec(),
        #[cfg(feature = "wgpu")]
        "wgpu" => Device::enumerate(DeviceType::Wgpu).into_vec(),
        _ => Vec::new(),
    }
}

fn count(kind: &str) -> usize {
    list(kind).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_always_there() {
        let devices = Devices::parse("cpu").unwrap();
        assert_eq!((devices.name().as_str(), devices.count()), ("cpu", 1));
        assert!(!devices.first().is_autodiff());
        assert!(Devices::parse("auto").is_ok());
    }

    #[test]
    fn what_cannot_be_had_is_said() {
        let message = |name: &str| Devices::parse(name).unwrap_err().to_string();
        for name in ["gpu", "cuda:x", "cpu:1", "", "cuda:0,"] {
            assert!(
                message(name).starts_with("no device is called")
                    || !BUILT.contains(&"cuda") && message(name).contains("--features cuda"),
                "{name}: {}",
                message(name)
            );
        }
        assert!(message("cpu,cpu").contains("cannot work together"));
        if !BUILT.contains(&"cuda") {
            assert_eq!(
                message("cuda:0,cuda:1"),
                "this build computes on cpu only, not on cuda; hint: cargo build --release --features cuda"
            );
        }
    }
}
