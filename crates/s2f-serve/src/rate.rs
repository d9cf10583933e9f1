//! How many requests each client may make.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Clients that are remembered at most; then those that may ask again anyway are forgotten.
const CLIENTS: usize = 10_000;

/// A bucket of requests for each client, which fills steadily and holds those of a quarter of a
/// minute.
pub struct RateLimit {
    per_minute: u32,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

struct Bucket {
    requests: f64,
    at: Instant,
}

impl RateLimit {
    /// At most `per_minute` requests of each client; any number if it is 0.
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute, buckets: Mutex::default() }
    }

    /// Whether `client` may make a request now; it then counts.
    pub fn allows(&self, client: IpAddr, now: Instant) -> bool {
        if self.per_minute == 0 {
            return true;
        }
        let full = (f64::from(self.per_minute) / 4.0).max(1.0);
        let per_second = f64::from(self.per_minute) / 60.0;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= CLIENTS {
            let refilled = Duration::from_secs_f64(full / per_second);
            buckets.retain(|_, bucket| now.duration_since(bucket.at) < refilled);
            if buckets.len() >= CLIENTS {
                return false;
            }
        }
        let bucket = buckets.entry(network(client)).or_insert(Bucket { requests: full, at: now });
        let since = now.duration_since(bucket.at).as_secs_f64();
        bucket.requests = (bucket.requests + since * per_second).min(full);
        bucket.at = now;
        if bucket.requests < 1.0 {
            return false;
        }
        bucket.requests -= 1.0;
        true
    }
}

/// The address that a client counts as: one subscriber has a whole /64 of IPv6 addresses.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_waits_and_others_do_not() {
        let (limit, now) = (RateLimit::new(60), Instant::now());
        let (one, other) = (address("10.0.0.1"), address("10.0.0.2"));
        let allowed = (0..100).filter(|_| limit.allows(one, now)).count();
        assert_eq!(allowed, 15);
        assert!(limit.allows(other, now));
        assert!(!limit.allows(one, now + Duration::from_millis(900)));
        assert!(limit.allows(one, now + Duration::from_millis(2000)));
        let none = RateLimit::new(0);
        assert!((0..1000).all(|_| none.allows(one, now)));
    }

    #[test]
    fn neighbours_in_a_network_are_one_client_and_memory_is_bounded() {
        let (limit, now) = (RateLimit::new(4), Instant::now());
        assert!(limit.allows(address("2001:db8::1"), now));
        assert!(!limit.allows(address("2001:db8::2"), now));
        assert!(limit.allows(address("2001:db8:0:1::1"), now));
        for n in 0..2 * CLIENTS as u32 {
            limit.allows(IpAddr::V4(n.into()), now);
        }
        assert_eq!(limit.buckets.lock().unwrap().len(), CLIENTS);
        assert!(limit.allows(address("10.0.0.1"), now + Duration::from_secs(60)));
    }
}
