use serde::de::DeserializeOwned;

use super::*;
use crate::read;

fn experiment<T: DeserializeOwned>(name: &str, settings: &str) -> T {
    let path = s2f_testing::project("configs").join(name);
    let settings: Vec<String> = settings.split_whitespace().map(str::to_owned).collect();
    read(&path, &settings).unwrap()
}

fn face_decoder(settings: &str) -> Result<(), TrainError> {
    experiment::<FaceDecoderTraining>("compact/face-decoder.toml", settings).check(&Devices::cpu())
}

fn voice_encoder(name: &str, settings: &str) -> Result<(), TrainError> {
    experiment::<VoiceEncoderTraining>(name, settings).check(&Devices::cpu())
}

#[test]
fn the_shipped_experiments_pass() {
    face_decoder("").unwrap();
    for name in [
        "contrastive",
        "attention",
        "speaker-encoder",
        "ablations/fine-tuned-speaker-encoder",
        "distribution",
        "fine-tune",
        "ablations/pixel",
    ] {
        voice_encoder(&format!("{name}.toml"), "").unwrap();
    }
    let settings = "face_decoder=compact"; // in place of a run folder
    voice_encoder("convolutional/voice-encoder.toml", settings).unwrap();
}

#[track_caller]
fn names(result: Result<(), TrainError>, key: &str) {
    let message = result.unwrap_err().to_string();
    assert!(message.contains(key) && message.contains("hint: "), "{key}: {message}");
}

#[test]
fn values_out_of_range_are_named() {
    for setting in [
        "optimisation.batch=1",
        "optimisation.precision=bfloat16",
        "optimisation.batch_norm=synchronised",
        "optimisation.gradient_accumulation=2",
        "optimisation.ema_decay=1.0",
        "morphing.pool=0",
        "morphing.most_faces=1",
        "data.held_out=1",
        "losses.texture=nan",
    ] {
        names(face_decoder(setting), setting.split('=').next().unwrap());
    }
    for setting in [
        "data.recordings.held_out=1.5",
        "data.recordings.held_out=0.0",
        "data.recordings.pairing.width=0.0",
        "data.recordings.pairing.age_bands=[60.0,30.0]",
        "augmentation.noise=2.0",
        "augmentation.noise_db=[9.0,3.0]",
        "augmentation.noise_db=[3.0,inf]",
        "augmentation.speed=nan",
        "augmentation.pitch=-1.0",
        "augmentation.pitch=6.5",
        "augmentation.microphone_db=inf",
        "optimisation.steps=0",
        "optimisation.learning_rate=inf",
        "optimisation.optimizer.adam-w.weight_decay=-1.0",
        "optimisation.gradient_accumulation=0",
        "optimisation.clip_gradient_norm=0.0",
        "optimisation.clip_gradient_norm=nan",
        "optimisation.ema_decay=0.0",
        "optimisation.ema_decay=1.5",
    ] {
        let result = voice_encoder("convolutional/voice-encoder.toml", setting);
        names(result, setting.split('=').next().unwrap());
    }
    for setting in ["data.pairs.validation_pairs=0", "data.pairs.validation_pairs=1"] {
        let result = voice_encoder("contrastive.toml", setting);
        names(result, setting.split('=').next().unwrap());
    }
}

#[test]
fn sizes_are_compared_with_face_space_and_each_other() {
    names(face_decoder("network.feature=128"), "feature is 128");
    names(face_decoder("network.size=112"), "network.size");
    names(face_decoder("network.landmarks.count=65"), "network.landmarks.count");
    let contrastive = |settings: &str| voice_encoder("contrastive.toml", settings);
    names(contrastive("network.output=128"), "output is 128");
    names(contrastive("clips.seconds=1.0 network.layers=[]"), "layers");
    let layer = "{channels=60000,stride=[1,1],pool=false}";
    names(contrastive(&format!("network.layers=[{layer}]")), "layers[0].channels is 60000");
    let distillation = "losses.distillation=1.0 losses.vgg_face=vgg-face.safetensors";
    names(contrastive(distillation), "losses.distillation");
}

#[test]
fn what_a_distribution_cannot_have_is_named() {
    let distribution = |settings: &str| voice_encoder("distribution.toml", settings);
    for (setting, part) in [
        ("distribution.components=0", "components is 0"),
        ("distribution.components=65", "components is 65"),
        ("distribution.rank=0", "rank is 0"),
        ("distribution.rank=65", "rank is 65"),
        ("network.output=256", "network.output is 256"),
        ("network.hidden=32", "network.hidden is 32"),
        ("network.pooling=attention", "network.pooling is attention"),
        ("losses.likelihood=0.0", "losses.likelihood is 0"),
        ("losses.likelihood=nan", "losses.likelihood is NaN"),
        ("losses.balance_losses_at=5", "losses.balance_losses_at is 5"),
    ] {
        names(distribution(setting), part);
    }
    names(voice_encoder("contrastive.toml", "losses.likelihood=1.0"), "losses.likelihood is 1");
    let recordings =
        "distribution={components=2,rank=2} losses.likelihood=1.0 face_decoder=compact";
    let result = voice_encoder("convolutional/voice-encoder.toml", recordings);
    names(result, "network.output is");
}

#[test]
fn a_network_that_cannot_read_a_scored_clip_is_refused_before_the_run() {
    // So many layers of stride 2 and kernel 4 need 3 · 2ⁿ − 2 frames, n being their number.
    let layers = |count: usize| {
        let layer = "{channels=1,stride=[2,1],pool=false}";
        format!("network.layers=[{}]", vec![layer; count].join(","))
    };
    let problem = |name: &str, settings: String| {
        let settings = format!("{settings} face_decoder=compact");
        voice_encoder(name, &settings).err().map(|error| error.to_string())
    };
    // 382 frames: clips of 6 s have 598, but pairs are scored at 3 s too, with 298.
    let found = problem("contrastive.toml", format!("clips.seconds=6.0 {}", layers(7)));
    assert!(found.as_ref().is_some_and(|text| text.contains("298")), "{found:?}");
    assert_eq!(
        problem("convolutional/voice-encoder.toml", format!("clips.seconds=6.0 {}", layers(7))),
        None
    );
    // 766 frames: clips of 10 s have 998, but a model has to read 598.
    for name in ["contrastive.toml", "convolutional/voice-encoder.toml"] {
        let found = problem(name, format!("clips.seconds=10.0 {}", layers(8)));
        assert!(found.as_ref().is_some_and(|text| text.contains("598")), "{name}: {found:?}");
    }
}

#[test]
fn a_batch_is_divided_into_equal_parts_of_two_or_more() {
    let contrastive = |settings: &str| voice_encoder("contrastive.toml", settings);
    contrastive("optimisation.batch=64 optimisation.gradient_accumulation=32").unwrap();
    names(
        contrastive("optimisation.batch=63 optimisation.gradient_accumulation=32"),
        "batch is 63",
    );
    names(contrastive("optimisation.batch=66 optimisation.gradient_accumulation=32"), "a multiple");
    let most = usize::MAX / 2;
    let many = format!("optimisation.batch=64 optimisation.gradient_accumulation={most}");
    names(contrastive(&many), "optimisation.batch");
}

#[test]
fn more_memory_than_the_machine_has_is_refused() {
    let contrastive = |settings: &str| voice_encoder("contrastive.toml", settings);
    names(contrastive("clips.segments=100000"), "clips");
    names(contrastive("optimisation.batch=9000000000000000000"), "optimisation.batch");
    names(face_decoder("morphing.pool=9000000000000000000"), "morphing.pool");
}
