//! The folder of a synthetic population.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{ImageFormat, RgbImage};
use s2f_core::{AtomicFile, FileError, FileLock, Sex, is_temporary, remove_temporary};

use super::camera::{RATE, Shot};
use super::population::{SyntheticPerson, TRAIT_NAMES};
use super::{PopulationTruth, SynthError};
use crate::media::{Ffmpeg, encode, encode_wav};

const TRUTH: &str = "synth.json";
const TRAITS_TABLE: &str = "truth.csv";
const PEOPLE: &str = "people.csv";
const LICENCE: &str = "licence.txt";
const LICENCE_TEXT: &str = "\
CC0-1.0
Voices and faces were made by a program, with random numbers. They depict no real person.
https://creativecommons.org/publicdomain/zero/1.0/
";

/// A folder with one population, or a part of it.
pub(super) struct PopulationFolder {
    root: PathBuf,
    _lock: FileLock,
}

impl PopulationFolder {
    /// Creates the folder with its tables, or checks that an existing one has the same population.
    pub(super) fn open(
        root: &Path,
        truth: &PopulationTruth,
        people: &[SyntheticPerson],
    ) -> Result<Self, SynthError> {
        fs::create_dir_all(root).map_err(FileError::at("make", root))?;
        let path = root.join(TRUTH);
        let refuse = |reason: &str| {
            Err(SynthError::Folder { path: root.to_owned(), reason: reason.to_owned() })
        };
        let is_new = match fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice::<PopulationTruth>(&bytes) {
                Ok(there) if same(&there, truth) => false,
                Ok(_) => return refuse("it contains a population made with other settings"),
                Err(_) => {
                    return refuse("it contains a synth.json that this program did not write");
                }
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let entries = fs::read_dir(root).map_err(FileError::at("read", root))?;
                // What an interrupted run leaves.
                let ours = |entry: fs::DirEntry| {
                    is_temporary(&entry.file_name()) || FileLock::is_of_folder(&entry.path())
                };
                if !entries.flatten().all(ours) {
                    return refuse("it is not empty, and contains no population");
                }
                true
            }
            Err(error) => return Err(FileError::at("read", &path)(error).into()),
        };
        let folder = Self { root: root.to_owned(), _lock: FileLock::of_folder(root)? };
        remove_temporary(root)?;
        if is_new {
            let mut json = serde_json::to_vec_pretty(truth).unwrap_or_default();
            json.push(b'\n');
            AtomicFile::write(&path, &json)?;
        }
        AtomicFile::write(&root.join(LICENCE), LICENCE_TEXT.as_bytes())?;
        AtomicFile::write(&root.join(PEOPLE), people_table(people).as_bytes())?;
        AtomicFile::write(&root.join(TRAITS_TABLE), traits_table(people).as_bytes())?;
        Ok(folder)
    }

    /// The missing clips of a person, numbered from 1.
    pub(super) fn missing(
        &self,
        person: &SyntheticPerson,
        clips: usize,
    ) -> Result<Vec<usize>, SynthError> {
        let folder = self.root.join(&person.id);
        fs::create_dir_all(&folder).map_err(FileError::at("make", &folder))?;
        remove_temporary(&folder)?;
        // The picture is written before the sound.
        let there = |clip| video(&folder, clip).exists() || sound(&folder, clip).exists();
        Ok((1..=clips).filter(|&clip| !there(clip)).collect())
    }

    /// Writes a clip: a video with ffmpeg, otherwise a sound and a picture.
    pub(super) fn write(
        &self,
        person: &SyntheticPerson,
        clip: usize,
        samples: &[f32],
        shot: &Shot,
        ffmpeg: Option<&Ffmpeg>,
    ) -> Result<(), SynthError> {
        let folder = self.root.join(&person.id);
        if let Some(ffmpeg) = ffmpeg {
            return Ok(encode(ffmpeg, shot.frames(), RATE, samples, &video(&folder, clip))?);
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

fn png(frame: &RgbImage) -> Result<Vec<u8>, SynthError> {
    let mut png = Cursor::new(Vec::new());
    frame
        .write_to(&mut png, ImageFormat::Png)
        .map_err(|source| SynthError::Draw { source: Box::new(source) })?;
    Ok(png.into_inner())
}

/// Whether two populations are the same. Retrieval follows from the rest, except for its last
/// digits on other machines.
fn same(a: &PopulationTruth, b: &PopulationTruth) -> bool {
    (a.settings, a.videos, &a.model, &a.traits) == (b.settings, b.videos, &b.model, &b.traits)
}

fn people_table(people: &[SyntheticPerson]) -> String {
    let rows = people.iter().map(|p| format!("{},{},{}\n", p.id, gender(p), p.age));
    std::iter::once("person_id,gender,age\n".into()).chain(rows).collect()
}

fn traits_table(people: &[SyntheticPerson]) -> String {
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

fn gender(person: &SyntheticPerson) -> &'static str {
    match person.sex {
        Sex::Female => "female",
        Sex::Male => "male",
    }
}
