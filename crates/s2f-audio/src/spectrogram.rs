//! The paper's input: a short-time Fourier transform with power-law compression.
//!
//! Section 3.2 of the paper, with what it leaves open taken from its 598 × 257: Hann window of
//! 25 ms (400 samples), hop 10 ms (160), each frame followed by zeros to 512 for the transform, no
//! padding of the recording. The window is the periodic one, `scipy.signal.get_window("hann",
//! 400)`, which is also the default of `torch.hann_window` and `tf.signal.hann_window`. Samples go
//! in as they are, full scale ±1, and the transform is not scaled.

use crate::power::compress;
use crate::waveform::Waveform;
use realfft::{RealFftPlanner, RealToComplex};
use std::sync::{Arc, LazyLock};

/// `sgn(x)·|x|^0.3` of the real and of the imaginary part of a short-time Fourier transform.
///
/// Shape `[2, frames, 257]`, row-major: first all real parts, then all imaginary parts, each frame
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
    /// Frequencies of a frame.
    pub const BINS: usize = Self::FFT / 2 + 1; // 257
    /// Frames of a clip of 6 s.
    pub const CLIP_FRAMES: usize = (Waveform::CLIP_SAMPLES - Self::WINDOW) / Self::HOP + 1; // 598

    /// How many frames there are: `floor((samples - 400) / 160) + 1`.
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

/// The compressed spectrogram of all of `waveform`; 6 s give 598 frames, 3 s give 298.
///
/// A waveform of under 400 samples has no frame, and what follows the last whole window is unused.
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
        // It fails only on buffers of a wrong length, and these are its own.
        let done = plan.fft.process_with_scratch(&mut frame, &mut spectrum, &mut scratch);
        debug_assert!(done.is_ok());
        for ((re, im), value) in real.iter_mut().zip(imaginary.iter_mut()).zip(&spectrum) {
            (*re, *im) = (value.re, value.im);
        }
        compress(real);
        compress(imaginary);
    }
    Spectrogram { data, frames }
}

struct Plan {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
}

static PLAN: LazyLock<Plan> = LazyLock::new(|| Plan {
    fft: RealFftPlanner::new().plan_fft_forward(Spectrogram::FFT),
    window: (0..Spectrogram::WINDOW)
        .map(|n| {
            let turn = std::f64::consts::TAU * n as f64 / Spectrogram::WINDOW as f64;
            (0.5 - 0.5 * turn.cos()) as f32
        })
        .collect(),
});
