//! Connections: accepting, timeouts, and an orderly end.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use speech2face::Speech2Face;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use crate::event::{Event, Observer};
use crate::router::router;
use crate::service::{Client, Service};
use crate::settings::{Access, Settings};

/// Connections at the same time; more wait to be accepted.
const CONNECTIONS: usize = 4096;
/// A connection's buffer, and so the largest header.
const BUFFER_BYTES: usize = 64 << 10;
/// Header fields in a request at most.
const HEADERS: usize = 64;
/// How long what runs may take to finish when the server stops.
const GRACE: Duration = Duration::from_secs(30);
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
    /// The system refused threads or signals.
    #[error("cannot run the server ({0}); hint: the system is out of threads or memory")]
    System(#[from] io::Error),
}

/// A server that listens and does not yet answer.
pub struct Server {
    listener: StdListener,
    address: SocketAddr,
    service: Service,
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
    /// [`ServeError::Unprotected`], [`ServeError::Listen`], [`ServeError::System`].
    pub fn bind(
        model: Arc<Speech2Face>,
        settings: Settings,
        observer: Observer,
    ) -> Result<Self, ServeError> {
        let address = settings.listen;
        if !address.ip().is_loopback() && matches!(settings.access, Access::Local) {
            return Err(ServeError::Unprotected { address });
        }
        let listen = |source| ServeError::Listen { address, source };
        let listener = StdListener::bind(address).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let (stop, stopping) = watch::channel(false);
        let service = Service::new(model, settings, stopping, observer)?;
        Ok(Self { listener, address, service, stop })
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
        let Self { listener, service, stop, .. } = self;
        // Requests are read and written by two threads; computing has its own.
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build()?;
        let service = Arc::new(service);
        runtime.block_on(answer(listener, Arc::clone(&service), stop))?;
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
    stop: watch::Sender<bool>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let app = router(Arc::clone(&service));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut stopped = stop.subscribe();
    let mut signal = pin!(signal()?);
    loop {
        let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    let connection = connection(stream, client, app.clone(), Arc::clone(&service));
                    tokio::spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(_) => sleep(EXHAUSTED).await,
            },
            () = &mut signal => break,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
    }
    drop(listener);
    stop.send_replace(true);
    (service.observer)(&Event::Stopping);
    // All places are free when all connections have ended.
    let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
    let _ = timeout(GRACE, places.acquire_many(all)).await;
    Ok(())
}

async fn connection(stream: TcpStream, client: SocketAddr, app: Router, service: Arc<Service>) {
    let _open = service.metrics.connection();
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |mut request: Request<Incoming>| {
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
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
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
