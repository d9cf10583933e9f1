//! What all requests share.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use speech2face::Speech2Face;
use tokio::sync::{Semaphore, watch};

use crate::event::Observer;
use crate::keep::Keep;
use crate::metrics::Metrics;
use crate::rate::RateLimit;
use crate::settings::Settings;
use crate::worker::Workers;

/// Bytes of bodies that may be in memory at the same time, as a multiple of the largest one.
const BODIES: usize = 8;

/// What all requests share.
pub struct Service {
    pub model: Arc<Speech2Face>,
    pub settings: Settings,
    pub workers: Workers,
    pub metrics: Arc<Metrics>,
    pub rate: RateLimit,
    /// Bytes of bodies that may still be read.
    pub bodies: Arc<Semaphore>,
    /// Live sessions that may still begin.
    pub live: Arc<Semaphore>,
    /// Estimates of live sessions that may still be queued; the rest of the queue is for others.
    pub live_estimates: Arc<Semaphore>,
    /// Becomes true when the server stops.
    pub stopping: watch::Receiver<bool>,
    pub observer: Observer,
    /// Where recordings and results are stored.
    pub keep: Option<Arc<Keep>>,
    started: u64,
    requests: AtomicU64,
}

/// The address of a client.
#[derive(Debug, Clone, Copy)]
pub struct Client(pub IpAddr);

/// The id of a request.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

impl Service {
    pub fn new(
        model: Arc<Speech2Face>,
        settings: Settings,
        stopping: watch::Receiver<bool>,
        observer: Observer,
        keep: Option<Keep>,
    ) -> std::io::Result<Self> {
        let metrics = Arc::new(Metrics::default());
        let workers = Workers::start(&model, &settings, &metrics, &observer)?;
        let largest = usize::try_from(settings.limits.max_bytes).unwrap_or(usize::MAX);
        let bodies = largest.saturating_mul(BODIES).min(Semaphore::MAX_PERMITS);
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            model,
            workers,
            metrics,
            rate: RateLimit::new(settings.rate_per_minute),
            bodies: Arc::new(Semaphore::new(bodies)),
            live: Arc::new(Semaphore::new(settings.live_sessions)),
            live_estimates: Arc::new(Semaphore::new(settings.jobs.max(1))),
            stopping,
            observer,
            keep: keep.map(Arc::new),
            started: started.as_secs(),
            requests: AtomicU64::new(0),
            settings,
        })
    }

    /// An id that no other request of this server or an earlier one has.
    pub fn next_id(&self) -> RequestId {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        RequestId(format!("{:x}-{number:x}", self.started))
    }

    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }
}
