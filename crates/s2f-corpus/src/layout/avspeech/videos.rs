//! The videos that were downloaded, by what their names say.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::CorpusError;
use crate::layout::names::{self, Kind};
use crate::layout::tree::{Place, Tree};
use crate::plan::Media;

use super::list::{Segment, seconds};

/// The videos below a folder.
#[derive(Default)]
pub(super) struct Videos {
    /// By the whole name, which may be an id.
    whole: HashMap<String, PathBuf>,
    /// By the part of the name before two times.
    pieces: HashMap<String, Vec<Piece>>,
}

/// A file that holds one segment.
struct Piece {
    start: Time,
    end: Time,
    path: PathBuf,
}

/// A time in a file's name.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Time {
    us: u64,
    /// One unit of its last decimal: what was cut off or rounded away is less.
    precision_us: u64,
}

/// Extensions in the order of preference; other videos come after them.
const PREFERENCE: [&str; 3] = ["mp4", "mkv", "webm"];

impl Videos {
    /// # Errors
    /// [`CorpusError::File`] for a folder that cannot be listed.
    pub(super) fn find(tree: &mut Tree, root: Place) -> Result<Self, CorpusError> {
        let mut files = Vec::new();
        let mut places = vec![root];
        while let Some(place) = places.pop() {
            let listing = tree.list(&place)?;
            places.extend(listing.folders.into_iter().map(|(_, place)| place));
            files.extend(listing.files.into_iter().filter_map(|(name, path)| {
                let (stem, extension) = names::split_extension(&name);
                let rank = PREFERENCE.iter().position(|it| *it == extension);
                (names::kind(&name) == Kind::Video)
                    .then(|| (rank.unwrap_or(PREFERENCE.len()), path, stem.to_owned()))
            }));
        }
        // Of two files of one name, the preferred one comes first.
        files.sort_unstable();
        let mut videos = Self::default();
        for (_, path, stem) in files {
            if let Some((id, start, end)) = split_name(&stem) {
                let piece = Piece { start, end, path: path.clone() };
                videos.pieces.entry(id.to_owned()).or_default().push(piece);
            }
            videos.whole.entry(stem).or_insert(path);
        }
        Ok(videos)
    }

    /// For each segment of one video the stretch of the file that holds it, if any does.
    ///
    /// A file whose name is rough is taken for the segment that comes nearest to it, and for no
    /// other; a segment takes the file that comes nearest to it.
    pub(super) fn of(&self, segments: &[Segment]) -> Vec<Option<Media>> {
        let Some(id) = segments.first().map(|segment| segment.id.as_str()) else {
            return Vec::new();
        };
        let mut nearest: HashMap<(u64, u64), (u64, &Piece)> = HashMap::new();
        for piece in self.pieces.get(id).into_iter().flatten() {
            let times = segments.iter().map(|segment| (segment.start_us, segment.end_us));
            let close = times.filter_map(|times| Some((piece.distance_us(times)?, times)));
            if let Some((distance, times)) = close.min() {
                let best = nearest.entry(times).or_insert((distance, piece));
                if distance < best.0 {
                    *best = (distance, piece);
                }
            }
        }
        let media = |segment: &Segment| {
            let (start_s, end_s) = (seconds(segment.start_us), seconds(segment.end_us));
            if let Some((_, piece)) = nearest.get(&(segment.start_us, segment.end_us)) {
                let end_s = Some(seconds(segment.end_us - segment.start_us));
                return Some(Media { file: piece.path.clone(), start_s: 0.0, end_s });
            }
            let file = self.whole.get(id)?.clone();
            Some(Media { file, start_s, end_s: Some(end_s) })
        };
        segments.iter().map(media).collect()
    }
}

impl Piece {
    /// How far the times in the name are from those of a segment; none where they are others.
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

/// `ID_START_END` or `ID_START-END`, from the end: an id may itself contain `_`, `-` and digits.
fn split_name(stem: &str) -> Option<(&str, Time, Time)> {
    let (rest, end) = stem.rsplit_once(['_', '-'])?;
    let (id, start) = rest.rsplit_once('_')?;
    (!id.is_empty()).then_some((id, Time::parse(start)?, Time::parse(end)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_from_their_ends() {
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
