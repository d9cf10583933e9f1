//! The devices that tests compute on.

use burn::tensor::Device;

/// The CPU, even if other backends are compiled in.
pub(crate) fn cpu() -> Device {
    Device::flex()
}

/// Another backend on the CPU, whose tensors cannot be mixed with those of [`cpu`].
#[cfg(feature = "ndarray")]
#[allow(deprecated, reason = "the backend is deprecated for computing, but mixes devices in tests")]
fn other_cpu() -> Device {
    Device::ndarray()
}

/// A tensor or constant that a network makes on another device than its input would panic here.
#[cfg(feature = "ndarray")]
#[test]
fn networks_compute_on_the_device_of_their_input() {
    use burn::tensor::{Tensor, TensorData};

    use super::{
        BORDER, LANDMARKS, largest_difference, tiny_convolutions, tiny_face_decoder,
        tiny_speaker_trunk, tiny_textures, tiny_vgg_face, with_convolutions,
    };
    use crate::MobileFace;
    use crate::face_api::{AgeGender, Landmark68, SquareCrop};
    use crate::voice_encoder::{BINS, ConvolutionsConfig, VoiceInput};
    use crate::weights::{Precision, load, save};

    fn check<const A: usize, const B: usize, M: burn::module::Module>(
        init: impl Fn(&Device) -> M,
        shape: [usize; A],
        forward: impl Fn(&M, Tensor<A>) -> Tensor<B>,
    ) {
        let values = (0..shape.iter().product()).map(|i: usize| ((i * 37) % 101) as f32 / 101.0);
        let values: Vec<f32> = values.collect();
        let network = init(&cpu());
        let bytes = save(&network, Precision::Full).unwrap();
        let input = |device: &Device| {
            Tensor::<A>::from_data(TensorData::new(values.clone(), shape), device)
        };
        let expected = forward(&network, input(&cpu()));
        let network = load(init(&other_cpu()), &bytes).unwrap();
        let found = forward(&network, input(&other_cpu()));
        assert_eq!(found.device(), other_cpu());
        let found = Tensor::from_data(found.into_data(), &cpu());
        let scale = expected.clone().abs().max().into_scalar::<f32>().max(1.0);
        // Sums of float32 products in another order.
        assert!(largest_difference(found, expected) < 1e-3 * scale);
    }

    for input in [
        VoiceInput::Complex,
        VoiceInput::Magnitude,
        VoiceInput::MagnitudePhase,
        VoiceInput::MagnitudeCompressedPhase,
    ] {
        let config = with_convolutions(ConvolutionsConfig { input, ..tiny_convolutions() });
        let init = |device: &Device| config.init(device).unwrap();
        check(init, [2, 2, 40, BINS], |network, x| network.forward(x));
    }
    let init = |device: &Device| tiny_speaker_trunk().init(device).unwrap();
    check(init, [2, 1, 200, 40], |network, x| network.forward(x));
    for (_, texture) in tiny_textures() {
        let config = tiny_face_decoder(texture);
        let init = |device: &Device| config.init(&LANDMARKS, &BORDER, device).unwrap();
        check(init, [2, 6], |network, x| network.render(network.forward(x)));
    }
    let init = |device: &Device| tiny_vgg_face().init(device).unwrap();
    check(init, [1, 3, 64, 64], |network, x| network.fc8(network.fc7(x * 255.0)));
    check(MobileFace::init, [1, 3, 112, 112], |network, x| network.forward(x * 255.0));
    let square = SquareCrop::new([10.0, 5.0, 60.0, 50.0], [64, 64]);
    let crop = |x: Tensor<4>| square.cut(x * 255.0);
    check(Landmark68::init, [1, 3, 64, 64], |network, x| network.forward(crop(x)));
    check(AgeGender::init, [1, 3, 64, 64], |network, x| network.forward(crop(x)).sex);
}
