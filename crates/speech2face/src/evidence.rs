//! How much speech a recording holds, and how clean it is.

use s2f_audio::{Waveform, signal_to_noise_db};
use serde::Serialize;

use crate::VoicePolicy;

/// A sound whose level varies less than this, dB, has neither syllables nor pauses: it is no
/// speech, but noise or a hum.
const STEADY_DB: f64 = 3.0;
/// Ratio of the power of speech to that of noise at which a second of speech counts for half: 10
/// dB. A choice, not a measurement: that is where speech becomes hard to follow.
const HALF_RATIO: f64 = 10.0;

/// How much speech the used windows of a recording hold, and how clean it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Evidence {
    /// Seconds of the recording that the windows cover. Windows that overlap count once, and so
    /// does a short recording that is repeated to fill a window.
    pub seconds: f64,
    /// How far the speech is above the noise in its pauses, dB
    /// ([`signal_to_noise_db`]).
    pub signal_to_noise_db: f64,
}

impl Evidence {
    /// Seconds of clean speech that tell as much: with the ratio r of the power of speech to that
    /// of noise, seconds · r / (r + 10). 0 if nothing in the recording is above the noise.
    pub fn clean_seconds(&self) -> f64 {
        if self.signal_to_noise_db.is_nan() || self.signal_to_noise_db < STEADY_DB {
            return 0.0;
        }
        // The loudest frames contain the noise too.
        let ratio = 10f64.powf(self.signal_to_noise_db / 10.0) - 1.0;
        self.seconds * ratio / (ratio + HALF_RATIO)
    }
}

impl VoicePolicy {
    /// How much speech the windows that this policy selects hold.
    pub fn evidence(&self, voice: &Waveform) -> Evidence {
        let samples = voice.samples();
        let mut covered = Vec::new();
        let mut end = 0;
        for range in self.ranges(samples) {
            covered.extend_from_slice(&samples[range.start.max(end).min(range.end)..range.end]);
            end = range.end.max(end);
        }
        let seconds = covered.len() as f64 / f64::from(Waveform::RATE_HZ);
        Evidence { seconds, signal_to_noise_db: signal_to_noise_db(&covered) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Syllables of 200 ms, then 200 ms of noise with this amplitude.
    fn voice(seconds: usize, noise: f32) -> Waveform {
        let sample = |n: usize| {
            let level = if (n / 3200).is_multiple_of(2) { 0.3 } else { noise };
            [level, -level][n % 2]
        };
        let samples: Vec<f32> = (0..seconds * 16_000).map(sample).collect();
        Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).unwrap()
    }

    #[test]
    fn seconds_count_once() {
        let seconds = |policy: VoicePolicy, length| policy.evidence(&voice(length, 0.0)).seconds;
        assert_eq!(seconds(VoicePolicy::default(), 2), 2.0); // repeated to 6 s
        assert_eq!(seconds(VoicePolicy::default(), 13), 13.0); // overlapping windows
        assert_eq!(seconds(VoicePolicy::first_clip(), 13), 6.0);
        assert_eq!(seconds(VoicePolicy::first_seconds(3.0), 13), 3.0);
        // Two windows of 6 s, far apart.
        assert_eq!(seconds(VoicePolicy { max_windows: 2, ..VoicePolicy::default() }, 60), 12.0);
    }

    #[test]
    fn noise_makes_seconds_shorter_and_a_steady_sound_is_no_speech() {
        let evidence = |noise| VoicePolicy::default().evidence(&voice(6, noise));
        assert!((evidence(0.003).signal_to_noise_db - 40.0).abs() < 1e-3);
        assert!((evidence(0.003).clean_seconds() - 6.0 * 9999.0 / 10_009.0).abs() < 1e-3);
        let half = 0.3 / 11_f32.sqrt();
        assert!((evidence(half).clean_seconds() - 3.0).abs() < 1e-3);
        assert_eq!(evidence(0.3).clean_seconds(), 0.0);
        let silent = Waveform::from_interleaved(&[0.0; 100], 1, Waveform::RATE_HZ).unwrap();
        assert_eq!(VoicePolicy::default().evidence(&silent).clean_seconds(), 0.0);
    }
}
