//! How ONNX networks run: with one thread per call, on no threads but the caller's.

use std::sync::Arc;

use rten::{ModelOptions, RunOptions, ThreadPool};

thread_local! {
    /// One pool per calling thread; it ends with the thread.
    static POOL: Arc<ThreadPool> = Arc::new(ThreadPool::with_num_threads(1));
}

/// Options to open a network.
///
/// It is run as it is written in the file: the optimiser of `rten` computes in a pool of the whole
/// process, whose threads a forked process lacks, so that opening a network in one would not end.
pub fn unoptimised() -> ModelOptions {
    let mut options = ModelOptions::with_all_ops();
    options.enable_optimization(false);
    options
}

/// Options to run a network on one thread while the calling thread waits.
///
/// The networks here are small and gain little from several cores. Callers use all cores by
/// processing one picture or recording per core; with these options, as many threads compute as
/// call.
pub fn one_thread() -> RunOptions {
    RunOptions::default().with_thread_pool(Some(POOL.with(Arc::clone)))
}
