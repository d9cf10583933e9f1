//! `reconstruct --faces`: plausible faces and what a voice tells, with a small model that has a
//! distribution.

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;
use speech2face::core::Trait;
use speech2face::nn::weights::{Precision, save};
use speech2face::nn::{
    FaceDistributionConfig, Reliability, SegmentPooling, SpeakerEncoderConfig, TrunkConfig,
    VoiceEncoderConfig,
};
use speech2face::{Device, FaceSpace, Speech2Face};

use crate::support::{Folder, Png, buzz, wav};

const TRAITS: usize = Trait::ALL.len();

/// A folder with recordings and a model: the decoder of the shipped one, a voice encoder that ends
/// with its trunk, and a distribution of women and men that is narrower than its prior.
fn with_model() -> Folder {
    let shipped = Speech2Face::shipped(&Device::flex()).unwrap();
    let mut config = shipped.config().clone();
    config.name = "many".into();
    config.face_space = FaceSpace::mobileface().with_traits(&Trait::ALL);
    let feature = config.face_space.dimension;
    config.voice_encoder = VoiceEncoderConfig {
        trunk: TrunkConfig::SpeakerEncoder(SpeakerEncoderConfig {
            layers: 1,
            hidden: 8,
            output: 16,
        }),
        hidden: None,
        output: None,
        output_relu: false,
        pooling: SegmentPooling::Mean,
    };
    config.face_decoder.feature = feature;
    config.face_distribution = Some(FaceDistributionConfig {
        embedding: 16,
        feature,
        traits: TRAITS,
        components: 2,
        rank: 4,
        reliability: Some(Reliability { components_s: 3.3, weights_s: 1.2 }),
    });
    let fresh = save(&config.init(&Device::flex()).unwrap(), Precision::Full).unwrap();
    let weights = save(shipped.networks(), Precision::Full).unwrap();
    let weights = SafeTensors::deserialize(&weights).unwrap();
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = SafeTensors::deserialize(&fresh)
        .unwrap()
        .iter()
        .map(|(name, tensor)| {
            let shape = tensor.shape().to_vec();
            let sex = |index: usize| match index % feature {
                256 => 1.0 - 2.0 * (index / feature) as f32,
                _ => 0.0,
            };
            let wave = |index: usize| ((index * 37) % 101) as f32 / 101.0 - 0.5;
            let values: Vec<f32> = match name {
                _ if name.starts_with("face_decoder.") => {
                    floats(weights.tensor(name).unwrap().data())
                }
                "face_distribution.means.weight" => (0..shape[0] * shape[1]).map(wave).collect(),
                "face_distribution.means.bias" | "face_distribution.prior_means" => {
                    (0..2 * feature).map(sex).collect()
                }
                "face_distribution.log_noise" => vec![-1.0; 2 * feature],
                _ => floats(tensor.data()),
            };
            (name.to_owned(), shape, values.into_iter().flat_map(f32::to_le_bytes).collect())
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    let folder = Folder::new();
    folder.write("model/model.safetensors", safetensors::serialize(views, None).unwrap());
    folder.write("model/config.json", serde_json::to_vec(&config).unwrap());
    folder.write("short.wav", speech(1.5));
    folder.write("long.wav", speech(24.0));
    folder.write("hum.wav", wav(&buzz(6.0, 120.0)));
    folder
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

/// A buzz in syllables of 200 ms with pauses between them.
fn speech(seconds: f64) -> Vec<u8> {
    let samples = buzz(seconds, 120.0).into_iter().enumerate();
    let samples = samples.map(|(n, x)| if n / 3200 % 2 == 0 { x } else { x / 1000 });
    wav(&samples.collect::<Vec<_>>())
}

fn json(folder: &Folder, name: &str) -> Value {
    serde_json::from_slice(&folder.read(name)).unwrap()
}

const FACES: [&str; 6] = ["reconstruct", "-m", "model", "--faces", "3", "--seed"];

#[test]
fn faces_are_pictures_a_sheet_and_json() {
    let folder = with_model();
    let run = folder.run([&FACES[..], &["1", "long.wav", "-o", "a/"]].concat()).exits(0);
    run.says(&["long.wav → a/long.png … a/long.json, 6 files"]);
    let written = ["long-1.png", "long-2.png", "long-3.png", "long-faces.png", "long.json"];
    for name in written {
        assert!(folder.path("a").join(name).exists(), "{name}");
    }
    let png = |name: &str| Png::decode(&folder.read(name));
    let (mean, first, sheet) = (png("a/long.png"), png("a/long-1.png"), png("a/long-faces.png"));
    // Four faces, three in a row; the mean face comes first.
    assert_eq!((mean.size, sheet.size), ((224, 224), (3 * 224, 2 * 224)));
    assert_eq!(mean.rgb[..3 * 224], sheet.rgb[..3 * 224]);
    assert_eq!(first.rgb[..3 * 224], sheet.rgb[3 * 224..][..3 * 224]);
    assert_ne!(first.rgb, png("a/long-2.png").rgb);
    for (picture, index) in [(&first, Some(1)), (&sheet, None)] {
        assert!(picture.texts["Description"].starts_with("Synthetic image."));
        let provenance: Value = serde_json::from_str(&picture.texts["speech2face"]).unwrap();
        assert_eq!(provenance["sample"]["seed"], 1);
        assert_eq!(provenance["sample"]["truncation"], 1.0);
        assert_eq!(provenance["sample"]["count"], 3);
        assert_eq!(provenance["sample"]["index"].as_u64(), index);
    }
    let document = json(&folder, "a/long.json");
    let faces = document["faces"].as_array().unwrap();
    assert_eq!(faces.len(), 3);
    for (face, index) in faces.iter().zip(1..) {
        assert_eq!(face["index"], index);
        assert!(face["log_density"].as_f64() < document["log_density"].as_f64());
        assert!(["female", "male"].contains(&face["traits"]["sex"].as_str().unwrap()));
        assert!(face["traits"]["age_years"].as_f64().unwrap() > 15.0);
        assert_eq!(face["feature"].as_array().unwrap().len(), 259);
    }
    assert_eq!(document["uncertainty"]["evidence"]["seconds"], 24.0);

    // Without --faces, the mean face alone, as it is with them.
    folder.run(["reconstruct", "-m", "model", "long.wav", "-o", "b.png"]).exits(0);
    assert!(folder.read("b.png") == folder.read("a/long.png"));
    // Formats that are named are all there is.
    let formats = ["1", "long.wav", "-o", "c/", "--format", "npy"];
    folder.run([&FACES[..], &formats].concat()).exits(0);
    assert!(folder.path("c/long-3.feature.npy").exists() && !folder.path("c/long.json").exists());
}

#[test]
fn a_seed_draws_the_same_faces_again_and_another_one_others() {
    let folder = with_model();
    for (seed, out, more) in [
        ("1", "a.png", &[][..]),
        ("1", "b.png", &[]),
        ("2", "c.png", &[]),
        ("1", "typical.png", &["--truncate", "0.2"]),
    ] {
        folder.run([&FACES[..], &[seed, "short.wav", "-o", out], more].concat()).exits(0);
    }
    assert!(folder.read("a-2.png") == folder.read("b-2.png"));
    assert!(folder.read("a-faces.png") == folder.read("b-faces.png"));
    assert_ne!(Png::decode(&folder.read("a-2.png")).rgb, Png::decode(&folder.read("c-2.png")).rgb);
    assert!(folder.read("a.png") == folder.read("c.png"), "the mean face depends on no seed");
    let density = |name: &str| json(&folder, name)["faces"][0]["log_density"].as_f64();
    assert!(density("typical.json") > density("a.json"));
    // Its own files are replaced, those of others are not, and then nothing is written.
    folder.write("d-3.png", "mine");
    let again = folder.run([&FACES[..], &["1", "short.wav", "-o", "d.png"]].concat()).exits(1);
    again.says(&["d-3.png already exists and was not written by speech2face"]);
    assert!(!folder.path("d.png").exists());
    folder.run([&FACES[..], &["1", "short.wav", "-o", "a.png"]].concat()).exits(0);
}

#[test]
fn a_short_recording_tells_less_and_a_hum_nothing() {
    let folder = with_model();
    let files = ["short.wav", "long.wav", "hum.wav"];
    let run = folder.run([&["reconstruct", "-m", "model", "--json", "-v"], &files[..]].concat());
    let run = run.exits(0).says(&[
        "warning: hum.wav: no speech was found; the face says nothing about a voice",
        "  1.5 s of the recording used",
        "of what an endless clean recording would tell",
        "of the plausible faces are ",
        "90 % of them ",
        "the voice explains 0 % of how faces differ",
    ]);
    let [short, long, hum] = &run.json()[..] else { panic!("{run:?}") };
    let told = |run: &Value| run["uncertainty"].clone();
    let width = |run: &Value| {
        let [low, high] = [0, 1].map(|end| told(run)["age"]["interval_90"][end].as_f64().unwrap());
        // Their logarithms: a wider distribution around a lower age has a shorter interval.
        (high - 15.0).ln() - (low - 15.0).ln()
    };
    assert!(width(long) < width(short) && width(short) < width(hum), "{run:#?}");
    let number = |run: &Value, key: &str| told(run)[key].as_f64().unwrap();
    assert!(number(short, "explained_variance") < number(long, "explained_variance"));
    assert_eq!(number(hum, "explained_variance"), 0.0);
    // The factors, which are random, differ a little between women and men.
    assert!((number(hum, "share_of_women") - 0.5).abs() < 0.1);
    assert_eq!(told(hum)["information"]["components"], 0.0);
    let half = told(short)["information"]["components"].as_f64().unwrap();
    assert!((half - 1.5 / 4.8).abs() < 0.01, "{half}");
    // All that hums has the mean face of the prior.
    folder.write("other.wav", wav(&buzz(9.0, 200.0)));
    for name in ["hum", "other"] {
        let (input, output) = (format!("{name}.wav"), format!("{name}.json"));
        folder.run(["reconstruct", "-m", "model", &input, "-o", &output]).exits(0);
    }
    assert_eq!(json(&folder, "hum.json")["feature"], json(&folder, "other.json")["feature"]);
}

#[test]
fn what_cannot_be_drawn_is_refused_with_a_hint() {
    let folder = with_model();
    let refused = |arguments: &[&str], parts: &[&str]| {
        let all = [&["reconstruct", "short.wav", "-o", "x.png"], arguments].concat();
        folder.run(all).exits(2).says(parts);
        assert!(!folder.path("x.png").exists());
    };
    let model = ["-m", "model"];
    refused(&[&model[..], &["--faces", "0"]].concat(), &["0 is not in 1..=100"]);
    refused(&[&model[..], &["--faces", "101"]].concat(), &["101 is not in 1..=100"]);
    for value in ["1.1", "-0.1", "nan"] {
        let truncate = format!("--truncate={value}");
        let arguments = [&model[..], &["--faces", "2", &truncate]].concat();
        refused(&arguments, &["must be from 0 (the most typical faces) to 1"]);
    }
    refused(&[&model[..], &["--seed", "1"]].concat(), &["--faces <COUNT>"]);
    refused(&[&model[..], &["--truncate", "0.5"]].concat(), &["--faces <COUNT>"]);
}
