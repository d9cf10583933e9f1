//! `-m` and `speech2face model`, with whole and with damaged model folders.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Folder, voice};

/// A copy of the shipped model's folder under the name `model`.
fn with_model() -> Folder {
    let folder = Folder::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../speech2face/models/compact");
    for name in ["config.json", "model.safetensors", "README.md"] {
        folder.write(&format!("model/{name}"), fs::read(shipped.join(name)).unwrap());
    }
    folder.write("voice.wav", voice(2.0, 120.0));
    folder
}

#[test]
fn the_shipped_models_folder_draws_what_the_shipped_model_draws() {
    let folder = with_model();
    folder.run(["reconstruct", "voice.wav", "-o", "a.png"]).exits(0);
    folder.run(["reconstruct", "voice.wav", "-o", "b.png", "-m", "model"]).exits(0);
    assert!(folder.read("a.png") == folder.read("b.png"));
    let mut command = folder.command(["reconstruct", "voice.wav", "-o", "c.png"]);
    let output = command.env("SPEECH2FACE_MODEL", "nowhere").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    // A flag beats the environment.
    let mut command = folder.command(["reconstruct", "voice.wav", "-o", "c.png", "-m", "compact"]);
    let output = command.env("SPEECH2FACE_MODEL", "nowhere").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_model_is_listed_shown_and_verified() {
    let folder = with_model();
    assert!(folder.run(["model", "list"]).exits(0).stdout.starts_with("compact "));
    let run = folder.run(["model", "info"]).exits(0);
    for part in [
        "name        compact\n",
        "face space  mobileface-v2 with sex, age and hair (259 dimensions, unit length)\n",
        "224 × 224",
    ] {
        assert!(run.stdout.contains(part), "{part}: {run:#?}");
    }
    let info = folder.run(["model", "info", "--json", "-m", "model"]).exits(0).json().remove(0);
    assert_eq!(info["name"], "compact");
    assert_eq!(info["config"]["face_space"]["normalisation"], "unit-length");
    assert!(info["parameters"].as_u64().unwrap() > 100_000);
    let run = folder.run(["model", "verify", "-m", "model"]).exits(0);
    run.says(&["compact is complete and works"]);
    folder.run(["model", "verify"]).exits(0);

    fs::remove_file(folder.path("model/README.md")).unwrap();
    folder.run(["model", "verify", "-m", "model"]).exits(0);
}

/// Checks that the model folder is refused by all commands, before anything is written.
#[track_caller]
fn refused(folder: &Folder, parts: &[&str]) {
    for arguments in [
        &["reconstruct", "voice.wav", "-m", "model"][..],
        &["model", "verify", "-m", "model"],
        &["model", "info", "-m", "model"],
    ] {
        folder.run(arguments).exits(2).says(parts).says(&["\n  hint: "]);
    }
    assert!(!folder.path("voice.png").exists());
}

#[test]
fn missing_files_are_named() {
    let folder = Folder::new();
    folder.write("voice.wav", voice(2.0, 120.0));
    refused(&folder, &["error: there is no model or folder called model\n", "use compact"]);
    folder.write("model", "a file");
    refused(&folder, &["error: model is not a model folder (it is a file)\n"]);
    for name in ["config.json", "model.safetensors"] {
        let folder = with_model();
        fs::remove_file(folder.path(format!("model/{name}"))).unwrap();
        refused(&folder, &[&format!("error: cannot read model/{name} (No such file")]);
    }
}

#[test]
fn damaged_weights_are_named_with_the_reason() {
    let file = "error: model/model.safetensors: ";
    type Damage = fn(&mut Vec<u8>);
    let cases: [(Damage, &str); 6] = [
        (|bytes| bytes.clear(), "not a complete safetensors file"),
        (|bytes| bytes.truncate(bytes.len() / 2), "not a complete safetensors file"),
        (|bytes| bytes.truncate(bytes.len() - 1), "not a complete safetensors file"),
        (|bytes| *bytes = b"<html>not found</html>".to_vec(), "not a complete safetensors file"),
        (|bytes| bytes[..8].copy_from_slice(&[0xff; 8]), "not a complete safetensors file"),
        (
            |bytes| {
                let name = b"mean_feature";
                let place = bytes.windows(name.len()).position(|part| part == name).unwrap();
                bytes[place..place + 4].copy_from_slice(b"meam");
            },
            "no weights for mean_feature",
        ),
    ];
    for (damage, reason) in cases {
        let folder = with_model();
        let mut bytes = folder.read("model/model.safetensors");
        damage(&mut bytes);
        folder.write("model/model.safetensors", bytes);
        refused(&folder, &[file, reason]);
    }
}

#[test]
fn a_damaged_configuration_is_named_with_the_reason() {
    let config = "error: model/config.json: ";
    let weights = "error: model/model.safetensors: ";
    let cases: [(&str, Value, &str, &str); 11] = [
        ("/extra", json!(1), config, "unknown field `extra`"),
        ("/voice_encoder/widht", json!(1), config, "unknown field `widht`"),
        ("/face_space/normalisation", json!("l3"), config, "unknown variant `l3`"),
        ("/face_space/dimension", json!(512), config, "face space mobileface-v2 is 512\n  hint: "),
        ("/face_space/dimension", json!(-1), config, "invalid value"),
        ("/voice_encoder/layers", json!([]), config, "speaker_encoder excludes"),
        ("/voice_encoder/speaker_encoder/hidden", json!(0), config, "hidden is 0"),
        ("/face_distribution/rank", json!(9), weights, "the network needs [18, 256]"),
        ("/face_decoder/hidden", json!(1u64 << 40), config, "hidden is 1099511627776"),
        ("/face_distribution/traits", json!(2), config, "traits is 2, but"),
        ("/face_decoder/size", json!(60_000), config, "size is 60000"),
    ];
    for (place, value, file, reason) in cases {
        let folder = with_model();
        let mut json: Value = serde_json::from_slice(&folder.read("model/config.json")).unwrap();
        let (parent, key) = place.rsplit_once('/').unwrap();
        let object = json.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        object.insert(key.to_owned(), value);
        folder.write("model/config.json", json.to_string());
        refused(&folder, &[file, reason]);
    }
    let folder = with_model();
    folder.write("model/config.json", "{\"name\": \"compact\",");
    refused(&folder, &[config, "EOF while parsing", "line 1"]);
    folder.write("model/config.json", vec![b' '; 2 << 20]);
    refused(&folder, &["error: model/config.json has 2097152 bytes, the limit is 1048576\n"]);
}

#[test]
fn weights_that_are_not_finite_are_found() {
    let folder = with_model();
    let mut bytes = folder.read("model/model.safetensors");
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let tensors: Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    let offset = tensors["mean_feature"]["data_offsets"][0].as_u64().unwrap() as usize;
    assert_eq!(tensors["mean_feature"]["dtype"], "F32");
    let place = 8 + header + offset;
    bytes[place..place + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    folder.write("model/model.safetensors", bytes);
    let run = folder.run(["model", "verify", "-m", "model"]).exits(2);
    run.says(&["error: model compact gives ", " that are not finite", "hint: its weights"]);
    let run = folder.run(["reconstruct", "voice.wav", "-m", "model"]).exits(1);
    run.says(&["error: ", " that are not finite"]);
    assert!(!folder.path("voice.png").exists());
}

#[test]
fn every_command_resolves_a_run_folder_to_its_model() {
    let folder = with_model();
    fs::create_dir_all(folder.path("run/checkpoints")).unwrap();
    let unfinished = "error: the run in run is not finished\n";
    for arguments in [
        &["reconstruct", "voice.wav", "-m", "run"][..],
        &["model", "verify", "-m", "run"],
        &["model", "info", "-m", "run"],
        &["model", "export", "-m", "run", "-o", "out", "--format", "safetensors"],
        &["corpus", "synth", "people", "-m", "run"],
    ] {
        folder.run(arguments).exits(2).says(&[unfinished, "hint: "]);
    }
    fs::rename(folder.path("model"), folder.path("run/model")).unwrap();
    folder.run(["reconstruct", "voice.wav", "-o", "a.png", "-m", "run"]).exits(0);
    folder.run(["reconstruct", "voice.wav", "-o", "b.png", "-m", "run/model"]).exits(0);
    folder.run(["reconstruct", "voice.wav", "-o", "c.png"]).exits(0);
    assert!(folder.read("a.png") == folder.read("b.png"));
    assert!(folder.read("a.png") == folder.read("c.png"));
    let info = folder.run(["model", "info", "--json", "-m", "run"]).exits(0).json().remove(0);
    assert_eq!(info["name"], "compact");
}

#[test]
fn every_command_that_computes_takes_a_device() {
    let folder = with_model();
    folder.run(["reconstruct", "voice.wav", "-o", "a.png", "--device", "cpu"]).exits(0);
    folder.run(["reconstruct", "voice.wav", "-o", "b.png"]).exits(0);
    assert!(folder.read("a.png") == folder.read("b.png"));
    for arguments in [
        &["reconstruct", "voice.wav"][..],
        &["model", "verify"],
        &["corpus", "synth", "people"],
        &["corpus", "prepare", "people", "-o", "pairs"],
        &["evaluate", "compact", "pairs", "-o", "report"],
    ] {
        let run = folder.run([arguments, &["--device", "gpu"]].concat()).exits(2);
        run.says(&["there is no device called \"gpu\"", "auto, cpu, cuda:0 or wgpu"]);
    }
    if cfg!(not(feature = "cuda")) {
        let run = folder.run(["reconstruct", "voice.wav", "--device", "cuda:0"]).exits(2);
        run.says(&["only, not cuda\n", "hint: build it with cargo build"]);
    }
}
