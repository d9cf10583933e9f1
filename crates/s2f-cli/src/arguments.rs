//! Parses the arguments: what is typed by habit gets a hint.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::anyhow;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Error, FromArgMatches};
use s2f_corpus::layout::has_sound;

use crate::Arguments;
use crate::printable;
use crate::printer::{LogFormat, Printer};

/// The arguments, or the exit status after help, the version or an error were printed.
pub fn parse() -> Result<Arguments, ExitCode> {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let command = Arguments::command().long_version(long_version());
    let parsed = command.try_get_matches_from(&typed);
    parsed.and_then(|matches| Arguments::from_arg_matches(&matches)).map_err(|error| {
        let printer = Printer::new(false, false, LogFormat::Text);
        if let Some(recording) = recording_without_command(&error) {
            printer.error(&anyhow!(
                "there is no command {recording}; hint: speech2face reconstruct {recording}"
            ));
            return ExitCode::from(2);
        }
        let message = error.render().to_string();
        if error.use_stderr() && message.contains(is_not_printable) {
            // As the parser prints it, but without what a terminal would act on.
            printer.usage(printable::lines(message.trim_end()));
        } else if error.print().is_err() {
            return ExitCode::from(2);
        }
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
    })
}

fn is_not_printable(c: char) -> bool {
    c != '\n' && printable::line(c.encode_utf8(&mut [0; 4])) != c.to_string()
}

/// The recording that stands where a command should.
fn recording_without_command(error: &Error) -> Option<&str> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(name)) if has_sound(name) => Some(name),
        _ => None,
    }
}

/// What `--version` prints after the name.
fn long_version() -> String {
    let commit = option_env!("SPEECH2FACE_COMMIT").unwrap_or("not known");
    let gpus = [("cuda", cfg!(feature = "cuda")), ("wgpu", cfg!(feature = "wgpu"))];
    let devices: Vec<&str> =
        gpus.into_iter().filter_map(|(name, has)| has.then_some(name)).collect();
    let devices = [&["cpu"], devices.as_slice()].concat().join(", ");
    format!("{}\ncommit: {commit}\ndevices: {devices}", env!("CARGO_PKG_VERSION"))
}
