//! What every crate of speech2face shares: the [`FaceSpace`] of a feature with its
//! [`Trait`]s, [`Sex`], [`hash`]es,
//! files that are written whole or not at all ([`AtomicFile`]), and errors with a [`hint`].
//!
//! ```
//! use s2f_core::{AtomicFile, hash, hint};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("numbers.txt");
//! AtomicFile::write(&path, b"1 2 3\n")?;
//! assert_eq!(hash::sha256_file(&path)?, hash::sha256(b"1 2 3\n"));
//!
//! let error = AtomicFile::write(&folder.path().join("no/such/folder"), b"").unwrap_err();
//! assert!(hint::of(&error).is_some());
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod channel_order;
pub mod csv_cell;
mod environment;
mod face_space;
mod files;
pub mod hash;
pub mod hint;
mod lock;
pub mod markdown;
#[cfg(feature = "onnx")]
pub mod onnx;
mod sex;
mod traits;

pub use channel_order::{ChannelOrder, UnknownChannelOrder};
pub use environment::Variable;
pub use face_space::{FaceSpace, Normalisation};
pub use files::{AtomicFile, FileError, at_line, is_temporary, read_text, remove_temporary};
pub use lock::{FileLock, LockError};
pub use sex::Sex;
pub use traits::Trait;
