//! https with a certificate of one's own.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use s2f_serve::{ServeError, Server, Settings, TlsFiles};
use s2f_testing::skip;

use crate::support::{Running, model, serve};

/// A certificate for `localhost`, made with openssl.
fn certificate(folder: &Path) -> Option<TlsFiles> {
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.join(name));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        skip("openssl is not installed");
        return None;
    }
    Some(TlsFiles { certificate, key })
}

fn get(server: &Running, trusted: &Path) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(client, server.connect());
    let host = format!("localhost:{}", server.address.port());
    let head = format!(
        "GET /health HTTP/1.1\r\nhost: {host}\r\norigin: https://{host}\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn a_client_that_trusts_the_certificate_is_answered() {
    let [own, foreign] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let Some(files) = certificate(own.path()) else { return };
    let other = certificate(foreign.path()).unwrap();
    let server = serve(|settings| settings.tls = Some(files.clone()));
    let answer = get(&server, &files.certificate).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("}"), "{answer}");
    let refused = get(&server, &other.certificate).unwrap_err();
    assert!(refused.to_string().contains("certificate"), "{refused}");
    // Without TLS, the connection is closed and nothing is answered in plain text.
    let mut plain = server.connect();
    plain.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert!(get(&server, &files.certificate).is_ok());
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let Some(files) = certificate(folder.path()) else { return };
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let other = tempfile::tempdir().unwrap();
    let foreign = certificate(other.path()).unwrap();
    let check = |certificate: &PathBuf, key: &PathBuf, named: &PathBuf| {
        let tls = TlsFiles { certificate: certificate.clone(), key: key.clone() };
        let mut settings = Settings { tls: Some(tls), ..Settings::default() };
        settings.listen.set_port(0);
        let Err(ServeError::Tls(error)) = Server::bind(model(), settings, Arc::new(|_| ())) else {
            panic!("{} and {} are accepted", certificate.display(), key.display());
        };
        assert_eq!(&error.file, named, "{error}");
        assert!(error.to_string().contains("; hint: "), "{error}");
    };
    check(&empty, &files.key, &empty);
    check(&folder.path().join("none.pem"), &files.key, &folder.path().join("none.pem"));
    check(&files.certificate, &empty, &empty);
    check(&files.certificate, &files.certificate, &files.certificate);
    check(&files.certificate, &foreign.key, &foreign.key);
}
