//! From a photograph to the feature of the face in it.

use image::RgbImage;
use s2f_face::{Detection, Detector, FaceEncoder, PairFace};

use crate::{EmbedError, FaceFeature};

/// A second face counts from this share of the largest one's size; smaller ones are bystanders.
const COMPARABLE: f32 = 0.6;

/// The feature of the one face in `picture`, as a prepared corpus has it: the face is found,
/// aligned and stored as a pair would store it, and described by `encoder`.
///
/// # Errors
/// [`EmbedError::NoFace`], [`EmbedError::SeveralFaces`], and [`EmbedError::Face`] where a network
/// does not run.
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
    use std::path::{Path, PathBuf};

    use image::imageops::{FilterType, replace, resize};
    use npyz::NpyFile;
    use s2f_core::FaceSpace;
    use s2f_face::read_picture;

    use super::*;
    use crate::MobileFaceEncoder;

    fn published(what: &str) -> Option<PathBuf> {
        let shared = std::env::var_os("S2F_SHARED").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
            PathBuf::from,
        );
        let found = shared.join(what);
        if !found.exists() {
            eprintln!("skipped: {} is not there", found.display());
            return None;
        }
        Some(found)
    }

    // The published values are a NumPy evaluation of MobileFace on crops that another program
    // aligned and scaled; the points differ by a pixel or two, so the features are close and not
    // equal. Two pictures of a person have a cosine of about 0.9, two persons one of about 0.
    #[test]
    fn features_of_photographs_are_near_the_published_ones() {
        let Some(models) = published("models") else { return };
        let Some(photographs) = published("data/faces/london/images") else { return };
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
