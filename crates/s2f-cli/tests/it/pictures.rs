//! Pictures and other outputs of `reconstruct`.

use sha2::{Digest, Sha256};

use crate::support::{Folder, Png, syllables, voice, wav};

#[test]
fn a_voice_gives_a_picture_beside_it() {
    let folder = Folder::new();
    folder.write("voice.wav", voice(6.5, 120.0));
    let run = folder.run(["reconstruct", "voice.wav"]).exits(0);
    // A buzz is no speech.
    let warning = "warning: voice.wav: no speech was found; the face says nothing about a voice";
    assert_eq!(run.stderr, format!("voice.wav → voice.png\n{warning}\n"));
    assert_eq!(run.stdout, "");
    assert_eq!(folder.files(), ["voice.png", "voice.wav"]);
    let png = Png::decode(&folder.read("voice.png"));
    assert_eq!(png.size, (224, 224));
    assert_eq!(png.rgb.len(), 224 * 224 * 3);
}

#[test]
fn a_picture_contains_its_provenance() {
    let folder = Folder::new();
    let wav = voice(6.5, 120.0);
    folder.write("anna.wav", &wav);
    folder.run(["reconstruct", "anna.wav", "--exaggerate", "0.7", "--window", "first"]).exits(0);
    let bytes = folder.read("anna.png");
    let png = Png::decode(&bytes);
    assert!(png.texts["Software"].starts_with("speech2face "));
    assert!(png.texts["Description"].starts_with("Synthetic image."));
    assert!(png.texts["Description"].contains("identifies nobody"));
    assert!(png.texts["XML:com.adobe.xmp"].contains("trainedAlgorithmicMedia"));
    let provenance: serde_json::Value = serde_json::from_str(&png.texts["speech2face"]).unwrap();
    let hash = |bytes: &[u8]| -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    assert_eq!(provenance["recording"]["sha256"], hash(&wav));
    assert_eq!(provenance["recording"]["seconds"], 6.5);
    assert_eq!(provenance["settings"]["window"], "first");
    assert_eq!(provenance["model"]["name"], "compact");
    let weights = include_bytes!("../../../speech2face/models/compact/model.safetensors");
    assert_eq!(provenance["model"]["sha256"], hash(weights));
    // The name of a recording may be a person's, so it is not in the picture.
    assert!(!bytes.windows(4).any(|part| part.eq_ignore_ascii_case(b"anna")));
}

#[test]
fn the_same_voice_gives_the_same_file() {
    let folder = Folder::new();
    folder.write("voice.wav", voice(7.0, 120.0));
    folder.run(["reconstruct", "voice.wav"]).exits(0);
    let first = folder.read("voice.png");
    folder.run(["reconstruct", "voice.wav"]).exits(0);
    assert!(folder.read("voice.png") == first);
}

#[test]
fn another_voice_another_amount_or_another_window_gives_another_face() {
    let folder = Folder::new();
    folder.write("two.wav", wav(&[syllables(6.0, 100.0), syllables(6.0, 230.0)].concat()));
    folder.write("one.wav", voice(6.0, 100.0));
    for (arguments, name) in [
        (&["one.wav"][..], "one"),
        (&["two.wav"], "two"),
        (&["two.wav", "--window", "first"], "first"),
        (&["one.wav", "--exaggerate", "1.4"], "more"),
        (&["one.wav", "--exaggerate", "-1"], "mean"),
        (&["two.wav", "--exaggerate", "-1"], "mean-two"),
    ] {
        let output = format!("{name}.png");
        folder.run([&["reconstruct", "-o", &output][..], arguments].concat()).exits(0);
    }
    let rgb = |name: &str| Png::decode(&folder.read(&format!("{name}.png"))).rgb;
    assert_ne!(rgb("one"), rgb("two"));
    assert_ne!(rgb("one"), rgb("more"));
    assert_ne!(rgb("one"), rgb("mean"));
    // The first 6 s of the two are the one, and so is the mean face.
    assert_eq!(rgb("one"), rgb("first"));
    assert_eq!(rgb("mean"), rgb("mean-two"));
}

#[test]
fn json_and_numpy_files_agree() {
    let folder = Folder::new();
    folder.write("voice.wav", voice(6.5, 120.0));
    let formats = ["--format", "png", "--format", "json", "--format", "npy", "--format", "png"];
    let run = folder.run([&["reconstruct", "voice.wav"], &formats[..]].concat()).exits(0);
    let written = ["voice.feature.npy", "voice.json", "voice.landmarks.npy", "voice.png"];
    assert_eq!(folder.files(), [&written[..], &["voice.wav"]].concat());
    run.says(&["→ voice.png, voice.json, voice.feature.npy, voice.landmarks.npy\n"]);

    let json: serde_json::Value = serde_json::from_slice(&folder.read("voice.json")).unwrap();
    assert_eq!(json["side"], 224);
    assert_eq!(json["face_space"]["dimension"], 259);
    let array = |name: &str| {
        let bytes = folder.read(name);
        let file = npyz::NpyFile::new(&bytes[..]).unwrap();
        (file.shape().to_vec(), file.into_vec::<f32>().unwrap())
    };
    let (shape, feature) = array("voice.feature.npy");
    assert_eq!(shape, [259]);
    assert_eq!(feature, serde_json::from_value::<Vec<f32>>(json["feature"].clone()).unwrap());
    // Identities have unit length.
    let length: f32 = feature[..256].iter().map(|value| value * value).sum();
    assert!((length - 1.0).abs() < 1e-5, "{length}");
    let (shape, landmarks) = array("voice.landmarks.npy");
    let expected: Vec<[f32; 2]> = serde_json::from_value(json["landmarks"].clone()).unwrap();
    assert_eq!(shape, [expected.len() as u64, 2]);
    assert_eq!(landmarks, expected.as_flattened());
}

#[test]
fn standard_input_is_a_recording_too() {
    let folder = Folder::new();
    let wav = voice(6.5, 120.0);
    folder.write("voice.wav", &wav);
    folder.run(["reconstruct", "voice.wav"]).exits(0);
    folder.run_with_input(&["reconstruct", "-", "-o", "face.png"], &wav).exits(0);
    folder.run_with_input(&["reconstruct", "-"], &wav).exits(0);
    assert!(folder.read("face.png") == folder.read("voice.png"));
    assert!(folder.read("stdin.png") == folder.read("voice.png"));
    folder
        .run_with_input(&["reconstruct", "-"], b"")
        .exits(1)
        .says(&["error: standard input: the file is empty"]);
}
