//! Averages and morphs of a set of portraits: what a face decoder learns from.
//!
//! `cargo run --release -p s2f-corpus --example average_faces -- OUT LONDON CANADA`: OUT is the
//! folder for the pictures, LONDON and CANADA hold `people.csv`, `landmarks.csv` and the
//! photographs of the Face Research Lab's sets (<https://doi.org/10.6084/m9.figshare.5047666>,
//! <https://doi.org/10.6084/m9.figshare.4220517>).
//!
//! Every picture is a blend of several people.

use std::error::Error;
use std::path::Path;

use image::{RgbImage, imageops};
use rayon::prelude::*;
use s2f_core::Sex;
use s2f_corpus::unpaired::portraits;
use s2f_face::{
    ColourCorrection, FRAME, FaceError, MeanShape, NormalisedFace, PlainPortrait, read_picture,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [out, london, canada] = arguments.as_slice() else {
        return Err("usage: average_faces OUT LONDON CANADA".into());
    };
    std::fs::create_dir_all(out)?;
    let mut people = Vec::new();
    for (folder, correction) in
        [(london, ColourCorrection::LONDON), (canada, ColourCorrection::CANADA)]
    {
        people.extend(portraits(Path::new(folder))?.into_iter().map(|person| (person, correction)));
    }
    let plain: Vec<PlainPortrait> = people
        .par_iter()
        .map(|(person, correction)| {
            PlainPortrait::new(&read_picture(&person.picture)?, &person.points, *correction)
        })
        .collect::<Result<_, FaceError>>()?;
    let shapes: Vec<&[[f32; 2]]> = plain.iter().map(PlainPortrait::landmarks).collect();
    let mean = MeanShape::of(&shapes)?;
    let faces: Vec<NormalisedFace> = plain
        .par_iter()
        .map(|portrait| NormalisedFace::new(portrait, &mean))
        .collect::<Result<_, _>>()?;

    let of = |sex: Sex| -> Vec<&NormalisedFace> {
        let both = faces.iter().zip(&people);
        both.filter(|(_, (person, _))| person.sex == Some(sex)).map(|(face, _)| face).collect()
    };
    let (women, men) = (of(Sex::Female), of(Sex::Male));
    let save = |name: &str, picture: &RgbImage| picture.save(Path::new(out).join(name));
    save("everybody.png", &blend(&faces.iter().collect::<Vec<_>>()).render(&mean)?)?;
    save("women.png", &blend(&women).render(&mean)?)?;
    save("men.png", &blend(&men).render(&mean)?)?;

    let mut morphs = RgbImage::new(6 * FRAME as u32, 2 * FRAME as u32);
    for (index, count) in [2, 3, 4, 6, 8, 12].into_iter().enumerate() {
        for (row, group) in [&women, &men].into_iter().enumerate() {
            // People far apart in the list, and different ones for each picture.
            let first = 5 * index;
            let some: Vec<_> = (0..count).map(|n| group[(first + 11 * n) % group.len()]).collect();
            let (x, y) = (index * FRAME, row * FRAME);
            imageops::replace(&mut morphs, &blend(&some).render(&mean)?, x as i64, y as i64);
        }
    }
    save("morphs.png", &morphs)?;
    Ok(())
}

/// The mean of shapes and textures.
fn blend(faces: &[&NormalisedFace]) -> NormalisedFace {
    let share = 1.0 / faces.len() as f32;
    let mut landmarks = vec![[0.0; 2]; faces[0].landmarks.len()];
    let mut texture = vec![0.0; faces[0].texture.len()];
    for face in faces {
        for (sum, point) in landmarks.iter_mut().zip(&face.landmarks) {
            sum[0] += share * point[0];
            sum[1] += share * point[1];
        }
        for (sum, value) in texture.iter_mut().zip(&face.texture) {
            *sum += share * value;
        }
    }
    NormalisedFace { landmarks, texture }
}
