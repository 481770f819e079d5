//! Encryption: which certificate who gets, and when.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parlor_server::config::{Acme, Config, NamedFile, Tls};
use parlor_server::server::Server;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{PATIENCE, config, get};

#[tokio::test]
async fn pages_are_served_encrypted_by_given_and_by_own_certificates() {
    let disk = Disk::new();
    disk.write(&own("localhost"));
    let Tls::Files { certificate, key } = disk.tls() else { unreachable!() };
    for tls in [Tls::SelfSigned, Tls::Files { certificate, key }] {
        let server = Server::start(&Config { tls, ..config() }).await.unwrap();
        let (head, _) = tls_get(&server).await;
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(
            !head.contains("strict-transport-security"),
            "both are their own authority: {head}"
        );
        server.stop().await;
    }
}

#[tokio::test]
async fn the_connection_test_learns_whose_the_certificate_is() {
    let server = Server::start(&config()).await.unwrap();
    let (head, body) = get(server.address(), "/check/server.json", "").await;
    assert!(head.contains("content-type: application/json"), "{head}");
    assert_eq!(body, r#"{"certificate":"none"}"#);
    server.stop().await;
    let disk = Disk::new();
    let (_, chain, key) = signed("localhost");
    disk.write(&Made { chain, key });
    for (tls, whose) in [(Tls::SelfSigned, "own"), (disk.tls(), "authority")] {
        let server = Server::start(&Config { tls, ..config() }).await.unwrap();
        let stream = tls_connect(server.address(), "localhost", &[]).await.unwrap();
        let (_, body) = request(stream, "/check/server.json").await;
        assert_eq!(body, format!(r#"{{"certificate":"{whose}"}}"#));
        server.stop().await;
    }
}

#[tokio::test]
async fn files_that_are_no_certificate_are_named() {
    let disk = Disk::new();
    disk.write(&Made { chain: "hello".to_owned(), key: String::new() });
    let tls = disk.tls();
    let Err(error) = Server::start(&Config { tls, ..config() }).await else { panic!("it started") };
    let said = error.to_string();
    assert!(said.starts_with("--tls-cert: expected a PEM certificate chain in /"), "{said}");
    assert!(error.is_of_a_setting());
}

/// A certificate chain and its key, both PEM.
struct Made {
    chain: String,
    key: String,
}

/// One that is its own authority.
fn own(name: &str) -> Made {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    Made { chain: made.cert.pem(), key: made.signing_key.serialize_pem() }
}

/// An authority of the test's own, and one certificate of it.
pub(super) fn signed(name: &str) -> (String, String, String) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "The test's authority");
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new([name.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &authority).unwrap();
    (authority.pem(), leaf.pem(), key.serialize_pem())
}

/// Two files in a directory of their own.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Disk {
        Disk(tempfile::tempdir().unwrap())
    }

    fn tls(&self) -> Tls {
        let file = |setting: &str, name| NamedFile {
            path: self.0.path().join(name),
            setting: setting.to_owned(),
        };
        Tls::Files {
            certificate: file("--tls-cert", "chain.pem"),
            key: file("--tls-key", "key.pem"),
        }
    }

    fn write(&self, made: &Made) {
        std::fs::write(self.0.path().join("chain.pem"), &made.chain).unwrap();
        std::fs::write(self.0.path().join("key.pem"), &made.key).unwrap();
    }
}

/// Asks for `/` over TLS, trusting anybody.
async fn tls_get(server: &Server) -> (String, String) {
    let stream = tls_connect(server.address(), "localhost", &[]).await.unwrap();
    request(stream, "/").await
}

/// One exchange over TLS; returns the head in lower case, and the body.
pub(super) async fn request(mut stream: TlsStream<TcpStream>, path: &str) -> (String, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

/// Opens a TLS connection, trusting anybody.
pub(super) async fn tls_connect(
    address: SocketAddr,
    name: &str,
    protocols: &[&str],
) -> io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut client = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous(provider)))
        .with_no_client_auth();
    client.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(client)).connect(name, stream).await
}

/// The certificate that the server shows.
async fn shown(server: &Server) -> Vec<u8> {
    let stream = tls_connect(server.address(), "localhost", &[]).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

fn der(made: &Made) -> Vec<u8> {
    CertificateDer::from_pem_slice(made.chain.as_bytes()).unwrap().to_vec()
}

#[tokio::test]
async fn files_that_change_serve_new_connections_and_the_open_ones_go_on() {
    let disk = Disk::new();
    let (first, second) = (own("localhost"), own("a.localhost"));
    disk.write(&first);
    let server = Server::start(&Config { tls: disk.tls(), ..config() }).await.unwrap();
    assert_eq!(shown(&server).await, der(&first));
    let open = tls_connect(server.address(), "localhost", &[]).await.unwrap();

    std::fs::write(disk.0.path().join("chain.pem"), "this is no certificate").unwrap();
    // Longer than it takes to notice a change.
    sleep(Duration::from_secs(3)).await;
    assert_eq!(shown(&server).await, der(&first), "what cannot be used changes nothing");
    disk.write(&second);
    let deadline = Instant::now() + PATIENCE;
    while shown(&server).await != der(&second) {
        assert!(Instant::now() < deadline, "the new certificate does not serve");
        sleep(Duration::from_millis(50)).await;
    }
    let (head, _) = request(open, "/healthz").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    server.stop().await;
}

#[tokio::test]
async fn only_who_has_a_certificate_of_an_authority_tells_browsers_to_come_by_https_only() {
    let disk = Disk::new();
    let (_, chain, key) = signed("localhost");
    disk.write(&Made { chain, key });
    let server = Server::start(&Config { tls: disk.tls(), ..config() }).await.unwrap();
    let (head, _) = tls_get(&server).await;
    assert!(head.contains("strict-transport-security: max-age="), "{head}");
    server.stop().await;
}

#[tokio::test]
async fn the_protocols_of_http_and_turn_are_agreed_on_and_no_proof_is_shown_unasked() {
    let disk = Disk::new();
    disk.write(&own("localhost"));
    let server = Server::start(&Config { tls: disk.tls(), ..config() }).await.unwrap();
    for (offered, agreed) in [
        (&["h2", "http/1.1"][..], Some("http/1.1")),
        (&["stun.turn"][..], Some("stun.turn")),
        (&[][..], None),
    ] {
        let stream = tls_connect(server.address(), "localhost", offered).await.unwrap();
        let found = stream.get_ref().1.alpn_protocol();
        assert_eq!(found, agreed.map(str::as_bytes), "{offered:?}");
    }
    assert!(tls_connect(server.address(), "localhost", &["acme-tls/1"]).await.is_err());
    server.stop().await;
}

#[tokio::test]
async fn until_an_authority_has_given_one_nobody_is_sent_to_https() {
    let state = tempfile::tempdir().unwrap();
    let tls = Tls::Acme(unreachable_authority());
    let state_dir = Some(state.path().to_owned());
    let server = Server::start(&Config { tls, state_dir, ..config() }).await.unwrap();
    let (head, body) = get(server.address(), "/", "").await;
    assert!(head.starts_with("http/1.1 503") && head.contains("retry-after: 10"), "{head}");
    assert!(body.contains("getting its certificate"), "{body}");
    assert!(tls_connect(server.address(), "a.example", &[]).await.is_err());
    server.stop().await;
}

fn unreachable_authority() -> Acme {
    Acme {
        domains: vec!["a.example".to_owned()],
        contacts: Vec::new(),
        directory: "https://127.0.0.1:9/directory".to_owned(),
        root: None,
    }
}

#[tokio::test]
async fn a_certificate_from_an_authority_needs_somewhere_to_be_kept() {
    let tls = Tls::Acme(unreachable_authority());
    let Err(error) = Server::start(&Config { tls, ..config() }).await else { panic!("it started") };
    assert!(error.to_string().contains("--state-dir"), "{error}");
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
