//! The user's labels: attributes of speakers or pairs, from a CSV file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use s2f_core::FileError;
use s2f_core::csv_cell::unguarded;
use s2f_pairs::PairInfo;

use crate::EvalError;

/// Attributes by speaker or pair.
#[derive(Debug, Clone)]
pub(crate) struct Labels {
    path: PathBuf,
    by_pair: bool,
    /// Names of the attributes.
    pub(crate) attributes: Vec<String>,
    values: BTreeMap<String, Vec<String>>,
}

impl Labels {
    /// Reads a CSV file: `speaker_id` or `pair_id`, then one column per attribute. An empty cell is
    /// an unknown label.
    pub(crate) fn read(path: &Path) -> Result<Self, EvalError> {
        let wrong = |reason: String| EvalError::Labels { path: path.to_owned(), reason };
        let file = std::fs::File::open(path).map_err(FileError::at("read", path))?;
        let mut reader = csv::Reader::from_reader(file);
        let header = reader.headers().map_err(|error| wrong(error.to_string()))?.clone();
        let by_pair = match header.get(0).map(str::trim) {
            Some("speaker_id") => false,
            Some("pair_id") => true,
            other => {
                let found = other.unwrap_or_default();
                return Err(wrong(format!("the first column is called {found:?}")));
            }
        };
        let attributes: Vec<String> =
            header.iter().skip(1).map(|name| name.trim().to_owned()).collect();
        if attributes.is_empty() {
            return Err(wrong("there is no column of labels".into()));
        }
        for (place, name) in attributes.iter().enumerate() {
            if name.is_empty() || attributes[..place].contains(name) {
                return Err(wrong(format!("{name:?} names no column of labels, or two of them")));
            }
        }
        let mut values = BTreeMap::new();
        for record in reader.records() {
            let record = record.map_err(|error| wrong(error.to_string()))?;
            let mut cells = record.iter().map(|cell| unguarded(cell.trim()).to_owned());
            let Some(key) = cells.next() else { continue };
            let cells: Vec<String> = cells.collect();
            if let Some(before) = values.insert(key.clone(), cells.clone())
                && before != cells
            {
                return Err(wrong(format!("{key} has two different rows")));
            }
        }
        Ok(Self { path: path.to_owned(), by_pair, attributes, values })
    }

    /// The label of a pair; `None` if it is unknown.
    pub(crate) fn of(&self, attribute: usize, pair: &PairInfo) -> Option<&str> {
        let key = if self.by_pair { &pair.pair_id } else { &pair.speaker_id };
        let cells = self.values.get(key)?;
        cells.get(attribute).map(String::as_str).filter(|label| !label.is_empty())
    }

    /// Refuses a table without a label of any of the pairs.
    pub(crate) fn check<'a>(
        &self,
        pairs: impl Iterator<Item = &'a PairInfo>,
    ) -> Result<(), EvalError> {
        for pair in pairs {
            if (0..self.attributes.len()).any(|attribute| self.of(attribute, pair).is_some()) {
                return Ok(());
            }
        }
        let reason = "none of its rows is about a pair that is evaluated".into();
        Err(EvalError::Labels { path: self.path.clone(), reason })
    }
}
