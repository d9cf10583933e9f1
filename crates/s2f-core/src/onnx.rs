//! How ONNX networks run: with one thread per call.

use std::sync::Arc;

use rten::{RunOptions, ThreadPool};

thread_local! {
    /// One pool per calling thread; it ends with the thread.
    static POOL: Arc<ThreadPool> = Arc::new(ThreadPool::with_num_threads(1));
}

/// Options to run a network on one thread while the calling thread waits.
///
/// The networks here are small and gain little from several cores. Callers use all cores by
/// processing one picture or recording per core; with these options, as many threads compute as
/// call.
pub fn one_thread() -> RunOptions {
    RunOptions::default().with_thread_pool(Some(POOL.with(Arc::clone)))
}
