//! Everything that is printed: data to standard output, the rest to standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anstream::{stderr, stdout};
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use s2f_core::hint;
use serde::Serialize;

const ERROR: &str = "\x1b[1;31m";
const WARNING: &str = "\x1b[1;33m";
const HINT: &str = "\x1b[1;36m";
const PLAIN: &str = "\x1b[0m";

/// Prints messages, data and progress, as much as the user asked for.
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

    /// Whether only errors are printed.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The same printer without a progress bar.
    pub fn without_progress(&self) -> Self {
        Self { bar: ProgressBar::hidden(), ..*self }
    }

    /// The same printer with a progress bar over `files`, if there are several and standard error
    /// is a terminal. The bar disappears when the printer is dropped.
    pub fn with_progress(&self, files: usize) -> Self {
        if self.quiet || files < 2 || !io::stderr().is_terminal() {
            return self.without_progress();
        }
        self.with_bar(files as u64, "{bar:24} {pos} of {len} · {eta} left · {msg}")
    }

    /// The same printer with a progress bar over `bytes`, if standard error is a terminal. The bar
    /// disappears when the printer is dropped.
    pub fn with_bytes(&self, bytes: u64) -> Self {
        if self.quiet || !io::stderr().is_terminal() {
            return self.without_progress();
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

    /// Shows the current file in the progress bar.
    pub fn working_on(&self, file: &str) {
        self.bar.set_message(file.to_owned());
    }

    /// Advances the progress bar by one file.
    pub fn advance(&self) {
        self.bar.inc(1);
    }

    /// Sets the position of the progress bar.
    pub fn reach(&self, position: u64) {
        self.bar.set_position(position);
    }

    /// Whether a progress bar is visible.
    pub fn shows_progress(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// Prints an error and its hint.
    pub fn error(&self, error: &anyhow::Error) {
        let (message, hint) = message_and_hint(error);
        self.line(format_args!("{ERROR}error:{PLAIN} {message}"));
        if let Some(hint) = hint {
            self.line(format_args!("  {HINT}hint:{PLAIN} {hint}"));
        }
    }

    /// Prints a warning.
    pub fn warning(&self, message: impl Display) {
        if !self.quiet {
            self.line(format_args!("{WARNING}warning:{PLAIN} {message}"));
        }
    }

    /// Prints what was done; not with `--quiet`.
    pub fn note(&self, message: impl Display) {
        if !self.quiet {
            self.line(message);
        }
    }

    /// Prints details, with `--verbose`.
    pub fn detail(&self, message: impl Display) {
        if self.verbose {
            self.line(message);
        }
    }

    /// Prints data to standard output.
    ///
    /// # Errors
    /// The operating system's, for example a broken pipe.
    pub fn data(&self, text: impl Display) -> io::Result<()> {
        self.bar.suspend(|| {
            let mut out = stdout().lock();
            writeln!(out, "{text}")?;
            out.flush()
        })
    }

    /// Prints an object as one line of JSON to standard output.
    ///
    /// # Errors
    /// As [`Printer::data`].
    pub fn json(&self, object: &impl Serialize) -> anyhow::Result<()> {
        Ok(self.data(serde_json::to_string(object)?)?)
    }

    fn line(&self, text: impl Display) {
        // If standard error is closed, there is nowhere to report that.
        self.bar.suspend(|| writeln!(stderr().lock(), "{text}").ok());
    }
}

/// The message of an error with its causes, and its hint.
pub fn message_and_hint(error: &anyhow::Error) -> (String, Option<String>) {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    let messages: Vec<&str> = causes.iter().map(|cause| hint::split(cause).0).collect();
    (messages.join(": "), hint::of(error.as_ref()))
}
