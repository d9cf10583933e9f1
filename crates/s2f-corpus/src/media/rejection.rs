//! Rejections for what is wrong with a file or its sound, and errors for what is wrong with the
//! system that it is read from.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use s2f_audio::Problem;
use s2f_core::FileError;

use crate::plan::Media;
use crate::reject::{ClipError, Reason};

/// Maximum number of bytes that are read to see that a file can be read.
const READ_THROUGH: u64 = 1 << 30;

/// Checks that a file is a regular file, not empty, and may be read.
///
/// # Errors
/// [`ClipError::Rejected`] for [`Reason::MissingFile`] and [`Reason::UnreadableFile`],
/// [`ClipError::Stop`] if the system refuses.
pub(crate) fn check_file(file: &Path) -> Result<(), ClipError> {
    let unreadable = |detail: &str| Err(ClipError::reject(Reason::UnreadableFile, detail));
    let metadata = std::fs::metadata(file).map_err(|error| read_error(file, error))?;
    // Opening a pipe would wait for another process to write into it.
    if !metadata.is_file() {
        return unreadable("not a plain file");
    }
    if metadata.len() == 0 {
        return unreadable("the file is empty (0 bytes)");
    }
    File::open(file).map(|_| ()).map_err(|error| read_error(file, error))
}

/// What it means if the system does not read `file`. A single missing file and an invalid name
/// reject the clip; everything else will affect the next clips too.
pub(super) fn read_error(file: &Path, error: io::Error) -> ClipError {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    match error.kind() {
        // The folder of a mount that has disappeared exists, and is empty.
        ErrorKind::NotFound if has_files(parent.unwrap_or(Path::new("."))) => {
            ClipError::reject(Reason::MissingFile, "the file is not there (any more)")
        }
        ErrorKind::InvalidInput | ErrorKind::InvalidFilename => {
            ClipError::reject(Reason::MissingFile, "no file can have such a name")
        }
        _ => FileError::at("read", file)(error).into(),
    }
}

fn has_files(folder: &Path) -> bool {
    folder.read_dir().is_ok_and(|mut entries| entries.next().is_some())
}

/// Reads `file` to its end: for ffmpeg, a failing disk looks like the end of a file.
pub(super) fn read_through(file: &Path) -> Result<(), ClipError> {
    let opened = File::open(file).map_err(|error| read_error(file, error))?;
    let mut source = opened.take(READ_THROUGH);
    let mut block = vec![0; 256 << 10];
    loop {
        match source.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(read_error(file, error)),
        }
    }
}

/// The rejection if the segment begins after the end of a file of this length.
pub(super) fn beyond_end(media: &Media, seconds: Option<f64>, reason: Reason) -> Option<ClipError> {
    let (start_s, seconds) = (media.start_s, seconds?);
    (start_s >= seconds).then(|| {
        let detail = format!("it is {seconds:.2} s long and the stretch begins at {start_s:.2} s");
        ClipError::reject(reason, detail)
    })
}

/// Whether another decoder would find the same problem.
pub(super) fn is_final(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::TooShort { .. }
            | Problem::Silent { .. }
            | Problem::NotFinite { .. }
            | Problem::BadRate(_)
    )
}

/// The rejection of a clip for its sound.
pub(super) fn sound_rejection(problem: &Problem) -> ClipError {
    let reason = match problem {
        Problem::TooShort { .. } => Reason::TooShort,
        Problem::Silent { .. } => Reason::Silent,
        Problem::NoAudioTrack | Problem::NoSamples => Reason::NoSound,
        _ => Reason::UnreadableFile,
    };
    ClipError::reject(reason, problem.to_string())
}
