//! Fuzz targets: one function for each reader of bytes from elsewhere.
//!
//! A target takes any bytes. It must neither panic nor take memory or time without a bound, and
//! what it reads must be valid. `fuzz_targets` holds a fuzzer for each; `cargo xtask fuzz` builds
//! and runs them. The tests here run each target on `seeds` and on `regressions`, the inputs that
//! once were read wrongly.
#![forbid(unsafe_code)]

mod serve;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use s2f_audio::{Limits, spectrogram};
use s2f_corpus::layout;
use s2f_face::{FaceEncoder, OnnxEncoder, OnnxPreprocessing, PairFace};
use s2f_nn::weights::{Checkpoint, Import, load};
use s2f_nn::{MobileFace, SpeakerEncoderConfig};
use s2f_pairs::{PairSet, Payload, SplitTable};
use s2f_train::{FaceDecoderTraining, FaceDistributionTraining, VoiceEncoderTraining};
use speech2face::burn::nn::LinearConfig;
use speech2face::burn::tensor::Device;
use speech2face::{Speech2Face, read_model_config};
use tempfile::TempDir;

pub use serve::{serve_form, serve_live, serve_request};

/// A target by its name.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 14] = [
    ("sound", sound),
    ("picture", picture),
    ("pairs", pairs),
    ("table", table),
    ("configuration", configuration),
    ("model_folder", model_folder),
    ("safetensors", safetensors),
    ("pytorch", pytorch),
    ("face_encoder", face_encoder),
    ("mxnet", mxnet),
    ("splits", splits),
    ("serve_form", serve_form),
    ("serve_live", serve_live),
    ("serve_request", serve_request),
];

/// Lets a panic that is caught pass in silence: decoders by others run inside `catch_unwind`, so a
/// panic of theirs costs the one file. A panic that nobody catches still ends the fuzzer.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|_| ()));
}

/// A recording, decoded without ffmpeg.
///
/// # Panics
/// If samples are not finite or too many.
pub fn sound(bytes: &[u8]) {
    let limits = Limits { max_bytes: 1 << 20, max_seconds: 30.0 };
    if let Ok(voice) = s2f_audio::decode(bytes.to_vec(), "fuzz", &limits) {
        assert!(voice.samples().iter().all(|sample| sample.is_finite()), "not finite");
        assert!((1.0..=31.0).contains(&voice.seconds()), "{} s", voice.seconds());
        let spectrogram = spectrogram(&voice.first_clip());
        assert!(spectrogram.data().iter().all(|value| value.is_finite()), "spectrogram");
    }
}

/// A picture of a face, and the aligned face of a pair.
///
/// # Panics
/// If a picture without pixels is accepted.
pub fn picture(bytes: &[u8]) {
    if let Ok(picture) = s2f_face::decode_picture(bytes) {
        assert!(picture.width() > 0 && picture.height() > 0, "empty");
    }
    let points = [[80.0, 90.0], [140.0, 90.0], [110.0, 120.0], [90.0, 150.0], [130.0, 150.0]];
    if let Ok(face) = PairFace::from_jpeg(bytes.to_vec(), points) {
        assert_eq!(face.mobileface().width(), s2f_face::MOBILEFACE_SIDE, "side");
    }
}

/// A Parquet file of pairs.
///
/// # Panics
/// If a pair is read whose values are not as documented.
pub fn pairs(bytes: &[u8]) {
    let file = Scratch::file("pairs.parquet", bytes);
    let Ok(set) = PairSet::open(&file.path()) else { return };
    for pair in set.rows(Payload::ALL, None).take(64).map_while(Result::ok) {
        assert_eq!(pair.feature.len(), set.face_space().dimension, "dimension");
        assert!(pair.info.seconds.is_finite() && pair.info.seconds > 0.0, "seconds");
        assert!(set.speakers().contains_key(&pair.info.speaker_id), "speaker");
    }
    for info in set.infos(None).take(64).map_while(Result::ok) {
        assert!(info.age.is_none_or(f32::is_finite), "age");
    }
    let _ = set.verify(&mut |_| ());
}

/// A table of a corpus; the first byte chooses which.
pub fn table(bytes: &[u8]) {
    const TABLES: [&str; 8] = [
        "vox1_meta.csv",
        "vox2_meta.csv",
        "avspeech.csv",
        "people.csv",
        "faces/people.csv",
        "faces/landmarks.csv",
        "voices/speakers.csv",
        "licence.txt",
    ];
    let Some((choice, text)) = bytes.split_first() else { return };
    let name = TABLES[usize::from(*choice) % TABLES.len()];
    let corpus = Scratch::new();
    for (file, contents) in [
        ("wav/id10001/v/00001.wav", ""),
        ("dev/mp4/id00012/v/00001.mp4", ""),
        ("anna/a.mp4", ""),
        ("faces/people.csv", "person_id,sex,neutral_file\nm,f,m.jpg\n"),
        ("faces/landmarks.csv", "file,x0,y0\nm.jpg,1,1\n"),
        ("voices/speakers.csv", "speaker_id,sex,file\ns,f,s.flac\n"),
    ] {
        // Two tables in one folder are two layouts.
        let alone = name.contains('/') == file.contains(".csv");
        if alone {
            corpus.write(file, contents.as_bytes());
        }
    }
    corpus.write(name, text);
    let _ = layout::plan(corpus.root(), None);
    for layout in layout::LAYOUTS {
        let _ = layout.plan(corpus.root());
    }
}

/// A configuration of a training.
pub fn configuration(bytes: &[u8]) {
    let file = Scratch::file("training.toml", bytes);
    let path = file.path();
    let _ = s2f_train::read::<VoiceEncoderTraining>(&path, &[]);
    let _ = s2f_train::read::<FaceDecoderTraining>(&path, &[]);
    let _ = s2f_train::read::<FaceDistributionTraining>(&path, &[]);
    if let Ok(setting) = std::str::from_utf8(bytes) {
        let empty = Scratch::file("training.toml", b"");
        let _ = s2f_train::read::<VoiceEncoderTraining>(&empty.path(), &[setting.to_owned()]);
    }
}

/// A model folder: its configuration, then a byte 0 and the weights.
pub fn model_folder(bytes: &[u8]) {
    /// Larger networks only take time: they are built before the weights are read.
    const MAX_PARAMETERS: u64 = 1 << 20;
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let folder = Scratch::new();
    folder.write("config.json", parts.next().unwrap_or_default());
    let Ok(config) = read_model_config(folder.root()) else { return };
    let Ok(cost) = config.cost(1, 601) else { return };
    if cost.parameters <= MAX_PARAMETERS {
        folder.write("model.safetensors", parts.next().unwrap_or_default());
        let _ = Speech2Face::open(folder.root(), &cpu());
    }
}

/// Weights of our own.
pub fn safetensors(bytes: &[u8]) {
    let _ = load(LinearConfig::new(3, 2).init(&cpu()), bytes);
}

/// A checkpoint of PyTorch or Keras, or safetensors by others.
pub fn pytorch(bytes: &[u8]) {
    let file = Scratch::file("checkpoint.pt", bytes);
    let Ok(checkpoint) = Checkpoint::open(&file.path()) else { return };
    let config = SpeakerEncoderConfig { layers: 1, hidden: 2, output: 2 };
    let _ = Import::SpeakerEncoder(config).read(&checkpoint, None, None);
}

/// A face encoder in ONNX.
///
/// # Panics
/// If a feature has another dimension than the encoder states.
pub fn face_encoder(bytes: &[u8]) {
    let file = Scratch::file("encoder.onnx", bytes);
    if let Ok(encoder) = OnnxEncoder::open(file.path(), OnnxPreprocessing::default()) {
        assert!(encoder.face_space().dimension > 0, "no dimension");
    }
}

/// Parameters of MXNet.
pub fn mxnet(bytes: &[u8]) {
    let file = Scratch::file("network.params", bytes);
    let _ = MobileFace::from_mxnet(&file.path(), &cpu());
}

/// A table of splits.
///
/// # Panics
/// If a table that was read is not equal to itself after it was written.
pub fn splits(bytes: &[u8]) {
    let file = Scratch::file("splits.csv", bytes);
    if let Ok(table) = SplitTable::read(&file.path()) {
        let written = Scratch::file("splits.csv", table.to_csv().as_bytes());
        let again = SplitTable::read(&written.path()).map(|again| again.to_csv());
        assert_eq!(again.ok(), Some(table.to_csv()), "another table after writing and reading");
    }
}

fn cpu() -> Device {
    Device::flex()
}

/// A folder for one input.
struct Scratch {
    folder: TempDir,
    file: &'static str,
}

impl Scratch {
    #[allow(clippy::expect_used, reason = "without a folder there is nothing to test")]
    fn new() -> Self {
        static ROOT: OnceLock<std::path::PathBuf> = OnceLock::new();
        // In memory if the system has such a folder: a fuzzer writes thousands of files a second.
        let memory = Path::new("/dev/shm");
        let root = ROOT.get_or_init(|| match memory.is_dir() {
            true => memory.to_owned(),
            false => std::env::temp_dir(),
        });
        let folder = TempDir::new_in(root).expect("a temporary folder");
        Self { folder, file: "" }
    }

    fn file(name: &'static str, bytes: &[u8]) -> Self {
        let scratch = Self { file: name, ..Self::new() };
        scratch.write(name, bytes);
        scratch
    }

    #[allow(clippy::expect_used, reason = "as above")]
    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.path().join(name);
        let parent = path.parent().expect("it is in the folder");
        fs::create_dir_all(parent).expect("its folder");
        fs::write(&path, bytes).expect("the file");
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join(self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The inputs of a target: `configs` are those of the configurations.
    fn inputs(name: &str) -> Vec<Vec<u8>> {
        fn collect(folder: &Path, inputs: &mut Vec<Vec<u8>>) {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => collect(&path, inputs),
                    false => inputs.push(fs::read(path).unwrap()),
                }
            }
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut inputs = Vec::new();
        collect(&root.join("seeds").join(name), &mut inputs);
        collect(&root.join("regressions").join(name), &mut inputs);
        if name == "configuration" {
            collect(&root.join("../configs"), &mut inputs);
        }
        inputs
    }

    #[test]
    fn every_target_takes_its_inputs_whole_cut_and_changed() {
        for (name, target) in TARGETS {
            target(&[]);
            target(&[0]);
            let inputs = inputs(name);
            assert!(!inputs.is_empty(), "no inputs for {name}");
            for bytes in inputs {
                target(&bytes);
                for eighth in 1..8 {
                    let at = bytes.len() * eighth / 8;
                    target(&bytes[..at]);
                    let mut changed = bytes.clone();
                    if let Some(byte) = changed.get_mut(at) {
                        *byte ^= 0x81;
                        target(&changed);
                    }
                }
            }
        }
    }

    #[test]
    fn the_seeds_are_read() {
        let seeds = |name| Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
        let limits = Limits::default();
        for entry in fs::read_dir(seeds("sound")).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            assert!(s2f_audio::decode(bytes, "seed", &limits).is_ok(), "{}", path.display());
        }
        for entry in fs::read_dir(seeds("picture")).unwrap() {
            let path = entry.unwrap().path();
            assert!(s2f_face::read_picture(&path).is_ok(), "{}", path.display());
        }
        assert!(SplitTable::read(&seeds("splits").join("three.csv")).is_ok());
        for entry in fs::read_dir(seeds("pytorch")).unwrap() {
            let path = entry.unwrap().path();
            assert!(Checkpoint::open(&path).is_ok(), "{}", path.display());
        }
        for entry in fs::read_dir(seeds("face_encoder")).unwrap() {
            let opened = OnnxEncoder::open(entry.unwrap().path(), OnnxPreprocessing::default());
            assert!(opened.is_ok());
        }
        for entry in fs::read_dir(seeds("pairs")).unwrap() {
            assert!(PairSet::open(&entry.unwrap().path()).is_ok());
        }
        let linear = || LinearConfig::new(3, 2).init(&cpu());
        for entry in fs::read_dir(seeds("safetensors")).unwrap() {
            assert!(load(linear(), &fs::read(entry.unwrap().path()).unwrap()).is_ok());
        }
    }

    #[test]
    fn every_target_has_a_fuzzer() {
        let manifest = include_str!("../Cargo.toml");
        for (name, _) in TARGETS {
            assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        }
        assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
    }
}
