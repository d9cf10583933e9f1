//! Running ffmpeg, for formats that are not decoded here and for video. Only this module starts
//! another program.
//!
//! Files are untrusted: ffmpeg may open only regular files of known containers, so that a playlist
//! cannot make it open other files or the network, and it runs on one thread within limits of time
//! and memory.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use s2f_core::Variable;

mod run;
mod sound;

pub use run::{BlockReader, Collector, Exit, Run};
pub(crate) use sound::{FfmpegSound, decode};

/// The installed ffmpeg. Can be shared by threads.
///
/// Starting it takes 60 ms of CPU time, as long as decoding several seconds of small video.
#[derive(Debug, Clone)]
pub struct Ffmpeg {
    program: PathBuf,
    timeout: Duration,
    version: String,
    is_confined: bool,
}

/// An ffmpeg that does not run.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "cannot run {}: {problem}; hint: install ffmpeg (apt install ffmpeg, brew install ffmpeg, \
     winget install ffmpeg), or set SPEECH2FACE_FFMPEG to its path",
    program.display()
)]
pub struct FfmpegError {
    /// The program.
    pub program: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

/// How long ffmpeg may produce no output before it is killed.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Containers that may be opened: no playlists, picture sequences or devices.
const CONTAINERS: &str = "aac,ac3,adp,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,dtshd,dv,\
    eac3,flac,flv,gsm,iff,ivf,loas,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,\
    mpegvideo,mxf,nut,ogg,oma,rm,shn,tak,tta,voc,w64,wav,wv,xwma";
/// Frames with more pixels (8K) are refused before they are decoded.
const MAX_PIXELS: &str = "36000000";
/// Maximum size of a single allocation of ffmpeg, bytes.
const MAX_ALLOCATION: &str = "536870912";
/// How long a confined ffmpeg may produce no output.
const CONFINED_TIMEOUT: Duration = Duration::from_secs(20);
/// Limits of a confined ffmpeg: no core dumps, no files written, 64 open files, seconds of
/// processor time, KiB of address space.
const CONFINE: &str = "ulimit -c 0 && ulimit -f 0 && ulimit -n 64 && ulimit -t 60 && \
                       ulimit -v 1048576 && exec \"$@\"";
/// The longest name of a version that is passed on.
const MAX_VERSION: usize = 40;

impl Ffmpeg {
    /// The program that `SPEECH2FACE_FFMPEG` names, otherwise `ffmpeg` on `PATH`.
    ///
    /// # Errors
    /// [`FfmpegError`] if it does not start.
    pub fn find() -> Result<Self, FfmpegError> {
        let program = Variable::Ffmpeg.value().unwrap_or_else(|| "ffmpeg".into());
        let mut ffmpeg = Self::at(program.into(), TIMEOUT);
        let output = Command::new(&ffmpeg.program)
            .arg("-version")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .map_err(|error| ffmpeg.broken(error.to_string()))?;
        if !output.status.success() {
            return Err(ffmpeg.broken(format!("{}", output.status)));
        }
        // "ffmpeg version 7.1.1 Copyright …"
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.split_whitespace().nth(2).unwrap_or_default();
        ffmpeg.version = version.chars().take(MAX_VERSION).collect();
        Ok(ffmpeg)
    }

    /// The same program within limits that the system enforces, for files of strangers: 1 GiB of
    /// memory, a minute of processor time, no files written, few files open, no environment. What
    /// it gives comes through a pipe; it opens one file, and no network. `None` on systems without
    /// such limits, as Windows.
    pub fn confined(self) -> Option<Self> {
        let timeout = self.timeout.min(CONFINED_TIMEOUT);
        cfg!(unix).then_some(Self { is_confined: true, timeout, ..self })
    }

    /// The program, started so that the limits apply.
    fn start(&self) -> Command {
        if !self.is_confined {
            return Command::new(&self.program);
        }
        let mut command = Command::new("/bin/sh");
        command.args(["-c", CONFINE, "sh"]).arg(&self.program);
        let path = std::env::var_os("PATH");
        command.env_clear().envs(path.map(|path| ("PATH", path))).current_dir("/");
        command
    }

    /// A program that is not tried first, and how long it may produce no output.
    pub fn at(program: PathBuf, timeout: Duration) -> Self {
        Self { program, timeout, version: String::new(), is_confined: false }
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// How long it may produce no output.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Its version, as it states it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// ffmpeg with messages of `level`, which may open only files of known containers.
    pub fn command(&self, level: &str) -> Command {
        let mut command = self.start();
        command.args(["-nostdin", "-hide_banner", "-v", level]);
        command.args(["-protocol_whitelist", "file", "-format_whitelist", CONTAINERS]);
        // Would make it write files, or colour its messages.
        command.env_remove("FFREPORT").env_remove("AV_LOG_FORCE_COLOR");
        command.stdin(Stdio::null());
        command
    }

    /// The command up to the outputs: `file` from `start_s` on, `length_s` long, opened within
    /// limits and with the options `decoding`.
    pub fn open(&self, file: &Path, start_s: f64, length_s: f64, decoding: &[&str]) -> Command {
        let mut command = self.command("error");
        command.args(["-max_alloc", MAX_ALLOCATION, "-threads", "1", "-filter_threads", "1"]);
        command.args(["-max_pixels", MAX_PIXELS]).args(decoding);
        if start_s > 0.0 {
            command.args(["-ss", &format!("{start_s:.6}")]);
        }
        if length_s.is_finite() {
            command.args(["-t", &format!("{length_s:.6}")]);
        }
        command.arg("-i").arg(address(file));
        command
    }

    /// ffmpeg that writes what it is given: no limits on files.
    pub fn writer(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-nostdin", "-hide_banner", "-v", "error", "-y"]);
        command.env_remove("FFREPORT").env_remove("AV_LOG_FORCE_COLOR");
        command
    }

    /// An error of this program.
    pub fn broken(&self, problem: String) -> FfmpegError {
        FfmpegError { program: self.program.clone(), problem }
    }
}

/// The name of a file for ffmpeg, which cannot be mistaken for an option or a network address.
pub fn address(file: &Path) -> OsString {
    let mut address = OsString::from("file:");
    address.push(file);
    address
}

/// The first message of ffmpeg about `file`, without the file's name, which is known, and without
/// memory addresses, which differ from run to run.
pub fn first_message(stderr: &str, file: &Path) -> Option<String> {
    let mut line = stderr.lines().map(str::trim).find(|line| !line.is_empty())?;
    // "[demuxer @ 0x55d0a8f3c2c0] ", also several one after the other.
    while let Some((_, text)) = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        line = text;
    }
    let line = without_addresses(line);
    let name = address(file);
    let line = line.replace(&*name.to_string_lossy(), "it");
    let line = line.strip_prefix("it: ").unwrap_or(&line);
    Some(line.chars().take(200).collect())
}

/// `text` without the digits of memory addresses.
fn without_addresses(text: &str) -> String {
    let mut parts = text.split("0x");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        // Short ones are codes, for example of a pixel format.
        let is_address = part.len() - rest.len() >= 8;
        kept.push_str(if is_address { "0x…" } else { "0x" });
        kept.push_str(if is_address { rest } else { part });
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_confined_program_has_limits_and_no_environment() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("ffmpeg");
        let script = "#!/bin/sh\nulimit -c; ulimit -f; ulimit -n; ulimit -t; ulimit -v\n\
                      pwd\necho \"$HOME\"\necho \"$1\"\n";
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).unwrap();
        let free = Ffmpeg::at(program, TIMEOUT);
        let output = |ffmpeg: &Ffmpeg| {
            let output = ffmpeg.command("error").env_remove("S2F_NONE").output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let confined = free.clone().confined().unwrap();
        assert_eq!(output(&confined), "0\n0\n64\n60\n1048576\n/\n\n-nostdin\n");
        assert_eq!(confined.timeout(), Duration::from_secs(20));
        assert!(!output(&free).contains("1048576\n/\n"));
    }

    #[test]
    fn messages_are_the_same_in_every_run() {
        let check = |stderr: &str, expected: Option<&str>| {
            assert_eq!(first_message(stderr, Path::new("/data/a b.mp4")).as_deref(), expected);
        };
        check("", None);
        check("\n \n", None);
        check(
            "[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55d0a8f3c2c0] moov atom not found\nfile:/data/a b.mp4: \
             Invalid data found when processing input\n",
            Some("moov atom not found"),
        );
        check("file:/data/a b.mp4: Invalid data found", Some("Invalid data found"));
        check("[aist#0:1/aac @ 0x5578] [dec:aac @ 0x5579] Decoding error", Some("Decoding error"));
        check("frame 0x55d0a8f3c2c0 of 0x1b is lost", Some("frame 0x… of 0x1b is lost"));
        check("Error while opening file:/data/a b.mp4\n", Some("Error while opening it"));
    }
}
