//! Which parts of a recording are listened to.

use s2f_audio::{Waveform, is_pause, mean_power};
use serde::Serialize;

/// Which parts of a recording are listened to, in windows of 6 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Windows {
    /// All of it: windows that overlap by half, their features averaged. Pauses are left out, and
    /// from long recordings [`Windows::MOST`] windows are taken, spread evenly.
    #[default]
    All,
    /// The first 6 s, as in the paper.
    First,
}

/// From one window to the next, s.
const HOP_S: f64 = 3.0;

impl Windows {
    /// The most windows that are listened to; they cover a minute without gaps.
    pub const MOST: usize = 20;

    /// The clips of 6 s to listen to, at least one.
    pub(crate) fn clips(self, voice: &Waveform) -> Vec<Waveform> {
        match self {
            Self::First => vec![voice.first_clip()],
            Self::All => {
                let powers: Vec<f64> =
                    voice.windows(HOP_S).map(|clip| mean_power(clip.samples())).collect();
                let loudest = powers.iter().copied().fold(0.0, f64::max);
                let voiced: Vec<usize> =
                    (0..powers.len()).filter(|&index| !is_pause(powers[index], loudest)).collect();
                let chosen: Vec<usize> = spread(voiced.len()).map(|place| voiced[place]).collect();
                let clips = voice.windows(HOP_S).enumerate();
                clips.filter(|(index, _)| chosen.contains(index)).map(|(_, clip)| clip).collect()
            }
        }
    }
}

/// At most [`Windows::MOST`] of the places 0 to `count` - 1, first and last among them, evenly.
fn spread(count: usize) -> impl Iterator<Item = usize> {
    let chosen = count.min(Windows::MOST);
    (0..chosen).map(move |index| match chosen {
        1 => 0,
        _ => index * (count - 1) / (chosen - 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A recording of one level for each 3 s.
    fn recording(levels: &[f32]) -> Waveform {
        let samples: Vec<f32> = levels.iter().flat_map(|&level| vec![level; 48_000]).collect();
        Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).unwrap()
    }

    fn first_samples(levels: &[f32]) -> Vec<f32> {
        let clips = Windows::All.clips(&recording(levels));
        clips.iter().map(|clip| clip.samples()[0]).collect()
    }

    #[test]
    fn first_is_the_first_clip_whatever_follows() {
        let voice = recording(&[0.1, 0.2, 0.3, 0.4]);
        assert_eq!(Windows::First.clips(&voice), [voice.first_clip()]);
        assert_eq!(
            Windows::First.clips(&recording(&[0.1])),
            Windows::All.clips(&recording(&[0.1]))
        );
    }

    #[test]
    fn all_overlaps_by_half_and_leaves_pauses_out() {
        assert_eq!(first_samples(&[0.1, 0.2, 0.3, 0.4]), [0.1, 0.2, 0.3]);
        assert_eq!(first_samples(&[0.1, 0.0, 0.0, 0.0, 0.2, 0.3]), [0.1, 0.0, 0.2]);
        assert_eq!(first_samples(&[0.0, 0.0, 0.0]).len(), 2);
    }

    #[test]
    fn a_long_recording_is_sampled_evenly() {
        let levels: Vec<f32> = (0..101).map(|n| 0.5 + n as f32 / 1000.0).collect();
        let firsts = first_samples(&levels);
        assert_eq!(firsts.len(), Windows::MOST);
        assert_eq!((firsts[0], firsts[19]), (levels[0], levels[99]));
        let steps = firsts.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(steps.clone().all(|step| (0.0049..0.0061).contains(&step)), "{firsts:?}");
    }
}
