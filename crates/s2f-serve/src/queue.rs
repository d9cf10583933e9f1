//! A bounded queue from which threads take several items at once.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A queue with a fixed number of places.
pub struct Queue<T> {
    capacity: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    items: VecDeque<T>,
    closed: bool,
}

impl<T> Queue<T> {
    /// A queue with `capacity` places.
    pub fn new(capacity: usize) -> Self {
        let state = State { items: VecDeque::new(), closed: false };
        Self { capacity, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends an item; gives it back if all places are taken or the queue is closed.
    pub fn push(&self, item: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.closed || state.items.len() >= self.capacity {
            return Err(item);
        }
        state.items.push_back(item);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Number of items that wait.
    pub fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Waits for an item, then for more until there are `most` of them or `gather` has passed, and
    /// takes the share of one of `takers` threads. `None` once the queue is closed and empty.
    pub fn take(&self, most: usize, takers: usize, gather: Duration) -> Option<Vec<T>> {
        let mut state = self.lock();
        while state.items.is_empty() {
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let until = Instant::now() + gather;
        while state.items.len() < most && !state.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        // Another thread may have taken all of them meanwhile: an empty batch.
        let count = most.min(state.items.len().div_ceil(takers.max(1)));
        Some(state.items.drain(..count).collect())
    }

    /// Refuses new items; those that wait are still taken.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(1);

    #[test]
    fn a_full_queue_refuses_and_a_closed_one_is_emptied() {
        let queue = Queue::new(3);
        assert!([1, 2, 3].into_iter().all(|item| queue.push(item).is_ok()));
        assert_eq!(queue.push(4), Err(4));
        assert_eq!(queue.take(2, 1, SHORT), Some(vec![1, 2]));
        queue.close();
        assert_eq!(queue.push(5), Err(5));
        assert_eq!(queue.take(2, 1, SHORT), Some(vec![3]));
        assert_eq!(queue.take(2, 1, SHORT), None);
    }

    #[test]
    fn items_that_come_soon_are_one_batch() {
        let queue = Queue::new(8);
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| queue.take(3, 1, Duration::from_secs(5)));
            for item in 1..=3 {
                queue.push(item).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
            assert_eq!(taken.join().unwrap(), Some(vec![1, 2, 3]));
        });
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn threads_share_what_waits() {
        let queue = Queue::new(8);
        assert!((0..7).all(|item| queue.push(item).is_ok()));
        let sizes: Vec<usize> =
            std::iter::from_fn(|| (queue.len() > 0).then(|| queue.take(3, 2, SHORT)))
                .map(|batch| batch.unwrap().len())
                .collect();
        assert_eq!(sizes, [3, 2, 1, 1]);
    }
}
