//! Any configuration gives an error or a network, never a panic, and its cost is as computed.

use burn::module::Module;
use burn::tensor::Tensor;
use proptest::prelude::*;
use s2f_core::{FaceSpace, Normalisation, Trait};
use safetensors::SafeTensors;

use super::{
    cpu, tiny_convolutions, tiny_face_decoder, tiny_textures, tiny_vgg_face, tiny_voice_encoder,
    with_convolutions,
};
use crate::face_decoder::{LandmarksConfig, TextureConfig};
use crate::voice_encoder::{
    BINS, ConvLayer, ConvolutionsConfig, SegmentPooling, TrunkConfig, VoiceInput,
};
use crate::weights::{Precision, save};
use crate::{
    ConfigError, Cost, FaceDecoderConfig, FaceDistributionConfig, ModelConfig, VggFaceConfig,
    VoiceEncoderConfig,
};

/// Sizes of networks that are built and run here.
const SMALL: Cost =
    Cost { parameters: 200_000, parameter_bytes: 800_000, activation_bytes: 20_000_000 };

fn is_small(cost: Cost) -> bool {
    cost.parameters <= SMALL.parameters && cost.activation_bytes <= SMALL.activation_bytes
}

/// Mostly sizes of small networks, now and then any number.
fn size(small: std::ops::Range<usize>) -> impl Strategy<Value = usize> {
    prop_oneof![
        60 => small,
        1 => Just(0),
        1 => 0_usize..100_000,
        1 => any::<usize>(),
        1 => Just(usize::MAX),
    ]
}

fn voice_encoder() -> impl Strategy<Value = VoiceEncoderConfig> {
    let layer = (size(1..8), size(1..4), size(1..4), any::<bool>())
        .prop_map(|(channels, time, frequency, pool)| ConvLayer {
            channels,
            stride: [time, frequency],
            pool,
        })
        .boxed();
    let layers = prop_oneof![
        20 => proptest::collection::vec(layer.clone(), 1..6),
        1 => proptest::collection::vec(layer, 0..80),
    ];
    let inputs = proptest::sample::select(vec![
        VoiceInput::Complex,
        VoiceInput::Magnitude,
        VoiceInput::MagnitudePhase,
        VoiceInput::MagnitudeCompressedPhase,
    ]);
    let choices = (inputs, any::<bool>(), any::<bool>(), any::<bool>());
    (layers, size(1..20), size(1..20), choices).prop_map(
        |(mut layers, hidden, output, (input, batch_norm, attention, output_relu))| {
            if let Some(last) = layers.last_mut() {
                last.pool &= hidden == 1; // mostly false, as it has to be
            }
            VoiceEncoderConfig {
                trunk: TrunkConfig::Convolutions(ConvolutionsConfig { input, layers, batch_norm }),
                hidden: (hidden != 2).then_some(hidden),
                output: Some(output),
                output_relu,
                pooling: if attention { SegmentPooling::Attention } else { SegmentPooling::Mean },
            }
        },
    )
}

fn face_decoder() -> impl Strategy<Value = FaceDecoderConfig> {
    let basis = (size(1..6), size(1..9))
        .prop_map(|(components, hidden)| TextureConfig::Basis { components, hidden });
    let deconvolution = (size(4..9), proptest::collection::vec(size(1..5), 0..5))
        .prop_map(|(base, channels)| TextureConfig::Deconvolution { base, channels });
    let texture = prop_oneof![basis, deconvolution];
    let side = prop_oneof![
        4 => (2_usize..5).prop_map(|doublings| 4 << doublings),
        1 => size(4..40),
    ];
    (size(1..9), size(1..9), size(1..9), size(1..9), texture, side).prop_map(
        |(feature, hidden, count, landmarks, texture, size)| FaceDecoderConfig {
            feature,
            hidden,
            landmarks: LandmarksConfig { count, hidden: landmarks },
            texture,
            size,
        },
    )
}

fn vgg_face() -> impl Strategy<Value = VggFaceConfig> {
    let side = prop_oneof![10 => Just(32), 1 => size(1..200)];
    let channels = [size(1..5), size(1..5), size(1..5), size(1..5), size(1..5)];
    (side, channels, size(1..9), size(1..9)).prop_map(|(side, channels, hidden, persons)| {
        VggFaceConfig { side, channels, hidden, persons }
    })
}

/// Number of parameters that PyTorch would count in a module: all but running statistics.
fn saved_parameters<M: Module>(module: &M) -> u64 {
    let bytes = save(module, Precision::Full).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let learned = file.iter().filter(|(name, _)| !name.contains("running_"));
    learned.map(|(_, tensor)| tensor.shape().iter().product::<usize>() as u64).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_voice_encoder(
        config in voice_encoder(),
        frames in size(1..700),
        batch in size(0..9),
    ) {
        let min_frames = config.min_frames();
        let _ = config.check_frames(frames);
        let cost = config.cost(batch, frames);
        match config.check() {
            Err(error) => {
                prop_assert!(config.init(&cpu()).is_err() && cost.is_err());
                prop_assert!(error.to_string().contains("; hint: "), "{}", error);
            }
            Ok(()) => {
                let frames = min_frames.unwrap();
                let cost = config.cost(1, frames).unwrap();
                if is_small(cost) {
                    let network = config.init(&cpu()).unwrap();
                    prop_assert_eq!(saved_parameters(&network), cost.parameters);
                    let feature = network.forward(Tensor::ones([1, 2, frames, BINS], &cpu()));
                    prop_assert_eq!(feature.dims(), [1, config.width().unwrap()]);
                }
            }
        }
    }

    #[test]
    fn any_face_decoder(config in face_decoder(), batch in size(0..9)) {
        let cost = config.cost(batch);
        let border = [[-2.0, -2.0], [40.0, -2.0], [-2.0, 40.0]];
        let mean = vec![[3.0, 4.0]; config.landmarks.count.min(1000)];
        match config.check() {
            Err(error) => {
                prop_assert!(config.init(&mean, &border, &cpu()).is_err() && cost.is_err());
                prop_assert!(error.to_string().contains("; hint: "), "{}", error);
            }
            Ok(()) if is_small(config.cost(1).unwrap()) => {
                let network = config.init(&mean, &border, &cpu()).unwrap();
                prop_assert_eq!(saved_parameters(&network), config.cost(1).unwrap().parameters);
                let face = network.forward(Tensor::ones([1, config.feature], &cpu()));
                let side = config.size;
                prop_assert_eq!(network.render(face).dims(), [1, 3, side, side]);
            }
            Ok(()) => {}
        }
    }

    #[test]
    fn any_vgg_face(config in vgg_face(), batch in size(0..9)) {
        let cost = config.cost(batch);
        match config.check() {
            Err(error) => {
                prop_assert!(config.init(&cpu()).is_err() && cost.is_err());
                prop_assert!(error.to_string().contains("; hint: "), "{}", error);
            }
            Ok(()) if is_small(config.cost(1).unwrap()) => {
                let network = config.init(&cpu()).unwrap();
                prop_assert_eq!(saved_parameters(&network), config.cost(1).unwrap().parameters);
                let side = config.side;
                let fc7 = network.fc7(Tensor::ones([1, 3, side, side], &cpu()));
                prop_assert_eq!(fc7.dims(), [1, config.hidden]);
            }
            Ok(()) => {}
        }
    }
}

#[test]
fn errors_name_key_value_and_range() {
    let check = |config: VoiceEncoderConfig, message: &str| {
        assert_eq!(config.check().unwrap_err().to_string(), message);
    };
    let (tiny, conv, with) = (tiny_voice_encoder, tiny_convolutions, with_convolutions);
    let mut wide = conv();
    wide.layers[2].channels = 60_000;
    check(
        with(wide),
        "voice encoder: layers[2].channels is 60000; hint: use a value from 1 to 8192",
    );
    let mut still = conv();
    still.layers[0].stride[1] = 0;
    check(with(still), "voice encoder: layers[0].stride[1] is 0; hint: use a value from 1 to 16");
    check(
        VoiceEncoderConfig { hidden: Some(1 << 40), ..tiny() },
        "voice encoder: hidden is 1099511627776; hint: use a value from 1 to 65536",
    );
    check(
        VoiceEncoderConfig { hidden: Some(60_000), output: Some(60_000), ..tiny() },
        "voice encoder: number of parameters: 3610201142, at most 1073741824; hint: reduce its \
         widths or channels",
    );
    let mut wide = conv();
    wide.layers = vec![ConvLayer { channels: 4096, stride: [1, 1], pool: false }];
    check(
        with(wide),
        "voice encoder: values in the largest layer for one input: 619028480, at most 134217728; \
         hint: reduce its widths or channels",
    );
    check(
        with(ConvolutionsConfig { layers: vec![], ..conv() }),
        "voice encoder: number of layers is 0; hint: use a value from 1 to 64",
    );
    let strided = ConvLayer { channels: 1, stride: [16, 1], pool: false };
    check(
        with(ConvolutionsConfig { layers: vec![strided; 64], ..conv() }),
        "voice encoder: number of frames that its layers need is 18446744073709552000; hint: use a \
         value from 1 to 60000",
    );
    let mut pooled = conv();
    pooled.layers[3].pool = true;
    check(
        with(pooled),
        "voice encoder: layers[3].pool is true; hint: set it to false, the last layer is followed \
         by the mean over time",
    );
}

fn model() -> ModelConfig {
    let [_, (_, basis)] = tiny_textures();
    ModelConfig {
        name: "tiny".into(),
        face_space: FaceSpace {
            name: "six".into(),
            dimension: 6,
            normalisation: Normalisation::None,
            traits: Vec::new(),
        },
        voice_encoder: VoiceEncoderConfig { output: Some(6), ..tiny_voice_encoder() },
        face_decoder: tiny_face_decoder(basis),
        border: super::BORDER.to_vec(),
        face_distribution: None,
    }
}

/// A distribution for [`model`].
fn distribution(embedding: usize) -> FaceDistributionConfig {
    FaceDistributionConfig {
        embedding,
        feature: 6,
        traits: 0,
        components: 2,
        rank: 3,
        reliability: None,
    }
}

#[test]
fn both_networks_of_a_model_fit_its_face_space() {
    let good = model();
    let network = good.init(&cpu()).unwrap();
    assert_eq!(saved_parameters(&network), good.cost(1, 60).unwrap().parameters);

    let features = good.voice_encoder.features().unwrap();
    let whole = ModelConfig { face_distribution: Some(distribution(features)), ..model() };
    let network = whole.init(&cpu()).unwrap();
    assert_eq!(saved_parameters(&network), whole.cost(1, 60).unwrap().parameters);
    let text = serde_json::to_string(&whole).unwrap();
    assert_eq!(serde_json::from_str::<ModelConfig>(&text).unwrap(), whole);
    assert!(!serde_json::to_string(&good).unwrap().contains("face_distribution"));

    let check = |change: fn(&mut ModelConfig), message: &str| {
        let mut config = model();
        change(&mut config);
        let error = config.init(&cpu()).unwrap_err();
        assert_eq!(config.cost(1, 60).unwrap_err().to_string(), error.to_string());
        assert!(error.to_string().starts_with(message), "{error}");
    };
    check(
        |model| model.voice_encoder.output = Some(128),
        "voice encoder: output is 128, but the dimension of face space six is 6; hint: make them",
    );
    check(
        |model| model.face_decoder.feature = 128,
        "face decoder: feature is 128, but the dimension of face space six is 6; hint: make them",
    );
    check(|model| model.face_space.dimension = 1 << 40, "voice encoder: output is 6, but ");
    check(|model| model.border[1][0] = f32::NAN, "model: border[1][0] is NaN; hint: use a value");
    check(|model| model.border[3][1] = 1e30, "model: border[3][1] is 1000000015047466");
    check(|model| model.border = vec![[0.0; 2]; 257], "model: number of border points is 257;");
    check(
        |model| model.face_space.traits = vec![Trait::Sex; 6],
        "model: 6 traits in the 6 dimensions of face space six; hint: list each trait once",
    );
    check(
        |model| model.face_distribution = Some(FaceDistributionConfig::compact()),
        "face distribution: feature is 259, but the dimension of face space six is 6; hint: make",
    );
    check(
        |model| model.face_distribution = Some(distribution(255)),
        "model: face_distribution.embedding is 255, but width of the voice encoder's features is",
    );
    let trunk = |model: &mut ModelConfig| {
        (model.voice_encoder.hidden, model.voice_encoder.output) = (None, None);
    };
    check(trunk, "voice encoder: output is missing, which a feature of face space six needs; hint");
    let mut whole = whole;
    trunk(&mut whole);
    let network = whole.init(&cpu()).unwrap();
    assert_eq!(saved_parameters(&network), whole.cost(1, 60).unwrap().parameters);
    let none = |model: &mut ModelConfig| {
        let none = ConvolutionsConfig { layers: vec![], ..tiny_convolutions() };
        model.voice_encoder.trunk = TrunkConfig::Convolutions(none);
    };
    check(none, "voice encoder: number of layers is 0;");
}

#[test]
fn costs_add_up_and_saturate() {
    let config = tiny_voice_encoder();
    let one = config.cost(1, 60).unwrap();
    let two = config.cost(2, 60).unwrap();
    assert_eq!(two.parameters, one.parameters);
    assert_eq!(two.activation_bytes, 2 * one.activation_bytes);
    assert_eq!(one.training_bytes(), 4 * one.parameter_bytes + one.activation_bytes);
    let frozen = tiny_vgg_face().cost(3).unwrap();
    let both: Cost = [one, frozen].into_iter().sum();
    assert_eq!(both.parameter_bytes, 4 * (one.parameters + frozen.parameters));
    assert_eq!(config.cost(usize::MAX, 60).unwrap().activation_bytes, u64::MAX);
    assert_eq!(config.cost(usize::MAX, 60).unwrap().training_bytes(), u64::MAX);
    let short = config.cost(1, 3).unwrap_err();
    assert!(matches!(short, ConfigError::TooShort { frames: 3, .. }), "{short}");
}
