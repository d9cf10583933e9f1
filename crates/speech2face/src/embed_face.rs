//! From a photograph to the feature of the face in it.

use image::RgbImage;
use s2f_face::{Detection, Detector, FaceEncoder, PairFace};

use crate::{EmbedError, FaceFeature};

/// Faces smaller than this fraction of the largest are bystanders.
const COMPARABLE: f32 = 0.6;

/// The feature of the only face in `picture`, computed as corpora are prepared: the face is
/// detected, aligned and cropped, and encoded by `encoder`. Smaller faces are ignored.
///
/// # Errors
/// [`EmbedError::NoFace`], [`EmbedError::SeveralFaces`], and [`EmbedError::Face`] if a network
/// fails.
pub fn embed_face(
    encoder: &dyn FaceEncoder,
    detector: &Detector,
    picture: &RgbImage,
) -> Result<FaceFeature, EmbedError> {
    let mut faces = detector.detect(picture)?;
    let side = |face: &Detection| face.rect[2].max(face.rect[3]);
    faces.sort_by(|a, b| side(b).total_cmp(&side(a)));
    let Some(face) = faces.first() else { return Err(EmbedError::NoFace) };
    let count = faces.iter().filter(|other| side(other) >= COMPARABLE * side(face)).count();
    if count > 1 {
        return Err(EmbedError::SeveralFaces { count });
    }
    let face = detector.refine(picture, face)?;
    let face = PairFace::cut(picture, &face.points)?;
    let feature = encoder.encode(&[face])?.swap_remove(0);
    Ok(FaceFeature::new(encoder.face_space().clone(), feature)?)
}

#[cfg(test)]
mod tests {
    use image::imageops::{FilterType, replace, resize};
    use npyz::NpyFile;
    use s2f_core::FaceSpace;
    use s2f_face::read_picture;
    use s2f_testing::data;

    use super::*;
    use crate::MobileFaceEncoder;

    // The published values are a NumPy evaluation of MobileFace on crops that another program
    // aligned and scaled; the points differ by a pixel or two, so the features are close and not
    // equal. Two pictures of a person have a cosine of about 0.9, two persons one of about 0.
    #[test]
    fn features_of_photographs_are_near_the_published_ones() {
        let Some(models) = data("models") else { return };
        let Some(photographs) = data("data/faces/london/images") else { return };
        let detector = Detector::open(models.join("yunet/yunet_n_dynamic.onnx")).unwrap();
        let weights = models.join("mobileface/MobileFace_Identification_V2-0000.params");
        let encoder = MobileFaceEncoder::open(weights, &burn::tensor::Device::flex()).unwrap();
        let expected = std::fs::read(models.join("reference/mobileface/output_f32.npy")).unwrap();
        let expected: Vec<f32> = NpyFile::new(&expected[..]).unwrap().into_vec().unwrap();
        let pictures = ["004", "062", "127"]
            .map(|name| read_picture(photographs.join(format!("{name}_neutral.jpg"))).unwrap());
        for (i, picture) in pictures.iter().enumerate() {
            let found = embed_face(&encoder, &detector, picture).unwrap();
            assert_eq!(*found.space(), FaceSpace::mobileface());
            for (j, expected) in expected.chunks_exact(256).enumerate() {
                let dot: f32 = found.values().iter().zip(expected).map(|(a, b)| a * b).sum();
                let length = expected.iter().map(|value| value * value).sum::<f32>().sqrt();
                let cosine = dot / length;
                assert!(if i == j { cosine > 0.9 } else { cosine < 0.4 }, "{i} {j}: {cosine}");
            }
        }

        let empty = RgbImage::new(64, 64);
        let found = embed_face(&encoder, &detector, &empty);
        assert!(matches!(found, Err(EmbedError::NoFace)));
        let beside = |side: u32| {
            let mut both = RgbImage::new(1024, 512);
            replace(&mut both, &pictures[0], 0, 0);
            replace(&mut both, &resize(&pictures[1], side, side, FilterType::Triangle), 512, 0);
            embed_face(&encoder, &detector, &both)
        };
        assert!(matches!(beside(512), Err(EmbedError::SeveralFaces { count: 2 })));
        let with_bystander = beside(200).unwrap();
        let alone = embed_face(&encoder, &detector, &pictures[0]).unwrap();
        let cosine: f32 =
            with_bystander.values().iter().zip(alone.values()).map(|(a, b)| a * b).sum();
        assert!(cosine > 0.95, "{cosine}");
    }
}
