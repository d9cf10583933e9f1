//! The folder of a made-up population.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{ImageFormat, RgbImage};
use s2f_core::{AtomicFile, FileError, Sex, remove_temporary};

use super::Truth;
use super::camera::{RATE, Shot};
use super::population::{Person, TRAIT_NAMES};
use crate::CorpusError;
use crate::media::{Ffmpeg, encode_wav};

const TRUTH: &str = "synth.json";
const TRAITS_TABLE: &str = "truth.csv";
const PEOPLE: &str = "people.csv";
const LICENCE: &str = "licence.txt";
const LICENCE_TEXT: &str = "\
CC0-1.0
Voices and faces were made by a program, with numbers drawn by lot. They belong to nobody.
https://creativecommons.org/publicdomain/zero/1.0/
";

/// A folder that holds one population, or a part of it.
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Makes the folder with its tables, or checks that an existing one is of the same population.
    pub(super) fn open(root: &Path, truth: &Truth, people: &[Person]) -> Result<Self, CorpusError> {
        let folder = Self { root: root.to_owned() };
        fs::create_dir_all(root).map_err(FileError::at("make", root))?;
        let path = root.join(TRUTH);
        let refuse = |reason: &str| {
            Err(CorpusError::Job { path: root.to_owned(), reason: reason.to_owned() })
        };
        match fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice::<Truth>(&bytes) {
                Ok(there) if same(&there, truth) => remove_temporary(root)?,
                Ok(_) => return refuse("holds a population made with other settings"),
                Err(_) => return refuse("holds a synth.json that this program did not write"),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                remove_temporary(root)?;
                let mut entries = fs::read_dir(root).map_err(FileError::at("read", root))?;
                if entries.next().is_some() {
                    return refuse("is not empty, and holds no population");
                }
                let mut json = serde_json::to_vec_pretty(truth).unwrap_or_default();
                json.push(b'\n');
                AtomicFile::write(&path, &json)?;
            }
            Err(error) => return Err(FileError::at("read", &path)(error).into()),
        }
        AtomicFile::write(&root.join(LICENCE), LICENCE_TEXT.as_bytes())?;
        AtomicFile::write(&root.join(PEOPLE), people_table(people).as_bytes())?;
        AtomicFile::write(&root.join(TRAITS_TABLE), traits_table(people).as_bytes())?;
        Ok(folder)
    }

    /// The clips, from 1, that a person lacks.
    pub(super) fn missing(&self, person: &Person, clips: usize) -> Result<Vec<usize>, CorpusError> {
        let folder = self.root.join(&person.id);
        fs::create_dir_all(&folder).map_err(FileError::at("make", &folder))?;
        remove_temporary(&folder)?;
        // Of a sound and a picture the sound is written last.
        let there = |clip| video(&folder, clip).exists() || sound(&folder, clip).exists();
        Ok((1..=clips).filter(|&clip| !there(clip)).collect())
    }

    /// Writes a clip: a video with ffmpeg, else a sound and a picture.
    pub(super) fn write(
        &self,
        person: &Person,
        clip: usize,
        samples: &[f32],
        shot: &Shot,
        ffmpeg: Option<&Ffmpeg>,
    ) -> Result<(), CorpusError> {
        let folder = self.root.join(&person.id);
        if let Some(ffmpeg) = ffmpeg {
            return ffmpeg.encode(shot.frames(), RATE, samples, &video(&folder, clip));
        }
        for frame in shot.frames() {
            AtomicFile::write(&folder.join(format!("face-{clip}.png")), &png(&frame)?)?;
        }
        Ok(AtomicFile::write(&sound(&folder, clip), &encode_wav(samples))?)
    }
}

fn video(folder: &Path, clip: usize) -> PathBuf {
    folder.join(format!("clip-{clip}.mp4"))
}

fn sound(folder: &Path, clip: usize) -> PathBuf {
    folder.join(format!("clip-{clip}.wav"))
}

fn png(frame: &RgbImage) -> Result<Vec<u8>, CorpusError> {
    let mut png = Cursor::new(Vec::new());
    frame
        .write_to(&mut png, ImageFormat::Png)
        .map_err(|source| CorpusError::Draw { source: Box::new(source) })?;
    Ok(png.into_inner())
}

/// Whether two populations are the same; retrieval follows from the rest, but for its last digits
/// on another machine.
fn same(a: &Truth, b: &Truth) -> bool {
    (a.settings, a.videos, &a.model, &a.traits) == (b.settings, b.videos, &b.model, &b.traits)
}

fn people_table(people: &[Person]) -> String {
    let rows = people.iter().map(|p| format!("{},{},{}\n", p.id, gender(p), p.age));
    std::iter::once("person_id,gender,age\n".into()).chain(rows).collect()
}

fn traits_table(people: &[Person]) -> String {
    let mut table = String::from("person_id,gender,age");
    for side in ["voice", "face"] {
        for name in TRAIT_NAMES {
            table.push_str(&format!(",{side}_{name}"));
        }
    }
    table.push('\n');
    for person in people {
        table.push_str(&format!("{},{},{}", person.id, gender(person), person.age));
        for value in person.voice.iter().chain(&person.face) {
            table.push_str(&format!(",{value}"));
        }
        table.push('\n');
    }
    table
}

fn gender(person: &Person) -> &'static str {
    match person.sex {
        Sex::Female => "female",
        Sex::Male => "male",
    }
}
