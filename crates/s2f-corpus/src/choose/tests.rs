//! Clips composed from portraits: faces with known position, size and sharpness. The portraits are
//! from the Face Research Lab London Set.

use image::imageops::{FilterType, blur, replace, resize};
use image::{Rgb, RgbImage};
use s2f_face::{Detector, read_picture};
use s2f_testing::data;

use super::*;

struct Studio {
    detector: Detector,
    /// Two portraits, 512 x 512 pixels; their faces have a side of about 270.
    people: [RgbImage; 2],
}

impl Studio {
    fn open() -> Option<Self> {
        let detector = Detector::open(data("models/yunet/yunet_n_dynamic.onnx")?).unwrap();
        let portraits = data("data/faces/london/images")?;
        let read = |name: &str| read_picture(portraits.join(name)).unwrap();
        let people = [read("004_neutral.jpg"), read("062_neutral.jpg")];
        Some(Self { detector, people })
    }

    /// A frame of 640 × 360 with these people, each with the left edge and the height of the
    /// portrait in pixels.
    fn frame(&self, people: &[(usize, i64, u32)]) -> RgbImage {
        let mut frame = RgbImage::from_pixel(640, 360, Rgb([200; 3]));
        for &(person, left, height) in people {
            let portrait = resize(&self.people[person], height, height, FilterType::Triangle);
            replace(&mut frame, &portrait, left, 0);
        }
        frame
    }

    fn choose(&self, source: FrameSource, frames: &[RgbImage]) -> Result<ChosenFace, ClipError> {
        self.choose_by(FaceRules::default(), source, frames)
    }

    fn choose_by(
        &self,
        rules: FaceRules,
        source: FrameSource,
        frames: &[RgbImage],
    ) -> Result<ChosenFace, ClipError> {
        let mut chooser = FaceChooser::new(&self.detector, rules, source);
        for frame in frames {
            assert!(chooser.push(frame).is_continue());
        }
        chooser.finish()
    }
}

fn check_rejected(found: Result<ChosenFace, ClipError>, expected: Reason, part: &str) {
    match found {
        Err(ClipError::Rejected { reason, detail }) => {
            assert_eq!(reason, expected, "{detail}");
            assert!(detail.contains(part), "{detail}");
        }
        other => panic!("{other:?} and not {expected:?}"),
    }
}

/// Mean difference of two faces, from forehead to chin, in steps of a byte.
fn difference(a: &PairFace, b: &PairFace) -> f64 {
    let [a, b] = [a, b].map(PairFace::mobileface);
    let pairs = a.as_raw().iter().zip(b.as_raw());
    let sum: f64 = pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
    sum / a.as_raw().len() as f64
}

impl Studio {
    /// Landmarks depend a little on the scale; the face of another person differs several times as
    /// much.
    fn assert_shows(&self, person: usize, face: &PairFace) {
        let [this, other] = [person, 1 - person].map(|person| {
            let portrait = std::slice::from_ref(&self.people[person]);
            difference(&self.choose(FrameSource::Pictures, portrait).unwrap().face, face)
        });
        assert!(2.0 * this < other, "{this} {other}");
    }
}

#[test]
fn the_sharpest_and_largest_frame_is_chosen() {
    let Some(studio) = Studio::open() else { return };
    let sharp = studio.frame(&[(0, 100, 300)]);
    let frames = [
        studio.frame(&[(0, 100, 200)]),
        blur(&sharp, 3.0),
        sharp.clone(),
        blur(&sharp, 1.5),
        RgbImage::new(640, 360),
    ];
    for source in [FrameSource::Video, FrameSource::VideoAt([0.39, 0.42]), FrameSource::Pictures] {
        let chosen = studio.choose(source, &frames).unwrap();
        assert_eq!((chosen.frame, chosen.seen), (2, 4));
        assert!((chosen.quality.side_px - 160.0).abs() < 25.0, "{:?}", chosen.quality);
        assert!(chosen.quality.turn_deg < 20.0 && chosen.quality.sharpness > 0.2);
        studio.assert_shows(0, &chosen.face);
    }
}

#[test]
fn a_face_is_turned_upright() {
    use image::imageops::{rotate90, rotate180, rotate270};

    let Some(studio) = Studio::open() else { return };
    let upright = studio.frame(&[(0, 170, 340)]);
    let (x, y) = (0.53, 0.5);
    for (turned, point) in [
        (rotate90(&upright), [1.0 - y, x]),
        (rotate180(&upright), [1.0 - x, 1.0 - y]),
        (rotate270(&upright), [y, 1.0 - x]),
    ] {
        let frames = vec![turned; 3];
        for source in [FrameSource::Video, FrameSource::VideoAt(point), FrameSource::Pictures] {
            let chosen = studio.choose(source, &frames).unwrap();
            studio.assert_shows(0, &chosen.face);
        }
    }
}

#[test]
fn cutouts_give_the_same_face_as_the_whole_frame() {
    let Some(studio) = Studio::open() else { return };
    let frame = studio.frame(&[(0, 300, 300)]);
    let chosen = studio.choose(FrameSource::Video, std::slice::from_ref(&frame)).unwrap();
    let coarse = studio.detector.detect_coarse(&frame).unwrap();
    let exact = studio.detector.refine(&frame, &coarse[0]).unwrap();
    let direct = PairFace::cut(&frame, &exact.points).unwrap();
    // The cutout is rounded to whole pixels, so landmarks move by less than a pixel.
    assert!(difference(&chosen.face, &direct) < 2.0);
}

#[test]
fn the_face_at_the_point_is_followed() {
    let Some(studio) = Studio::open() else { return };
    // The left person moves right, past the original position of the other one, who is larger.
    let frames: Vec<RgbImage> =
        (0..6).map(|i| studio.frame(&[(0, 10 + 25 * i, 200), (1, 330, 300)])).collect();
    let at = |x: f32, y: f32| studio.choose(FrameSource::VideoAt([x, y]), &frames);
    let [left, right] = [at(0.17, 0.27).unwrap(), at(0.75, 0.42).unwrap()];
    assert_eq!([left.seen, right.seen], [6, 6]);
    assert!(left.quality.side_px < 125.0 && right.quality.side_px > 135.0);
    studio.assert_shows(0, &left.face);
    studio.assert_shows(1, &right.face);
    check_rejected(at(0.45, 0.9), Reason::NoFaceAtPoint, "(0.45, 0.90) in the first 3 pictures");
    check_rejected(
        studio.choose(FrameSource::Video, &frames),
        Reason::SeveralFaces,
        "of 6 pictures",
    );

    // A person who appears later is not the one that the corpus means.
    let empty = RgbImage::new(640, 360);
    let late = [&empty, &empty, &empty, &frames[0]].map(Clone::clone);
    let source = FrameSource::VideoAt([0.17, 0.27]);
    check_rejected(studio.choose(source, &late), Reason::NoFaceAtPoint, "faces only later");
    assert_eq!(studio.choose(source, &late[1..]).unwrap().frame, 2);
}

#[test]
fn bystanders_do_not_count() {
    let Some(studio) = Studio::open() else { return };
    let small = studio.frame(&[(0, 20, 340), (1, 420, 150)]);
    let chosen = studio.choose(FrameSource::Video, &[small.clone(), small]).unwrap();
    assert!(chosen.quality.side_px > 150.0);

    // Another person of the same size in one frame, and a larger one before a cut.
    let alone = studio.frame(&[(0, 20, 300)]);
    let both = studio.frame(&[(0, 20, 300), (1, 330, 300)]);
    let other = studio.frame(&[(1, 280, 360)]);
    let frames = [&other, &both, &alone, &alone, &alone].map(Clone::clone);
    let chosen = studio.choose(FrameSource::Video, &frames).unwrap();
    assert_eq!(chosen.seen, 4);
    studio.assert_shows(0, &chosen.face);
}

#[test]
fn faces_of_low_quality_are_rejected_with_the_measured_value() {
    let Some(studio) = Studio::open() else { return };
    let video = |frames: &[RgbImage]| studio.choose(FrameSource::Video, frames);
    check_rejected(video(&[]), Reason::NoPicture, "no picture");
    check_rejected(video(&[RgbImage::new(320, 200)]), Reason::NoFace, "in 1 pictures");
    check_rejected(video(&[RgbImage::new(0, 0)]), Reason::NoFace, "no face");
    check_rejected(video(&[studio.frame(&[(0, 50, 75)])]), Reason::FaceTooSmall, "minimum 48 px");
    let blurred = blur(&studio.frame(&[(0, 50, 300)]), 3.5);
    check_rejected(video(&[blurred]), Reason::Blurred, "0.0800 is needed");
    let strict = FaceRules { max_turn_deg: 0.01, ..FaceRules::default() };
    let frames = [studio.frame(&[(0, 50, 300)])];
    let found = studio.choose_by(strict, FrameSource::Video, &frames);
    check_rejected(found, Reason::TurnedAway, "°, the limit is ");
}

#[test]
fn a_face_is_followed_as_long_as_it_is_near() {
    let face = |x: f32, side: f32| Detection {
        rect: [x, 50.0, side, side],
        points: [[0.0; 2]; 5],
        score: 0.9,
    };
    let mut track = Track::default();
    let picture = RgbImage::new(8, 8);
    assert_eq!(track.next(0, &[face(0.0, 40.0)]), None);
    track.add(&picture, 0, &face(100.0, 40.0), false, &FaceRules::default());
    let check = |frame: usize, faces: &[Detection], expected: Option<usize>| {
        assert_eq!(track.next(frame, faces), expected, "{frame} {faces:?}");
    };
    check(1, &[face(0.0, 40.0), face(125.0, 40.0), face(90.0, 40.0)], Some(2));
    check(1, &[face(131.0, 40.0)], None);
    check(1, &[face(90.0, 70.0), face(110.0, 20.0)], None);
    check(4, &[face(100.0, 40.0)], Some(0));
    check(5, &[face(100.0, 40.0)], None);
}
