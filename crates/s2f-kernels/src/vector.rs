//! Vectors of floats: one trait, one type per instruction set. Kernels are written once, over the
//! trait, and compiled for each instruction set by [`Isa::run`](crate::isa::Isa::run).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
pub use portable::Portable;

/// A vector of `LANES` floats.
///
/// # Safety
/// The functions that make a vector from something else are `unsafe`: the processor must have the
/// instruction set of the type. The others are safe, because a vector proves that.
pub unsafe trait Vector: Copy + Send + Sync + 'static {
    /// Floats in a vector.
    const LANES: usize;
    /// Rows of the tile of a matrix product that, two vectors wide, fits into the registers.
    const ROWS: usize;

    /// All lanes equal.
    ///
    /// # Safety
    /// The processor has the instruction set of the type.
    unsafe fn splat(value: f32) -> Self;

    /// Reads `LANES` floats.
    ///
    /// # Safety
    /// As for [`splat`](Self::splat), and `from` is valid for reading `LANES` floats.
    unsafe fn load(from: *const f32) -> Self;

    /// Reads the first `count` lanes; the others are 0.
    ///
    /// # Safety
    /// As for [`splat`](Self::splat), and `from` is valid for reading `count` floats, at most
    /// `LANES`.
    unsafe fn load_first(from: *const f32, count: usize) -> Self;

    /// Writes all lanes.
    ///
    /// # Safety
    /// `to` is valid for writing `LANES` floats.
    unsafe fn store(self, to: *mut f32);

    /// Writes the first `count` lanes.
    ///
    /// # Safety
    /// `to` is valid for writing `count` floats, at most `LANES`.
    unsafe fn store_first(self, to: *mut f32, count: usize);

    /// `self + other`
    fn add(self, other: Self) -> Self;
    /// `self - other`
    fn sub(self, other: Self) -> Self;
    /// `self · other`
    fn mul(self, other: Self) -> Self;
    /// `self · factor + summand`, rounded once where the processor can.
    fn mul_add(self, factor: Self, summand: Self) -> Self;
    /// The larger one, lane by lane; `other` if one of them is not a number.
    fn max(self, other: Self) -> Self;
    /// The smaller one, lane by lane; `other` if one of them is not a number.
    fn min(self, other: Self) -> Self;
    /// `self` where `sign` is above 0, else 0.
    fn where_positive(self, sign: Self) -> Self;
}
