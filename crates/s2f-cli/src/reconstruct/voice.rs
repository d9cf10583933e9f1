//! Reads a recording, and says what is unusual about it.

use anyhow::anyhow;
use serde::Serialize;
use speech2face::VoiceRecording;
use speech2face::audio::{ReadOptions, SpeechDetector};

use super::inputs::Input;
use super::settings::Request;

/// A recording, and what there is to say about it.
pub struct Voice {
    pub recording: VoiceRecording,
    pub speech: SpeechFound,
    pub warnings: Vec<String>,
}

/// How much of a recording is speech, for `--json`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SpeechFound {
    /// Seconds of speech, in the part of a long recording that was examined.
    pub seconds: f64,
    /// Their share of that part, 0 to 1.
    pub share: f64,
}

impl Voice {
    /// Reads a recording.
    ///
    /// # Errors
    /// Names the recording and why it cannot be used.
    pub fn read(
        input: &Input,
        request: &Request,
        detector: &SpeechDetector,
    ) -> anyhow::Result<Self> {
        let options = ReadOptions { track: request.track, ..ReadOptions::default() };
        let recording = match input {
            Input::Stdin => {
                VoiceRecording::from_reader(std::io::stdin().lock(), &input.name(), &options)?
            }
            Input::File(path) => VoiceRecording::read(path, &options)?,
        };
        let speech = recording.speech(detector)?;
        let name = input.name();
        if speech.seconds <= 0.0 && request.require_speech {
            return Err(anyhow!(
                "{name}: no speech was found; hint: use a recording of a voice, or omit \
                 --require-speech"
            ));
        }
        let remarks = recording.remarks(&speech).into_iter();
        let warnings = remarks.map(|remark| format!("{name}: {remark}")).collect();
        let speech = SpeechFound { seconds: speech.seconds, share: speech.share };
        Ok(Self { recording, speech, warnings })
    }
}
