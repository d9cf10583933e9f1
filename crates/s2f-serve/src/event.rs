//! What a server tells its log.

use std::sync::Arc;
use std::time::Duration;

/// Something that happened, for a log. It holds nothing that a client sent but the route.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A request was answered.
    Request {
        /// Its id, which the response has too.
        id: String,
        /// Its method.
        method: String,
        /// The route, as in the documentation; `other` if there is none.
        route: String,
        /// Status of the response.
        status: u16,
        /// Time until the response was ready.
        time: Duration,
    },
    /// A thread that computes has panicked; the request got status 500.
    Panic,
    /// A live session could not be stored for the study.
    NotStored,
    /// The server stops: no new requests, and those that run are finished.
    Stopping,
}

/// Receives events, from any thread.
pub type Observer = Arc<dyn Fn(&Event) + Send + Sync>;
