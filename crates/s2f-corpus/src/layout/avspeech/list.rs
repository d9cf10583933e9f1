//! The list of segments: `id,start,end,x,y`, one line per segment and person.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use s2f_core::FileError;
use s2f_pairs::Split;

use crate::CorpusError;
use crate::layout::names;
use crate::plan::Absent;

/// A line of the list, ordered by its fields.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Segment {
    pub(super) id: String,
    /// Times in the whole video, microseconds: the precision of the list.
    pub(super) start_us: u64,
    pub(super) end_us: u64,
    /// The point, in millionths of width and height.
    pub(super) x_millionth: u32,
    pub(super) y_millionth: u32,
    pub(super) split: Option<Split>,
}

impl Segment {
    /// Everything but the split: segments with the same key are the same.
    pub(super) fn key(&self) -> (&str, u64, u64, u32, u32) {
        (&self.id, self.start_us, self.end_us, self.x_millionth, self.y_millionth)
    }

    /// The point as fractions of width and height.
    pub(super) fn at(&self) -> [f32; 2] {
        [self.x_millionth, self.y_millionth].map(|share| (f64::from(share) * 1e-6) as f32)
    }
}

/// Microseconds in seconds.
pub(super) fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

/// The largest valid time, s: eleven days.
const MAX_TIME_S: f64 = 1e6;

/// Lines are truncated to this length, and reading stops after this many bad lines without a good
/// one: a file of another kind must not fill the memory.
const MAX_LINE_BYTES: u64 = 1 << 10;
const MAX_BAD_LINES: usize = 1000;

/// Appends the valid lines to `segments` and the others to `absent`. A first line without any
/// number is a header, which AVSpeech does not have but some tools add.
///
/// # Errors
/// [`CorpusError::File`] for a file that cannot be read, [`CorpusError::NoValidLine`] if every line
/// is bad.
pub(super) fn read_list(
    path: &Path,
    split: Option<Split>,
    segments: &mut Vec<Segment>,
    absent: &mut Vec<Absent>,
) -> Result<(), CorpusError> {
    let refused = || FileError::at("read", path);
    let mut reader = BufReader::new(File::open(path).map_err(refused())?);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (good_before, mut first_bad) = (segments.len(), None);
    let mut bytes = Vec::new();
    for line in 1_u64.. {
        bytes.clear();
        let mut limited = reader.by_ref().take(MAX_LINE_BYTES);
        if limited.read_until(b'\n', &mut bytes).map_err(refused())? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() || line == 1 && is_header(text) {
            continue;
        }
        let problem = match segment(text, split) {
            Ok(segment) => {
                segments.push(segment);
                continue;
            }
            Err(problem) => problem,
        };
        let source = format!("{name}, line {line}");
        absent.push(Absent {
            pair_id: names::pair_id(&[&name, &format!("line-{line}")]),
            speaker_id: String::new(),
            missing: format!("line cannot be read: {source}: {problem}"),
            source,
        });
        first_bad.get_or_insert((line, problem));
        if segments.len() == good_before && absent.len() >= MAX_BAD_LINES {
            break;
        }
    }
    match first_bad {
        Some((line, problem)) if segments.len() == good_before => Err(CorpusError::NoValidLine {
            path: path.to_owned(),
            line,
            problem,
            expected: "a line is id,start,end,x,y: seconds, and fractions of width and height",
        }),
        _ => Ok(()),
    }
}

/// Whether the first line of a file is a line of the list.
pub(super) fn begins_with_segment(path: &Path) -> Result<bool, CorpusError> {
    let mut line = Vec::new();
    let file = File::open(path).map_err(FileError::at("read", path))?;
    let mut start = BufReader::new(file.take(MAX_LINE_BYTES));
    start.read_until(b'\n', &mut line).map_err(FileError::at("read", path))?;
    Ok(segment(String::from_utf8_lossy(&line).trim(), None).is_ok())
}

fn segment(line: &str, split: Option<Split>) -> Result<Segment, String> {
    let cells: Vec<&str> = line.split(',').map(str::trim).collect();
    let [id, start, end, x, y] = cells[..] else {
        return Err(format!("{} cell{}", cells.len(), if cells.len() == 1 { "" } else { "s" }));
    };
    if id.is_empty() {
        return Err("no id".to_owned());
    }
    let millionths = |name: &str, cell: &str, max: f64| match cell.parse::<f64>() {
        Ok(number) if (0.0..=max).contains(&number) => Ok((number * 1e6).round() as u64),
        _ => Err(format!("{name} is {cell:?}")),
    };
    let segment = Segment {
        id: id.to_owned(),
        start_us: millionths("start", start, MAX_TIME_S)?,
        end_us: millionths("end", end, MAX_TIME_S)?,
        x_millionth: millionths("x", x, 1.0)? as u32,
        y_millionth: millionths("y", y, 1.0)? as u32,
        split,
    };
    if segment.end_us <= segment.start_us {
        return Err("end is not after start".to_owned());
    }
    Ok(segment)
}

fn is_header(line: &str) -> bool {
    line.split(',').count() == 5 && line.split(',').all(|cell| cell.trim().parse::<f64>().is_err())
}
