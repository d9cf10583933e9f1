//! How patient a download is.

use std::time::Duration;

/// Timeouts of a download, and how often it is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Maximum time to look up the server's name, and to connect.
    pub connect_timeout: Duration,
    /// Maximum time between two reads, or two writes.
    pub read_timeout: Duration,
    /// Maximum time of a whole response.
    pub response_timeout: Duration,
    /// Number of attempts per file, the first included.
    pub attempts: u32,
    /// Delay before the second attempt; it doubles before each further one.
    pub first_delay: Duration,
}

impl Default for RetryPolicy {
    /// 10 s to connect, 30 s between reads, 15 min per response, 4 attempts, 0.5 s first delay.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            response_timeout: Duration::from_secs(15 * 60),
            attempts: 4,
            first_delay: Duration::from_millis(500),
        }
    }
}
