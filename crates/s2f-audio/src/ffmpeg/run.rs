//! One run of ffmpeg: it never outlives the call, and waiting for it has a time limit.

use std::io::{self, Read};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::{Ffmpeg, FfmpegError};

/// Bytes read from a pipe at once; a pipe buffers as much.
const BLOCK: usize = 64 << 10;
/// Maximum number of blocks in the queue.
const QUEUE: usize = 4;
/// Maximum number of bytes kept of ffmpeg's messages: there are many for damaged files.
const MAX_STDERR: usize = 64 << 10;
/// How long to wait for the process to exit once its pipes are closed.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);

/// A running ffmpeg, killed when dropped.
#[derive(Debug)]
pub struct Run {
    child: Child,
    stderr: Receiver<Vec<u8>>,
}

/// How a run ended.
#[derive(Debug, Default)]
pub struct Exit {
    /// Its messages.
    pub stderr: String,
    /// It was stopped from outside: its output may be incomplete.
    pub interrupted: bool,
    /// How it crashed, if it did.
    pub crashed: Option<String>,
}

impl Run {
    /// Starts `command`; returns its standard output too.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(
        mut command: Command,
        ffmpeg: &Ffmpeg,
    ) -> Result<(Self, ChildStdout), FfmpegError> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C at the terminal must reach this program only: ffmpeg would stop on its own, and
        // its output until then would look complete.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|error| ffmpeg.broken(error.to_string()))?;
        let (Some(output), Some(mut errors)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(ffmpeg.broken("it has no pipes".into()));
        };
        let (sender, stderr) = channel();
        thread::spawn(move || {
            let mut kept = Vec::new();
            let mut block = [0; 4096];
            while let Ok(count @ 1..) = errors.read(&mut block) {
                kept.extend_from_slice(&block[..count.min(MAX_STDERR - kept.len())]);
            }
            let _ = sender.send(kept);
        });
        Ok((Self { child, stderr }, output))
    }

    /// Waits until it exits; its pipes have to be closed.
    pub fn wait(mut self) -> Exit {
        let deadline = Instant::now() + EXIT_TIMEOUT;
        let mut pause = Duration::from_micros(200);
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) if Instant::now() < deadline => thread::sleep(pause),
                _ => break None,
            }
            pause = (pause * 2).min(Duration::from_millis(20));
        };
        let (interrupted, crashed) = status.map_or((false, None), classify);
        let stderr = self.stderr.recv_timeout(EXIT_TIMEOUT).unwrap_or_default();
        Exit { stderr: String::from_utf8_lossy(&stderr).into_owned(), interrupted, crashed }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Fails if it has exited, and then waiting takes no time.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether it was stopped from outside, and how it crashed if it did.
fn classify(status: ExitStatus) -> (bool, Option<String>) {
    // The exit code of ffmpeg when a signal made it stop.
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

/// Reads a pipe with a timeout for each block and bounded memory.
#[derive(Debug)]
pub struct BlockReader {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    at: usize,
    timeout: Duration,
}

impl BlockReader {
    /// A reader of `pipe` that waits up to `timeout` for each block.
    pub fn of(mut pipe: impl Read + Send + 'static, timeout: Duration) -> Self {
        let (sender, blocks) = sync_channel(QUEUE);
        thread::spawn(move || {
            loop {
                let mut block = vec![0; BLOCK];
                let read = pipe.read(&mut block).map(|count| {
                    block.truncate(count);
                    block
                });
                let last = !matches!(&read, Ok(block) if !block.is_empty());
                // The receiver is gone once the run is abandoned.
                if sender.send(read).is_err() || last {
                    return;
                }
            }
        });
        Self { blocks, block: Vec::new(), at: 0, timeout }
    }
}

impl Read for BlockReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() {
            self.at = 0;
            self.block = match self.blocks.recv_timeout(self.timeout) {
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

/// Collects all bytes of a pipe on a separate thread, so that the pipe never blocks ffmpeg.
#[derive(Debug)]
pub struct Collector {
    result: Receiver<io::Result<Vec<u8>>>,
    received: Arc<AtomicU64>,
    timeout: Duration,
}

impl Collector {
    /// Starts to collect the bytes of `pipe`, at most `max_bytes`.
    pub fn of(mut pipe: impl Read + Send + 'static, max_bytes: u64, timeout: Duration) -> Self {
        let (sender, result) = channel();
        let received = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&received);
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
        Self { result, received, timeout }
    }

    /// Waits for all bytes; times out if no more arrive.
    ///
    /// # Errors
    /// Of kind `TimedOut`, `FileTooLarge` for more bytes than the limit, or the pipe's.
    pub fn wait(self) -> io::Result<Vec<u8>> {
        let mut before = self.received.load(Ordering::Relaxed);
        loop {
            match self.result.recv_timeout(self.timeout) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Disconnected) => return Ok(Vec::new()),
                Err(RecvTimeoutError::Timeout) => {
                    let now = self.received.load(Ordering::Relaxed);
                    if now == before {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    before = now;
                }
            }
        }
    }
}
