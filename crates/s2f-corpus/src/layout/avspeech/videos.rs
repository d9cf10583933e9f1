//! The videos that were downloaded, by the id and times in their names.

use std::collections::HashMap;
use std::path::PathBuf;

use super::list::{Segment, seconds};
use crate::CorpusError;
use crate::layout::names::{self, FileKind};
use crate::layout::tree::{Tree, TreeFolder};
use crate::plan::Media;

/// The videos below a folder.
#[derive(Default)]
pub(super) struct Videos {
    /// By the whole stem of the name, which may be an id.
    whole: HashMap<String, PathBuf>,
    /// Files that contain one segment, by the part of the name before the two times.
    segments: HashMap<String, Vec<SegmentFile>>,
}

/// A file that contains one segment.
struct SegmentFile {
    start: Time,
    end: Time,
    path: PathBuf,
}

/// A time in a file's name.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Time {
    us: u64,
    /// One unit of the last decimal; the error of truncation or rounding is smaller.
    precision_us: u64,
}

/// Extensions in order of preference; other videos come after them.
const PREFERENCE: [&str; 3] = ["mp4", "mkv", "webm"];

impl Videos {
    /// All videos below a folder.
    ///
    /// # Errors
    /// [`CorpusError::File`] for a folder that cannot be listed.
    pub(super) fn find(tree: &mut Tree, root: TreeFolder) -> Result<Self, CorpusError> {
        let mut files = Vec::new();
        let mut places = vec![root];
        while let Some(place) = places.pop() {
            let listing = tree.list(&place)?;
            places.extend(listing.folders.into_iter().map(|(_, place)| place));
            files.extend(listing.files.into_iter().filter_map(|(name, path)| {
                let (stem, extension) = names::split_extension(&name);
                let rank = PREFERENCE.iter().position(|it| *it == extension);
                (names::file_kind(&name) == FileKind::Video)
                    .then(|| (rank.unwrap_or(PREFERENCE.len()), path, stem.to_owned()))
            }));
        }
        // If two files have the same stem, the preferred one comes first.
        files.sort_unstable();
        let mut videos = Self::default();
        for (_, path, stem) in files {
            if let Some((id, start, end)) = split_name(&stem) {
                let file = SegmentFile { start, end, path: path.clone() };
                videos.segments.entry(id.to_owned()).or_default().push(file);
            }
            videos.whole.entry(stem).or_insert(path);
        }
        Ok(videos)
    }

    /// For each segment of one video, the file or the part of a file that contains it, if any does.
    ///
    /// A file whose name has rounded times is matched with the nearest segment only, and a segment
    /// with the nearest file.
    pub(super) fn of(&self, segments: &[Segment]) -> Vec<Option<Media>> {
        let Some(id) = segments.first().map(|segment| segment.id.as_str()) else {
            return Vec::new();
        };
        let mut nearest: HashMap<(u64, u64), (u64, &SegmentFile)> = HashMap::new();
        for file in self.segments.get(id).into_iter().flatten() {
            let times = segments.iter().map(|segment| (segment.start_us, segment.end_us));
            let close = times.filter_map(|times| Some((file.distance_us(times)?, times)));
            if let Some((distance, times)) = close.min() {
                let best = nearest.entry(times).or_insert((distance, file));
                if distance < best.0 {
                    *best = (distance, file);
                }
            }
        }
        let media = |segment: &Segment| {
            let (start_s, end_s) = (seconds(segment.start_us), seconds(segment.end_us));
            if let Some((_, found)) = nearest.get(&(segment.start_us, segment.end_us)) {
                let end_s = Some(seconds(segment.end_us - segment.start_us));
                return Some(Media { file: found.path.clone(), start_s: 0.0, end_s });
            }
            let file = self.whole.get(id)?.clone();
            Some(Media { file, start_s, end_s: Some(end_s) })
        };
        segments.iter().map(media).collect()
    }
}

impl SegmentFile {
    /// Distance of the times in the name from those of a segment; `None` if they are others.
    fn distance_us(&self, (start_us, end_us): (u64, u64)) -> Option<u64> {
        Some(self.start.distance_us(start_us)? + self.end.distance_us(end_us)?)
    }
}

impl Time {
    fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 9 || !digits(whole) || !digits(decimals) {
            return None;
        }
        let shown = decimals.len().min(6);
        let fraction: u64 = format!("{:0<6}", &decimals[..shown]).parse().ok()?;
        let us = whole.parse::<u64>().ok()? * 1_000_000 + fraction;
        Some(Self { us, precision_us: 10_u64.pow(6 - shown as u32) })
    }

    fn distance_us(self, us: u64) -> Option<u64> {
        let distance = self.us.abs_diff(us);
        (distance < self.precision_us || distance <= 1).then_some(distance)
    }
}

/// Parses `ID_START_END` or `ID_START-END` from the end: an id may contain `_`, `-` and digits.
fn split_name(stem: &str) -> Option<(&str, Time, Time)> {
    let (rest, end) = stem.rsplit_once(['_', '-'])?;
    let (id, start) = rest.rsplit_once('_')?;
    (!id.is_empty()).then_some((id, Time::parse(start)?, Time::parse(end)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_from_the_end() {
        let check = |stem: &str, expected: Option<(&str, u64, u64)>| {
            let found = split_name(stem).map(|(id, start, end)| (id, start.us, end.us));
            assert_eq!(found, expected, "{stem}");
        };
        check("abc_1_2", Some(("abc", 1_000_000, 2_000_000)));
        check("a_b-c_1.5-2.25", Some(("a_b-c", 1_500_000, 2_250_000)));
        check("-_-_-_010.006000-015.000000", Some(("-_-_-", 10_006_000, 15_000_000)));
        check("a_1_2_3", Some(("a_1", 2_000_000, 3_000_000)));
        check("a_1.1234567_2", Some(("a", 1_123_456, 2_000_000)));
        check("abc", None);
        check("abc_1", None);
        check("_1_2", None);
        check("abc_x_2", None);
        check("abc_1_", None);
        check("abc_.5_2", None);
        check("abc_1e3_2", None);
        check("abc_99999999999999999999_2", None);
        check("é_1.é_2", None);
    }
}
