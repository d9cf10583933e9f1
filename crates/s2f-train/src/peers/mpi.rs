//! The processes that `mpirun` or `srun` started.
//!
//! One thread talks to MPI, from its start to its end, so MPI need not support threads; the others
//! ask it through a channel.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle, panicking};

use mpi::Threading;
use mpi::datatype::PartitionMut;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Equivalence, Root};

use super::{Peers, PeersError, Processes, add};

/// Maximum number of values that are added up together, 4 MiB · 4 bytes: their copies stay small
/// beside the gradients.
const BUCKET: usize = 4 << 20;
/// MPI counts in C's `int`.
const MAX_MESSAGE: usize = 1 << 30;

/// The processes of `MPI_COMM_WORLD`.
#[derive(Debug)]
pub struct MpiProcesses {
    rank: usize,
    size: usize,
    requests: Mutex<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is asked for, and where its answer goes.
enum Request {
    Gather(Vec<f32>, Sender<Vec<Vec<f32>>>),
    Sum(Vec<f32>, Sender<Vec<f32>>),
    Broadcast(Vec<u8>, Sender<Vec<u8>>),
    Abort,
    Finish,
}

impl MpiProcesses {
    /// Starts MPI, once in a process. Dropping the value ends it, and waits for the other processes
    /// to do the same.
    ///
    /// # Errors
    /// [`PeersError::Mpi`] if MPI cannot be started, or was before.
    pub fn start() -> Result<Self, PeersError> {
        let (requests, receiver) = channel();
        let (started, start) = channel();
        let thread = thread::Builder::new().name("mpi".into()).spawn(move || {
            let Some((universe, _)) = mpi::initialize_with_threading(Threading::Funneled) else {
                return;
            };
            let world = universe.world();
            let _ = started.send((place(world.rank()), place(world.size())));
            if serve(&world, &receiver) {
                drop(universe);
            } else {
                // Ending MPI would wait for processes that may have stopped.
                std::mem::forget(universe);
            }
        });
        let thread = thread.map_err(|error| PeersError::Mpi(error.to_string()))?;
        let (rank, size) =
            start.recv().map_err(|_| PeersError::Mpi("it was started before".to_owned()))?;
        Ok(Self { rank, size, requests: Mutex::new(requests), thread: Some(thread) })
    }

    fn send(&self, request: Request) {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        // If the thread has ended, the answer does not come either.
        let _ = requests.send(request);
    }

    fn ask<T>(&self, request: impl FnOnce(Sender<T>) -> Request) -> Result<T, PeersError> {
        let (sender, answer) = channel();
        self.send(request(sender));
        answer.recv().map_err(|_| PeersError::Lost)
    }
}

impl Peers for MpiProcesses {
    fn index(&self) -> usize {
        self.rank
    }

    fn count(&self) -> usize {
        self.size
    }

    fn gather(&self, own: Vec<f32>) -> Result<Vec<Vec<f32>>, PeersError> {
        self.ask(|answer| Request::Gather(own, answer))
    }

    fn sum(&self, own: Vec<f32>) -> Result<Vec<f32>, PeersError> {
        self.ask(|answer| Request::Sum(own, answer))
    }
}

impl Processes for MpiProcesses {
    fn broadcast(&self, bytes: Vec<u8>) -> Result<Vec<u8>, PeersError> {
        self.ask(|answer| Request::Broadcast(bytes, answer))
    }

    fn abort(&self) {
        self.send(Request::Abort);
        // MPI ends this process too.
        loop {
            thread::park();
        }
    }
}

impl Drop for MpiProcesses {
    fn drop(&mut self) {
        if !panicking() {
            self.send(Request::Finish);
            if let Some(thread) = self.thread.take() {
                let _ = thread.join();
            }
        }
    }
}

/// Answers requests; returns whether it was asked to finish.
fn serve(world: &SimpleCommunicator, requests: &Receiver<Request>) -> bool {
    while let Ok(request) = requests.recv() {
        // Whoever asked may have stopped meanwhile.
        match request {
            Request::Gather(own, answer) => drop(answer.send(gather(world, &own))),
            Request::Sum(own, answer) => drop(answer.send(sum(world, own))),
            Request::Broadcast(bytes, answer) => drop(answer.send(broadcast(world, bytes))),
            Request::Abort => world.abort(1),
            Request::Finish => return true,
        }
    }
    false
}

/// A rank, a size or a length, which are never negative.
fn place(number: i32) -> usize {
    usize::try_from(number).unwrap_or_default()
}

fn gather<T: Equivalence + Clone + Default>(world: &SimpleCommunicator, own: &[T]) -> Vec<Vec<T>> {
    let mut lengths = vec![0_u64; place(world.size())];
    world.all_gather_into(&(own.len() as u64), &mut lengths[..]);
    let longest = lengths.iter().copied().max().unwrap_or_default() as usize;
    let mut all: Vec<Vec<T>> = vec![Vec::new(); lengths.len()];
    // In parts, since MPI counts in C's `int`.
    let part = MAX_MESSAGE / lengths.len();
    for start in (0..longest).step_by(part) {
        let of = |length: usize| length.min(start + part).saturating_sub(start);
        let counts: Vec<i32> = lengths.iter().map(|&length| of(length as usize) as i32).collect();
        let starts: Vec<i32> = counts
            .iter()
            .scan(0, |next, count| Some(std::mem::replace(next, *next + count)))
            .collect();
        let mut found = vec![T::default(); counts.iter().map(|&count| place(count)).sum()];
        let own = &own[start.min(own.len())..(start + part).min(own.len())];
        let mut parts = PartitionMut::new(&mut found[..], &counts[..], &starts[..]);
        world.all_gather_varcount_into(own, &mut parts);
        for (values, (start, count)) in all.iter_mut().zip(starts.iter().zip(&counts)) {
            values.extend_from_slice(&found[place(*start)..place(start + count)]);
        }
    }
    all
}

/// The sum in the order of the ranks. Each rank adds up a share of the values and gives it to all:
/// MPI's own reductions may add up in any order.
fn sum(world: &SimpleCommunicator, mut values: Vec<f32>) -> Vec<f32> {
    let ranks = place(world.size());
    if ranks == 1 {
        return values;
    }
    for bucket in values.chunks_mut(BUCKET) {
        let share = bucket.len().div_ceil(ranks);
        let mut padded = bucket.to_vec();
        padded.resize(share * ranks, 0.0);
        let mut shares = vec![0.0_f32; share * ranks];
        world.all_to_all_into(&padded[..], &mut shares[..]);
        let (own, others) = shares.split_at_mut(share);
        others.chunks_exact(share).for_each(|other| add(own, other));
        world.all_gather_into(&*own, &mut padded[..]);
        bucket.copy_from_slice(&padded[..bucket.len()]);
    }
    values
}

fn broadcast(world: &SimpleCommunicator, mut bytes: Vec<u8>) -> Vec<u8> {
    let first = world.process_at_rank(0);
    let mut length = bytes.len() as u64;
    first.broadcast_into(&mut length);
    bytes.resize(length as usize, 0);
    for part in bytes.chunks_mut(MAX_MESSAGE) {
        first.broadcast_into(part);
    }
    bytes
}
