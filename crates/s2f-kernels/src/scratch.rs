//! Work space of the threads, which is kept between calls.

use std::cell::Cell;

thread_local! {
    static SPACE: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// Calls `work` with `length` floats of any value.
pub fn with<R>(length: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    SPACE.with(|space| {
        // Taken out, so that work that comes here again finds an empty one and makes its own.
        let mut floats = space.take();
        if floats.len() < length {
            floats.resize(length, 0.0);
        }
        let result = work(&mut floats[..length]);
        space.set(floats);
        result
    })
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
