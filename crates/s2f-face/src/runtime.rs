//! How networks run: each call on one thread.

use std::sync::Arc;

use rten::{RunOptions, ThreadPool};

thread_local! {
    /// One for each caller; it ends with it.
    static POOL: Arc<ThreadPool> = Arc::new(ThreadPool::with_num_threads(1));
}

/// Options to run a network on one thread, which works while the calling thread waits.
///
/// The networks here are small: spread over cores they gain little, and callers that want all
/// cores do better by giving each core another picture. With this, as many threads compute as
/// threads call.
pub(crate) fn one_thread() -> RunOptions {
    RunOptions::default().with_thread_pool(Some(POOL.with(Arc::clone)))
}
