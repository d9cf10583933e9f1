//! `corpus`: real videos to pairs, and every kind of failure on the way.

mod broken;
mod faults;
mod grid;
mod killed;
mod layouts;
mod sharded;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use s2f_testing::data;

use crate::support::{Folder, Run};

/// The GRID videos and the networks that `prepare` needs, or a visible line and none.
pub struct Kit {
    grid: PathBuf,
    pub models: PathBuf,
}

impl Kit {
    pub fn find() -> Option<Self> {
        let kit = Self { grid: data("data/videos/grid")?, models: data("models")? };
        s2f_testing::ffmpeg()?;
        Some(kit)
    }

    /// `folder/NAME/PERSON/CLIP.mpg`, links to `clips` GRID videos of each speaker.
    pub fn people(&self, folder: &Folder, name: &str, clips: usize) {
        let mut videos: Vec<_> = fs::read_dir(&self.grid)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "mpg"))
            .collect();
        videos.sort();
        for video in videos {
            let file = video.file_name().unwrap().to_str().unwrap();
            let person = folder.path(name).join(file.split('_').next().unwrap());
            fs::create_dir_all(&person).unwrap();
            let clip = person.join(file);
            if fs::read_dir(&person).unwrap().count() < clips && !clip.exists() {
                symlink(&video, clip).unwrap();
            }
        }
    }

    /// The arguments that name the networks.
    fn networks(&self) -> Vec<String> {
        let at = |name: &str| self.models.join(name).display().to_string();
        [
            "--detector",
            &at("yunet/yunet_n_dynamic.onnx"),
            "--speech-detector",
            &at("silero_vad/silero_vad_16k_op15.onnx"),
            "--weights",
            &at("mobileface/MobileFace_Identification_V2-0000.params"),
        ]
        .map(str::to_owned)
        .to_vec()
    }

    pub fn prepare(&self, arguments: &[&str]) -> Vec<String> {
        let mut all = vec!["corpus".to_owned(), "prepare".to_owned()];
        all.extend(arguments.iter().map(|&argument| argument.to_owned()));
        all.extend(self.networks());
        all
    }
}

/// The command in an environment of no scheduler.
pub fn run(folder: &Folder, arguments: &[String]) -> Run {
    let mut command = folder.command(arguments);
    for variable in ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "RANK", "WORLD_SIZE"] {
        command.env_remove(variable);
    }
    Run::of(command.output().unwrap())
}

/// The files below `name` and what is in them.
fn contents(folder: &Folder, name: &str) -> Vec<(String, Vec<u8>)> {
    let prefix = format!("{name}/");
    let below = folder.files().into_iter().filter(|file| file.starts_with(&prefix));
    below.map(|file| (file[prefix.len()..].to_owned(), folder.read(&file))).collect()
}

/// Whether two folders hold the same bytes; names the first file that differs.
#[track_caller]
fn assert_same(folder: &Folder, one: &str, other: &str) {
    let (one, other) = (contents(folder, one), contents(folder, other));
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|f| f.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&one), names(&other));
    for ((name, bytes), (_, others)) in one.iter().zip(&other) {
        assert!(bytes == others, "{name} differs: {} and {} bytes", bytes.len(), others.len());
    }
}
