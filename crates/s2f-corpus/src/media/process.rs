//! A run of ffmpeg: it never outlives the call, and whoever waits for it does so within limits.

use std::io::{self, Read};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::Ffmpeg;
use crate::CorpusError;

/// What is read of a pipe at once; pipes hold as much.
const BLOCK: usize = 64 << 10;
/// Blocks that wait to be taken.
const QUEUE: usize = 4;
/// The most that is kept of what ffmpeg says, bytes: damaged files make it say a lot.
const MAX_SAID: usize = 64 << 10;
/// The longest that it is waited for once its pipes are closed.
const FAREWELL: Duration = Duration::from_secs(10);

/// A running ffmpeg, killed when dropped.
pub(super) struct Run {
    child: Child,
    said: Receiver<Vec<u8>>,
}

/// How a run ended.
#[derive(Debug, Default)]
pub(super) struct End {
    /// What it said.
    pub(super) said: String,
    /// Somebody stopped it: what came may be a part.
    pub(super) interrupted: bool,
    /// It came down by itself, and how.
    pub(super) crashed: Option<String>,
}

impl Run {
    /// Starts `command` and gives its output.
    pub(super) fn start(
        mut command: Command,
        ffmpeg: &Ffmpeg,
    ) -> Result<(Self, ChildStdout), CorpusError> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // What is typed at the terminal is for this program: ffmpeg would stop on its own and what
        // it gave until then would look complete.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|error| ffmpeg.broken(error.to_string()))?;
        let (Some(output), Some(mut errors)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(ffmpeg.broken("it has no pipes".into()));
        };
        let (sender, said) = channel();
        thread::spawn(move || {
            let mut kept = Vec::new();
            let mut block = [0; 4096];
            while let Ok(count @ 1..) = errors.read(&mut block) {
                kept.extend_from_slice(&block[..count.min(MAX_SAID - kept.len())]);
            }
            let _ = sender.send(kept);
        });
        Ok((Self { child, said }, output))
    }

    /// Waits for its end; its pipes are closed.
    pub(super) fn end(mut self) -> End {
        let deadline = Instant::now() + FAREWELL;
        let mut pause = Duration::from_micros(200);
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) if Instant::now() < deadline => thread::sleep(pause),
                _ => break None,
            }
            pause = (pause * 2).min(Duration::from_millis(20));
        };
        let (interrupted, crashed) = status.map_or((false, None), fate);
        let said = self.said.recv_timeout(FAREWELL).unwrap_or_default();
        End { said: String::from_utf8_lossy(&said).into_owned(), interrupted, crashed }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Fails where it has ended, and then waiting takes no time.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether somebody stopped it, and how it came down if it did.
fn fate(status: ExitStatus) -> (bool, Option<String>) {
    // What ffmpeg returns when a signal made it stop.
    if status.code() == Some(255) {
        return (true, None);
    }
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        const HANGUP: i32 = 1;
        const INTERRUPT: i32 = 2;
        const KILL: i32 = 9;
        const TERMINATE: i32 = 15;
        let stopped = matches!(signal, HANGUP | INTERRUPT | KILL | TERMINATE);
        return (stopped, (!stopped).then(|| format!("ffmpeg crashed on it (signal {signal})")));
    }
    (false, None)
}

/// The bytes of a pipe as they come, with patience for each block; little of it is held.
pub(super) struct Blocks {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    at: usize,
    patience: Duration,
}

impl Blocks {
    pub(super) fn of(mut pipe: impl Read + Send + 'static, patience: Duration) -> Self {
        let (sender, blocks) = sync_channel(QUEUE);
        thread::spawn(move || {
            loop {
                let mut block = vec![0; BLOCK];
                let read = pipe.read(&mut block).map(|count| {
                    block.truncate(count);
                    block
                });
                let last = !matches!(&read, Ok(block) if !block.is_empty());
                // Nobody listens once the run is given up.
                if sender.send(read).is_err() || last {
                    return;
                }
            }
        });
        Self { blocks, block: Vec::new(), at: 0, patience }
    }
}

impl Read for Blocks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() {
            self.at = 0;
            self.block = match self.blocks.recv_timeout(self.patience) {
                Ok(block) => block?,
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::TimedOut.into()),
                Err(RecvTimeoutError::Disconnected) => Vec::new(),
            };
        }
        let rest = &self.block[self.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

/// All bytes of a pipe, which is emptied whatever else is waited for.
pub(super) struct Collected {
    whole: Receiver<io::Result<Vec<u8>>>,
    seen: Arc<AtomicU64>,
    patience: Duration,
}

impl Collected {
    pub(super) fn of(
        mut pipe: impl Read + Send + 'static,
        max_bytes: u64,
        patience: Duration,
    ) -> Self {
        let (sender, whole) = channel();
        let seen = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&seen);
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let mut block = vec![0; BLOCK];
            let outcome = loop {
                match pipe.read(&mut block) {
                    Ok(0) => break Ok(bytes),
                    Ok(count) if (bytes.len() + count) as u64 > max_bytes => {
                        let detail = format!("more than {} MiB of sound", max_bytes >> 20);
                        break Err(io::Error::new(io::ErrorKind::FileTooLarge, detail));
                    }
                    Ok(count) => bytes.extend_from_slice(&block[..count]),
                    Err(error) => break Err(error),
                }
                counter.store(bytes.len() as u64, Ordering::Relaxed);
            };
            let _ = sender.send(outcome);
        });
        Self { whole, seen, patience }
    }

    /// The bytes, with patience while more of them come.
    pub(super) fn wait(self) -> io::Result<Vec<u8>> {
        let mut before = self.seen.load(Ordering::Relaxed);
        loop {
            match self.whole.recv_timeout(self.patience) {
                Ok(whole) => return whole,
                Err(RecvTimeoutError::Disconnected) => return Ok(Vec::new()),
                Err(RecvTimeoutError::Timeout) => {
                    let now = self.seen.load(Ordering::Relaxed);
                    if now == before {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    before = now;
                }
            }
        }
    }
}
