//! The face of a pair: the aligned square crop that a corpus stores, with the whole head.

use std::fmt;
use std::str::FromStr;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage};
use serde::{Deserialize, Serialize};

use crate::align::{MOBILEFACE_SIDE, MOBILEFACE_TEMPLATE};
use crate::picture::decode_picture;
use crate::resample::resampled;
use crate::{FaceError, Similarity};

/// Side of a pair's face, in pixels.
pub const PAIR_SIDE: u32 = 224;

/// Pixels of a pair's face per pixel of MobileFace's 112x112 crop.
///
/// A pixel of that crop is about 1.8 mm of a face with eyes 63 mm apart. At a resolution 4/3 times
/// as fine, the square covers about 300 mm: a head from chin to hair (about 240 mm) with a margin
/// above and below.
pub const PAIR_ZOOM: f32 = 4.0 / 3.0;

/// Where the top left pixel of the 112x112 crop is in a pair's face, in pixels: the crop is
/// centred horizontally, the eyes are centred vertically.
const CROP_ORIGIN: [f32; 2] = [
    (PAIR_SIDE as f32 - 1.0) / 2.0 - PAIR_ZOOM * (MOBILEFACE_SIDE as f32 - 1.0) / 2.0, // 37.5
    44.0,
];

/// Where a pair's face has its five points, in pixels: [`MOBILEFACE_TEMPLATE`] scaled by
/// [`PAIR_ZOOM`] and translated.
pub const PAIR_TEMPLATE: [[f32; 2]; 5] = {
    let mut points = MOBILEFACE_TEMPLATE;
    let mut i = 0;
    while i < points.len() {
        points[i][0] = PAIR_ZOOM * points[i][0] + CROP_ORIGIN[0];
        points[i][1] = PAIR_ZOOM * points[i][1] + CROP_ORIGIN[1];
        i += 1;
    }
    points
};

/// JPEG quality of stored faces, without chroma subsampling: 13 to 24 KB. MobileFace's features of
/// the stored face and of the same face cropped from the photograph have a cosine similarity of
/// 0.999; two frames of a video have 0.88.
const JPEG_QUALITY: u8 = 95;

/// The part of a pair's face that a network reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FacePart {
    /// From forehead to chin: the points lie at [`MOBILEFACE_TEMPLATE`], scaled to the side of the
    /// crop. ArcFace and its successors are aligned to the same template.
    Face,
    /// The whole square: the head with its hair.
    Head,
}

/// A name that is not `face` or `head`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown part of the face `{0}`; hint: one of face, head")]
pub struct UnknownFacePart(String);

impl fmt::Display for FacePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Face => "face",
            Self::Head => "head",
        })
    }
}

impl FromStr for FacePart {
    type Err = UnknownFacePart;

    /// Parses `face` or `head`.
    fn from_str(text: &str) -> Result<Self, UnknownFacePart> {
        match text {
            "face" => Ok(Self::Face),
            "head" => Ok(Self::Head),
            _ => Err(UnknownFacePart(text.to_owned())),
        }
    }
}

/// An aligned face as a pair stores it.
///
/// Its pixels are those that its JPEG bytes decode to, also right after [`PairFace::cut`], so the
/// features of a stored pair can be computed again exactly.
#[derive(Debug, Clone, PartialEq)]
pub struct PairFace {
    picture: RgbImage,
    points: [[f32; 2]; 5],
    jpeg: Vec<u8>,
}

impl PairFace {
    /// Crops a face from `picture`: its five `points` (in the order of [`MOBILEFACE_TEMPLATE`]) are
    /// mapped to [`PAIR_TEMPLATE`] by the best similarity transform.
    ///
    /// A larger face is reduced with a wider kernel, which prevents aliasing. Outside the picture,
    /// its edge pixels are repeated. The same picture and points give the same bytes.
    ///
    /// # Errors
    /// [`FaceError::Degenerate`] if the points coincide or are not finite.
    pub fn cut(picture: &RgbImage, points: &[[f32; 2]; 5]) -> Result<Self, FaceError> {
        let (square, points) = square(picture, points)?;
        Self::from_jpeg(to_jpeg(&square)?, points)
    }

    /// A stored face, from its JPEG bytes and its points.
    ///
    /// # Errors
    /// [`FaceError::PairFace`] if the bytes are not a square picture of [`PAIR_SIDE`] pixels.
    pub fn from_jpeg(jpeg: Vec<u8>, points: [[f32; 2]; 5]) -> Result<Self, FaceError> {
        let wrong = |reason: String| FaceError::PairFace { reason };
        let picture =
            decode_picture(&jpeg).map_err(|error| wrong(format!("not a picture ({error})")))?;
        let (width, height) = picture.dimensions();
        if (width, height) != (PAIR_SIDE, PAIR_SIDE) {
            return Err(wrong(format!(
                "{width}x{height} pixels large and should be {PAIR_SIDE}x{PAIR_SIDE}"
            )));
        }
        Ok(Self { picture, points, jpeg })
    }

    /// The picture, [`PAIR_SIDE`] pixels square.
    pub fn picture(&self) -> &RgbImage {
        &self.picture
    }

    /// The five points in [`PairFace::picture`], in pixels, in the order of
    /// [`MOBILEFACE_TEMPLATE`].
    pub fn points(&self) -> &[[f32; 2]; 5] {
        &self.points
    }

    /// The JPEG bytes to store.
    pub fn jpeg(&self) -> &[u8] {
        &self.jpeg
    }

    /// The crop that MobileFace reads, 112x112 pixels.
    ///
    /// It is always at the same position in the square, because the two templates differ only by
    /// scale and translation.
    pub fn mobileface(&self) -> RgbImage {
        self.part(FacePart::Face, MOBILEFACE_SIDE)
    }

    /// A part of the picture, resampled to a square of `side` pixels without aliasing.
    pub fn part(&self, part: FacePart, side: u32) -> RgbImage {
        // Side of the part in pixels that are `zoom` apart in the square, and the centre of its top
        // left pixel.
        let (length, zoom, origin) = match part {
            FacePart::Face => (MOBILEFACE_SIDE, PAIR_ZOOM, CROP_ORIGIN),
            FacePart::Head => (PAIR_SIDE, 1.0, [0.0; 2]),
        };
        let step = f64::from(length) / f64::from(side);
        let zoom = f64::from(zoom);
        let shift = 0.5 * step - 0.5; // pixels are squares: their edges coincide, not their centres
        let to_square = Similarity {
            a: zoom * step,
            b: 0.0,
            tx: f64::from(origin[0]) + zoom * shift,
            ty: f64::from(origin[1]) + zoom * shift,
        };
        resampled(&self.picture, &to_square, side)
    }
}

/// The aligned square, and the points in it.
fn square(
    picture: &RgbImage,
    points: &[[f32; 2]; 5],
) -> Result<(RgbImage, [[f32; 2]; 5]), FaceError> {
    let to_square = Similarity::fit(points, &PAIR_TEMPLATE)?;
    let square = resampled(picture, &to_square.inverse(), PAIR_SIDE);
    Ok((square, points.map(|point| to_square.apply(point))))
}

fn to_jpeg(picture: &RgbImage) -> Result<Vec<u8>, FaceError> {
    let mut bytes = Vec::new();
    let (width, height) = picture.dimensions();
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
        .encode(picture.as_raw(), width, height, ExtendedColorType::Rgb8)
        .map_err(|error| FaceError::PairFace {
            reason: format!("impossible to encode ({error})"),
        })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mobileface_crop;
    use crate::reference::{photos, read_npy, reference_file};

    // Reference: reference/face/pair_face.py, in double precision. Values near a half may be
    // rounded to either byte.
    #[test]
    fn a_square_agrees_with_numpy() {
        let (shape, input) = read_npy::<u8>(&reference_file("pair_input.npy"));
        let picture = RgbImage::from_raw(shape[1] as u32, shape[0] as u32, input).unwrap();
        let (_, points) = read_npy::<f32>(&reference_file("pair_points.npy"));
        let (shape, expected) = read_npy::<u8>(&reference_file("pair_output.npy"));
        let [cases, side] = [shape[0], shape[1]];
        for (case, points) in points.chunks_exact(10).enumerate() {
            let points: [[f32; 2]; 5] = points.as_chunks::<2>().0.try_into().unwrap();
            let (square, _) = square(&picture, &points).unwrap();
            let every = PAIR_SIDE as usize / side;
            let expected = expected.chunks_exact(expected.len() / cases).nth(case).unwrap();
            for (index, expected) in expected.as_chunks::<3>().0.iter().enumerate() {
                let [column, row] = [index % side, index / side].map(|i| (i * every) as u32);
                for (found, expected) in square.get_pixel(column, row).0.iter().zip(expected) {
                    assert!(found.abs_diff(*expected) <= 1, "{case} {column} {row}");
                }
            }
        }
    }

    fn wave() -> RgbImage {
        RgbImage::from_fn(300, 260, |x, y| {
            let [x, y] = [x as f32, y as f32];
            let values =
                [90.0 * (x / 9.0).sin(), 90.0 * (y / 11.0).cos(), 0.3 * x + 0.2 * y - 60.0];
            image::Rgb(values.map(|value| (127.0 + value) as u8))
        })
    }

    fn upright(scale: f32) -> [[f32; 2]; 5] {
        MOBILEFACE_TEMPLATE.map(|[x, y]| [40.0 + scale * x, 30.0 + scale * y])
    }

    #[test]
    fn a_stored_face_is_the_cropped_one() {
        let face = PairFace::cut(&wave(), &upright(1.7)).unwrap();
        let (square, points) = square(&wave(), &upright(1.7)).unwrap();
        assert_eq!(*face.points(), points);
        let error: f64 = square
            .as_raw()
            .iter()
            .zip(face.picture().as_raw())
            .map(|(a, b)| f64::from(a.abs_diff(*b)))
            .sum();
        // JPEG compression changes this detailed picture by one byte step on average.
        assert!(error / (square.as_raw().len() as f64) < 1.5);

        assert_eq!(PairFace::cut(&wave(), &upright(1.7)).unwrap(), face);
        let again = PairFace::from_jpeg(face.jpeg().to_vec(), *face.points()).unwrap();
        assert_eq!(again, face);
        for ([x, y], expected) in face.points().iter().zip(PAIR_TEMPLATE) {
            assert!((x - expected[0]).hypot(y - expected[1]) < 1e-3);
        }
    }

    // The wave is smooth, so every good filter gives nearly the same; JPEG compression adds a few
    // byte steps.
    #[test]
    fn parts_of_the_square_agree_with_crops_of_the_picture() {
        let face = PairFace::cut(&wave(), &upright(1.3)).unwrap();
        let direct = mobileface_crop(&wave(), &upright(1.3)).unwrap();
        let mean = |a: &RgbImage, b: &RgbImage| {
            let sum: f64 =
                a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
            sum / a.as_raw().len() as f64
        };
        assert!(mean(&direct, &face.mobileface()) < 1.5);
        assert_eq!(face.part(FacePart::Head, PAIR_SIDE), *face.picture());
        // A crop at twice the resolution, reduced again.
        let twice = face.part(FacePart::Face, 224);
        let shrunk =
            image::imageops::resize(&twice, 112, 112, image::imageops::FilterType::Triangle);
        assert!(mean(&direct, &shrunk) < 2.5);
    }

    #[test]
    fn parts_are_parsed_and_written_back() {
        for part in [FacePart::Face, FacePart::Head] {
            assert_eq!(part.to_string().parse(), Ok(part));
        }
        let message = "Head".parse::<FacePart>().unwrap_err().to_string();
        assert_eq!(message, "unknown part of the face `Head`; hint: one of face, head");
    }

    #[test]
    fn other_bytes_are_errors() {
        let check = |bytes: &[u8], part: &str| {
            let error = PairFace::from_jpeg(bytes.to_vec(), PAIR_TEMPLATE).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        };
        check(b"", "not a picture");
        check(&to_jpeg(&RgbImage::new(224, 223)).unwrap(), "224x223");
        assert!(PairFace::cut(&wave(), &[[5.0; 2]; 5]).is_err());
    }

    #[test]
    fn the_square_contains_the_whole_head() {
        let Some(people) = photos("london") else { return };
        // The points of the template on the neck.
        const NECK: [usize; 2] = [183, 184];
        assert_eq!(people.len(), 102);
        for person in people {
            let landmarks = crate::select_landmarks(&person.points).unwrap();
            let points = crate::alignment_points(&landmarks).unwrap();
            let to_square = Similarity::fit(&points, &PAIR_TEMPLATE).unwrap();
            for (index, point) in person.points.iter().enumerate() {
                let [x, y] = to_square.apply(*point);
                let is_inside = (2.0..222.0).contains(&x) && (2.0..222.0).contains(&y);
                assert!(is_inside || NECK.contains(&index), "{x} {y} {index}");
            }
        }
    }
}
