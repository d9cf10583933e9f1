//! Cartoons of the example voices: what they hold, and that they keep what makes faces different.

use burn::tensor::Device;
use s2f_audio::ReadOptions;
use s2f_core::Sex;

use super::*;
use crate::{PlausibleFaces, ReconstructOptions, Sampling, VoiceRecording};

fn model() -> Speech2Face {
    Speech2Face::shipped(&Device::flex()).unwrap()
}

fn faces(model: &Speech2Face, voice: &str) -> PlausibleFaces {
    let path = s2f_testing::project(&format!("examples/voices/{voice}.flac"));
    let recording = VoiceRecording::read(&path, &ReadOptions::default()).unwrap();
    let sampling = Sampling { count: 6, seed: 1, truncation: 1.0 };
    model.reconstruct_faces(&recording, ReconstructOptions::default(), sampling).unwrap()
}

#[test]
fn a_cartoon_is_small_clean_and_says_that_it_is_synthetic() {
    let model = model();
    for voice in ["low", "high"] {
        let face = faces(&model, voice).mean.face;
        for style in [CartoonStyle::Sticker, CartoonStyle::Line] {
            let cartoon = model.cartoon(&face, style, 0.4).unwrap();
            assert!(cartoon.svg().len() < 40_000, "{} bytes", cartoon.svg().len());
            assert!(cartoon.svg().contains("It shows no real person"));
            for word in ["<script", "href", "<image", "<text", "NaN", "style="] {
                assert!(!cartoon.svg().contains(word), "{word}");
            }
            assert_eq!(cartoon, model.cartoon(&face, style, 0.4).unwrap());
            let png = cartoon.to_png(64).unwrap();
            let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            reader.next_frame(&mut pixels).unwrap();
            assert_eq!(pixels.len(), 4 * 64 * 64);
            // A sticker is transparent in its corner; both are opaque in the middle of the face.
            assert_eq!(pixels[3] == 0, style == CartoonStyle::Sticker);
            assert_eq!(pixels[4 * (32 * 64 + 32) + 3], 255);
            let texts = &reader.info().uncompressed_latin1_text;
            assert!(texts.iter().any(|text| text.text.starts_with("Synthetic image.")));
        }
    }
}

#[test]
fn long_hair_is_recognised_and_different_faces_differ() {
    let model = model();
    let long = |face: &Face| HairLength::measure(face, &Palette::of(face)).is_long();
    let (low, high) = (faces(&model, "low"), faces(&model, "high"));
    // In the shipped model, women have long hair and men have short hair; a few of the plausible
    // faces of a high voice are men.
    for drawn in [&low, &high].into_iter().flat_map(|faces| &faces.samples) {
        let expected = drawn.face.feature.traits().sex == Some(Sex::Female);
        let exaggerated = model.decode(&drawn.face.feature, 1.0).unwrap();
        assert_eq!([long(&drawn.face), long(&exaggerated)], [expected; 2]);
    }
    assert!(!long(&low.mean.face) && long(&high.mean.face));
    // The same seed can draw the same face for two voices, so faces of one voice are compared.
    for faces in [low, high] {
        for style in [CartoonStyle::Sticker, CartoonStyle::Line] {
            let drawn: Vec<Vec<u8>> =
                faces.samples.iter().map(|sample| pixels(&model, &sample.face, style)).collect();
            for (n, one) in drawn.iter().enumerate() {
                for other in &drawn[n + 1..] {
                    let visible = |(a, b): &(&u8, &u8)| a.abs_diff(**b) > 16;
                    let visible = one.iter().zip(other).filter(visible).count();
                    assert!(visible > 12 * 64, "only {visible} of {} values differ", one.len());
                }
            }
        }
    }
}

/// A cartoon with 64 · 64 pixels.
fn pixels(model: &Speech2Face, face: &Face, style: CartoonStyle) -> Vec<u8> {
    let cartoon = model.cartoon(face, style, 0.4).unwrap();
    let tree = Tree::from_str(cartoon.svg(), &Options::default()).unwrap();
    let mut pixmap = Pixmap::new(64, 64).unwrap();
    resvg::render(&tree, Transform::from_scale(0.25, 0.25), &mut pixmap.as_mut());
    pixmap.take()
}

/// The points that the path with the id `name` goes through.
fn points(svg: &str, name: &str) -> Vec<[f32; 2]> {
    let start = format!("<clipPath id=\"{name}\"><path d=\"");
    let (_, rest) = svg.split_once(&start).unwrap();
    let (data, _) = rest.split_once('"').unwrap();
    let curves = data.split(['M', 'C', 'L', 'Z']).filter(|numbers| !numbers.is_empty());
    curves
        .map(|numbers| {
            let numbers: Vec<f32> = numbers.split(' ').map(|n| n.parse().unwrap()).collect();
            let end = numbers.len() - 2;
            [numbers[end], numbers[end + 1]]
        })
        .collect()
}

/// The least and the greatest coordinate.
fn extent(points: &[[f32; 2]], axis: usize) -> [f32; 2] {
    points.iter().fold([f32::MAX, f32::MIN], |[least, most], point| {
        [least.min(point[axis]), most.max(point[axis])]
    })
}

#[test]
fn an_svg_without_caricature_has_the_proportions_of_the_picture() {
    let model = model();
    let drawn = ["low", "high"].map(|voice| faces(&model, voice));
    for face in drawn.iter().flat_map(|faces| &faces.samples).map(|sample| &sample.face) {
        for style in [CartoonStyle::Sticker, CartoonStyle::Line] {
            let svg = model.cartoon(face, style, 0.0).unwrap().into_svg();
            let contour = points(&svg, "face");
            let eyes = ["left", "right"].map(|name| points(&svg, name));
            let middle = |eye: &[[f32; 2]], axis| extent(eye, axis).iter().sum::<f32>() / 2.0;
            let [left, right] = eyes.each_ref().map(|eye| [middle(eye, 0), middle(eye, 1)]);
            let apart = (right[0] - left[0]).hypot(right[1] - left[1]);
            let [from, to] = extent(&contour, 0);
            let found = [to - from, extent(&contour, 1)[1] - (left[1] + right[1]) / 2.0];
            let marks = &face.landmarks;
            let eye = |corners: [usize; 2]| {
                [0, 1].map(|axis| (marks[corners[0]][axis] + marks[corners[1]][axis]) / 2.0)
            };
            // Corners of the eyes, the widest points beside them and the lowest one of the chin.
            let (left, right) = (eye([2, 6]), eye([7, 11]));
            let expected_apart = (right[0] - left[0]).hypot(right[1] - left[1]);
            let wide = marks[75][0].max(marks[76][0]).max(marks[77][0])
                - marks[72][0].min(marks[73][0]).min(marks[74][0]);
            let expected = [wide, marks[65][1] - (left[1] + right[1]) / 2.0];
            for (found, expected) in found.into_iter().zip(expected) {
                let ratio = (found / apart) / (expected / expected_apart);
                assert!((ratio - 1.0).abs() < 0.06, "{ratio}");
            }
        }
    }
}

#[test]
fn a_caricature_keeps_the_direction_in_which_a_face_differs() {
    let model = model();
    let face = faces(&model, "low").mean.face;
    let mean = vec![[100.0; 2]; LANDMARK_COUNT];
    let shape = Shape::caricature(&face.landmarks, &mean, 1.0);
    // Jaw and eyes: twice as far from the mean.
    for index in [2, 11, 65, 91] {
        for axis in 0..2 {
            let expected = 2.0 * face.landmarks[index][axis] - 100.0;
            assert!((shape.at(index)[axis] - expected).abs() < 1e-3);
        }
    }
    for bad in [-0.1, 2.1, f32::NAN] {
        assert!(model.cartoon(&face, CartoonStyle::Line, bad).is_err());
    }
    assert!(model.cartoon(&face, CartoonStyle::Line, 0.0).unwrap().to_png(5).is_err());
}

#[test]
fn other_landmarks_are_refused() {
    let model = model();
    let mut face = faces(&model, "low").mean.face;
    face.landmarks.pop();
    let error = model.cartoon(&face, CartoonStyle::Line, 0.4).unwrap_err().to_string();
    assert!(error.contains("has 105 landmarks") && error.contains("; hint: "), "{error}");
}
