//! Counters in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper limits of the times of responses, s.
const BUCKETS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// What is counted.
#[derive(Default)]
pub struct Metrics {
    /// By route and status.
    requests: Mutex<BTreeMap<(String, u16), u64>>,
    times: [AtomicU64; BUCKETS.len() + 1],
    time_us: AtomicU64,
    batches: AtomicU64,
    batched: AtomicU64,
    connections: AtomicI64,
    live: AtomicI64,
    live_estimates: AtomicU64,
}

/// One open connection or live session, until it is dropped.
pub struct Open<'a>(&'a AtomicI64);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// Counts a response.
    pub fn response(&self, route: &str, status: u16, time: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((route.to_owned(), status)).or_default() += 1;
        drop(requests);
        let seconds = time.as_secs_f64();
        let bucket = BUCKETS.iter().position(|&limit| seconds <= limit);
        self.times[bucket.unwrap_or(BUCKETS.len())].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.time_us.fetch_add(micros, Ordering::Relaxed);
    }

    /// Counts a batch of recordings.
    pub fn batch(&self, recordings: usize) {
        if recordings > 0 {
            self.batches.fetch_add(1, Ordering::Relaxed);
            self.batched.fetch_add(recordings as u64, Ordering::Relaxed);
        }
    }

    /// Counts a connection until the result is dropped.
    pub fn connection(&self) -> Open<'_> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Open(&self.connections)
    }

    /// Counts a live session until the result is dropped.
    pub fn live(&self) -> Open<'_> {
        self.live.fetch_add(1, Ordering::Relaxed);
        Open(&self.live)
    }

    /// Counts an estimate of a live session.
    pub fn live_estimate(&self) {
        self.live_estimates.fetch_add(1, Ordering::Relaxed);
    }

    /// All counters; `waiting` are the recordings in the queues of short and long ones.
    pub fn render(&self, [short, long]: [usize; 2]) -> String {
        let mut text = String::new();
        let mut line = |line: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{line}");
        };
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        line("# TYPE speech2face_requests_total counter".into());
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        for ((route, status), count) in requests.iter() {
            line(format!(
                "speech2face_requests_total{{route=\"{route}\",status=\"{status}\"}} {count}"
            ));
        }
        drop(requests);
        line("# TYPE speech2face_request_seconds histogram".into());
        let mut total = 0;
        for (place, bucket) in self.times.iter().enumerate() {
            total += load(bucket);
            let limit = BUCKETS.get(place).map_or("+Inf".to_owned(), f64::to_string);
            line(format!("speech2face_request_seconds_bucket{{le=\"{limit}\"}} {total}"));
        }
        let seconds = load(&self.time_us) as f64 / 1e6;
        line(format!("speech2face_request_seconds_sum {seconds}"));
        line(format!("speech2face_request_seconds_count {total}"));
        for (name, kind, value) in [
            ("batches_total", "counter", load(&self.batches)),
            ("batched_jobs_total", "counter", load(&self.batched)),
            ("live_estimates_total", "counter", load(&self.live_estimates)),
            ("waiting_short", "gauge", short as u64),
            ("waiting_long", "gauge", long as u64),
            ("connections", "gauge", self.connections.load(Ordering::Relaxed).max(0) as u64),
            ("live_sessions", "gauge", self.live.load(Ordering::Relaxed).max(0) as u64),
        ] {
            line(format!("# TYPE speech2face_{name} {kind}"));
            line(format!("speech2face_{name} {value}"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative() {
        let metrics = Metrics::default();
        for milliseconds in [3, 30, 20_000] {
            metrics.response("/v1/embed", 200, Duration::from_millis(milliseconds));
        }
        metrics.response("/v1/embed", 429, Duration::from_millis(1));
        metrics.batch(3);
        let open = metrics.live();
        let text = metrics.render([2, 1]);
        for expected in [
            "speech2face_requests_total{route=\"/v1/embed\",status=\"200\"} 3\n",
            "speech2face_requests_total{route=\"/v1/embed\",status=\"429\"} 1\n",
            "_bucket{le=\"0.005\"} 2\n",
            "_bucket{le=\"0.05\"} 3\n",
            "_bucket{le=\"10\"} 3\n",
            "_bucket{le=\"+Inf\"} 4\n",
            "speech2face_request_seconds_sum 20.034\n",
            "speech2face_batched_jobs_total 3\n",
            "speech2face_waiting_short 2\n",
            "speech2face_live_sessions 1\n",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        drop(open);
        assert!(metrics.render([0, 0]).contains("speech2face_live_sessions 0\n"));
    }
}
