//! Which of several sound tracks is decoded.

use crate::error::Problem;

/// Which sound track to decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TrackChoice {
    /// The default track, whether it can be decoded here or not.
    Default,
    /// The default track if it can be decoded here, else the first that can.
    Readable,
    /// The one with this number among the sound tracks, from 1.
    Number(usize),
}

/// Chooses one of several tracks: whether each is a default one, and the track or why it cannot be
/// decoded here.
pub(super) fn choose<T>(
    mut tracks: Vec<(bool, Result<T, Problem>)>,
    choice: TrackChoice,
) -> Result<T, Problem> {
    if tracks.is_empty() {
        return Err(Problem::NoAudioTrack);
    }
    let default = tracks.iter().position(|(is_default, _)| *is_default).unwrap_or(0);
    let readable = tracks.iter().position(|(_, track)| track.is_ok());
    let index = match choice {
        TrackChoice::Number(number) if number == 0 || number > tracks.len() => {
            return Err(Problem::NoSuchTrack { asked: number, found: tracks.len() });
        }
        TrackChoice::Number(number) => number - 1,
        TrackChoice::Readable if tracks[default].1.is_err() => readable.unwrap_or(default),
        TrackChoice::Default | TrackChoice::Readable => default,
    };
    tracks.swap_remove(index).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_track_or_the_first_that_can_be_read() {
        let bad = || Err(Problem::NoSamples);
        let check = |tracks: Vec<(bool, Result<u8, Problem>)>, choice, expected| {
            assert_eq!(choose(tracks, choice), expected, "{choice:?}");
        };
        let two = || vec![(false, Ok(1)), (true, Ok(2))];
        check(two(), TrackChoice::Default, Ok(2));
        check(two(), TrackChoice::Readable, Ok(2));
        check(two(), TrackChoice::Number(1), Ok(1));
        let missing = |asked| Err(Problem::NoSuchTrack { asked, found: 2 });
        check(two(), TrackChoice::Number(3), missing(3));
        check(two(), TrackChoice::Number(0), missing(0));
        let first_bad = || vec![(true, bad()), (true, Ok(2)), (false, Ok(3))];
        check(first_bad(), TrackChoice::Default, bad());
        check(first_bad(), TrackChoice::Readable, Ok(2));
        check(first_bad(), TrackChoice::Number(1), bad());
        check(vec![(false, bad()), (false, bad())], TrackChoice::Readable, bad());
        check(vec![], TrackChoice::Default, Err(Problem::NoAudioTrack));
    }
}
