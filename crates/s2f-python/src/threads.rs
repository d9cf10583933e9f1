//! Computing without the interpreter: other Python threads run meanwhile, Ctrl-C is noticed, and a
//! process that was forked has threads of its own.

use std::collections::BTreeMap;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use crate::error::{Kind, raised};

/// How often Ctrl-C is looked for.
const CHECK: Duration = Duration::from_millis(50);

/// Threads to compute on, by process and number. The threads of a parent do not exist in a process
/// that was forked from it, so each process has its own.
static POOLS: Mutex<BTreeMap<(u32, usize), Arc<ThreadPool>>> = Mutex::new(BTreeMap::new());

/// What a computation runs on.
pub struct Job {
    /// Becomes true if Ctrl-C is pressed.
    pub stop: AtomicBool,
    pool: Arc<ThreadPool>,
}

impl Job {
    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Runs `work` on these threads.
    pub fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.pool.install(work)
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Computes on all cores, or as many threads as `RAYON_NUM_THREADS` says, while other Python
/// threads go on.
pub fn compute<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    run(py, 0, |job| job.install(work))
}

/// Runs `work` on `threads` threads (as [`compute`] for 0), while other Python threads go on.
/// Ctrl-C sets [`Job::is_stopped`], and raises `KeyboardInterrupt` when `work` returns.
pub fn run<T: Send>(
    py: Python<'_>,
    threads: usize,
    work: impl FnOnce(&Job) -> T + Send,
) -> PyResult<T> {
    wait(py, pool(threads), work)
}

/// As [`run`], with threads of its own: `work` may call Python code, which may compute too.
pub fn run_apart<T: Send>(
    py: Python<'_>,
    threads: usize,
    work: impl FnOnce(&Job) -> T + Send,
) -> PyResult<T> {
    wait(py, ThreadPoolBuilder::new().num_threads(threads).build().map(Arc::new), work)
}

fn wait<T: Send>(
    py: Python<'_>,
    pool: Result<Arc<ThreadPool>, ThreadPoolBuildError>,
    work: impl FnOnce(&Job) -> T + Send,
) -> PyResult<T> {
    let pool = pool.map_err(|error| raised(py, Kind::Error, &error))?;
    let job = Job { stop: AtomicBool::new(false), pool };
    py.detach(|| {
        thread::scope(|scope| {
            let (send, receive) = sync_channel(1);
            let job = &job;
            scope.spawn(move || {
                // Nobody receives it after Ctrl-C.
                send.send(work(job)).ok();
            });
            loop {
                match receive.recv_timeout(CHECK) {
                    Ok(result) => {
                        // Ctrl-C also ends a program that `work` runs, which then fails.
                        Python::attach(|py| py.check_signals())?;
                        return Ok(result);
                    }
                    Err(RecvTimeoutError::Timeout) => {
                        if let Err(interrupt) = Python::attach(|py| py.check_signals()) {
                            job.stop.store(true, Ordering::Relaxed);
                            return Err(interrupt);
                        }
                    }
                    // It panicked; the scope passes that on.
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(PyRuntimeError::new_err("a thread has panicked"));
                    }
                }
            }
        })
    })
}

fn pool(threads: usize) -> Result<Arc<ThreadPool>, ThreadPoolBuildError> {
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (process::id(), threads);
    if let Some(pool) = pools.get(&key) {
        return Ok(pool.clone());
    }
    let pool = Arc::new(ThreadPoolBuilder::new().num_threads(threads).build()?);
    pools.insert(key, pool.clone());
    Ok(pool)
}
