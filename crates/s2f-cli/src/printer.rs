//! Everything that is printed: data to standard output, the rest to standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anstream::{stderr, stdout};
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use serde::Serialize;

const ERROR: &str = "\x1b[1;31m";
const WARNING: &str = "\x1b[1;33m";
const HINT: &str = "\x1b[1;36m";
const PLAIN: &str = "\x1b[0m";

/// What separates a message of any of the libraries from its way out.
const HINT_MARK: &str = "; hint: ";

/// Prints, as much as was asked for.
pub struct Printer {
    quiet: bool,
    verbose: bool,
    bar: ProgressBar,
}

impl Printer {
    /// A printer that shows no progress yet.
    pub fn new(quiet: bool, verbose: bool) -> Self {
        Self { quiet, verbose, bar: ProgressBar::hidden() }
    }

    /// Whether errors only are wanted.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The same, with a progress bar over `files` where there are several, on a terminal; it goes
    /// away together with this printer.
    pub fn with_progress(&self, files: usize) -> Self {
        if self.quiet || files < 2 || !io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden(), ..*self };
        }
        self.with_bar(files as u64, "{bar:24} {pos} of {len} · {eta} left · {msg}")
    }

    /// The same, with a progress bar over `bytes`, on a terminal; it goes away together with this
    /// printer.
    pub fn with_bytes(&self, bytes: u64) -> Self {
        if self.quiet || !io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden(), ..*self };
        }
        self.with_bar(bytes, "{bar:24} {bytes} of {total_bytes} · {eta} left · {msg}")
    }

    fn with_bar(&self, length: u64, template: &str) -> Self {
        let bar = ProgressBar::new(length).with_finish(ProgressFinish::AndClear);
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, ..*self }
    }

    /// The file that is being worked on.
    pub fn working_on(&self, file: &str) {
        self.bar.set_message(file.to_owned());
    }

    /// One file more is done.
    pub fn advance(&self) {
        self.bar.inc(1);
    }

    /// So much is done.
    pub fn reach(&self, position: u64) {
        self.bar.set_position(position);
    }

    /// Whether somebody sees a progress bar.
    pub fn shows_progress(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// What went wrong, and the way out.
    pub fn error(&self, error: &anyhow::Error) {
        let (message, hint) = message_and_hint(error);
        self.line(format_args!("{ERROR}error:{PLAIN} {message}"));
        if let Some(hint) = hint {
            self.line(format_args!("  {HINT}hint:{PLAIN} {hint}"));
        }
    }

    /// What may not be as meant.
    pub fn warning(&self, message: impl Display) {
        if !self.quiet {
            self.line(format_args!("{WARNING}warning:{PLAIN} {message}"));
        }
    }

    /// What was done.
    pub fn note(&self, message: impl Display) {
        if !self.quiet {
            self.line(message);
        }
    }

    /// How it was done.
    pub fn detail(&self, message: impl Display) {
        if self.verbose {
            self.line(message);
        }
    }

    /// Text that was asked for, to standard output.
    ///
    /// # Errors
    /// What the operating system says, for example that nobody reads any more.
    pub fn data(&self, text: impl Display) -> io::Result<()> {
        self.bar.suspend(|| {
            let mut out = stdout().lock();
            writeln!(out, "{text}")?;
            out.flush()
        })
    }

    /// An object as one line of JSON, to standard output.
    ///
    /// # Errors
    /// As [`Printer::data`].
    pub fn json(&self, object: &impl Serialize) -> anyhow::Result<()> {
        Ok(self.data(serde_json::to_string(object)?)?)
    }

    fn line(&self, text: impl Display) {
        // Where nobody can be told, there is nobody to tell.
        self.bar.suspend(|| writeln!(stderr().lock(), "{text}").ok());
    }
}

/// The text of a message without its hint, where it has one.
pub fn without_hint(message: &str) -> &str {
    message.split_once(HINT_MARK).map_or(message, |(text, _)| text)
}

/// The text of an error and, where it has one, its hint.
pub fn message_and_hint(error: &anyhow::Error) -> (String, Option<String>) {
    let mut messages = Vec::new();
    let mut hint = None;
    for cause in error.chain().map(ToString::to_string) {
        match cause.split_once(HINT_MARK) {
            Some((message, way_out)) => {
                messages.push(message.to_owned());
                hint.get_or_insert_with(|| way_out.to_owned());
            }
            None => messages.push(cause),
        }
    }
    (messages.join(": "), hint)
}
