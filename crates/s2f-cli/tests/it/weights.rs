//! `speech2face model import` and `export`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Folder, voice};

/// Checkpoints that `reference/pytorch/checkpoints.py` wrote.
fn tiny(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reference/pytorch/tiny");
    folder.join(name).display().to_string()
}

fn import<'a>(file: &'a str, out: &'a str, network: &'a str) -> [&'a str; 7] {
    ["model", "import", file, "-o", out, "--network", network]
}

#[test]
fn a_model_from_pytorch_draws_and_goes_back_unchanged() {
    let folder = Folder::new();
    let (file, config) = (tiny("legacy.pth"), tiny("config.json"));
    let run = folder.run([&import(&file, "mine", "model")[..], &["--config", &config]].concat());
    run.exits(0).says(&[
        "skipped 2 tensors of the training\n",
        "removed state_dict. from the names\n",
        "removed module. from the names\n",
        "wrote mine/model.safetensors\n",
        "mine is complete and works\n",
    ]);
    assert_eq!(folder.files(), ["mine/README.md", "mine/config.json", "mine/model.safetensors"]);
    folder.run(["model", "verify", "-m", "mine"]).exits(0);
    folder.write("voice.wav", voice(2.0, 120.0));
    folder.run(["reconstruct", "voice.wav", "-m", "mine"]).exits(0);

    // Exported and imported again, as a model and network by network: the same values.
    let export = |model: &str, out: &str, more: &[&str]| {
        let export = ["model", "export", "-m", model, "-o", out, "--format", "safetensors"];
        folder.run([&export[..], more].concat())
    };
    export("mine", "out", &[]).exits(0);
    export("mine", "out", &[]).exits(2).says(&["out/config.json already exists", "hint: "]);
    export("mine", "out", &["--frames", "598"]).exits(2).says(&["--frames applies only to ONNX"]);
    let weights = |name: &str| folder.read(&format!("{name}/model.safetensors"));
    for network in ["model", "voice-encoder", "face-decoder"] {
        let out = format!("out-{network}");
        let more = ["--network", network];
        export("mine", &out, if network == "model" { &[] } else { &more }).exits(0);
        let (file, again) = (format!("{out}/{network}.safetensors"), format!("again-{network}"));
        let command = import(&file, &again, network);
        folder.run([&command[..], &["--config", "mine"]].concat()).exits(0);
        let card = String::from_utf8(folder.read(&format!("{again}/README.md"))).unwrap();
        assert!(card.contains("They are nobody's"), "{card}");
        let out = format!("{again}-out");
        export(&again, &out, &[]).exits(0);
        assert!(weights("out") == weights(&out), "{network}");
    }
}

#[test]
fn compact_is_the_model_even_if_a_file_has_that_name() {
    let folder = Folder::new();
    folder.write("compact", "not a configuration");
    let file = tiny("zip.pth");
    let run = folder.run(import(&file, "out", "face-decoder")).exits(2);
    // The face decoder is found in the file of both networks; it is not that of compact.
    run.says(&["face_decoder.first.weight has the shape [5, 7], the network needs [256, 259]"]);
    assert_eq!(folder.files(), ["compact"]);
}

#[test]
fn a_key_map_renames_and_its_errors_are_named() {
    let folder = Folder::new();
    let (file, config, map) = (tiny("renamed.pth"), tiny("config.json"), tiny("renamed.toml"));
    let command = |out: &'static str, map: &str| {
        let options = ["--config", &config, "--key-map", map];
        folder.run([&import(&file, out, "voice-encoder")[..], &options].concat())
    };
    command("voice.safetensors", &map).exits(0).says(&["wrote voice.safetensors\n"]);
    // A configuration has no weights of the face decoder.
    command("whole", &map).exits(2).says(&["has no weights of the other network", "hint: "]);
    let text = fs::read_to_string(&map).unwrap();
    for (change, message) in [
        (text.replace("\"cnn\"", "\"cnm\""), "key map: the file has no cnm"),
        (text.replace("\"norms\"", "\"norm\""), "key map: the network has no norm"),
        (text.replace("temperature = \"\"", ""), "unexpected tensors temperature"),
        (
            text.replace("\"fc.2\" = \"output\"", "\"fc.2\" = \"\""),
            "no weights for output.weight, output.bias",
        ),
        ("cnn = 3".to_owned(), "is not a key map"),
        ("cnn.0 = \"x\"".to_owned(), "is not a key map"),
    ] {
        folder.write("map.toml", change);
        command("other.safetensors", "map.toml").exits(2).says(&["error: ", message, "\n  hint: "]);
    }
    assert!(!folder.path("other.safetensors").exists());
}

/// A key map of `configs/import`, with the widths of its checkpoint in
/// `reference/pytorch/reimplementations`.
fn reimplementation(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = fs::read_to_string(root.join(format!("configs/import/{name}.toml"))).unwrap();
    let mut widths = [2, 3, 2, 3, 2, 4, 3, 2, 5].into_iter();
    let lines = text.lines().map(|line| match line.split_once("channels = ") {
        Some((start, rest)) if line.contains("stride") => {
            let (_, rest) = rest.split_once(',').unwrap();
            format!("{start}channels = {},{rest}\n", widths.next().unwrap())
        }
        _ => {
            let line = line.replace("hidden = 4096", "hidden = 4");
            line.replace("split = [57, 512, 4096]", "split = [57, 5, 4]").replace("4096", "7")
                + "\n"
        }
    });
    lines.collect()
}

#[test]
fn voice_encoders_of_reimplementations_are_imported() {
    let folder = Folder::new();
    for (name, extension) in
        [("aqibahmad", "pt"), ("kacper-pietkun", "pt"), ("saiteja-talluri", "h5")]
    {
        let file = tiny(&format!("../reimplementations/{name}.{extension}"));
        let map = format!("{name}.toml");
        folder.write(&map, reimplementation(name));
        let import = |out: &str, network: &str, more: &[&str]| {
            let command = import(&file, out, network);
            folder.run([&command[..], &["--key-map", &map], more].concat())
        };
        let out = format!("{name}.safetensors");
        import(&out, "voice-encoder", &[]).exits(0).says(&[&format!("wrote {out}\n")]);
        let shipped = import(name, "voice-encoder", &["--config", "compact"]);
        shipped.exits(2).says(&["features of face space vgg-face-fc7", "hint: name a model of "]);
        let decoder = import("decoder.safetensors", "face-decoder", &[]).exits(2);
        decoder.says(&["the key map is of a voice encoder", "hint: use --network voice-encoder"]);
        import(name, "voice-encoder", &[]).exits(2).says(&["no weights of the other network"]);
    }
    // With a decoder of the same features, it is a model.
    let mut config: Value =
        serde_json::from_str(&fs::read_to_string(tiny("config.json")).unwrap()).unwrap();
    config["face_space"]["name"] = "vgg-face-fc7".into();
    folder.write("base.json", config.to_string());
    let file = tiny("zip.pth");
    let base =
        folder.run([&import(&file, "base", "model")[..], &["--config", "base.json"]].concat());
    base.exits(0);
    let file = tiny("../reimplementations/saiteja-talluri.h5");
    let more = ["--key-map", "saiteja-talluri.toml", "--config", "base"];
    let model = folder.run([&import(&file, "talluri", "voice-encoder")[..], &more].concat());
    model.exits(0).says(&["talluri is complete and works\n"]);
    folder.write("voice.wav", voice(4.0, 120.0));
    folder.run(["reconstruct", "voice.wav", "-m", "talluri"]).exits(0);
}

#[test]
fn garbage_is_refused_by_name_and_nothing_in_it_is_run() {
    let folder = Folder::new();
    let config = tiny("config.json");
    let whole = fs::read(tiny("zip.pth")).unwrap();
    let cut: PathBuf = folder.write("cut.pth", &whole[..whole.len() / 2]);
    let text = folder.write("text.pth", "<html>not found</html>");
    let empty = folder.write("empty.pth", "");
    let shape = folder.write(
        "other.json",
        fs::read_to_string(&config).unwrap().replace("\"hidden\": 8", "\"hidden\": 9"),
    );
    let shown = |path: &PathBuf| path.display().to_string();
    let other = shown(&shape);
    for (file, config, network, message) in [
        (shown(&cut), &config, "model", "cut.pth: not a complete PyTorch checkpoint file"),
        (shown(&text), &config, "model", "text.pth: not a complete PyTorch checkpoint file"),
        (shown(&empty), &config, "model", "empty.pth: not a complete PyTorch checkpoint file"),
        (shown(&folder.path("none.pth")), &config, "model", "none.pth: No such file"),
        (tiny("evil.pth"), &config, "model", "evil.pth: not a complete PyTorch checkpoint file"),
        (tiny("nan.pth"), &config, "model", "tensor face_decoder.first.weight holds NaN"),
        (tiny("whole-module.pth"), &config, "face-decoder", "no weights for first.weight"),
        (tiny("zip.pth"), &config, "vgg-face", "no weights for conv1_1.weight"),
        (tiny("zip.pth"), &other, "model", "has the shape [8, 168], the network needs [9, 168]"),
    ] {
        let out = if network == "vgg-face" { "out.safetensors" } else { "out" };
        let run = folder.run([&import(&file, out, network)[..], &["--config", config]].concat());
        run.exits(2).says(&["error: ", message]);
    }
    let evil = tiny("evil-beside-weights.pth");
    folder.run([&import(&evil, "mine", "model")[..], &["--config", &config]].concat()).exits(0);
    let files = folder.files();
    assert!(
        !files.iter().any(|name| name.contains("evil") || name.starts_with("out")),
        "{files:?}"
    );
}

#[test]
fn onnx_files_have_metadata() {
    let folder = Folder::new();
    let export = ["model", "export", "-o", "onnx", "--format", "onnx"];
    folder.run(export).exits(0);
    let names = ["face-decoder", "face-distribution", "voice-encoder"];
    assert_eq!(folder.files(), names.map(|name| format!("onnx/{name}.onnx")));
    for name in names {
        let file = folder.read(&format!("onnx/{name}.onnx"));
        for text in ["mobileface-v2", "cc-by-4.0", "Synthetic image.", "model_sha256"] {
            assert!(file.windows(text.len()).any(|part| part == text.as_bytes()), "{name}: {text}");
        }
    }
    let one = |network| {
        [&["model", "export", "-o", "one", "--format", "onnx"], &["--network", network][..]]
            .concat()
    };
    folder.run(one("face-decoder")).exits(0).says(&["wrote one/face-decoder.onnx\n"]);
    let frames = [&one("voice-encoder")[..], &["--frames", "many"]].concat();
    folder.run(frames).exits(2).says(&["must be a number or dynamic"]);
}
