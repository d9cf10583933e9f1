use image::Rgb;

use super::*;
use crate::reference::read_points;
use crate::{Ageing, Hair, NormalisedFace};

/// Grey of the skin at an age; it gets darker by a tenth of its logarithm in ten years.
fn grey(age: f32) -> u8 {
    (150.0 * (-0.1 * (age - 50.0) / 10.0).exp()).round() as u8
}

/// Sums of portraits without features, all of one shape: half the frame's pixels wide, so that
/// each pixel is as in the frame.
fn sums(people: usize) -> PortraitSums {
    let mean = MeanShape::new(read_points("render_mean.npy")).unwrap();
    let mut sums = PortraitSums::new(&mean);
    let mut landmarks = vec![[0.0; 2]; PORTRAIT_POINTS];
    landmarks[..JAW].copy_from_slice(&sums.targets[..JAW]);
    for (index, (point, _)) in CORRESPONDING.into_iter().enumerate() {
        landmarks[point] = sums.targets[JAW + index];
    }
    for person in 0..people {
        let age = 30.0 + person as f32;
        let picture = RgbImage::from_pixel(224, 224, Rgb([grey(age); 3]));
        let measured = sums.measure(&picture, &landmarks).unwrap();
        for sex in [Sex::Female, Sex::Male] {
            sums.add_measured(&measured, sex, age);
        }
    }
    sums
}

#[test]
fn the_slope_of_a_regression_on_age_is_found() {
    let slopes = sums(2 * MIN_PEOPLE).of(Sex::Female).unwrap().slopes();
    // d ln(v + FLOOR) = d ln v · v / (v + FLOOR): -0.1 in ten years for v around 0.6. Rounding
    // to bytes adds a hundredth of it.
    let pixel = PUPIL_ROW as usize * FRAME + FRAME / 2;
    assert!((slopes[pixel] + 0.1 * 0.6 / 0.63).abs() < 0.004, "{}", slopes[pixel]);
    // Nothing moves.
    let moved = &slopes[4 * FRAME * FRAME..];
    assert!(moved.iter().all(|step| step.abs() < 1e-3));
}

#[test]
fn too_few_people_are_refused() {
    let few = sums(MIN_PEOPLE - 1);
    for error in [Ageing::new(&few, 1.0).err().unwrap(), Hair::new(&few).err().unwrap()] {
        let expected = FaceError::TooFewPeople { found: MIN_PEOPLE - 1, needed: MIN_PEOPLE };
        assert_eq!(error.to_string(), expected.to_string());
    }
    let portrait = RgbImage::new(9, 9);
    assert!(few.measure(&portrait, &[[0.0; 2]; 5]).is_err());
    assert!(few.measure(&portrait, &[[0.0; 2]; PORTRAIT_POINTS]).is_err());
}

#[test]
fn ageing_keeps_the_tone_of_the_skin_and_nothing_at_the_same_age() {
    let ageing = Ageing::new(&sums(2 * MIN_PEOPLE), 1.0).unwrap();
    let mean = MeanShape::new(read_points("render_mean.npy")).unwrap();
    let face =
        NormalisedFace { landmarks: mean.points().to_vec(), texture: vec![0.6; 3 * FRAME * FRAME] };
    let largest = |other: &NormalisedFace| {
        let pairs = face.texture.iter().zip(&other.texture);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    let same = ageing.apply(&face, Sex::Male, 40.0, 40.0);
    assert!(largest(&same) < 1e-5 && same.landmarks == face.landmarks);
    // The even change of all pixels is taken for light, not for age; lines remain.
    let older = ageing.apply(&face, Sex::Male, 30.0, 60.0);
    let pixel = |x: usize, y: usize| older.texture[y * FRAME + x];
    let cheek = (0..100).map(|i| pixel(80 + i % 10, 118 + i / 10)).sum::<f32>() / 100.0;
    assert!((cheek - 0.6).abs() < 0.02, "{cheek}");
    assert!(largest(&older) > 0.01);
}
