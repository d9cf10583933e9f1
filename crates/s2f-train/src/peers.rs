//! Peers: those that train together, each on a share of every batch. They are the devices of a
//! process, and those of other processes if MPI started several.
//!
//! What depends on the whole batch goes through two operations: [`Peers::gather`] and
//! [`Peers::sum`]. Both work in the order of the peers, so the result has the same bytes each time.

#[cfg(feature = "mpi")]
mod mpi;
mod room;

use std::fmt;

#[cfg(feature = "mpi")]
pub use mpi::MpiProcesses;
pub(crate) use room::{Peer, Room};

/// Peers that cannot work together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeersError {
    /// Another peer has stopped.
    #[error("another device or process has stopped; hint: its own message says why")]
    Lost,
    /// The program was built without MPI.
    #[error(
        "this build has no MPI; hint: build with --features mpi, which needs Open MPI or MPICH"
    )]
    NotBuilt,
    /// MPI cannot be used.
    #[error("MPI: {0}; hint: start the program with mpirun or srun")]
    Mpi(String),
    /// The processes differ in something that must be equal.
    #[error("the processes have different {0}; hint: start all with the same command")]
    Different(&'static str),
}

/// One of several that train together, and its ways to the others. All of them call the same
/// methods in the same order; each call waits for the others.
pub trait Peers: fmt::Debug + Send + Sync {
    /// Place among the peers.
    fn index(&self) -> usize;

    /// Number of peers, 1 or more.
    fn count(&self) -> usize;

    /// The values of all peers in their order. Each may give another number of values.
    ///
    /// # Errors
    /// [`PeersError::Lost`] if another peer has stopped.
    fn gather(&self, own: Vec<f32>) -> Result<Vec<Vec<f32>>, PeersError>;

    /// The sum over the peers, value by value, added up in their order. Each gives the same number
    /// of values.
    ///
    /// # Errors
    /// As [`gather`](Self::gather).
    fn sum(&self, own: Vec<f32>) -> Result<Vec<f32>, PeersError> {
        let mut all = self.gather(own)?.into_iter();
        let mut sum = all.next().unwrap_or_default();
        all.for_each(|values| add(&mut sum, &values));
        Ok(sum)
    }
}

/// The processes that train together. The first one writes the run folder.
pub trait Processes: Peers {
    /// The bytes of the first process; those of the others are ignored.
    ///
    /// # Errors
    /// As [`Peers::gather`].
    fn broadcast(&self, bytes: Vec<u8>) -> Result<Vec<u8>, PeersError>;

    /// Stops all processes, after an error in this one. Returns if there is no other.
    fn abort(&self);

    /// Whether this process writes the run folder.
    fn is_first(&self) -> bool {
        self.index() == 0
    }
}

/// A process that trains alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneProcess;

impl Peers for OneProcess {
    fn index(&self) -> usize {
        0
    }

    fn count(&self) -> usize {
        1
    }

    fn gather(&self, own: Vec<f32>) -> Result<Vec<Vec<f32>>, PeersError> {
        Ok(vec![own])
    }
}

impl Processes for OneProcess {
    fn broadcast(&self, bytes: Vec<u8>) -> Result<Vec<u8>, PeersError> {
        Ok(bytes)
    }

    fn abort(&self) {}
}

/// The processes that `mpirun` or `srun` started.
///
/// # Errors
/// [`PeersError::NotBuilt`] without the feature `mpi`; [`PeersError::Mpi`].
pub fn mpi_processes() -> Result<std::sync::Arc<dyn Processes>, PeersError> {
    #[cfg(feature = "mpi")]
    return Ok(std::sync::Arc::new(MpiProcesses::start()?));
    #[cfg(not(feature = "mpi"))]
    Err(PeersError::NotBuilt)
}

/// Adds `values` to `sum`.
fn add(sum: &mut [f32], values: &[f32]) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += value;
    }
}
