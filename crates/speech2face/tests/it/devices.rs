//! A model stays on the device that it was opened on. The second device is Burn's other CPU
//! backend, which computes the same with other code.

use burn::module::Module;
use burn::tensor::Device;
use s2f_testing::{largest_difference, project};
use speech2face::audio::ReadOptions;
use speech2face::{ReconstructOptions, Speech2Face, VoiceRecording};

#[test]
fn another_device_gives_the_same_face() {
    // It is deprecated in favour of Flex, and all that is needed here is that it differs from it.
    #[allow(deprecated)]
    let other = Device::ndarray();
    assert_ne!(other, Device::flex());
    let path = project("examples/voices/low.flac");
    let recording = VoiceRecording::read(&path, &ReadOptions::default()).unwrap();
    let [expected, found] = [Device::flex(), other].map(|device| {
        let model = Speech2Face::shipped(&device).unwrap();
        // Tensors of different devices cannot be combined: that it computes at all shows that the
        // inputs follow the model's device, and these show which one that is.
        assert_eq!(*model.device(), device);
        assert_eq!(model.networks().devices(), [device]);
        model.reconstruct(&recording, ReconstructOptions::default()).unwrap().face
    });
    // The sums of the two backends are ordered differently: some units in the last place of single
    // precision, over some tens of layers.
    let difference = largest_difference(expected.feature.values(), found.feature.values());
    assert!(difference < 1e-4, "feature: {difference}");
    let [a, b] = [&expected, &found].map(|face| face.landmarks.as_flattened());
    let difference = largest_difference(a, b);
    assert!(difference < 0.05, "landmarks: {difference} pixels");
    let pixels = expected.picture.rgb.iter().zip(&found.picture.rgb);
    let differing = pixels.filter(|(a, b)| a.abs_diff(**b) > 1).count();
    assert!(differing * 1000 < expected.picture.rgb.len(), "{differing} values");
}
