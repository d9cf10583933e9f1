//! The input of the networks: a short-time Fourier transform with power-law compression.
//!
//! Speech2Face, section 3.2; details that it leaves open follow from its shape of 598 × 257: Hann
//! window of 25 ms (400 samples), hop of 10 ms (160), each frame zero-padded to 512 for the
//! transform, no padding of the recording. The window is periodic, `scipy.signal.get_window("hann",
//! 400)`, the default of `torch.hann_window` and `tf.signal.hann_window`. Samples have a full scale
//! of ±1 and the transform is not scaled. The exponent 0.3 is defined in `power_law.rs`.

use std::sync::{Arc, LazyLock};

use realfft::{RealFftPlanner, RealToComplex};

use crate::power_law::{self, compress};
use crate::waveform::Waveform;

/// A compressed spectrogram: `sgn(x)·|x|^0.3` of the real and of the imaginary part of a short-time
/// Fourier transform.
///
/// Shape `[2, frames, 257]`, row-major: first all real parts, then all imaginary parts; each frame
/// from 0 to 8 kHz.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrogram {
    data: Vec<f32>,
    frames: usize,
}

impl Spectrogram {
    /// Samples of a window: 25 ms.
    pub const WINDOW: usize = 400;
    /// Samples from one frame to the next: 10 ms.
    pub const HOP: usize = 160;
    /// Points of the Fourier transform.
    pub const FFT: usize = 512;
    /// Frequency bins of a frame, 0 to 8 kHz.
    pub const BINS: usize = Self::FFT / 2 + 1; // 257
    /// Exponent of the power-law compression.
    pub const EXPONENT: f32 = power_law::EXPONENT; // 0.3
    /// Frames of a clip of 6 s.
    pub const CLIP_FRAMES: usize = (Waveform::CLIP_SAMPLES - Self::WINDOW) / Self::HOP + 1; // 598

    /// The number of frames: `floor((samples - 400) / 160) + 1`.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// The values, `[2, frames, 257]`.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The values, `[2, frames, 257]`.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }
}

/// The compressed spectrogram of a whole waveform: 598 frames for 6 s, 298 for 3 s.
///
/// A waveform of less than 400 samples has no frames. Samples after the last whole window are
/// ignored.
pub fn spectrogram(waveform: &Waveform) -> Spectrogram {
    let samples = waveform.samples();
    let frames = if samples.len() < Spectrogram::WINDOW {
        0
    } else {
        (samples.len() - Spectrogram::WINDOW) / Spectrogram::HOP + 1
    };
    let mut data = vec![0.0; 2 * frames * Spectrogram::BINS];
    let (real, imaginary) = data.split_at_mut(frames * Spectrogram::BINS);

    let plan = &*PLAN;
    let mut frame = plan.fft.make_input_vec();
    let mut spectrum = plan.fft.make_output_vec();
    let mut scratch = plan.fft.make_scratch_vec();
    let rows =
        real.chunks_exact_mut(Spectrogram::BINS).zip(imaginary.chunks_exact_mut(Spectrogram::BINS));
    for (window, (real, imaginary)) in
        samples.windows(Spectrogram::WINDOW).step_by(Spectrogram::HOP).zip(rows)
    {
        for (value, (sample, weight)) in frame.iter_mut().zip(window.iter().zip(&plan.window)) {
            *value = sample * weight;
        }
        // The transform uses its input as scratch space.
        frame[Spectrogram::WINDOW..].fill(0.0);
        // It fails only for buffers of the wrong length, and these are its own.
        let done = plan.fft.process_with_scratch(&mut frame, &mut spectrum, &mut scratch);
        debug_assert!(done.is_ok());
        for ((re, im), value) in real.iter_mut().zip(imaginary.iter_mut()).zip(&spectrum) {
            (*re, *im) = (value.re, value.im);
        }
    }
    compress(&mut data);
    Spectrogram { data, frames }
}

struct Plan {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
}

static PLAN: LazyLock<Plan> = LazyLock::new(|| Plan {
    fft: RealFftPlanner::new().plan_fft_forward(Spectrogram::FFT),
    window: hann(Spectrogram::WINDOW),
});

/// The periodic Hann window.
pub(crate) fn hann(samples: usize) -> Vec<f32> {
    let weight = |n| {
        let turn = std::f64::consts::TAU * n as f64 / samples as f64;
        (0.5 - 0.5 * turn.cos()) as f32
    };
    (0..samples).map(weight).collect()
}
