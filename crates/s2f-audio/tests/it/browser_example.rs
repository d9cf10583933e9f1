//! The mel spectrogram of examples/browser, in JavaScript, is that of this crate.

use std::io::Write;
use std::process::{Command, Stdio};

use s2f_audio::{Limits, Waveform, mel_spectrogram, read};
use s2f_testing::project;

use crate::support::floats;

/// The mel spectrogram that `examples/browser/page/mel.js` computes; `None` without Node.js.
fn in_javascript(voice: &Waveform) -> Option<Vec<f32>> {
    let mut command = Command::new("node");
    command.arg(project("examples/browser/test/mel.mjs"));
    let Ok(mut child) = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
        s2f_testing::skip("Node.js is not installed");
        return None;
    };
    let bytes: Vec<u8> = voice.samples().iter().flat_map(|sample| sample.to_le_bytes()).collect();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(floats(&output.stdout))
}

#[test]
fn the_front_end_of_the_browser_page_is_ours() {
    let voice = read(&project("examples/voices/high.flac"), &Limits::default()).unwrap();
    let scaled = |factor: f32, samples: usize| {
        let samples = voice.samples().iter().take(samples).map(|sample| factor * sample);
        Waveform::from_interleaved(&samples.collect::<Vec<_>>(), 1, Waveform::RATE_HZ).unwrap()
    };
    // As recorded; raised to -30 dB; shorter than a window of a frame; silent.
    for voice in [scaled(1.0, 96_000), scaled(1e-3, 50_000), scaled(1.0, 123), scaled(0.0, 1000)] {
        let Some(found) = in_javascript(&voice) else { return };
        let ours = mel_spectrogram(&voice);
        assert_eq!(found.len(), ours.data().len());
        for (found, ours) in found.iter().zip(ours.data()) {
            // Theirs is computed in double precision, ours in single.
            let tolerance = 1e-4 * ours.abs() + 1e-9;
            assert!((found - ours).abs() <= tolerance, "{found} instead of {ours}");
        }
    }
}
