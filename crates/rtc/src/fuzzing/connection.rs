//! STUN, SRTP and whole connections under arbitrary datagrams.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use dimpl::{Dtls, DtlsCertificate, Output};

use crate::connection::{Connection, Event, Received};
use crate::dtls::{self, Fingerprint, Identity};
use crate::ice::Credentials;
use crate::srtp::{Inbound, Keys, MasterKey, Outbound, Profile};
use crate::stun::{Class, Message, MessageWriter, TransactionId, mapped_address_in, peek_username};
use crate::turn::is_turn;
use crate::{DatagramSink, Path};

/// Any bytes are either refused or are a message that says the same however it is asked; so are
/// any attributes in a message that is otherwise well made.
pub fn stun(data: &[u8]) {
    stun_message(data);
    if let Some(message) =
        check_with(data, MessageWriter::new(Class::Request, TRANSACTION)).finish()
    {
        stun_message(message);
    }
}

fn stun_message(data: &[u8]) {
    let peeked = peek_username(data);
    let transaction = data.get(8..20).and_then(|bytes| bytes.try_into().ok());
    let mapped = transaction.and_then(|id| mapped_address_in(data, TransactionId(id)));
    assert!(peeked.is_none() || !is_turn(data), "a datagram is of ICE or of TURN");
    let Ok(message) = Message::parse(data) else { return };
    if let (Some(mapped), false) = (mapped, message.claims_integrity()) {
        assert_eq!(message.mapped_address(), Some(mapped));
    }
    let named = message.class() == Class::Request && message.is_binding();
    let receiver = message.username().map(|(receiver, _)| receiver);
    if let (true, Some(peeked), Some(receiver)) = (named, peeked, receiver) {
        assert_eq!(peeked.as_bytes(), receiver);
    }
    let known = credentials("client");
    assert!(!message.has_integrity(known.key()), "nobody guesses an HMAC");
}

/// Adds attributes to a message: of each the type, a byte for its length, and its value.
fn check_with(mut data: &[u8], mut message: MessageWriter) -> MessageWriter {
    while let Some((&[t0, t1, len], rest)) = data.split_first_chunk::<3>() {
        let (value, others) = rest.split_at(rest.len().min(len.into()));
        message = message.raw(u16::from_be_bytes([t0, t1]), value);
        data = others;
    }
    message
}

/// Any bytes are refused by every profile, and whoever holds the key is heard afterwards.
pub fn srtp(data: &[u8]) {
    for profile in Profile::ALL {
        let (key, salt) = ([7; 32], [9; 14]);
        let master =
            MasterKey::new(profile, &key[..profile.key_len()], &salt[..profile.salt_len()])
                .expect("the lengths are those of the profile");
        let mut inbound = Inbound::new(&master).expect("valid keys");
        let mut outbound = Outbound::new(&master).expect("valid keys");
        assert!(inbound.open_rtp(&mut data.to_vec()).is_err(), "nobody guesses a tag");
        assert!(inbound.open_rtcp(&mut data.to_vec()).is_err(), "nobody guesses a tag");

        let mut packet = [&[0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1], data, &[0; 20]].concat();
        let len = 12 + data.len();
        let sealed = outbound.seal_rtp(&mut packet, len, 1).expect("a packet with room");
        let received = packet.get_mut(..sealed).expect("it was sealed there");
        assert_eq!(inbound.open_rtp(received), Ok(len));
        assert_eq!(packet.get(12..len), Some(data));
    }
}

/// Any datagrams, at any stage of a connection, are survived; a connected client loses neither its
/// connection nor its path by what others send in its name, and may itself send any checks.
///
/// The bits of the first byte choose the stage and the sender; then each byte is the length of a
/// datagram that follows, or of the attributes of a check.
pub fn connection(data: &[u8]) {
    let Some((&stage, mut rest)) = data.split_first() else { return };
    let mut world = World::new();
    if stage & 1 != 0 {
        world.check();
    }
    let connected = stage & 3 == 3;
    if connected {
        world.connect();
    }
    let path = world.connection.path();
    let port = if stage & 4 == 0 { CLIENT_PORT } else { CLIENT_PORT + 1 };
    let by_client = stage & 8 != 0;
    while let Some((&len, chunks)) = rest.split_first() {
        let (chunk, others) = chunks.split_at(chunks.len().min(len.into()));
        rest = others;
        let received =
            if by_client { world.receive_check(port, chunk) } else { world.receive(port, chunk) };
        assert!(!matches!(received, Received::Rtp { .. } | Received::Rtcp { .. }));
        world.connection.handle_timeout(world.now, &mut world.out);
    }
    assert!(!connected || world.connection.is_connected());
    if connected && !by_client {
        assert_eq!(world.connection.path(), path);
        assert_eq!(std::iter::from_fn(|| world.connection.poll_event()).last(), None);
    }
}

/// Lets the handshake of a connection be over, all of which is taken to have gone along `path`; returns
/// what its client opens and seals packets with. A real one costs more than a whole script of an engine's.
pub fn end_handshake(now: Instant, connection: &mut Connection, path: Path) -> (Inbound, Outbound) {
    let profile = Profile::AeadAes128Gcm;
    let exported = vec![7; 2 * (profile.key_len() + profile.salt_len())];
    let keys = Keys::from_exported(profile, &exported).expect("the length is the profile's");
    let inbound = Inbound::new(&keys.server).expect("valid keys");
    let outbound = Outbound::new(&keys.client).expect("valid keys");
    let event = dtls::Event::Connected(keys);
    connection.follow_handshake(now, event, Some(path), &mut Sent::default());
    (inbound, outbound)
}

const TRANSACTION: TransactionId = TransactionId([1; 12]);

const CLIENT_PORT: u16 = 5000;

/// One connection and the little that is needed of its client.
struct World {
    now: Instant,
    connection: Connection,
    dtls: Dtls,
    out: Sent,
}

#[derive(Default)]
struct Sent(Vec<Vec<u8>>);

impl DatagramSink for Sent {
    fn send(&mut self, _path: Path, datagram: &[u8]) {
        self.0.push(datagram.to_vec());
    }
}

/// What is too dear to make for every input.
struct Shared {
    identity: Arc<Identity>,
    config: Arc<dimpl::Config>,
    certificate: DtlsCertificate,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| Shared {
        identity: Arc::new(Identity::generate().expect("working cryptography")),
        config: Arc::new(dimpl::Config::default()),
        certificate: dimpl::certificate::generate_self_signed_certificate()
            .expect("working cryptography"),
    })
}

fn credentials(name: &str) -> Credentials {
    Credentials::new(name, "password-password-password").expect("valid credentials")
}

impl World {
    fn new() -> World {
        #[expect(clippy::disallowed_methods, reason = "an Instant can be had in no other way")]
        let now = Instant::now();
        let Shared { identity, config, certificate } = shared();
        let mut dtls = Dtls::new_auto(config.clone(), certificate.clone(), now);
        dtls.set_active(true);
        let fingerprint = Fingerprint::of(&certificate.certificate);
        let (local, remote) = (credentials("server"), credentials("client"));
        let connection = Connection::new(now, identity.clone(), local, remote, fingerprint);
        World { now, connection, dtls, out: Sent::default() }
    }

    fn receive(&mut self, port: u16, datagram: &[u8]) -> Received {
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let path = Path::udp(SocketAddr::new(local, port), local);
        self.connection.handle_datagram(self.now, path, &mut datagram.to_vec(), &mut self.out)
    }

    /// Validates and nominates the client's path.
    fn check(&mut self) {
        let mut check = MessageWriter::new(Class::Request, TRANSACTION)
            .username("server", "client")
            .priority(1)
            .controlling(1)
            .use_candidate()
            .integrity(credentials("server").key());
        let check = check.finish().expect("it fits").to_vec();
        assert_eq!(self.receive(CLIENT_PORT, &check), Received::Handled);
        self.out.0.clear();
    }

    /// A check that is authentic, whatever else it is.
    fn receive_check(&mut self, port: u16, attributes: &[u8]) -> Received {
        let check = MessageWriter::new(Class::Request, TRANSACTION).username("server", "client");
        let mut check = check_with(attributes, check).integrity(credentials("server").key());
        match check.finish().map(<[u8]>::to_vec) {
            Some(check) => self.receive(port, &check),
            None => Received::Handled,
        }
    }

    fn connect(&mut self) {
        let mut buffer = [0; 2048];
        self.dtls.handle_timeout(self.now).expect("the client is well");
        while !self.connection.is_connected() {
            while let Output::Packet(datagram) = self.dtls.poll_output(&mut buffer) {
                let datagram = datagram.to_vec();
                self.receive(CLIENT_PORT, &datagram);
            }
            for datagram in std::mem::take(&mut self.out.0) {
                self.dtls.handle_packet(&datagram).expect("the server is well");
            }
        }
        while let Some(event) = self.connection.poll_event() {
            assert!(!matches!(event, Event::Closed(_)));
        }
    }
}
