//! Corpora: what they contain, and sets of pairs.

use std::path::PathBuf;

use pyo3::prelude::*;
use s2f_corpus::layout::{LAYOUTS, Layout, plan};
use s2f_corpus::stats::{Stats, verify};
use s2f_corpus::{CorpusError, check, prepare};
use s2f_pairs::{PairSet, PairsError, Shares, resplit};
use serde::Serialize;

use crate::error::{Kind, invalid, raised};
use crate::threads;

/// What a corpus contains and lacks, as JSON.
#[pyfunction]
#[pyo3(signature = (corpus, layout, /))]
pub fn corpus_check(py: Python<'_>, corpus: PathBuf, layout: Option<&str>) -> PyResult<String> {
    let layout = layout.map(|name| find(py, name)).transpose()?;
    let found = threads::compute(py, || Ok(check::check(&plan(&corpus, layout)?)))?;
    let found = found.map_err(|error: CorpusError| raised(py, Kind::at(&corpus), &error))?;
    json(py, &found)
}

/// What a set of pairs holds, as JSON.
#[pyfunction]
#[pyo3(signature = (pairs, whole, /))]
pub fn corpus_stats(py: Python<'_>, pairs: PathBuf, whole: bool) -> PyResult<String> {
    let found = threads::compute(py, || {
        let set = PairSet::open(&pairs)?;
        if whole {
            verify(&set, &mut |_| ())?;
        }
        Stats::of(&set)
    })?;
    let found = found.map_err(|error: CorpusError| raised(py, Kind::at(&pairs), &error))?;
    json(py, &found)
}

/// Joins the parts of several preparations to one set; its summary as JSON.
#[pyfunction]
#[pyo3(signature = (folders, out, /))]
pub fn corpus_merge(py: Python<'_>, folders: Vec<PathBuf>, out: PathBuf) -> PyResult<String> {
    let summary = threads::compute(py, || prepare::merge(&folders, &out))?;
    let missing = folders.iter().find(|folder| !folder.exists());
    let kind = missing.map_or(Kind::Error, |folder| Kind::at(folder));
    json(py, &summary.map_err(|error| raised(py, kind, &error))?)
}

/// Assigns the speakers of a set to new splits.
#[pyfunction]
#[pyo3(signature = (pairs, validation, test, seed, /))]
pub fn corpus_split(
    py: Python<'_>,
    pairs: PathBuf,
    validation: f64,
    test: f64,
    seed: u64,
) -> PyResult<()> {
    let shares = Shares { validation, test };
    shares.check().map_err(|error| raised(py, Kind::Value, &error))?;
    let done = threads::compute(py, || resplit(&pairs, &shares, seed))?;
    done.map_err(|error: PairsError| raised(py, Kind::at(&pairs), &error))
}

/// The layout of this name.
pub fn find(py: Python<'_>, name: &str) -> PyResult<&'static Layout> {
    LAYOUTS.into_iter().find(|layout| layout.name() == name).ok_or_else(|| {
        let names = LAYOUTS.map(Layout::name).join(", ");
        invalid(py, &format!("there is no layout called {name:?}"), &format!("use one of {names}"))
    })
}

/// A result as JSON.
pub fn json(py: Python<'_>, value: &impl Serialize) -> PyResult<String> {
    serde_json::to_string(value).map_err(|error| raised(py, Kind::Error, &error))
}
