//! A finished evaluation and the files it is written to.

use std::path::Path;

use s2f_core::{AtomicFile, FileLock};

use crate::EvalError;
use crate::report::{Attachments, Report, csv, html};
use crate::sections::{MAP_COLUMNS, MAP_FILE};
use crate::sheet::SHEET;

/// A finished evaluation. Until it is dropped, nothing else is evaluated into its folder.
pub struct Evaluation {
    /// The report.
    pub report: Report,
    /// Pictures and tables that belong to it, by file name.
    pub attachments: Attachments,
    pub(crate) _lock: FileLock,
}

const JSON: &str = "report.json";
const CSV: &str = "scores.csv";

impl Evaluation {
    /// Name of the report for people.
    pub const HTML: &str = "report.html";
    /// Columns of the table of scores.
    pub const SCORE_COLUMNS: [&str; 11] = csv::COLUMNS;
    /// Columns of the table of the map's points.
    pub const MAP_COLUMNS: [&str; 3] = MAP_COLUMNS;

    /// Name of the folder next to the report in which [`evaluate`](crate::evaluate) caches
    /// features and readings.
    pub const FEATURES: &str = "features";

    /// Names of all files that [`write`](Self::write) may write, to check before evaluating that
    /// no other program's file would be replaced. HTML, JSON and PNG name the program in their
    /// first bytes; the tables are recognised by their headers.
    pub const FILES: [&str; 5] = [Self::HTML, JSON, CSV, SHEET, MAP_FILE];

    /// Writes the report and everything that belongs to it into `folder`, which must exist.
    ///
    /// # Errors
    /// [`EvalError`] if something cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), EvalError> {
        let encode = |error: &dyn std::fmt::Display| EvalError::Encode(error.to_string());
        let json = serde_json::to_vec(&self.report).map_err(|error| encode(&error))?;
        let csv = csv::render(&self.report).map_err(|error| encode(&error))?;
        for (name, bytes) in &self.attachments {
            AtomicFile::write(&folder.join(name), bytes)?;
        }
        AtomicFile::write(&folder.join(CSV), csv.as_bytes())?;
        AtomicFile::write(&folder.join(JSON), &json)?;
        let page = html::render(&self.report, &self.attachments);
        Ok(AtomicFile::write(&folder.join(Self::HTML), page.as_bytes())?)
    }
}
