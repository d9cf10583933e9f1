//! The server as its clients see it: over sockets.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod browser;
mod faces;
mod ffmpeg;
mod guard;
mod keep;
mod limits;
mod live;
mod shutdown;
mod support;
mod tls;
