//! `speech2face serve`: the page and the HTTP service.

mod browser;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::value_parser;
use s2f_serve::{Access, Event, Observer, Server, Settings, TlsFiles, Token};
use speech2face::audio::Limits;

use crate::Outcome;
use crate::device::DeviceArgs;
use crate::model_choice::ModelChoice;
use crate::printer::Printer;

/// The arguments.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Address and port to listen on; port 0 chooses a free one
    ///
    /// 127.0.0.1 can be reached from this computer only. Any other address needs --token-file or
    /// --no-auth.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7860")]
    listen: SocketAddr,

    /// Do not open the page in the browser
    #[arg(long)]
    no_open: bool,

    /// File with the secret that clients send as `Authorization: Bearer TOKEN`
    #[arg(long, value_name = "FILE", conflicts_with = "no_auth")]
    token_file: Option<PathBuf>,

    /// Let everybody use the server who can reach it
    #[arg(long)]
    no_auth: bool,

    /// Certificate and its chain, PEM: the page is then opened with https
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Store all recordings and results in a folder, for a study; the page says so
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,

    /// Let ffmpeg decode formats that this program cannot
    ///
    /// It runs within limits: a minute of processor time, 1 GiB of memory, no files written, no
    /// network. Not on Windows.
    #[arg(long)]
    allow_ffmpeg: bool,

    /// Name by which browsers reach the server, besides localhost and IP addresses; can be given
    /// several times
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,

    #[command(flatten)]
    model: ModelChoice,

    #[command(flatten)]
    device: DeviceArgs,

    /// Number of recordings to compute at the same time [default: number of cores]
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,

    /// Number of recordings that may wait; more are refused with status 429
    #[arg(long, value_name = "COUNT", default_value_t = 64)]
    #[arg(value_parser = value_parser!(u16).range(1..=4096))]
    queue: u16,

    /// Maximum length of a recording
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    #[arg(value_parser = value_parser!(u32).range(1..=7200))]
    max_seconds: u32,

    /// Maximum size of a recording
    #[arg(long, value_name = "BYTES", default_value_t = 32 << 20)]
    #[arg(value_parser = value_parser!(u64).range(1024..=512 << 20))]
    max_bytes: u64,

    /// Maximum time from a complete request to its response
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    #[arg(value_parser = value_parser!(u32).range(1..=3600))]
    timeout: u32,

    /// Requests per minute that an address may make; 0 for any number
    #[arg(long, value_name = "COUNT", default_value_t = 600)]
    rate: u32,
}

const EXAMPLES: &str = "\
Examples:
  speech2face serve
  speech2face serve --no-open --listen 127.0.0.1:8000
  curl --data-binary @voice.m4a -H 'Accept: image/png' localhost:7860/v1/reconstruct > face.png
  speech2face serve --listen 0.0.0.0:7860 --token-file token.txt --no-open

The page at / needs no network. /docs describes the HTTP service. Nothing that is sent is stored,
unless --keep says so.";

/// Serves until it is stopped.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let access = match (&args.token_file, args.no_auth) {
        (Some(file), _) => {
            let text = fs::read_to_string(file)
                .with_context(|| format!("cannot read the token in {}", file.display()))?;
            Access::Token(Token::new(&text)?)
        }
        (None, true) => Access::Everybody,
        (None, false) => Access::Local,
    };
    let usual = Settings::default();
    let settings = Settings {
        listen: args.listen,
        access,
        hosts: args.hosts.clone(),
        jobs: args.jobs.map_or(usual.jobs, usize::from),
        queue: args.queue.into(),
        limits: Limits { max_bytes: args.max_bytes, max_seconds: args.max_seconds.into() },
        timeout: Duration::from_secs(args.timeout.into()),
        rate_per_minute: args.rate,
        tls: args
            .tls_cert
            .clone()
            .zip(args.tls_key.clone())
            .map(|(certificate, key)| TlsFiles { certificate, key }),
        allow_ffmpeg: args.allow_ffmpeg,
        keep: args.keep.clone(),
        ..usual
    };
    let model = args.model.open(&args.device.open()?)?;
    let server = Server::bind(Arc::new(model), settings, observer(printer))?;
    let address = server.address();
    // A browser cannot open 0.0.0.0.
    let scheme = if args.tls_cert.is_some() { "https" } else { "http" };
    let page = match address.ip().is_unspecified() {
        true => format!("{scheme}://localhost:{}/", address.port()),
        false => format!("{scheme}://{address}/"),
    };
    if let Some(folder) = &args.keep {
        let folder = folder.display();
        printer.note(format_args!("recordings and results are stored in {folder}"));
    }
    printer.note(format_args!("serving {page} until Ctrl-C"));
    if !args.no_open && !browser::open(&page) {
        printer.note(format_args!("no browser could be opened; hint: open {page} in one"));
    }
    server.run()?;
    Ok(Outcome::AllGood)
}

/// Prints events: requests with `--verbose`.
fn observer(printer: &Printer) -> Observer {
    let printer = printer.without_progress();
    Arc::new(move |event| match event {
        Event::Request { id, method, route, status, time } => printer.detail(format_args!(
            "{id} {method} {route} {status} {:.1} ms",
            1e3 * time.as_secs_f64()
        )),
        Event::Panic => printer.warning("a computation failed; the request got status 500"),
        Event::NotStored => printer.warning("a live session could not be stored"),
        Event::Stopping => printer.note("stopping; what runs is finished"),
        _ => {}
    })
}
