//! The web page and HTTP service of speech2face: one model in memory, voices in over HTTP, faces
//! out.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use s2f_serve::{Server, Settings};
//! use speech2face::{DeviceChoice, Speech2Face};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = Speech2Face::shipped(&DeviceChoice::Cpu.open()?)?;
//! let server = Server::bind(Arc::new(model), Settings::default(), Arc::new(|_| ()))?;
//! let address = server.address(); // 127.0.0.1:7860
//! server.run()?; // until SIGTERM, SIGINT or `Server::stopper`
//! # drop(address);
//! # Ok(()) }
//! ```
//!
//! | to find | look at |
//! |---|---|
//! | which routes there are | `router.rs`, `openapi.json` |
//! | connections, timeouts, shutdown | `server.rs`, `patient.rs`, `tls.rs` |
//! | who may ask: hosts, origins, tokens, rates | `guard.rs`, `rate.rs` |
//! | how requests wait, batch and are refused | `queue.rs`, `worker.rs` |
//! | what a request may say | `options.rs`, `body.rs` |
//! | a face for a recording | `reconstruct.rs`, `render.rs` |
//! | a face while one speaks | `live.rs` |
//! | what `--keep` stores | `keep.rs` |
//! | errors | `problem.rs` |
//! | the page | `page.rs`, and the folder `page` with its sources |
//!
//! A request is checked (`guard.rs`), its body is read within limits (`body.rs`), it waits in a
//! bounded queue, and a worker thread computes. Nothing that a client sends is logged, and it is
//! stored only if [`Settings::keep`] says so.
#![forbid(unsafe_code)]

mod event;
mod settings;

mod router;
mod server;

mod patient;
mod tls;

mod guard;
mod rate;

mod body;
mod options;
mod problem;

mod queue;
mod worker;

mod decode;
mod embed;
mod info;
mod live;
mod reconstruct;
mod render;

#[doc(hidden)]
pub mod fuzzing;

mod keep;
mod metrics;
mod page;
mod service;

pub use event::{Event, Observer};
pub use server::{ServeError, Server, Stopper};
pub use settings::{Access, EmptyToken, Settings, Token};
pub use tls::{TlsError, TlsFiles};
