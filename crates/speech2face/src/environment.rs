//! What a run folder says about the circumstances of its run: `environment.json`.

use serde::{Deserialize, Serialize};

use crate::training_record::{DataId, TrainingRecord};

/// The environment of a run, as `environment.json` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Version of the program, in the latest session.
    pub version: String,
    /// Commit that the program was built from, in the latest session, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The command line of the latest session.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The computer of the latest session; `None` in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Host>,
    /// Device or devices, in the latest session.
    pub device: String,
    /// Random seed.
    pub seed: u64,
    /// Number of threads, in the latest session.
    pub threads: usize,
    /// What the run is trained on.
    #[serde(rename = "data_sha256")]
    pub data: DataId,
    /// What its model was trained on. Empty in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trained_on: Vec<TrainingRecord>,
    /// When the run was started, UTC.
    pub started: String,
    /// When it was resumed, UTC.
    pub resumed: Vec<String>,
}

/// A computer, as far as its operating system describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The operating system.
    pub os: String,
    /// Model of the processor, or its architecture.
    pub cpu: String,
    /// Number of cores that the process may use.
    pub cores: usize,
    /// Memory that the process may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Models of the GPUs, if the run uses one and its driver names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<String>,
}
