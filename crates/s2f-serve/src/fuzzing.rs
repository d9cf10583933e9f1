//! Entry points for the fuzzers in the folder `fuzz`; not part of the interface.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, header};
use speech2face::Speech2Face;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::options::Options;
use crate::reconstruct::form;
use crate::router::router;
use crate::server::connection;
use crate::service::Service;
use crate::settings::Settings;

/// How long a connection may take whose client has sent everything.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long such a client waits for an answer.
const ANSWER: Duration = Duration::from_millis(50);
/// Bytes that either side may have sent and the other not read.
const BUFFER: usize = 1 << 20;

/// A server without a socket.
pub struct Offline {
    runtime: Runtime,
    service: Arc<Service>,
    router: Router,
    _stop: watch::Sender<bool>,
}

impl Offline {
    /// Starts it, with small limits.
    ///
    /// # Errors
    /// If the system refuses threads.
    pub fn start(model: Arc<Speech2Face>) -> io::Result<Self> {
        let mut settings = Settings { jobs: 1, rate_per_minute: 0, ..Settings::default() };
        settings.limits.max_bytes = 1 << 18;
        settings.limits.max_seconds = 10.0;
        settings.read_timeout = Duration::from_secs(1);
        let (stop, stopping) = watch::channel(false);
        let service = Arc::new(Service::new(model, settings, stopping, Arc::new(|_| ()), None)?);
        let router = router(Arc::clone(&service));
        let runtime = Builder::new_current_thread().enable_time().build()?;
        Ok(Self { runtime, service, router, _stop: stop })
    }

    /// What the server sends to a client that sends `bytes` and no more; `None` if the connection
    /// does not end.
    pub fn connection(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.runtime.block_on(async {
            let (client, server) = duplex(BUFFER);
            let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
            let (mut receive, mut send) = tokio::io::split(client);
            let mut sent = Vec::new();
            let (answered, answer) = oneshot::channel();
            let talk = async {
                tokio::join!(
                    connection(server, address, self.router.clone(), &self.service),
                    async {
                        let _ = send.write_all(bytes).await;
                        // The server forgets the request of a client that closes.
                        let _ = timeout(ANSWER, answer).await;
                        let _ = send.shutdown().await;
                    },
                    async {
                        let _ = receive.read_buf(&mut sent).await;
                        let _ = answered.send(());
                        let _ = receive.read_to_end(&mut sent).await;
                    },
                )
            };
            timeout(PATIENCE, talk).await.ok()?;
            Some(sent)
        })
    }

    /// The length of the recording in a form; `None` if it is refused.
    pub fn form(&self, content_type: &[u8], body: &[u8]) -> Option<usize> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_bytes(content_type).ok()?);
        let body = Bytes::copy_from_slice(body);
        let mut options = Options::default();
        let recording = form(&headers, body, &mut options);
        Some(self.runtime.block_on(recording).ok()?.len())
    }
}
