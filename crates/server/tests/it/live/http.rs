//! Pages, health and metrics.

use std::sync::Arc;

use parlor_server::config::{Config, Tls};
use parlor_server::server::Server;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{config, get, http, start};

#[tokio::test]
async fn the_app_is_served_at_the_root_and_at_room_links() {
    let server = start().await;
    for path in ["/", "/r/tea", "/r/tea/", "/r/tea?x=1"] {
        let (head, body) = get(server.address(), path, "").await;
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        assert!(head.contains("content-type: text/html; charset=utf-8"), "{head}");
        assert!(head.contains("content-security-policy: default-src 'none'; script-src 'self'"));
        assert!(head.contains("connect-src 'self' ws://x wss://x;"), "{head}");
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
        assert!(body.contains("<title>Parlor</title>"), "{path}");
    }
    let (head, _) = get(server.address(), "/example", "").await;
    assert!(head.contains("location: /example/"), "{head}");
    server.stop().await;
}

#[tokio::test]
async fn files_have_types_and_tags_and_nothing_else_is_served() {
    let server = start().await;
    for (path, sort) in [
        ("/app/main.js", "text/javascript"),
        ("/style/base.css", "text/css"),
        ("/style/icon.svg", "image/svg+xml"),
        ("/example/", "text/html"),
    ] {
        let (head, _) = get(server.address(), path, "").await;
        assert!(head.contains(&format!("content-type: {sort}")), "{path}: {head}");
        let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
        let known = format!("If-None-Match: W/{tag}\r\n");
        let (head, body) = get(server.address(), path, &known).await;
        assert!(head.starts_with("http/1.1 304") && body.is_empty(), "{path}: {head}");
    }
    for path in [
        "/wire.d.ts",
        "/package.json",
        "/../Cargo.toml",
        "/app/..%2f..%2fCargo.toml",
        "/r/a/b",
        "/x",
    ] {
        let (head, _) = get(server.address(), path, "").await;
        assert!(head.starts_with("http/1.1 404"), "{path}: {head}");
    }
    server.stop().await;
}

#[tokio::test]
async fn who_mistypes_a_link_gets_a_page_with_a_way_on() {
    let server = start().await;
    let (head, page) = get(server.address(), "/tea", "Accept: text/html,*/*;q=0.8\r\n").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    assert!(head.contains("content-type: text/html; charset=utf-8"), "{head}");
    assert!(head.contains("vary: accept"), "the same address has two answers: {head}");
    assert!(page.contains("href=\"/\""), "{page}");
    let (_, text) = get(server.address(), "/tea", "").await;
    assert_eq!(text, "there is no such page\n", "programs are told in a line");
    for path in ["/r", "/r/"] {
        let (head, _) = get(server.address(), path, "").await;
        assert!(head.starts_with("http/1.1 307") && head.contains("location: /\r"), "{head}");
    }
    server.stop().await;
}

#[tokio::test]
async fn everywhere_is_ipv4_too() {
    let listen = "[::]:0".parse().unwrap();
    let server = Server::start(&Config { listen, ..config() }).await.unwrap();
    let address = ([127, 0, 0, 1], server.address().port()).into();
    let (head, _) = get(address, "/healthz", "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    server.stop().await;
}

#[tokio::test]
async fn health_is_told_in_two_letters() {
    let server = start().await;
    let (head, body) = get(server.address(), "/healthz", "").await;
    assert!(head.starts_with("http/1.1 200") && body == "ok\n");
    server.stop().await;
}

#[tokio::test]
async fn metrics_are_text_that_prometheus_reads() {
    let server = start().await;
    let (head, body) = get(server.address(), "/metrics", "").await;
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    for line in body.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("parlor_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    for name in [
        "parlor_rooms 0",
        "parlor_thread_peers{thread=\"1\"} 0",
        "parlor_packets_in_total{thread=\"1\"} 0",
        "parlor_datagrams_unsent_total{thread=\"1\"} 0",
        "parlor_join_seconds_count 0",
        "parlor_viewers{thread=\"1\",limited_by=\"loss\"} 0",
        "parlor_estimate_bytes_per_second_bucket{thread=\"1\",le=\"+Inf\"} 0",
        "parlor_probe_results_total{thread=\"1\",result=\"raised\"} 0",
    ] {
        assert!(body.lines().any(|line| line == name), "{name} is not in\n{body}");
    }
    server.stop().await;
}

#[tokio::test]
async fn one_who_asks_an_encrypted_port_in_the_clear_is_sent_to_https_and_not_for_ever() {
    let encrypted = Config { tls: Tls::SelfSigned, ..config() };
    let server = Server::start(&encrypted).await.unwrap();
    let request = "GET /r/tea?x=1 HTTP/1.1\r\nHost: box.local:4000\r\nConnection: close\r\n\r\n";
    let (head, _) = http(server.address(), request).await;
    assert!(head.starts_with("http/1.1 307"), "{head}");
    assert!(head.contains("cache-control: no-store"), "{head}");
    assert!(head.contains("location: https://box.local:4000/r/tea?x=1"), "{head}");
    assert!(server.introduction().contains("https://localhost:"), "{}", server.introduction());
    server.stop().await;
}

#[tokio::test]
async fn pages_are_served_encrypted_by_given_and_by_own_certificates() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = (directory.path().join("chain.pem"), directory.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    for tls in [Tls::SelfSigned, Tls::Files { certificate, key }] {
        let server = Server::start(&Config { tls, ..config() }).await.unwrap();
        let (head, _) = tls_get(&server).await;
        assert!(head.starts_with("http/1.1 200"), "{head}");
        server.stop().await;
    }
}

#[tokio::test]
async fn files_that_are_no_certificate_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("chain.pem");
    std::fs::write(&file, "hello").unwrap();
    let tls = Tls::Files { certificate: file.clone(), key: directory.path().join("none.pem") };
    let Err(error) = Server::start(&Config { tls, ..config() }).await else { panic!("it started") };
    let said = error.to_string();
    assert!(said.contains("chain.pem: expected a PEM certificate chain"), "{said}");
}

/// Asks for `/` over TLS, trusting anybody.
async fn tls_get(server: &Server) -> (String, String) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous(provider)))
        .with_no_client_auth();
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let mut stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

#[derive(Debug)]
struct Credulous(Arc<CryptoProvider>);

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
