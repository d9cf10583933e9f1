//! Connections: accepting, timeouts, and an orderly end.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use s2f_core::hint;
use speech2face::Speech2Face;
use speech2face::audio::ffmpeg::Ffmpeg;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::event::{Event, Observer};
use crate::keep::Keep;
use crate::patient::Patient;
use crate::router::router;
use crate::service::{Client, Service};
use crate::settings::{Access, Settings};
use crate::tls::{self, TlsError};

/// Connections at the same time; more wait to be accepted.
const CONNECTIONS: usize = 4096;
/// A connection's buffer, and so the largest header.
const BUFFER_BYTES: usize = 64 << 10;
/// Header fields in a request at most.
const HEADERS: usize = 64;
/// How long what runs may take to finish when the server stops.
const GRACE: Duration = Duration::from_secs(30);
/// How long a new connection may take to send its first request when the server stops.
const FIRST_REQUEST: Duration = Duration::from_millis(500);
/// Pause before accepting again when the system has no more file handles.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Why a server could not start or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be used.
    #[error(
        "cannot listen on {address} ({source}); hint: another program may use the port: choose \
         one with --listen 127.0.0.1:7861"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// Other computers could reach the server, and nothing says who may use it.
    #[error(
        "{address} can be reached from other computers; hint: name a file with a secret, as in \
         --token-file token.txt, or allow everybody with --no-auth"
    )]
    Unprotected {
        /// The address.
        address: SocketAddr,
    },
    /// The certificate or its key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// ffmpeg is allowed and does not run, or cannot be confined.
    #[error("{reason}; hint: start without --allow-ffmpeg: most formats do not need it")]
    Ffmpeg {
        /// Why.
        reason: String,
    },
    /// The folder for recordings and results.
    #[error(
        "cannot keep recordings in {} ({source}); hint: name a folder that this user may write to",
        folder.display()
    )]
    Keep {
        /// The folder.
        folder: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The system refused threads or signals.
    #[error("cannot run the server ({0}); hint: the system is out of threads or memory")]
    System(#[from] io::Error),
}

/// A server that listens and does not yet answer.
pub struct Server {
    listener: StdListener,
    address: SocketAddr,
    service: Service,
    tls: Option<TlsAcceptor>,
    stop: watch::Sender<bool>,
}

/// Stops a server from another thread.
#[derive(Clone)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Stops the server: what runs is finished.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Server {
    /// Listens, and starts the threads that compute with `model`.
    ///
    /// # Errors
    /// Any [`ServeError`].
    pub fn bind(
        model: Arc<Speech2Face>,
        settings: Settings,
        observer: Observer,
    ) -> Result<Self, ServeError> {
        let address = settings.listen;
        if !address.ip().is_loopback() && matches!(settings.access, Access::Local) {
            return Err(ServeError::Unprotected { address });
        }
        let tls = settings.tls.as_ref().map(tls::acceptor).transpose()?;
        if settings.allow_ffmpeg {
            check_ffmpeg()?;
        }
        let keep = settings.keep.as_deref().map(|folder| {
            let failed = |source| ServeError::Keep { folder: folder.to_owned(), source };
            Keep::open(folder).map_err(failed)
        });
        let keep = keep.transpose()?;
        let listen = |source| ServeError::Listen { address, source };
        let listener = StdListener::bind(address).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let (stop, stopping) = watch::channel(false);
        let service = Service::new(model, settings, stopping, observer, keep)?;
        Ok(Self { listener, address, service, tls, stop })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops the server later, from another thread.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.stop.clone())
    }

    /// Answers requests until SIGTERM, SIGINT or a [`Stopper`]; then finishes what runs.
    ///
    /// # Errors
    /// [`ServeError::System`].
    pub fn run(self) -> Result<(), ServeError> {
        let Self { listener, service, tls, stop, .. } = self;
        // Requests are read and written by two threads; computing has its own.
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build()?;
        let service = Arc::new(service);
        runtime.block_on(answer(listener, Arc::clone(&service), tls, stop))?;
        runtime.shutdown_timeout(Duration::from_secs(1));
        if let Some(service) = Arc::into_inner(service) {
            service.workers.stop();
        }
        Ok(())
    }
}

async fn answer(
    listener: StdListener,
    service: Arc<Service>,
    tls: Option<TlsAcceptor>,
    stop: watch::Sender<bool>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let app = router(Arc::clone(&service));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut stopped = stop.subscribe();
    let mut signal = pin!(signal()?);
    let admit = |stream: TcpStream, client: SocketAddr, place: OwnedSemaphorePermit| {
        let (app, service, tls) = (app.clone(), Arc::clone(&service), tls.clone());
        tokio::spawn(async move {
            let _open = service.metrics.connection();
            open(stream, client, app, &service, tls).await;
            drop(place);
        });
    };
    loop {
        let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => admit(stream, client, place),
                Err(_) => sleep(EXHAUSTED).await,
            },
            () = &mut signal => break,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
    }
    // Clients are connected already while they wait to be accepted: without the listener, the
    // system would reset them.
    while let Ok(place) = Arc::clone(&places).try_acquire_owned()
        && let Ok(Ok((stream, client))) = timeout(Duration::ZERO, listener.accept()).await
    {
        admit(stream, client, place);
    }
    drop(listener);
    stop.send_replace(true);
    (service.observer)(&Event::Stopping);
    // All places are free when all connections have ended.
    let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
    let _ = timeout(GRACE, places.acquire_many(all)).await;
    Ok(())
}

/// A new connection, with or without TLS.
async fn open(
    stream: TcpStream,
    client: SocketAddr,
    app: Router,
    service: &Service,
    tls: Option<TlsAcceptor>,
) {
    let _ = stream.set_nodelay(true);
    let stream = Patient::new(stream, service.settings.write_timeout);
    let Some(tls) = tls else { return connection(stream, client, app, service).await };
    let handshake = timeout(service.settings.read_timeout, tls.accept(stream));
    // An error is a client that does not speak TLS, or does not know the certificate's issuer.
    if let Ok(Ok(stream)) = handshake.await {
        connection(stream, client, app, service).await;
    }
}

/// Answers the requests of one client.
pub async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    client: SocketAddr,
    app: Router,
    service: &Service,
) {
    let begun = Arc::new(Notify::new());
    let first = Arc::clone(&begun);
    let answer = service_fn(move |mut request: Request<Incoming>| {
        first.notify_one();
        request.extensions_mut().insert(Client(client.ip()));
        app.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(service.settings.read_timeout)
        .max_buf_size(BUFFER_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades();
    let mut connection = pin!(connection);
    let mut stopping = service.stopping.clone();
    tokio::select! {
        // An error is a client that went away.
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    // hyper would close a connection whose first request is on its way.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = timeout(FIRST_REQUEST, begun.notified()) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// Whether ffmpeg runs, and can be confined.
fn check_ffmpeg() -> Result<(), ServeError> {
    let ffmpeg = Ffmpeg::find().map_err(|error| {
        let message = error.to_string();
        ServeError::Ffmpeg { reason: hint::split(&message).0.to_owned() }
    })?;
    let confined = ffmpeg.confined().map(drop);
    let reason = "this system has no limits for memory and time of a program";
    confined.ok_or_else(|| ServeError::Ffmpeg { reason: reason.to_owned() })
}

/// Completes when the system asks the program to stop.
fn signal() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate())?
    };
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    })
}
