//! The face of a pair: the aligned square that a corpus stores, with the whole head in it.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage};

use crate::FaceError;
use crate::align::{MOBILEFACE_SIDE, MOBILEFACE_TEMPLATE, Similarity};
use crate::picture::{decode_picture, resampled};

/// Side of a pair's face, in pixels.
pub const PAIR_SIDE: u32 = 224;

/// Pixels of a pair's face for one of the face encoder's 112x112 crop.
///
/// In that crop a pixel is about 1.8 mm of a face with eyes 63 mm apart; 4/3 finer, the square
/// covers about 300 mm: a head from chin to hair (about 240 mm) with room above and below.
pub const PAIR_ZOOM: f32 = 4.0 / 3.0;

/// Where the top left pixel of the 112x112 crop lies in a pair's face: in the middle of the width,
/// the eyes in the middle of the height.
const CROP_ORIGIN: [f32; 2] = [
    (PAIR_SIDE as f32 - 1.0) / 2.0 - PAIR_ZOOM * (MOBILEFACE_SIDE as f32 - 1.0) / 2.0, // 37.5
    44.0,
];

/// Where the five points of a face go in a pair's face, in pixels: [`MOBILEFACE_TEMPLATE`],
/// [`PAIR_ZOOM`] times as large and shifted.
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

/// JPEG quality of stored faces, without subsampling of colours: 13 to 24 KB. MobileFace's feature
/// of what is stored has a cosine of 0.999 with that of the same face cut straight out of the
/// photograph; two frames of a video have 0.88.
const JPEG_QUALITY: u8 = 95;

/// What of a pair's face is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FacePart {
    /// From forehead to chin: where the points go to [`MOBILEFACE_TEMPLATE`], scaled to the side.
    /// ArcFace and its kin are aligned to the same template.
    Face,
    /// The whole square.
    Head,
}

/// An aligned face as a pair stores it.
///
/// Its pixels are always those that its JPEG bytes decode to, also right after
/// [`PairFace::cut`]: whoever reads a stored pair computes the same features from it again.
#[derive(Debug, Clone, PartialEq)]
pub struct PairFace {
    picture: RgbImage,
    points: [[f32; 2]; 5],
    jpeg: Vec<u8>,
}

impl PairFace {
    /// Cuts a face out of `picture`: its five `points` (in the order of [`MOBILEFACE_TEMPLATE`])
    /// go to [`PAIR_TEMPLATE`] as nearly as turn, scale and shift can bring them.
    ///
    /// A face larger than that is shrunk with a wider kernel, so that it does not alias. What lies
    /// outside of the picture repeats its edge. The same picture and points give the same bytes.
    ///
    /// # Errors
    /// [`FaceError::Degenerate`] where the points coincide or are not finite.
    pub fn cut(picture: &RgbImage, points: &[[f32; 2]; 5]) -> Result<Self, FaceError> {
        let (square, points) = square(picture, points)?;
        Self::from_jpeg(to_jpeg(&square)?, points)
    }

    /// A face as it was stored, with its points.
    ///
    /// # Errors
    /// [`FaceError::PairFace`] where the bytes are not a picture of [`PAIR_SIDE`] pixels square.
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

    /// The bytes to store.
    pub fn jpeg(&self) -> &[u8] {
        &self.jpeg
    }

    /// The crop that MobileFace reads, 112x112 pixels.
    ///
    /// Its place in the square is always the same, because the least squares fit to the one
    /// template is that to the other, scaled and shifted.
    pub fn mobileface(&self) -> RgbImage {
        self.part(FacePart::Face, MOBILEFACE_SIDE)
    }

    /// A part of the picture scaled to a square of `side` pixels, without aliasing.
    pub fn part(&self, part: FacePart, side: u32) -> RgbImage {
        // Length of the part and middle of its top left pixel, in pixels of a crop whose pixels
        // lie `zoom` apart in the square.
        let (length, zoom, origin) = match part {
            FacePart::Face => (MOBILEFACE_SIDE, PAIR_ZOOM, CROP_ORIGIN),
            FacePart::Head => (PAIR_SIDE, 1.0, [0.0; 2]),
        };
        let step = f64::from(length) / f64::from(side);
        let zoom = f64::from(zoom);
        let shift = 0.5 * step - 0.5; // pixels are squares: their edges meet, not their middles
        let back = Similarity {
            a: zoom * step,
            b: 0.0,
            tx: f64::from(origin[0]) + zoom * shift,
            ty: f64::from(origin[1]) + zoom * shift,
        };
        resampled(&self.picture, &back, side)
    }
}

/// The aligned square and where the points lie in it.
fn square(
    picture: &RgbImage,
    points: &[[f32; 2]; 5],
) -> Result<(RgbImage, [[f32; 2]; 5]), FaceError> {
    let there = Similarity::fit(points, &PAIR_TEMPLATE)?;
    let square = resampled(picture, &there.inverse(), PAIR_SIDE);
    Ok((square, points.map(|point| there.apply(point))))
}

fn to_jpeg(picture: &RgbImage) -> Result<Vec<u8>, FaceError> {
    let mut bytes = Vec::new();
    let (width, height) = picture.dimensions();
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
        .encode(picture.as_raw(), width, height, ExtendedColorType::Rgb8)
        .map_err(|error| FaceError::PairFace { reason: format!("not to be encoded ({error})") })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mobileface_crop;
    use crate::reference::{published, read_npy, reference_file};

    // Reference: reference/face/pair_face.py, in double precision. What is left is rounding to
    // bytes on either side of a half.
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
    fn what_is_stored_is_what_was_cut() {
        let face = PairFace::cut(&wave(), &upright(1.7)).unwrap();
        let (square, points) = square(&wave(), &upright(1.7)).unwrap();
        assert_eq!(*face.points(), points);
        let error: f64 = square
            .as_raw()
            .iter()
            .zip(face.picture().as_raw())
            .map(|(a, b)| f64::from(a.abs_diff(*b)))
            .sum();
        // The JPEG costs a step of a byte on average in this busy picture.
        assert!(error / (square.as_raw().len() as f64) < 1.5);

        assert_eq!(PairFace::cut(&wave(), &upright(1.7)).unwrap(), face);
        let again = PairFace::from_jpeg(face.jpeg().to_vec(), *face.points()).unwrap();
        assert_eq!(again, face);
        for ([x, y], expected) in face.points().iter().zip(PAIR_TEMPLATE) {
            assert!((x - expected[0]).hypot(y - expected[1]) < 1e-3);
        }
    }

    // The wave is smooth, so every good filter gives about the same; the JPEG adds some steps of a
    // byte.
    #[test]
    fn parts_of_the_square_show_the_same_as_crops_of_the_picture() {
        let face = PairFace::cut(&wave(), &upright(1.3)).unwrap();
        let direct = mobileface_crop(&wave(), &upright(1.3)).unwrap();
        let mean = |a: &RgbImage, b: &RgbImage| {
            let sum: f64 =
                a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
            sum / a.as_raw().len() as f64
        };
        assert!(mean(&direct, &face.mobileface()) < 1.5);
        assert_eq!(face.part(FacePart::Head, PAIR_SIDE), *face.picture());
        // A crop with twice the pixels, shrunk again.
        let twice = face.part(FacePart::Face, 224);
        let shrunk =
            image::imageops::resize(&twice, 112, 112, image::imageops::FilterType::Triangle);
        assert!(mean(&direct, &shrunk) < 2.5);
    }

    #[test]
    fn other_bytes_are_refused() {
        let check = |bytes: &[u8], part: &str| {
            let error = PairFace::from_jpeg(bytes.to_vec(), PAIR_TEMPLATE).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        };
        check(b"", "not a picture");
        check(&to_jpeg(&RgbImage::new(224, 223)).unwrap(), "224x223");
        assert!(PairFace::cut(&wave(), &[[5.0; 2]; 5]).is_err());
    }

    #[test]
    fn heads_of_photographs_are_inside() {
        let Some(folder) = published("data/faces/london") else { return };
        let table = std::fs::read_to_string(folder.join("landmarks.csv")).unwrap();
        // Points of the template that lie on the neck.
        const NECK: [usize; 2] = [183, 184];
        let mut faces = 0;
        for line in table.lines().skip(1) {
            let numbers: Vec<f32> =
                line.split(',').skip(2).map(|number| number.parse().unwrap()).collect();
            let all: Vec<[f32; 2]> = numbers.as_chunks::<2>().0.to_vec();
            let points = crate::alignment_points(&crate::select_landmarks(&all).unwrap()).unwrap();
            let there = Similarity::fit(&points, &PAIR_TEMPLATE).unwrap();
            for (index, point) in all.iter().enumerate() {
                let [x, y] = there.apply(*point);
                let inside = (2.0..222.0).contains(&x) && (2.0..222.0).contains(&y);
                assert!(inside || NECK.contains(&index), "{x} {y} {index}");
            }
            faces += 1;
        }
        assert_eq!(faces, 102);
    }
}
