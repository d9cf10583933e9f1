//! Whether two voices of different pitch speak in turn.
//!
//! This is a cheap check and no diarisation: voices of similar pitch are not told apart, and
//! nothing is said about who speaks.

use crate::pitch::{Voicing, voiced_frames};
use crate::waveform::Waveform;

/// Only so much of a recording is examined, s.
const MAX_S: usize = 60;
/// Distance of the two pitches, semitones: a speaker rarely talks on two levels that far apart.
const MIN_DISTANCE: f64 = 6.0;
/// The distance is so many times the spread of the voices (Ashman's D; from 2 on there are two
/// peaks).
const MIN_SEPARATION: f64 = 4.0;
/// Each voice has at least this share of the voiced frames.
const MIN_SHARE: f64 = 0.15;
/// Voiced frames in a row of 10 ms that are one turn; pauses between them do not count.
const TURN: usize = 40;
/// A turn has at most this share of frames of the other voice, which errors of the pitch put there.
const MAX_OTHER: f64 = 0.1;

/// The pitches of two voices that speak in turn, Hz, the lower one first; `None` if there seems to
/// be one voice.
pub fn two_voices(waveform: &Waveform) -> Option<[f64; 2]> {
    let most = MAX_S * Waveform::RATE_HZ as usize;
    let start = waveform.excerpt(0..most, most.min(waveform.samples().len()));
    let (frames, _) = voiced_frames(&start, Voicing::CLEAR);
    let semitones: Vec<f64> = frames.iter().map(|frame| 12.0 * frame.hz.log2()).collect();
    let [low, high] = clusters(&semitones)?;
    if !takes_turns(&semitones, 0.5 * (low + high)) {
        return None;
    }
    Some([low, high].map(|semitones| (semitones / 12.0).exp2()))
}

/// The centres of two clusters, if the values have two.
fn clusters(values: &[f64]) -> Option<[f64; 2]> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    let least = ((MIN_SHARE * count as f64) as usize).max(TURN);
    if count < 2 * least {
        return None;
    }
    // The split with the least variance within the two parts (Otsu 1979), by sums up to each value.
    let mut sums = vec![0.0];
    for value in &sorted {
        sums.push(sums[sums.len() - 1] + value);
    }
    let between = |split: usize| {
        let (a, b) =
            (sums[split] / split as f64, (sums[count] - sums[split]) / (count - split) as f64);
        split as f64 * (count - split) as f64 * (a - b).powi(2)
    };
    let split = (least..=count - least).max_by(|a, b| between(*a).total_cmp(&between(*b)))?;
    // Medians and their absolute deviations: errors of an octave do not count.
    let parts = [&sorted[..split], &sorted[split..]].map(|part| {
        let centre = part[part.len() / 2];
        let mut deviations: Vec<f64> = part.iter().map(|value| (value - centre).abs()).collect();
        deviations.sort_by(f64::total_cmp);
        // The standard deviation of a normal distribution with this median deviation.
        (centre, 1.4826 * deviations[deviations.len() / 2])
    });
    let [(low, low_spread), (high, high_spread)] = parts;
    let spread = ((low_spread.powi(2) + high_spread.powi(2)) / 2.0).sqrt();
    let is_apart = high - low >= MIN_DISTANCE && high - low >= MIN_SEPARATION * spread;
    is_apart.then_some([low, high])
}

/// Whether there is a turn on each side of `middle`.
fn takes_turns(values: &[f64], middle: f64) -> bool {
    let sides: Vec<bool> = values.iter().map(|value| *value > middle).collect();
    let has_turn = |side: bool| {
        let others = |turn: &[bool]| turn.iter().filter(|other| **other != side).count();
        sides.windows(TURN).any(|turn| others(turn) as f64 <= MAX_OTHER * TURN as f64)
    };
    has_turn(false) && has_turn(true)
}
