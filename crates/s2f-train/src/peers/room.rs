//! Peers in one process: threads, one for each device, that meet in a room.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::panicking;

use super::{Peers, PeersError, Processes};

/// Where the threads of a process meet. The last to arrive talks to the other processes.
#[derive(Debug)]
pub(crate) struct Room {
    /// Number of threads.
    count: usize,
    processes: Arc<dyn Processes>,
    meeting: Mutex<Meeting>,
    changed: Condvar,
}

#[derive(Debug)]
struct Meeting {
    /// What the threads that have arrived brought.
    brought: Vec<Option<Vec<f32>>>,
    /// Number of meetings that are over.
    over: u64,
    /// The outcome of the last one.
    outcome: Result<Arc<Vec<Vec<f32>>>, PeersError>,
}

/// One of the threads.
#[derive(Debug)]
pub(crate) struct Peer {
    room: Arc<Room>,
    /// Place among the threads.
    thread: usize,
}

/// A thread holds it as long as it works: if it panics, those that wait for it get an error.
pub(crate) struct Presence(Arc<Peer>);

impl Room {
    /// The peers of `count` threads.
    pub(crate) fn open(count: usize, processes: Arc<dyn Processes>) -> Vec<Arc<Peer>> {
        let outcome = Ok(Arc::new(Vec::new()));
        let meeting = Meeting { brought: vec![None; count], over: 0, outcome };
        let (meeting, changed) = (Mutex::new(meeting), Condvar::new());
        let room = Arc::new(Self { count, processes, meeting, changed });
        (0..count).map(|thread| Arc::new(Peer { room: Arc::clone(&room), thread })).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Meeting> {
        self.meeting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The values of all peers: process by process, each thread by thread.
    fn of_all(&self, brought: Vec<Vec<f32>>) -> Result<Vec<Vec<f32>>, PeersError> {
        let by_thread: Vec<Vec<Vec<f32>>> =
            brought.into_iter().map(|own| self.processes.gather(own)).collect::<Result<_, _>>()?;
        let mut by_thread: Vec<_> = by_thread.into_iter().map(Vec::into_iter).collect();
        let mut all = Vec::with_capacity(self.processes.count() * self.count);
        for _ in 0..self.processes.count() {
            all.extend(by_thread.iter_mut().filter_map(Iterator::next));
        }
        Ok(all)
    }
}

impl Peer {
    /// To be held by the thread as long as it works.
    pub(crate) fn presence(self: &Arc<Self>) -> Presence {
        Presence(Arc::clone(self))
    }
}

impl Peers for Peer {
    fn index(&self) -> usize {
        self.room.processes.index() * self.room.count + self.thread
    }

    fn count(&self) -> usize {
        self.room.processes.count() * self.room.count
    }

    fn gather(&self, own: Vec<f32>) -> Result<Vec<Vec<f32>>, PeersError> {
        let room = &self.room;
        let mut meeting = room.lock();
        meeting.outcome.clone()?;
        meeting.brought[self.thread] = Some(own);
        if meeting.brought.iter().all(Option::is_some) {
            let brought = meeting.brought.iter_mut().filter_map(Option::take).collect();
            meeting.outcome = room.of_all(brought).map(Arc::new);
            meeting.over += 1;
            room.changed.notify_all();
        } else {
            let before = meeting.over;
            while meeting.over == before {
                meeting = room.changed.wait(meeting).unwrap_or_else(PoisonError::into_inner);
            }
        }
        meeting.outcome.clone().map(|all| all.as_ref().clone())
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        if panicking() {
            let mut meeting = self.0.room.lock();
            meeting.outcome = Err(PeersError::Lost);
            meeting.over += 1;
            self.0.room.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::peers::OneProcess;

    /// Two processes that always have the same values.
    #[derive(Debug)]
    struct Twins;

    impl Peers for Twins {
        fn index(&self) -> usize {
            1
        }
        fn count(&self) -> usize {
            2
        }
        fn gather(&self, own: Vec<f32>) -> Result<Vec<Vec<f32>>, PeersError> {
            Ok(vec![own.clone(), own])
        }
    }

    impl Processes for Twins {
        fn broadcast(&self, bytes: Vec<u8>) -> Result<Vec<u8>, PeersError> {
            Ok(bytes)
        }
        fn abort(&self) {}
    }

    /// What `work` gives on each of three threads.
    fn on_three<T: Send>(
        processes: Arc<dyn Processes>,
        work: impl Fn(Arc<Peer>) -> T + Sync,
    ) -> Vec<thread::Result<T>> {
        let peers = Room::open(3, processes);
        let present = |peer: Arc<Peer>| {
            let _presence = peer.presence();
            work(peer)
        };
        let present = &present;
        thread::scope(|scope| {
            let threads: Vec<_> =
                peers.into_iter().map(|peer| scope.spawn(move || present(peer))).collect();
            threads.into_iter().map(|thread| thread.join()).collect()
        })
    }

    #[test]
    fn every_thread_gets_the_values_of_all_in_order() {
        let all = on_three(Arc::new(OneProcess), |peer| {
            let mut found = Vec::new();
            for round in 0..100 {
                let place = peer.index();
                found.push(peer.gather(vec![round as f32; place]).unwrap());
            }
            (found, peer.sum(vec![1.0, peer.index() as f32]).unwrap())
        });
        for result in all {
            let (found, sum) = result.unwrap();
            for (round, values) in found.into_iter().enumerate() {
                let round = round as f32;
                assert_eq!(values, [vec![], vec![round], vec![round; 2]]);
            }
            assert_eq!(sum, [3.0, 3.0]); // 1 + 1 + 1, 0 + 1 + 2
        }
    }

    #[test]
    fn threads_of_two_processes_are_ordered_by_process() {
        let all = on_three(Arc::new(Twins), |peer| {
            assert_eq!(peer.count(), 6);
            (peer.index(), peer.gather(vec![peer.thread as f32]).unwrap().concat())
        });
        for (thread, result) in all.into_iter().enumerate() {
            assert_eq!(result.unwrap(), (3 + thread, vec![0.0, 1.0, 2.0, 0.0, 1.0, 2.0]));
        }
    }

    #[test]
    fn threads_do_not_wait_for_one_that_has_panicked() {
        let all = on_three(Arc::new(OneProcess), |peer| {
            assert_ne!(peer.index(), 1, "this thread stops");
            let first = peer.gather(Vec::new());
            (first, peer.gather(Vec::new()))
        });
        let lost = || Err(PeersError::Lost);
        assert_eq!(all[0].as_ref().unwrap(), &(lost(), lost()));
        assert!(all[1].is_err());
        assert_eq!(all[2].as_ref().unwrap(), &(lost(), lost()));
    }
}
