//! Edit lists: which parts of a track are played, in which order (ISO/IEC 14496-12, 8.6.6).
//!
//! An AAC encoder puts one or two frames of silence before the audio, and an edit leaves them out.
//! Programs that cut recordings without decoding them write several edits.

use std::ops::Range;

use super::boxes::{find, u32_at, u64_at};

/// More edits than any recording of a voice has.
const MAX_EDITS: usize = 1000;

/// A step of the presentation.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Edit {
    /// A part of the track, s.
    Play(Range<f64>),
    /// Nothing for so long, s.
    Pause(f64),
}

/// The edits of a track; `None` if it has none and is played as a whole, or too many.
///
/// A pause before the first part only says when the track starts, and one after the last part says
/// nothing.
pub(super) fn edits(track: &[u8], movie_rate: f64, track_rate: f64) -> Option<Vec<Edit>> {
    let list = find(find(track, b"edts")?, b"elst")?;
    let (&version, entries) = (list.first()?, list.get(8..)?);
    let count = u32_at(list, 4)? as usize;
    let size = if version == 1 { 20 } else { 12 };
    let mut edits = Vec::new();
    let entries: Vec<&[u8]> = entries.chunks_exact(size).take(count.min(MAX_EDITS + 1)).collect();
    if entries.len() > MAX_EDITS {
        return None;
    }
    for (number, entry) in entries.iter().enumerate() {
        let (length, start) = if version == 1 {
            (u64_at(entry, 0)?, u64_at(entry, 8)?.cast_signed())
        } else {
            (u64::from(u32_at(entry, 0)?), i64::from(u32_at(entry, 4)?.cast_signed()))
        };
        let length_s = length as f64 / movie_rate;
        if start < 0 {
            edits.push(Edit::Pause(length_s));
            continue;
        }
        let start_s = start as f64 / track_rate;
        // A length of 0 is one that nobody knew yet.
        let is_open = length == 0 && number + 1 == entries.len();
        edits.push(Edit::Play(start_s..if is_open { f64::INFINITY } else { start_s + length_s }));
    }
    let is_part = |edit: &Edit| matches!(edit, Edit::Play(_));
    let first = edits.iter().position(is_part)?;
    let last = edits.iter().rposition(is_part)?;
    Some(edits[first..=last].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A track with an edit list of these lengths and starts.
    fn track(version: u8, entries: &[(u64, i64)]) -> Vec<u8> {
        let mut list = vec![version, 0, 0, 0];
        list.extend((entries.len() as u32).to_be_bytes());
        for (length, start) in entries {
            if version == 1 {
                list.extend(length.to_be_bytes());
                list.extend(start.to_be_bytes());
            } else {
                list.extend((*length as u32).to_be_bytes());
                list.extend((*start as i32).to_be_bytes());
            }
            list.extend([0, 1, 0, 0]); // rate 1
        }
        let wrap = |kind: &[u8; 4], content: &[u8]| {
            [&(8 + content.len() as u32).to_be_bytes(), &kind[..], content].concat()
        };
        wrap(b"edts", &wrap(b"elst", &list))
    }

    #[test]
    fn all_entries_in_their_order() {
        let check = |entries: &[(u64, i64)], expected: Option<&[Edit]>| {
            for version in [0, 1] {
                let found = edits(&track(version, entries), 1000.0, 16_000.0);
                assert_eq!(found.as_deref(), expected, "{entries:?}");
            }
        };
        check(&[], None);
        check(&[(3000, 1024)], Some(&[Edit::Play(0.064..3.064)]));
        check(&[(0, 1024)], Some(&[Edit::Play(0.064..f64::INFINITY)]));
        check(&[(500, -1), (3000, 0)], Some(&[Edit::Play(0.0..3.0)]));
        check(
            &[(500, 32_000), (1000, 16_000)],
            Some(&[Edit::Play(2.0..2.5), Edit::Play(1.0..2.0)]),
        );
        let with_pause = [Edit::Play(0.0..1.0), Edit::Pause(0.25), Edit::Play(1.0..3.0)];
        check(&[(1000, 0), (250, -1), (2000, 16_000), (9, -1)], Some(&with_pause));
        check(&[(1, 0); MAX_EDITS + 1], None);
    }

    #[test]
    fn lists_that_are_cut_off_have_the_entries_that_are_there() {
        let mut list = track(0, &[(1000, 0), (1000, 0)]);
        let length = list.len();
        for cut in 1..length {
            list.truncate(length - cut);
            let found = edits(&list, 1000.0, 1000.0).unwrap_or_default();
            assert!(found.len() <= 1, "{cut}");
        }
    }
}
