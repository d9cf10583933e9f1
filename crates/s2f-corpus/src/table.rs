//! Tables with named columns, separated by commas or tabs.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord, Trim};
use s2f_core::Sex;

use crate::CorpusError;

/// Maximum length of the first line, which is searched for a tab: a file without line breaks must
/// not fill the memory.
const MAX_HEADER_BYTES: u64 = 1 << 16;

/// Names of the column with the sex of people, in any case; the first one found is read.
const SEX: [&str; 2] = ["sex", "gender"];

/// A table in memory.
pub(crate) struct Table {
    path: PathBuf,
    names: StringRecord,
    rows: Vec<StringRecord>,
}

/// What the lines of a table say about ids: two lines about one id have to say the same.
pub(crate) struct Statements<V>(HashMap<String, (u64, V)>);

impl<V> Default for Statements<V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<V: PartialEq> Statements<V> {
    /// Adds what `row` says about the id in `column`; whether no line before it did.
    ///
    /// # Errors
    /// [`CorpusError::Contradiction`] if an earlier line says something else.
    pub(crate) fn add(
        &mut self,
        row: &Row<'_>,
        column: &str,
        value: V,
    ) -> Result<bool, CorpusError> {
        let (id, line) = (row.filled(column)?, row.line());
        match self.0.get(id) {
            None => {
                self.0.insert(id.to_owned(), (line, value));
                Ok(true)
            }
            Some((_, first)) if *first == value => Ok(false),
            Some((first, _)) => Err(CorpusError::Contradiction {
                path: row.table.path.clone(),
                column: column.to_owned(),
                id: id.to_owned(),
                lines: [*first, line],
            }),
        }
    }
}

/// One line of a table.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    table: &'a Table,
    record: &'a StringRecord,
}

impl Table {
    /// Reads a table. Cells are separated by tabs if the first line has one, else by commas. Blanks
    /// around names and cells are removed.
    pub(crate) fn read(path: &Path) -> Result<Self, CorpusError> {
        let bad = |source| CorpusError::Table { path: path.to_owned(), source };
        let mut file = BufReader::new(File::open(path).map_err(|error| bad(error.into()))?);
        let mut first = Vec::new();
        let read = file.by_ref().take(MAX_HEADER_BYTES).read_until(b'\n', &mut first);
        read.map_err(|error| bad(error.into()))?;
        file.rewind().map_err(|error| bad(error.into()))?;
        let tabs = first.contains(&b'\t');
        let mut reader = ReaderBuilder::new()
            .delimiter(if tabs { b'\t' } else { b',' })
            .quoting(!tabs)
            .trim(Trim::All)
            .from_reader(file);
        let names = reader.headers().map_err(bad)?.clone();
        let rows = reader.records().collect::<Result<_, _>>().map_err(bad)?;
        Ok(Self { path: path.to_owned(), names, rows })
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|record| Row { table: self, record })
    }

    pub(crate) fn has(&self, column: &str) -> bool {
        self.column(column).is_some()
    }

    /// Whether the table states the sex of people.
    pub(crate) fn has_sex(&self) -> bool {
        self.sex_column().is_some()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Name of the column with the sex of people: `sex`, or `gender` as many data sets have it.
    fn sex_column(&self) -> Option<&str> {
        let find = |name: &str| self.names.iter().find(|column| column.eq_ignore_ascii_case(name));
        SEX.into_iter().find_map(find)
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|column| column == name)
    }
}

impl<'a> Row<'a> {
    /// The cell in `column`; an error if the table has no such column.
    pub(crate) fn text(&self, column: &str) -> Result<&'a str, CorpusError> {
        self.optional(column).ok_or_else(|| CorpusError::Column {
            path: self.table.path.clone(),
            column: column.into(),
        })
    }

    /// The cell in `column`, which must not be empty.
    pub(crate) fn filled(&self, column: &str) -> Result<&'a str, CorpusError> {
        match self.text(column)? {
            "" => Err(self.bad(column, "a text")),
            text => Ok(text),
        }
    }

    /// The number in `column`; `None` if the cell is empty or the table has no such column.
    pub(crate) fn number(&self, column: &str) -> Result<Option<f32>, CorpusError> {
        match self.optional(column) {
            None | Some("") => Ok(None),
            Some(text) => match text.parse::<f32>() {
                Ok(number) if number.is_finite() => Ok(Some(number)),
                _ => Err(self.bad(column, "a number")),
            },
        }
    }

    /// The age in `column`, years; otherwise as [`number`](Self::number).
    pub(crate) fn age(&self, column: &str) -> Result<Option<f32>, CorpusError> {
        match self.number(column)? {
            Some(age) if !(0.0..=130.0).contains(&age) => Err(self.bad(column, "an age in years")),
            age => Ok(age),
        }
    }

    /// The sex in the column `sex` or, if there is none, `gender`; `None` for an empty cell,
    /// `not_stated` or `unknown`; an error if the table has neither column.
    pub(crate) fn sex(&self) -> Result<Option<Sex>, CorpusError> {
        let column = self.table.sex_column().unwrap_or(SEX[0]);
        match self.text(column)?.to_ascii_lowercase().as_str() {
            "female" | "f" => Ok(Some(Sex::Female)),
            "male" | "m" => Ok(Some(Sex::Male)),
            "" | "not_stated" | "unknown" => Ok(None),
            _ => Err(self.bad(column, "female, male, not_stated, unknown or empty")),
        }
    }

    /// All cells.
    pub(crate) fn cells(&self) -> &'a StringRecord {
        self.record
    }

    /// Its number in the file, from 1.
    fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    pub(crate) fn bad(&self, column: &str, expected: &'static str) -> CorpusError {
        CorpusError::Cell {
            path: self.table.path.clone(),
            line: self.line(),
            column: column.into(),
            value: self.optional(column).unwrap_or_default().into(),
            expected,
        }
    }

    pub(crate) fn optional(&self, column: &str) -> Option<&'a str> {
        self.record.get(self.table.column(column)?)
    }
}
