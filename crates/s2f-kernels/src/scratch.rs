//! Work of the threads, and their work space, which is kept between calls.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use rayon::prelude::*;

thread_local! {
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Floats of any value; the thread that drops them keeps their memory for its next ones.
pub struct Space {
    floats: Vec<f32>,
    length: usize,
}

impl Space {
    /// `length` floats.
    pub fn new(length: usize) -> Self {
        // The smallest that is large enough, or else the largest.
        let kept = FREE.with_borrow_mut(|free| {
            let fits = free.iter().position(|floats| floats.len() >= length);
            fits.map(|index| free.remove(index)).or_else(|| free.pop())
        });
        let mut floats = kept.unwrap_or_default();
        if floats.len() < length {
            // Not `resize`, which would copy what is in it.
            floats = vec![0.0; length];
        }
        Self { floats, length }
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let floats = std::mem::take(&mut self.floats);
        // A thread that ends has no list any more, and needs none.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            let place = free.partition_point(|other| other.len() < floats.len());
            free.insert(place, floats);
        });
    }
}

impl Deref for Space {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.floats[..self.length]
    }
}

impl DerefMut for Space {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.floats[..self.length]
    }
}

/// A buffer of which several threads write different parts.
#[derive(Clone, Copy)]
pub struct Shared {
    start: *mut f32,
    length: usize,
}

// SAFETY: `at` is unsafe, and its callers promise that threads write different elements.
unsafe impl Send for Shared {}
// SAFETY: likewise.
unsafe impl Sync for Shared {}

impl Shared {
    /// A view of a buffer, which must outlive it.
    pub fn new(floats: &mut [f32]) -> Self {
        Self { start: floats.as_mut_ptr(), length: floats.len() }
    }

    /// A pointer to the element `index`.
    ///
    /// # Safety
    /// The buffer still exists, `index` is at most its length, and no other thread uses the
    /// elements that are accessed through the pointer.
    #[inline(always)]
    pub unsafe fn at(self, index: usize) -> *mut f32 {
        debug_assert!(index <= self.length);
        // SAFETY: as the caller promises.
        unsafe { self.start.add(index) }
    }
}

/// Calls `work` with each chunk of `length` floats and its index, at least `min` chunks on a
/// thread: on this one alone where others would not help, since waking them takes longer than a
/// small layer.
pub fn each_chunk(
    floats: &mut [f32],
    length: usize,
    min: usize,
    work: impl Fn(usize, &mut [f32]) + Sync,
) {
    let length = length.max(1);
    if floats.len().div_ceil(length) <= min || rayon::current_num_threads() == 1 {
        floats.chunks_mut(length).enumerate().for_each(|(index, chunk)| work(index, chunk));
    } else {
        let chunks = floats.par_chunks_mut(length).enumerate().with_min_len(min);
        chunks.for_each(|(index, chunk)| work(index, chunk));
    }
}
