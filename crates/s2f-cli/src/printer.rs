//! Everything that is printed: data to standard output, the rest to standard error.
//!
//! Text from outside can be part of everything, so all of it is made [printable] here: a name
//! neither moves the cursor nor starts a line.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use anstream::{stderr, stdout};
use indicatif::{DecimalBytes, HumanDuration, ProgressBar, ProgressFinish, ProgressStyle};
use s2f_core::{FileError, hint};
use serde::Serialize;

use crate::printable;

const ERROR: &str = "\x1b[1;31m";
const WARNING: &str = "\x1b[1;33m";
const HINT: &str = "\x1b[1;36m";
const PLAIN: &str = "\x1b[0m";

/// Time between two lines of progress where there is no terminal: for a log, and with `--verbose`.
const LINE_EVERY: Duration = Duration::from_secs(60);
const LINE_EVERY_VERBOSE: Duration = Duration::from_secs(10);

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// A line of text, in colours on a terminal
    #[default]
    Text,
    /// An object a line: time, level, message, and hint if there is one
    Json,
}

/// The kind of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Error,
    Warning,
    Info,
    Detail,
    Progress,
}

/// A message as an object.
#[derive(Serialize)]
struct Message<'a> {
    /// Seconds since 1970, UTC.
    time: f64,
    level: Level,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

/// Prints messages, data and progress, as much as the user asked for.
pub struct Printer {
    quiet: bool,
    verbose: bool,
    format: LogFormat,
    /// On a terminal.
    bar: ProgressBar,
    /// Elsewhere.
    log: Option<ProgressLog>,
}

/// What a log says next, and when it last said something.
struct LogState {
    done: u64,
    doing: String,
    printed: Instant,
}

/// Progress as a line now and then.
struct ProgressLog {
    total: u64,
    is_bytes: bool,
    start: Instant,
    state: Mutex<LogState>,
}

impl Printer {
    /// A printer that shows no progress yet.
    pub fn new(quiet: bool, verbose: bool, format: LogFormat) -> Self {
        Self { quiet, verbose, format, bar: ProgressBar::hidden(), log: None }
    }

    /// Whether only errors are printed.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The same printer without progress.
    pub fn without_progress(&self) -> Self {
        Self { bar: ProgressBar::hidden(), log: None, ..*self }
    }

    /// The same printer with progress over `files`, if there are several: a bar if standard error
    /// is a terminal, which disappears when the printer is dropped, otherwise a line now and then.
    pub fn with_progress(&self, files: usize) -> Self {
        if files < 2 {
            return self.without_progress();
        }
        self.with(files as u64, false, "{bar:24} {pos} of {len} · {eta} left · {msg}")
    }

    /// The same printer with progress over `bytes`.
    pub fn with_bytes(&self, bytes: u64) -> Self {
        self.with(bytes, true, "{bar:24} {bytes} of {total_bytes} · {eta} left · {msg}")
    }

    fn with(&self, total: u64, is_bytes: bool, template: &str) -> Self {
        if self.quiet {
            return self.without_progress();
        }
        if self.format == LogFormat::Json || !io::stderr().is_terminal() {
            let start = Instant::now();
            let state = LogState { done: 0, doing: String::new(), printed: start };
            let log = ProgressLog { total, is_bytes, start, state: Mutex::new(state) };
            return Self { bar: ProgressBar::hidden(), log: Some(log), ..*self };
        }
        let bar = ProgressBar::new(total).with_finish(ProgressFinish::AndClear);
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, log: None, ..*self }
    }

    /// Shows the current file in the progress.
    pub fn working_on(&self, file: &str) {
        if let Some(mut state) = self.log.as_ref().and_then(|log| log.state.lock().ok()) {
            file.clone_into(&mut state.doing);
        }
        self.bar.set_message(printable::line(file).into_owned());
    }

    /// Advances the progress by one file.
    pub fn advance(&self) {
        self.bar.inc(1);
        self.log(|done| done + 1);
    }

    /// Sets the position of the progress.
    pub fn reach(&self, position: u64) {
        self.bar.set_position(position);
        self.log(|_| position);
    }

    /// Prints a line of progress if the last one is long ago.
    fn log(&self, next: impl Fn(u64) -> u64) {
        let Some(log) = &self.log else { return };
        let every = if self.verbose { LINE_EVERY_VERBOSE } else { LINE_EVERY };
        if let Some(line) = log.advance(next, every) {
            self.say(Level::Progress, &line, None);
        }
    }

    /// Whether a progress bar is visible.
    pub fn shows_progress(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// Prints an error and its hint.
    pub fn error(&self, error: &anyhow::Error) {
        let (message, hint) = message_and_hint(error);
        self.say(Level::Error, &message, hint.as_deref());
    }

    /// Prints a message on wrong usage, of several lines.
    pub fn usage(&self, message: impl Display) {
        writeln!(stderr().lock(), "{message}").ok();
    }

    /// Prints a warning.
    pub fn warning(&self, message: impl Display) {
        if !self.quiet {
            self.say(Level::Warning, &message.to_string(), None);
        }
    }

    /// Prints what was done; not with `--quiet`.
    pub fn note(&self, message: impl Display) {
        if !self.quiet {
            self.say(Level::Info, &message.to_string(), None);
        }
    }

    /// Prints details, with `--verbose`.
    pub fn detail(&self, message: impl Display) {
        if self.verbose {
            self.say(Level::Detail, &message.to_string(), None);
        }
    }

    /// Asks a question on standard error, whatever is printed otherwise.
    pub fn ask(&self, question: &str) {
        let question = printable::line(question);
        self.bar.suspend(|| {
            let mut out = stderr().lock();
            write!(out, "{question} ").and_then(|()| out.flush()).ok()
        });
    }

    /// Prints data to standard output. A reader that has closed the pipe, such as `head`, is no
    /// error, and does not end what the command does.
    ///
    /// # Errors
    /// The operating system's, for example a full disk.
    pub fn data(&self, text: impl Display) -> Result<(), FileError> {
        self.out(&printable::lines(&text.to_string()))
    }

    /// Prints an object as one line of JSON to standard output.
    ///
    /// # Errors
    /// As [`Printer::data`].
    pub fn json(&self, object: &impl Serialize) -> anyhow::Result<()> {
        Ok(self.out(&printable::json(&serde_json::to_string(object)?))?)
    }

    /// Writes a file to standard output.
    ///
    /// # Errors
    /// As [`Printer::data`].
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), FileError> {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(at_stdout())
    }

    fn out(&self, text: &str) -> Result<(), FileError> {
        let written = self.bar.suspend(|| {
            let mut out = stdout().lock();
            writeln!(out, "{text}").and_then(|()| out.flush())
        });
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(at_stdout()),
        }
    }

    /// Writes a message to standard error. If that is closed, there is nowhere to report it.
    fn say(&self, level: Level, message: &str, hint: Option<&str>) {
        let text = match self.format {
            LogFormat::Text => text(level, message, hint),
            LogFormat::Json => object(SystemTime::now(), level, message, hint),
        };
        self.bar.suspend(|| writeln!(stderr().lock(), "{text}").ok());
    }
}

impl ProgressLog {
    /// Sets what is done; returns a line if none was returned for the time of `every`.
    fn advance(&self, next: impl Fn(u64) -> u64, every: Duration) -> Option<String> {
        let mut state = self.state.lock().ok()?;
        state.done = next(state.done);
        if state.printed.elapsed() < every || state.done == 0 || state.done >= self.total {
            return None;
        }
        state.printed = Instant::now();
        let share = state.done as f64 / self.total as f64;
        let left = self.start.elapsed().mul_f64((1.0 - share) / share);
        let count = |n: u64| match self.is_bytes {
            true => DecimalBytes(n).to_string(),
            false => n.to_string(),
        };
        let (done, total) = (count(state.done), count(self.total));
        let (percent, left) = (100.0 * share, HumanDuration(left));
        let doing = match state.doing.as_str() {
            "" => String::new(),
            doing => format!(": {doing}"),
        };
        Some(format!("{done} of {total} ({percent:.0} %), {left} left{doing}"))
    }
}

fn at_stdout() -> impl FnOnce(io::Error) -> FileError {
    FileError::at("write to", Path::new("standard output"))
}

/// A message for people, and its hint on a line of its own.
fn text(level: Level, message: &str, hint: Option<&str>) -> String {
    let label = match level {
        Level::Error => format!("{ERROR}error:{PLAIN} "),
        Level::Warning => format!("{WARNING}warning:{PLAIN} "),
        Level::Info | Level::Detail | Level::Progress => String::new(),
    };
    let message = format!("{label}{}", printable::line(message));
    match hint {
        Some(hint) => format!("{message}\n  {HINT}hint:{PLAIN} {}", printable::line(hint)),
        None => message,
    }
}

/// A message for a program, on one line. A hint at the end of its text becomes a value of its own.
fn object(time: SystemTime, level: Level, message: &str, hint: Option<&str>) -> String {
    let time = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // Milliseconds are exact enough for a log.
    let time = time.as_millis() as f64 / 1000.0;
    let (message, own_hint) = hint::split(message);
    let message = Message { time, level, message, hint: hint.or(own_hint) };
    printable::json(&serde_json::to_string(&message).unwrap_or_default()).into_owned()
}

/// The message of an error with its causes, and its hint.
pub fn message_and_hint(error: &anyhow::Error) -> (String, Option<String>) {
    hint::describe(error.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_text_or_an_object() {
        let printed = text(Level::Error, "a\u{1b}: no file", Some("look"));
        assert_eq!(
            printed,
            "\u{1b}[1;31merror:\u{1b}[0m a\\u{1b}: no file\n  \u{1b}[1;36mhint:\u{1b}[0m look"
        );
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
        assert_eq!(
            object(time, Level::Warning, "a\u{9b}: short; hint: use more", None),
            r#"{"time":1.5,"level":"warning","message":"a\u009b: short","hint":"use more"}"#
        );
        let progress = object(time, Level::Progress, "1 of 2", None);
        assert_eq!(progress, r#"{"time":1.5,"level":"progress","message":"1 of 2"}"#);
    }

    #[test]
    fn a_log_gets_a_line_now_and_then() {
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
        let log = |printed| ProgressLog {
            total: 400,
            is_bytes: false,
            start: ago(90),
            state: Mutex::new(LogState { done: 99, doing: "a.wav".into(), printed }),
        };
        let advance = |log: &ProgressLog| log.advance(|done| done + 1, LINE_EVERY);
        let due = log(ago(61));
        // A quarter took 90 s.
        assert_eq!(advance(&due).as_deref(), Some("100 of 400 (25 %), 5 minutes left: a.wav"));
        assert_eq!(advance(&due), None);
        assert_eq!(advance(&log(ago(5))), None);
    }
}
