//! A folder to run the program in, and what it leaves there.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A temporary folder for one test, removed at its end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("speech2face-test-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, contents).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// All files, by name from here.
    pub fn files(&self) -> Vec<String> {
        fn list(folder: &Path, top: &Path, files: &mut Vec<String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    list(&path, top, files);
                } else {
                    files.push(path.strip_prefix(top).unwrap().display().to_string());
                }
            }
        }
        let mut files = Vec::new();
        list(&self.0, &self.0, &mut files);
        files.sort();
        files
    }

    /// Runs the program here.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Run {
        Run::of(self.command(arguments).output().unwrap())
    }

    /// Runs the program here with `input` as its standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Run {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Run::of(child.wait_with_output().unwrap())
    }

    /// The program, to be run here, without the user's environment variables.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_speech2face"));
        command.args(arguments).current_dir(&self.0).stdin(Stdio::null());
        for variable in ["SPEECH2FACE_MODEL", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(variable);
        }
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// What a run of the program gave.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Checks the exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Checks that each of `parts` was printed to standard error.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is missing in {self:#?}");
        }
        self
    }

    /// The lines of standard output as JSON.
    pub fn json(&self) -> Vec<serde_json::Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.stdout.lines().map(parse).collect()
    }
}

/// A WAV file of syllables of `pitch_hz`: enough of a voice for the program.
pub fn voice(seconds: f64, pitch_hz: f64) -> Vec<u8> {
    wav(&syllables(seconds, pitch_hz))
}

/// Samples of a buzz of `pitch_hz` with pauses: without them it would be a hum, not speech.
pub fn syllables(seconds: f64, pitch_hz: f64) -> Vec<i16> {
    const SYLLABLE: usize = RATE_HZ as usize / 5;
    let mut samples = buzz(seconds, pitch_hz);
    for pause in samples.chunks_mut(SYLLABLE).skip(1).step_by(3) {
        pause.fill(0);
    }
    samples
}

const RATE_HZ: u32 = 16_000;

/// Samples of a buzz of `pitch_hz`.
pub fn buzz(seconds: f64, pitch_hz: f64) -> Vec<i16> {
    let sample = |n: u32| {
        let turn = f64::from(n) / f64::from(RATE_HZ) * pitch_hz * std::f64::consts::TAU;
        (turn.sin().powi(9) * 12_000.0) as i16
    };
    (0..(seconds * f64::from(RATE_HZ)) as u32).map(sample).collect()
}

/// A WAV file: 16 kHz, 16 bit, mono.
pub fn wav(samples: &[i16]) -> Vec<u8> {
    let bytes = 2 * samples.len() as u32;
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16u32.to_le_bytes());
    wav.extend(1u16.to_le_bytes()); // PCM
    wav.extend(1u16.to_le_bytes()); // channels
    wav.extend(RATE_HZ.to_le_bytes());
    wav.extend((2 * RATE_HZ).to_le_bytes()); // bytes a second
    wav.extend(2u16.to_le_bytes()); // bytes a frame
    wav.extend(16u16.to_le_bytes()); // bits
    wav.extend(b"data");
    wav.extend(bytes.to_le_bytes());
    wav.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    wav
}

/// A decoded PNG file: width, height, pixels and texts by keyword.
pub struct Png {
    pub size: (u32, u32),
    pub rgb: Vec<u8>,
    pub texts: BTreeMap<String, String>,
}

impl Png {
    pub fn decode(bytes: &[u8]) -> Self {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut rgb).unwrap();
        let info = reader.info();
        let short = info.uncompressed_latin1_text.iter();
        let long = info.utf8_text.iter();
        let texts = short
            .map(|text| (text.keyword.clone(), text.text.clone()))
            .chain(long.map(|text| (text.keyword.clone(), text.get_text().unwrap())))
            .collect();
        Self { size: info.size(), rgb, texts }
    }
}
