//! Why the bytes of a picture cannot be used, and their limits.

/// Maximum width and height of a picture, in pixels.
pub const MAX_SIDE: u32 = 16_384;

/// Maximum number of pixels: 108 megapixels and their margin.
pub const MAX_PIXELS: u64 = 130_000_000;

/// Why the bytes of a picture cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// They are no picture, or a damaged one.
    #[error("not a readable picture ({0})")]
    Decode(#[from] image::ImageError),
    /// They are a damaged picture, which would have to be repaired.
    #[error("the picture is damaged ({0})")]
    Damaged(String),
    /// The picture ends before its last line.
    #[error("the picture is broken off: its end is missing")]
    BrokenOff,
    /// A format that is not read.
    #[error("the picture is {0}, which is not read")]
    Unsupported(&'static str),
    /// More pixels than are decoded.
    #[error("the picture has {width}x{height} pixels, more than {MAX_PIXELS} or {MAX_SIDE} a side")]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
}
