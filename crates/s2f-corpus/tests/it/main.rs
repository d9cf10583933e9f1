//! Tests of the crate as its users see it.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod added_layout;
mod soak;
