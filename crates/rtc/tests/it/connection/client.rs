//! A full ICE agent and DTLS client, driven by hand, to talk to a `Connection`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Dtls, DtlsCertificate, Output};
use parlor_rtc::connection::{Connection, Event, Received};
use parlor_rtc::dtls::{Fingerprint, Identity, Role};
use parlor_rtc::ice::Credentials;
use parlor_rtc::srtp::{Inbound, Keys, Outbound, Profile};
use parlor_rtc::stun::{Class, Message, MessageWriter, TransactionId};
use parlor_rtc::{DatagramSink, Path};

/// What the server sent, in order.
#[derive(Default)]
pub(crate) struct Sent(pub(crate) Vec<(Path, Vec<u8>)>);

impl DatagramSink for Sent {
    fn send(&mut self, path: Path, datagram: &[u8]) {
        self.0.push((path, datagram.to_vec()));
    }
}

/// The instant from which a test counts.
pub(crate) fn start() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "an Instant can be had in no other way")]
    Instant::now()
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The path of a client at `remote`, as `"10.0.0.1:5000"`.
pub(crate) fn path(remote: &str) -> Path {
    let remote: SocketAddr = remote.parse().unwrap();
    let local: IpAddr = match remote {
        SocketAddr::V4(_) => "192.0.2.1".parse().unwrap(),
        SocketAddr::V6(_) => "2001:db8::1".parse().unwrap(),
    };
    Path::udp(remote, local)
}

pub(crate) fn credentials(name: &str) -> Credentials {
    Credentials::new(name, &format!("password-of-{name}-0123456789")).unwrap()
}

/// Which DTLS a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Dtls12,
    Dtls13,
    Both,
}

/// Both ends, and the network between them.
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) server: Connection,
    pub(crate) local: Credentials,
    pub(crate) remote: Credentials,
    pub(crate) dtls: Dtls,
    pub(crate) path: Path,
    pub(crate) out: Sent,
    pub(crate) keys: Option<Keys>,
    pub(crate) closed_by_server: bool,
    role: Role,
    transactions: u8,
}

/// How a world differs from the usual one.
pub(crate) struct Setup {
    pub(crate) version: Version,
    /// Whether the server was told another fingerprint than the client has.
    pub(crate) wrong_fingerprint: bool,
    /// The server's role in DTLS; the client has the other one.
    pub(crate) role: Role,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup { version: Version::Both, wrong_fingerprint: false, role: Role::Server }
    }
}

impl World {
    pub(crate) fn new(setup: &Setup) -> World {
        let now = start();
        let config = Arc::new(dimpl::Config::builder().build().unwrap());
        let certificate: DtlsCertificate =
            dimpl::certificate::generate_self_signed_certificate().unwrap();
        let fingerprint = match setup.wrong_fingerprint {
            true => Fingerprint::of(b"another certificate"),
            false => Fingerprint::of(&certificate.certificate),
        };
        let mut dtls = match setup.version {
            Version::Dtls12 => Dtls::new_12(config, certificate, now),
            Version::Dtls13 => Dtls::new_13(config, certificate, now),
            Version::Both => Dtls::new_auto(config, certificate, now),
        };
        if setup.role == Role::Server {
            dtls.set_active(true);
        }
        dtls.handle_timeout(now).unwrap();
        let identity = Arc::new(Identity::generate().unwrap());
        let (local, remote) = (credentials("srv1"), credentials("cli1"));
        World {
            now,
            server: Connection::new(now, identity, local.clone(), remote.clone(), fingerprint)
                .with_role(setup.role),
            local,
            remote,
            dtls,
            path: path("10.0.0.1:5000"),
            out: Sent::default(),
            keys: None,
            closed_by_server: false,
            role: setup.role,
            transactions: 0,
        }
    }

    /// A world whose handshake is done.
    pub(crate) fn connected(setup: &Setup) -> World {
        let mut world = World::new(setup);
        world.nominate();
        world.handshake();
        assert!(world.events().contains(&Event::Connected));
        world
    }

    pub(crate) fn receive(&mut self, path: Path, datagram: &[u8]) -> Received {
        self.server.handle_datagram(self.now, path, &mut datagram.to_vec(), &mut self.out)
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.server.poll_event()).collect()
    }

    /// A check as the client's agent would send it, up to its message integrity.
    pub(crate) fn check(&mut self) -> MessageWriter {
        self.transactions += 1;
        MessageWriter::new(Class::Request, TransactionId([self.transactions; 12]))
            .username(self.local.ufrag(), self.remote.ufrag())
    }

    pub(crate) fn finish(&self, check: MessageWriter) -> Vec<u8> {
        check.integrity(self.local.key()).finish().unwrap().to_vec()
    }

    pub(crate) fn check_along(&mut self, path: Path, priority: u32, nominate: bool) -> Received {
        let mut check = self.check().priority(priority).controlling(7);
        if nominate {
            check = check.use_candidate();
        }
        let check = self.finish(check);
        self.receive(path, &check)
    }

    /// Validates and nominates the client's own path.
    pub(crate) fn nominate(&mut self) {
        assert_eq!(self.check_along(self.path, 1000, true), Received::Handled);
    }

    /// The answer that the server sent last, which must be STUN.
    pub(crate) fn answer(&mut self) -> (Path, Vec<u8>) {
        let (path, bytes) = self.out.0.pop().unwrap();
        Message::parse(&bytes).unwrap();
        (path, bytes)
    }

    /// What the client's DTLS wants to send now.
    pub(crate) fn client_datagrams(&mut self) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        let mut buffer = vec![0; 4096];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(datagram) => datagrams.push(datagram.to_vec()),
                Output::KeyingMaterial(exported, profile) => {
                    let profile = match profile {
                        dimpl::SrtpProfile::AEAD_AES_256_GCM => Profile::AeadAes256Gcm,
                        dimpl::SrtpProfile::AEAD_AES_128_GCM => Profile::AeadAes128Gcm,
                        _ => Profile::AesCm128HmacSha1_80,
                    };
                    self.keys = Keys::from_exported(profile, &exported);
                }
                Output::CloseNotify => self.closed_by_server = true,
                Output::Timeout(_) => return datagrams,
                _ => {}
            }
        }
    }

    /// Carries DTLS to and fro until both have nothing more to say.
    pub(crate) fn handshake(&mut self) {
        for _ in 0..20 {
            let datagrams = self.client_datagrams();
            for datagram in &datagrams {
                assert_eq!(self.receive(self.path, datagram), Received::Handled);
            }
            if !self.deliver() && datagrams.is_empty() {
                return;
            }
        }
        panic!("the handshake does not end");
    }

    /// Gives the client's DTLS what the server sent; says whether there was anything.
    pub(crate) fn deliver(&mut self) -> bool {
        let sent: Vec<_> = self.out.0.drain(..).filter(|(_, bytes)| is_dtls(bytes)).collect();
        for (_, datagram) in &sent {
            self.dtls.handle_timeout(self.now).unwrap();
            // What a server that broke off still sent is of no interest.
            let _ = self.dtls.handle_packet(datagram);
        }
        !sent.is_empty()
    }

    /// The client's own SRTP.
    pub(crate) fn client_srtp(&self) -> (Outbound, Inbound) {
        let keys = self.keys.as_ref().unwrap();
        let (own, other) = match self.role {
            Role::Server => (&keys.client, &keys.server),
            Role::Client => (&keys.server, &keys.client),
        };
        (Outbound::new(own).unwrap(), Inbound::new(other).unwrap())
    }
}

pub(crate) fn is_dtls(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(20..=63))
}

/// An RTP packet with `payload`, with room for sealing behind its first `len` bytes.
pub(crate) fn rtp(ssrc: u32, sequence: u16, payload: &[u8]) -> (Vec<u8>, usize) {
    let mut packet = vec![0x80, 96];
    packet.extend(sequence.to_be_bytes());
    packet.extend(1234u32.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    let len = packet.len();
    packet.resize(len + 20, 0);
    (packet, len)
}

/// An RTCP receiver report without blocks, likewise.
pub(crate) fn rtcp(ssrc: u32) -> (Vec<u8>, usize) {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0; 20]);
    (packet, 8)
}
