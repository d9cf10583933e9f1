//! Averages and morphs of a set of portraits: what a face decoder learns from.
//!
//! `cargo run --release -p s2f-corpus --example average_faces -- OUT LONDON CANADA PORTRAITS`: OUT
//! is the folder for the pictures, LONDON and CANADA hold `people.csv`, `landmarks.csv` and the
//! photographs of the Face Research Lab's sets (<https://doi.org/10.6084/m9.figshare.5047666>,
//! <https://doi.org/10.6084/m9.figshare.4220517>), PORTRAITS holds `people.csv`, `landmarks68.csv`
//! and portraits of people of all ages.
//!
//! Every picture is a blend of several people.

use std::error::Error;
use std::path::Path;

use image::{RgbImage, imageops};
use rayon::prelude::*;
use s2f_core::Sex;
use s2f_corpus::unpaired::{aged_portraits, portraits};
use s2f_face::{
    Ageing, ColourCorrection, FRAME, FaceError, FaceLayers, Hair, Hairstyle, MeanShape,
    NormalisedFace, PlainPortrait, PortraitSums, read_picture,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [out, london, canada, portraits_of_all_ages] = arguments.as_slice() else {
        return Err("usage: average_faces OUT LONDON CANADA PORTRAITS".into());
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

    let strength = 1.7; // as in configs/compact/face-decoder.toml
    let mut sums = PortraitSums::new(&mean);
    let portraits = aged_portraits(Path::new(portraits_of_all_ages))?;
    for some in portraits.chunks(32) {
        let measured = some
            .par_iter()
            .map(|person| sums.measure(&read_picture(&person.picture)?, &person.points))
            .collect::<Result<Vec<_>, FaceError>>()?;
        for (person, measured) in some.iter().zip(&measured) {
            sums.add_measured(measured, person.sex, person.age);
        }
    }
    let (ageing, hair) = (Ageing::new(&sums, strength)?, Hair::new(&sums)?);
    let layers = FaceLayers::new(&mean);
    let draw = |face: &NormalisedFace, style: Option<&Hairstyle>| {
        layers.compose(face, style).render(&mean)
    };
    let of = |sex: Sex| -> Vec<&NormalisedFace> {
        let both = faces.iter().zip(&people);
        both.filter(|(_, (person, _))| person.sex == Some(sex)).map(|(face, _)| face).collect()
    };
    let groups = [(Sex::Female, of(Sex::Female)), (Sex::Male, of(Sex::Male))];
    let styles = [(0.2, 1.8), (0.5, 2.0), (0.8, 2.3), (0.5, 2.6)];
    let styles = styles.map(|(volume, length)| hair.style(volume, length));

    // Mixtures of more and more people, far apart in the list.
    let mut morphs = Sheet::new(7, 4);
    // The mean of women and of men at seven ages, then mixtures of four.
    let mut ages = Sheet::new(7, 6);
    for (row, (sex, group)) in groups.iter().enumerate() {
        for (column, count) in [2, 3, 4, 6, 8, 12, group.len()].into_iter().enumerate() {
            let mixture: Vec<_> =
                (0..count).map(|n| group[(5 * column + 11 * n) % group.len()]).collect();
            morphs.put(column, row, &draw(&blend(&mixture), None)?);
            if *sex == Sex::Female {
                morphs.put(column, 2, &draw(&blend(&mixture), Some(&styles[column % 4]))?);
                morphs.put(column, 3, &draw(&blend(&mixture), Some(&styles[(column + 1) % 4]))?);
            }
        }
        for (mixture, first) in [(group.len(), 0), (4, 3), (4, 8)].into_iter().enumerate() {
            let (count, offset) = first;
            let some: Vec<_> = (0..count).map(|n| group[(offset + 11 * n) % group.len()]).collect();
            let face = blend(&some);
            for column in 0..7 {
                let aged = ageing.apply(&face, *sex, 27.0, 20.0 + 10.0 * column as f32);
                let style = (*sex == Sex::Female && mixture < 2).then(|| &styles[mixture + 1]);
                ages.put(column, 2 * mixture + row, &draw(&aged, style)?);
            }
        }
    }
    morphs.0.save(Path::new(out).join("morphs.png"))?;
    ages.0.save(Path::new(out).join("ages.png"))?;
    Ok(())
}

/// Pictures side by side.
struct Sheet(RgbImage);

impl Sheet {
    fn new(columns: usize, rows: usize) -> Self {
        Self(RgbImage::new((columns * FRAME) as u32, (rows * FRAME) as u32))
    }

    fn put(&mut self, column: usize, row: usize, picture: &RgbImage) {
        imageops::replace(&mut self.0, picture, (column * FRAME) as i64, (row * FRAME) as i64);
    }
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
