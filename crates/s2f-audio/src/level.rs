//! Levels of a voice, and the project's two thresholds: silent recordings and pauses.
//!
//! A recording is *silent* if even its loudest moment is below [`SILENCE_DBFS`]; silent recordings
//! are refused. A window of a recording is a *pause* if its power is far below that of the
//! recording's loudest window, see [`is_pause`]; pauses are left out of a voice's feature.

/// A recording with a lower [`peak_dbfs`] is silent, in dB of full scale: three steps of 16 bit.
/// The dither of a recorder with its microphone off is below it.
pub const SILENCE_DBFS: f64 = -80.0;

/// A window with less power than this share of the loudest window's is a pause: −30 dB. That is far
/// below the range of one speaker in one recording, and about the level of the room's noise.
pub const PAUSE_POWER_RATIO: f64 = 1e-3;

/// Half the range of the samples in dB of full scale: the level of the loudest moment, independent
/// of a constant offset. −∞ if all samples are equal or there are none.
pub fn peak_dbfs(samples: &[f32]) -> f64 {
    let (low, high) =
        samples.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &sample| {
            (low.min(sample), high.max(sample))
        });
    range_dbfs(low, high)
}

/// [`peak_dbfs`] of samples from `low` to `high`.
pub(crate) fn range_dbfs(low: f32, high: f32) -> f64 {
    20.0 * (f64::from(high - low) / 2.0).max(0.0).log10()
}

/// Whether the recording is silent: its [`peak_dbfs`] is below [`SILENCE_DBFS`].
pub fn is_silent(samples: &[f32]) -> bool {
    peak_dbfs(samples) < SILENCE_DBFS
}

/// Mean square of the samples, relative to full scale; 0 if there are none.
pub fn mean_power(samples: &[f32]) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / samples.len() as f64
}

/// Whether a window with this [`mean_power`] is a pause in a recording whose loudest window has the
/// power `loudest`.
pub fn is_pause(power: f64, loudest: f64) -> bool {
    power < PAUSE_POWER_RATIO * loudest
}

/// Power of the loudest tenth of a recording's frames of 25 ms over that of the quietest tenth, dB:
/// how far speech is above the noise in its pauses. Near 0 for a sound without pauses; NaN for less
/// than a frame.
pub fn signal_to_noise_db(samples: &[f32]) -> f64 {
    /// 25 ms at 16 kHz.
    const FRAME: usize = 400;
    /// Power of the least significant bit of 16: digital silence has no lower one.
    const MIN_POWER: f64 = 1e-10;
    let mut powers: Vec<f64> = samples.chunks_exact(FRAME).map(mean_power).collect();
    powers.sort_unstable_by(f64::total_cmp);
    let Some(last) = powers.len().checked_sub(1) else { return f64::NAN };
    let [quiet, loud] = [last / 10, last - last / 10].map(|place| powers[place].max(MIN_POWER));
    10.0 * (loud / quiet).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A square wave of `amplitude`, which has the power `amplitude²`, on an offset.
    fn square(amplitude: f32, offset: f32) -> Vec<f32> {
        (0..800).map(|n| offset + if n % 80 < 40 { amplitude } else { -amplitude }).collect()
    }

    #[test]
    fn levels_of_square_waves_are_known() {
        for (amplitude, dbfs) in [(1.0, 0.0), (0.5, -6.0206), (0.1, -20.0), (1e-3, -60.0)] {
            assert!((peak_dbfs(&square(amplitude, 0.0)) - dbfs).abs() < 1e-3, "{amplitude}");
            let power = mean_power(&square(amplitude, 0.0));
            assert!((power / f64::from(amplitude).powi(2) - 1.0).abs() < 1e-6, "{amplitude}");
        }
        // An offset changes the power but not the peak level.
        assert!((peak_dbfs(&square(0.125, 0.5)) - peak_dbfs(&square(0.125, 0.0))).abs() < 1e-9);
    }

    #[test]
    fn silence_is_below_three_steps_of_16_bit() {
        const STEP: f32 = 1.0 / 32_768.0;
        assert!(is_silent(&[]) && is_silent(&[0.25; 100]));
        assert!(is_silent(&square(3.0 * STEP, 0.0)));
        assert!(!is_silent(&square(4.0 * STEP, 0.0)));
        assert_eq!(peak_dbfs(&[]), f64::NEG_INFINITY);
        assert_eq!(peak_dbfs(&[0.25; 100]), f64::NEG_INFINITY);
        assert_eq!(mean_power(&[]), 0.0);
    }

    #[test]
    fn noise_is_measured_against_speech() {
        // Half of the frames 40 dB above the other half.
        let samples: Vec<f32> =
            (0..40_000).map(|n| if n / 400 % 2 == 0 { 0.5 } else { 0.005 }).collect();
        assert!((signal_to_noise_db(&samples) - 40.0).abs() < 1e-3);
        assert_eq!(signal_to_noise_db(&[0.0; 800]), 0.0);
        assert!(signal_to_noise_db(&[]).is_nan());
    }

    #[test]
    fn a_pause_is_30_db_below_the_loudest_window() {
        let power = |db: f64| 10f64.powf(db / 10.0);
        assert!(is_pause(power(-50.1), power(-20.0)));
        assert!(!is_pause(power(-49.9), power(-20.0)));
        assert!(!is_pause(0.0, 0.0), "digital silence throughout has no pauses");
    }
}
