//! A certificate from a real authority: Pebble, which looks for the proofs as others do. Where it is
//! not installed, this is said and nothing is tried.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use parlor_server::config::{Acme, Config, Tls};
use parlor_server::server::Server;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::tls::{request, signed, tls_connect};
use super::{PATIENCE, config};

const NAMES: [&str; 2] = ["meet.example.org", "talk.example.org"];

/// An authority, and a DNS server that says that every name leads to this machine.
struct Pebble {
    children: Vec<Child>,
    directory: SocketAddr,
    management: SocketAddr,
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for child in &mut self.children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

#[allow(clippy::print_stderr)] // A test that tries nothing says so.
fn notice(text: &str) {
    eprintln!("{text}");
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Pebble {
    /// One that looks for proofs at `proofs`, with what it needs in `home`; none where it is not
    /// installed.
    fn start(home: &Path, proofs: SocketAddr) -> Option<Pebble> {
        let (root, chain, key) = signed("localhost");
        for (name, text) in [("root.pem", root), ("chain.pem", chain), ("key.pem", key)] {
            std::fs::write(home.join(name), text).unwrap();
        }
        let (directory, management, dns) = (free_port(), free_port(), free_port());
        let settings = json!({ "pebble": {
            "listenAddress": directory.to_string(),
            "managementListenAddress": management.to_string(),
            "certificate": home.join("chain.pem"),
            "privateKey": home.join("key.pem"),
            "httpPort": 9,
            "tlsPort": proofs.port(),
        }});
        std::fs::write(home.join("pebble.json"), settings.to_string()).unwrap();
        let quiet = |command: &mut Command| {
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
        };
        let names = quiet(
            Command::new("pebble-challtestsrv")
                .args(["-dns01", &dns.to_string(), "-defaultIPv6", ""])
                .args(["-http01", "", "-https01", "", "-tlsalpn01", ""])
                .args(["-management", &free_port().to_string()]),
        );
        let Some(names) = names else {
            notice("skipped: pebble is not installed (apt-get install pebble)");
            return None;
        };
        let mut pebble = Pebble { children: vec![names], directory, management };
        let authority = quiet(
            Command::new("pebble")
                .args(["-strict", "-dnsserver", &dns.to_string()])
                .arg("-config")
                .arg(home.join("pebble.json"))
                .env("PEBBLE_VA_NOSLEEP", "1")
                // That a nonce which is refused is asked for anew is up to the library.
                .env("PEBBLE_WFE_NONCEREJECT", "0"),
        );
        pebble.children.push(authority.unwrap());
        Some(pebble)
    }

    /// Waits until it answers, and returns the root of what it signs.
    async fn root(&self) -> CertificateDer<'static> {
        let deadline = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(self.management).is_err() {
            assert!(Instant::now() < deadline, "pebble does not start");
            sleep(std::time::Duration::from_millis(50)).await;
        }
        let stream = tls_connect(self.management, "localhost", &[]).await.unwrap();
        let (_, body) = request(stream, "/roots/0").await;
        CertificateDer::from_pem_slice(body.as_bytes()).unwrap()
    }
}

/// The chain that `server` shows who asks for `name`, as soon as it has one.
async fn shown(address: SocketAddr, name: &str) -> Vec<CertificateDer<'static>> {
    let deadline = Instant::now() + 2 * PATIENCE;
    loop {
        if let Ok(stream) = tls_connect(address, name, &["http/1.1"]).await {
            let chain = stream.get_ref().1.peer_certificates().unwrap().to_vec();
            let (head, _) = request(stream, "/healthz").await;
            assert!(head.contains("strict-transport-security"), "{head}");
            return chain;
        }
        assert!(Instant::now() < deadline, "no certificate has come");
        sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_got_for_every_name_kept_and_served_again_after_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let listen = free_port();
    let Some(pebble) = Pebble::start(home.path(), listen) else { return };
    let root = pebble.root().await;
    let acme = Acme {
        domains: NAMES.map(str::to_owned).to_vec(),
        contacts: vec!["mailto:ann@example.org".to_owned()],
        directory: format!("https://localhost:{}/dir", pebble.directory.port()),
        root: Some(home.path().join("root.pem")),
    };
    let state_dir = Some(home.path().join("state"));
    let settings = Config { listen, tls: Tls::Acme(acme), state_dir, ..config() };

    let server = Server::start(&settings).await.unwrap();
    let said = server.introduction();
    assert!(said.contains(&format!("https://meet.example.org:{}/", listen.port())), "{said}");
    let first = shown(listen, NAMES[0]).await;
    let mut roots = RootCertStore::empty();
    roots.add(root).unwrap();
    let provider = Arc::new(default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    for name in NAMES {
        let name = ServerName::try_from(name).unwrap();
        verifier.verify_server_cert(&first[0], &first[1..], &name, &[], UnixTime::now()).unwrap();
    }
    assert!(tls_connect(listen, NAMES[0], &["acme-tls/1"]).await.is_err(), "no proof is left");
    server.stop().await;

    // The authority is not there any more, and not needed.
    drop(pebble);
    let server = Server::start(&settings).await.unwrap();
    assert_eq!(shown(listen, NAMES[0]).await, first);
    server.stop().await;
}
