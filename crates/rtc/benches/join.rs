//! What a join costs the server in ICE and DTLS, and what a connected client occupies:
//! `cargo bench -p parlor-rtc --bench join`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Dtls, DtlsCertificate, Output};
use parlor_rtc::connection::Connection;
use parlor_rtc::dtls::{Fingerprint, Identity};
use parlor_rtc::ice::Credentials;
use parlor_rtc::stun::{Class, MessageWriter, TransactionId};
use parlor_rtc::{DatagramSink, Path};

const JOINS: usize = 500;

#[derive(Default)]
struct Sent(Vec<Vec<u8>>);

impl DatagramSink for Sent {
    fn send(&mut self, _path: Path, datagram: &[u8]) {
        self.0.push(datagram.to_vec());
    }
}

/// Everything of the clients, made before the clock runs.
struct Clients {
    config: Arc<dimpl::Config>,
    certificate: DtlsCertificate,
    path: Path,
    check: Vec<u8>,
}

fn main() {
    let identity = Arc::new(Identity::generate().unwrap());
    let credentials = |name| Credentials::new(name, "password-password-password").unwrap();
    let mut check = MessageWriter::new(Class::Request, TransactionId([1; 12]))
        .username("server", "client")
        .priority(1)
        .controlling(1)
        .use_candidate()
        .integrity(credentials("server").key());
    let clients = Clients {
        config: Arc::new(dimpl::Config::default()),
        certificate: dimpl::certificate::generate_self_signed_certificate().unwrap(),
        path: Path::udp("10.0.0.1:5000".parse().unwrap(), "192.0.2.1".parse().unwrap()),
        check: check.finish().unwrap().to_vec(),
    };
    let fingerprint = Fingerprint::of(&clients.certificate.certificate);
    for (name, version) in [("DTLS 1.2", 12), ("DTLS 1.3", 13)] {
        let mut connections = Vec::with_capacity(JOINS);
        let before = resident();
        let mut spent = Vec::with_capacity(JOINS);
        for _ in 0..JOINS {
            let (server, client) = (credentials("server"), credentials("client"));
            let now = Instant::now();
            let connection = Connection::new(now, identity.clone(), server, client, fingerprint);
            let (connection, cost) = join(&clients, version, connection);
            connections.push(connection);
            spent.push(cost);
        }
        spent.sort();
        let bytes = resident().saturating_sub(before) / JOINS;
        println!(
            "{name}: {:>4} us of the server's CPU per join (median), {} KiB per connected client",
            spent[JOINS / 2].as_micros(),
            bytes / 1024
        );
        assert!(connections.iter().all(Connection::is_connected));
    }
}

/// One whole handshake; counts only what the server does.
fn join(clients: &Clients, version: u8, mut server: Connection) -> (Connection, Duration) {
    let now = Instant::now();
    let (config, certificate) = (clients.config.clone(), clients.certificate.clone());
    let mut client = match version {
        12 => Dtls::new_12(config, certificate, now),
        _ => Dtls::new_13(config, certificate, now),
    };
    client.set_active(true);
    client.handle_timeout(now).unwrap();
    let mut spent = Duration::ZERO;
    let mut out = Sent::default();
    let mut serve = |datagram: &[u8], out: &mut Sent, server: &mut Connection| {
        let mut datagram = datagram.to_vec();
        let begun = Instant::now();
        server.handle_datagram(now, clients.path, &mut datagram, out);
        spent += begun.elapsed();
    };
    serve(&clients.check, &mut out, &mut server);
    out.0.clear();
    let mut buffer = [0; 2048];
    while !server.is_connected() {
        loop {
            match client.poll_output(&mut buffer) {
                Output::Packet(datagram) => serve(datagram, &mut out, &mut server),
                Output::Timeout(_) => break,
                _ => {}
            }
        }
        for datagram in std::mem::take(&mut out.0) {
            client.handle_packet(&datagram).unwrap();
        }
    }
    while server.poll_event().is_some() {}
    (server, spent)
}

/// Bytes of memory that the process occupies.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}
