//! The part of the Python package `speech2face` that is in Rust, the module `speech2face._native`.
//!
//! It converts arguments and results, lets other Python threads run while it computes, and turns
//! errors into exceptions; everything else is done by the crates below. What users call is in
//! `python/speech2face`, which `_native.pyi` connects with this module.
//!
//! | to find | look in |
//! |---|---|
//! | a model: faces and features of recordings | `model.rs`, `source.rs`, `drawn.rs` |
//! | pairs and corpora | `pairs.rs`, `corpus.rs` |
//! | evaluation and metrics | `evaluate.rs`, `metrics.rs` |
//! | spectrograms | `audio.rs` |
//! | exceptions; threads and Ctrl-C | `error.rs`, `threads.rs` |

#![forbid(unsafe_code)]

mod error;
mod threads;

mod audio;
mod source;

mod drawn;
mod model;

mod corpus;
mod pairs;
mod prepare;

mod evaluate;
mod metrics;

mod files;

/// What the Python code of the package uses.
#[pyo3::pymodule]
mod _native {
    /// Version of the package.
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "a name of Python")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
    #[pymodule_export]
    use crate::audio::{decode, mel_spectrogram, spectrogram};
    #[pymodule_export]
    use crate::corpus::{corpus_check, corpus_merge, corpus_split, corpus_stats};
    #[pymodule_export]
    use crate::drawn::Drawn;
    #[pymodule_export]
    use crate::evaluate::{evaluate_function, evaluate_model, evaluate_table};
    #[pymodule_export]
    use crate::files::write_file;
    #[pymodule_export]
    use crate::metrics::{mean, one_of_n, ranks, recall_at_k};
    #[pymodule_export]
    use crate::model::Model;
    #[pymodule_export]
    use crate::pairs::PairSet;
    #[pymodule_export]
    use crate::prepare::corpus_prepare;
    #[pymodule_export]
    use crate::source::Source;
}
