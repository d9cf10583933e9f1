//! The results of an evaluation as data: scores, and sections with the tables and figures that show
//! them.
//!
//! Every number in a report is a [`Score`] with its own id, which leads from the page to a row of
//! `scores.csv`. Tables and figures refer to scores by id.

pub mod csv;
mod figure;
pub mod html;
mod number;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use speech2face::VoicePolicy;

/// Version of `report.json`.
pub const FORMAT: u32 = 1;

/// A whole report: `report.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Program and version. The first field of the file, by which it is recognised.
    pub software: String,
    /// [`FORMAT`].
    pub format: u32,
    /// Title, one line.
    pub title: String,
    /// The part of each voice that all scores but those by length are measured on.
    #[serde(default)]
    pub voice_policy: VoicePolicy,
    /// What was evaluated, on what, and how: label and text.
    pub about: Vec<(String, String)>,
    /// Warnings that hold for all scores.
    pub notes: Vec<String>,
    /// The scores that a reader should see first.
    pub headlines: Vec<Headline>,
    /// Sections, in reading order.
    pub sections: Vec<Section>,
    /// All scores, in the order of `scores.csv`.
    pub scores: Vec<Score>,
    /// What another evaluation on the same pairs needs for a paired comparison.
    pub paired: Paired,
}

impl Report {
    /// The score with this id.
    pub fn score(&self, id: &str) -> Option<&Score> {
        self.scores.iter().find(|score| score.id == id)
    }
}

/// A score that a reader should see first, and what it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Headline {
    /// What is measured.
    pub label: String,
    /// Name of the score.
    pub score: String,
    /// What it says, one sentence.
    pub verdict: String,
}

/// A section of a report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Short name, lower-case with `-`, for links.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What is measured and how to read it; one string a paragraph.
    pub text: Vec<String>,
    /// Warnings: what is missing, or too small to be meaningful.
    pub notes: Vec<String>,
    /// Its tables and figures, in their order.
    pub items: Vec<Item>,
}

/// A table or a figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// Scores by row and column.
    Table(Table),
    /// Scores as a function of a number.
    Lines(Lines),
    /// Points in the plane.
    Map(Map),
    /// A picture in a file beside the report.
    Picture(Picture),
}

/// Scores by row and column.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// Head of the column of row labels.
    pub corner: String,
    /// Heads of the other columns.
    pub columns: Vec<String>,
    /// Label and cells, one cell for each column.
    pub rows: Vec<(String, Vec<Cell>)>,
    /// Whether cells are shares of their row, to be shaded by value: a confusion matrix.
    pub shaded: bool,
    /// Text below the table.
    pub caption: Option<String>,
}

/// Contents of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// The value of a score with its interval, by id.
    Value(String),
    /// The chance level of a score, by id.
    Chance(String),
    /// The p-value of a score, by id; the adjusted one if there is one.
    P(String),
    /// Number of pairs and speakers of a score, by id.
    Size(String),
    /// Text.
    Text(String),
    /// Nothing: not measured.
    Empty,
}

/// Scores as a function of a number, with their intervals as bands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lines {
    /// What it shows.
    pub title: String,
    /// What x is, with its unit.
    pub x_label: String,
    /// What the scores are, with their unit.
    pub y_label: String,
    /// Whether the x axis is logarithmic.
    pub x_log: bool,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A line of a figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// What it is.
    pub label: String,
    /// x and id of a score.
    pub points: Vec<(f64, String)>,
    /// Whether the chance level of the scores is drawn too, dashed.
    pub chance: bool,
}

/// Points in the plane, `map.csv`. Only the distances between them have a meaning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Map {
    /// What it shows.
    pub title: String,
    /// Names of the classes that points are coloured by.
    pub classes: Vec<String>,
    /// x, y and index of the class.
    pub points: Vec<(f32, f32, usize)>,
    /// How to read it.
    pub caption: String,
}

/// A picture in a file beside the report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// What it shows.
    pub title: String,
    /// Name of the file, PNG or JPEG.
    pub file: String,
    /// Alternative text, for those who cannot see it.
    pub alt: String,
    /// How to read it.
    pub caption: String,
}

/// Pictures by the names of their files.
pub type Attachments = BTreeMap<String, Vec<u8>>;

/// A value that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Unique in a report: what, how and under which condition, separated by `/`.
    pub id: String,
    /// The value; NaN if there was nothing to measure.
    #[serde(with = "nan_as_null")]
    pub value: f64,
    /// 95 % confidence interval, if there is one.
    pub interval: Option<[f64; 2]>,
    /// The score of guessing.
    pub chance: Option<f64>,
    /// Its unit.
    pub unit: Unit,
    /// Number of pairs that it was computed on.
    pub pairs: usize,
    /// Their speakers.
    pub speakers: usize,
    /// Mean size of the searched gallery.
    pub gallery: Option<f64>,
    /// Two-sided p-value against no effect.
    pub p: Option<f64>,
    /// The p-value corrected for the number of tests in its table.
    pub p_adjusted: Option<f64>,
}

impl Score {
    /// A value on this number of pairs and speakers, without interval, chance level or test.
    pub(crate) fn new(id: &str, unit: Unit, value: f64, (pairs, speakers): (usize, usize)) -> Self {
        let (interval, chance, gallery, p, p_adjusted) = (None, None, None, None, None);
        let id = id.to_owned();
        Self { id, value, interval, chance, unit, pairs, speakers, gallery, p, p_adjusted }
    }
}

/// Unit of a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Degrees of angle.
    Degrees,
    /// Per cent, 0 to 100.
    Percent,
    /// A difference of percentages.
    PercentPoints,
    /// A plain number, such as a distance or a correlation.
    Plain,
    /// A whole number of things.
    Count,
    /// A rank, from 1.
    Rank,
    /// Years of age.
    Years,
}

impl Unit {
    /// Its name in `scores.csv`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Degrees => "degrees",
            Self::Percent => "percent",
            Self::PercentPoints => "percent_points",
            Self::Plain => "plain",
            Self::Count => "count",
            Self::Rank => "rank",
            Self::Years => "years",
        }
    }
}

/// Scores by speaker, for a paired test against another evaluation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// Hash of the pairs in their order and of the part of their voices that was used. Only
    /// evaluations with the same hash can be compared.
    pub pairs_sha256: String,
    /// Name of the model.
    pub model: String,
    /// For each comparable score by id: sum over the pairs and their number, by speaker.
    pub sums: BTreeMap<String, Vec<(f64, f64)>>,
}

/// JSON has no NaN, so it is written as `null`.
mod nan_as_null {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        value.is_finite().then_some(*value).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        Ok(Option::<f64>::deserialize(from)?.unwrap_or(f64::NAN))
    }
}
