//! The threads that compute: they take recordings from the queue, several at once, and reply.
//!
//! There are two queues. Recordings up to a minute are drawn by `jobs` threads, in batches. Longer
//! ones move to a queue of their own with one thread, so that they never block short ones.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use axum::body::Bytes;
use speech2face::audio::{AudioError, FfmpegUse, Limits, Problem as AudioProblem, ReadOptions};
use speech2face::{
    PlausibleFaces, ReconstructOptions, ReconstructRequest, Sampling, Speech2Face, VoiceRecording,
};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::event::{Event, Observer};
use crate::metrics::Metrics;
use crate::problem::{Kind, Problem};
use crate::queue::Queue;
use crate::settings::Settings;

/// Recordings in a batch at most.
const BATCH: usize = 4;
/// How long the first recording of a batch waits for others.
const GATHER: Duration = Duration::from_millis(2);
/// Longer recordings have a thread of their own.
const SHORT_S: f64 = 60.0;
/// So have larger files: decoding them takes long, whatever they hold.
const SHORT_BYTES: usize = 12 << 20; // a minute of 16 bit stereo at 96 kHz
/// Places of the queue for long recordings.
const LONG_QUEUE: usize = 8;
/// What messages call a recording: never by the name of its file.
const NAME: &str = "the recording";

/// A response that is ready to be sent.
#[derive(Debug)]
pub struct Rendered {
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

/// What a worker sends back.
pub type Reply = Result<Rendered, Problem>;

type Draw =
    Box<dyn FnOnce(&Speech2Face, &VoiceRecording, &PlausibleFaces) -> Reply + Send + 'static>;
type Read = Box<dyn FnOnce(&Speech2Face, &VoiceRecording) -> Reply + Send + 'static>;
type Compute = Box<dyn FnOnce(&Speech2Face) -> Reply + Send + 'static>;

/// What to do with a recording.
pub enum Work {
    /// Draw its faces, and render them.
    Faces { options: ReconstructOptions, sampling: Option<Sampling>, render: Draw },
    /// Anything else.
    Voice(Read),
}

/// A recording that waits.
pub struct VoiceJob {
    pub bytes: Bytes,
    /// Gives its memory back when the job is done.
    pub memory: Option<OwnedSemaphorePermit>,
    pub work: Work,
}

enum Job {
    Voice(VoiceJob, oneshot::Sender<Reply>),
    Compute(Compute, oneshot::Sender<Reply>),
}

/// The threads and their queues.
pub struct Workers {
    short: Arc<Queue<Job>>,
    long: Arc<Queue<Job>>,
    threads: Vec<thread::JoinHandle<()>>,
}

/// What a thread needs.
struct Worker {
    model: Arc<Speech2Face>,
    short: Arc<Queue<Job>>,
    long: Arc<Queue<Job>>,
    /// Number of threads that take from the queue of short recordings.
    threads: usize,
    limits: Limits,
    ffmpeg: FfmpegUse,
    metrics: Arc<Metrics>,
    observer: Observer,
}

impl Workers {
    /// Starts the threads.
    pub fn start(
        model: &Arc<Speech2Face>,
        settings: &Settings,
        metrics: &Arc<Metrics>,
        observer: &Observer,
    ) -> io::Result<Self> {
        let (short, long) =
            (Arc::new(Queue::new(settings.queue)), Arc::new(Queue::new(LONG_QUEUE)));
        let worker = || Worker {
            model: Arc::clone(model),
            short: Arc::clone(&short),
            long: Arc::clone(&long),
            threads: settings.jobs.max(1),
            limits: settings.limits,
            ffmpeg: if settings.allow_ffmpeg { FfmpegUse::Confined } else { FfmpegUse::Never },
            metrics: Arc::clone(metrics),
            observer: Arc::clone(observer),
        };
        let mut threads = Vec::new();
        for _ in 0..settings.jobs.max(1) {
            let worker = worker();
            threads.push(thread::Builder::new().name("draw".into()).spawn(move || worker.short())?);
        }
        let long_worker = worker();
        let thread = thread::Builder::new().name("draw long".into());
        threads.push(thread.spawn(move || long_worker.long())?);
        Ok(Self { short, long, threads })
    }

    /// Queues a recording; the reply comes through the receiver.
    pub fn submit(&self, job: VoiceJob) -> Result<oneshot::Receiver<Reply>, Problem> {
        let (send, receive) = oneshot::channel();
        let queue = if job.bytes.len() > SHORT_BYTES { &self.long } else { &self.short };
        queue.push(Job::Voice(job, send)).map_err(|_| Problem::busy())?;
        Ok(receive)
    }

    /// Queues a computation that needs no recording.
    pub fn compute(
        &self,
        compute: impl FnOnce(&Speech2Face) -> Reply + Send + 'static,
    ) -> Result<oneshot::Receiver<Reply>, Problem> {
        let (send, receive) = oneshot::channel();
        let job = Job::Compute(Box::new(compute), send);
        self.short.push(job).map_err(|_| Problem::busy())?;
        Ok(receive)
    }

    /// Number of recordings that wait: short and long ones.
    pub fn waiting(&self) -> [usize; 2] {
        [self.short.len(), self.long.len()]
    }

    /// Finishes what waits, then ends the threads.
    pub fn stop(self) {
        self.short.close();
        self.long.close();
        for thread in self.threads {
            // A thread catches the panics of its jobs.
            let _ = thread.join();
        }
    }
}

impl Worker {
    fn short(&self) {
        while let Some(jobs) = self.short.take(BATCH, self.threads, GATHER) {
            self.metrics.batch(jobs.len());
            let mut voices = Vec::new();
            for job in jobs {
                match job {
                    Job::Compute(compute, reply) => self.reply(reply, || compute(&self.model)),
                    Job::Voice(job, reply) => voices.push((job, reply)),
                }
            }
            self.voices(voices, Some(SHORT_S.min(self.limits.max_seconds)));
        }
    }

    fn long(&self) {
        while let Some(jobs) = self.long.take(1, 1, Duration::ZERO) {
            for job in jobs {
                if let Job::Voice(job, reply) = job {
                    self.voices(vec![(job, reply)], None);
                }
            }
        }
    }

    /// Decodes and computes. Recordings longer than `short_s` move to the other queue.
    fn voices(&self, jobs: Vec<(VoiceJob, oneshot::Sender<Reply>)>, short_s: Option<f64>) {
        let max_seconds = short_s.unwrap_or(self.limits.max_seconds);
        let limits = Limits { max_seconds, ..self.limits };
        let options = ReadOptions { limits, ffmpeg: self.ffmpeg, ..ReadOptions::default() };
        let mut faces = Vec::new();
        for (job, reply) in jobs {
            if reply.is_closed() {
                continue; // the client has gone, or its time is over
            }
            let read = || VoiceRecording::from_reader(job.bytes.as_ref(), NAME, &options);
            let recording = match catch_unwind(AssertUnwindSafe(read)) {
                Ok(Ok(recording)) => recording,
                Ok(Err(AudioError { problem: AudioProblem::TooLong { .. }, .. }))
                    if max_seconds < self.limits.max_seconds =>
                {
                    if let Err(Job::Voice(_, reply)) = self.long.push(Job::Voice(job, reply)) {
                        let _ = reply.send(Err(Problem::busy()));
                    }
                    continue;
                }
                Ok(Err(error)) => {
                    let _ = reply.send(Err(error.into()));
                    continue;
                }
                Err(_) => {
                    let _ = reply.send(Err(self.panicked()));
                    continue;
                }
            };
            let VoiceJob { work, memory, .. } = job;
            drop(memory);
            match work {
                Work::Voice(read) => self.reply(reply, || read(&self.model, &recording)),
                Work::Faces { options, sampling, render } => {
                    faces.push((recording, options, sampling, render, reply));
                }
            }
        }
        let requests: Vec<ReconstructRequest<'_>> = faces
            .iter()
            .map(|(recording, options, sampling, ..)| ReconstructRequest {
                recording,
                options: *options,
                sampling: *sampling,
            })
            .collect();
        let draw = || self.model.reconstruct_batch(&requests);
        let Ok(drawn) = catch_unwind(AssertUnwindSafe(draw)) else {
            for (.., reply) in faces {
                let _ = reply.send(Err(self.panicked()));
            }
            return;
        };
        for ((recording, _, _, render, reply), drawn) in faces.into_iter().zip(drawn) {
            match drawn {
                Ok(drawn) => self.reply(reply, || render(&self.model, &recording, &drawn)),
                Err(error) => {
                    let _ = reply.send(Err(error.into()));
                }
            }
        }
    }

    /// Computes and sends a reply, unless nobody waits for it any more.
    fn reply(&self, reply: oneshot::Sender<Reply>, compute: impl FnOnce() -> Reply) {
        if reply.is_closed() {
            return;
        }
        let result = catch_unwind(AssertUnwindSafe(compute));
        let _ = reply.send(result.unwrap_or_else(|_| Err(self.panicked())));
    }

    fn panicked(&self) -> Problem {
        (self.observer)(&Event::Panic);
        Problem::new(Kind::Internal, "a computation failed", "report it with the request id")
    }
}
