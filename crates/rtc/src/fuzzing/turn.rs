//! A TURN server under any sequence of messages, of strangers and of people with credentials.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use md5::{Digest as _, Md5};

use crate::path::{AllocationId, DestinationId, RelayedPath, StreamId, StreamPath, UdpPath};
use crate::stun::attributes::{Attributes, xor_address};
use crate::stun::{Class, MAGIC_COOKIE, MessageWriter, Method, TransactionId, attribute};
use crate::turn::{
    Client, Config, Destinations, Handled, Limits, Login, Outlet, Secret, Server, Time,
};

/// Any sequence of messages is survived; nothing is ever relayed to anything but a destination, tables stay
/// bounded and agree with each other, and nobody is sent an answer who did not ask.
///
/// Each operation is a byte that chooses what and who, and bytes that it takes.
pub fn turn(data: &[u8]) {
    let mut world = World::new();
    let mut script = Script { rest: data };
    while let Some(operation) = script.byte() {
        // Mostly the first two, so that one thing leads to another.
        let who = usize::from((operation >> 4).checked_sub(8).unwrap_or(operation >> 4 & 1));
        match operation & 0xF {
            0..=5 => {
                let request = world.request(who, operation & 7, &mut script);
                world.deliver(who, &request);
            }
            6 | 7 => {
                let peer = script.peer();
                let datagram = script.chunk();
                world.send(who, peer, datagram);
            }
            8 | 9 => {
                let number = u16::from_be_bytes(script.channel());
                let datagram = script.chunk();
                let len = (datagram.len() as u16).to_be_bytes();
                let message = [&number.to_be_bytes()[..], &len, datagram].concat();
                world.deliver(who, &message);
            }
            10 => {
                let message = script.chunk();
                world.deliver(who, message);
                world.deliver(who, &with_header(message));
            }
            11 => world.wrap(&mut script),
            12 if script.byte() > Some(200) => world.server.drop_client(client(who)),
            12 | 13 => world.server.handle_timeout(world.time.now),
            14 => world.pass(u64::from(script.byte().unwrap_or(0) / 16)),
            _ => world.pass(u64::from(script.byte().unwrap_or(0).saturating_sub(200)) * 32),
        }
        world.server.assert_consistent();
    }
}

/// How many people there are: half of them over streams, some with the same name.
const PEOPLE: usize = 8;

/// When the world begins, in seconds since 1970.
const UNIX: u64 = 1_800_000_000;

/// Addresses that people may mean: those of the server first.
const ADDRESSES: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 5)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 5)),
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0xcb00, 0x7105)),
];

/// The destinations: two ports of one address, one of another, and a private one.
fn destinations() -> [SocketAddr; 4] {
    [(0, 4000), (0, 4001), (1, 4000), (2, 4000)]
        .map(|(ip, port)| SocketAddr::new(ADDRESSES[ip], port))
}

fn client(who: usize) -> Client {
    let remote = SocketAddr::new(ADDRESSES[2 + who % 3], 50_000 + who as u16);
    if who.is_multiple_of(2) {
        Client::Udp(UdpPath { remote, local: ADDRESSES[0] })
    } else {
        Client::Stream(StreamPath { id: StreamId(who as u64), remote })
    }
}

fn secret() -> Secret {
    Secret::new(b"a secret of twenty b")
}

/// What a script still says.
struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// Some bytes, their number first: mostly few.
    fn chunk(&mut self) -> &'a [u8] {
        let len = match usize::from(self.byte().unwrap_or(0)) {
            few @ ..240 => few % 16,
            many => (many - 239) * 32,
        };
        let (chunk, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        chunk
    }

    /// The number of a channel: mostly one of two.
    fn channel(&mut self) -> [u8; 2] {
        let choice = self.byte().unwrap_or(0);
        [
            if choice >> 3 == 31 { 0x3F } else { 0x40 },
            if choice < 200 { choice & 1 } else { choice },
        ]
    }

    fn peer(&mut self) -> SocketAddr {
        let choice = self.byte().unwrap_or(0);
        let ip = ADDRESSES[usize::from(choice & 0xF) % ADDRESSES.len()];
        SocketAddr::new(ip, 4000 + u16::from(choice >> 4) % 3)
    }
}

struct World {
    server: Server,
    time: Time,
    logins: Vec<Login>,
    nonces: [Option<Vec<u8>>; PEOPLE],
    paths: Vec<RelayedPath>,
    transactions: u8,
}

impl World {
    #[allow(clippy::disallowed_methods, reason = "the world has to begin some time")]
    fn new() -> World {
        let config = Config {
            thread: 1,
            threads: 2,
            realm: "parlor".into(),
            secret: secret(),
            destinations: Destinations::new(destinations()).expect("they are few"),
            limits: Limits { per_peer: 2, per_address: 3, in_all: 5 },
        };
        let names = ["ada", "ada", "ada", "bob", "bob", "cyd", "dan", "eve"];
        World {
            server: Server::new(config),
            time: Time { now: Instant::now(), unix_seconds: UNIX },
            logins: names.map(|name| secret().issue(UNIX + 3000, name)).to_vec(),
            nonces: Default::default(),
            paths: Vec::new(),
            transactions: 0,
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.time.now += Duration::from_secs(seconds);
        self.time.unix_seconds += seconds;
    }

    fn key(&self, who: usize) -> hmac::Key {
        let Login { username, password } = &self.logins[who];
        let hash = Md5::digest(format!("{username}:parlor:{password}"));
        hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &hash)
    }

    /// A request with likely attributes, signed if its sender has a nonce.
    fn request(&mut self, who: usize, method: u8, script: &mut Script<'_>) -> Vec<u8> {
        let method = match method {
            0 | 1 => Method::Allocate,
            2 => Method::Refresh,
            3 => Method::CreatePermission,
            4 => Method::ChannelBind,
            _ => Method::Binding,
        };
        let choice = script.byte().unwrap_or(0);
        self.transactions = self.transactions.wrapping_add(choice & 1);
        let transaction = TransactionId([self.transactions; 12]);
        let mut writer = MessageWriter::of_method(method, Class::Request, transaction);
        let attributes = usize::from(choice >> 1 & 7).saturating_sub(4);
        match method {
            Method::Allocate => {
                writer = writer.raw(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
            }
            Method::CreatePermission | Method::ChannelBind => {
                writer = writer.xor_address(attribute::XOR_PEER_ADDRESS, script.peer());
                let [high, low] = script.channel();
                writer = writer.raw(attribute::CHANNEL_NUMBER, &[high, low, 0, 0]);
            }
            _ => {}
        }
        for _ in 0..attributes {
            writer = add(writer, script);
        }
        if let Some(nonce) = &self.nonces[who] {
            // Sometimes in the name of another.
            let name = if choice >> 4 == 2 { (who + 3) % PEOPLE } else { who };
            writer = writer
                .raw(attribute::USERNAME, self.logins[name].username.as_bytes())
                .raw(attribute::REALM, b"parlor")
                .raw(attribute::NONCE, nonce)
                .integrity(&self.key(name));
        }
        let bytes =
            if choice & 16 == 0 { writer.finish() } else { writer.finish_without_fingerprint() };
        bytes.unwrap_or_default().to_vec()
    }

    fn deliver(&mut self, who: usize, message: &[u8]) -> Handled {
        let mut out = Answers { client: client(who), messages: Vec::new() };
        let handled = self.server.handle(self.time, client(who), message, &mut out);
        let asked = !matches!(handled, Handled::Relay { .. } | Handled::Dropped(_));
        assert_eq!(out.messages.len(), usize::from(asked));
        if let Handled::Relay { path, datagram } = &handled {
            assert!(message.get(datagram.clone()).is_some());
            self.assert_ours(*path);
            self.paths.push(*path);
        }
        if let Some(nonce) = out.messages.first().and_then(|answer| nonce_in(answer)) {
            assert!(out.messages[0].len() <= 4 * message.len(), "an amplifier");
            self.nonces[who] = Some(nonce);
        }
        handled
    }

    fn assert_ours(&self, path: RelayedPath) {
        let destination = self.server.destinations().address(path.destination);
        assert!(destination.is_some_and(|address| destinations().contains(&address)));
        assert!(destinations().iter().any(|ours| ours.ip() == path.relayed.ip()));
        assert!(path.relayed.port() >= 49_152);
    }

    /// What is sent to `peer` arrives there or nowhere.
    fn send(&mut self, who: usize, peer: SocketAddr, datagram: &[u8]) {
        let mut writer =
            MessageWriter::of_method(Method::Send, Class::Indication, TransactionId([9; 12]))
                .xor_address(attribute::XOR_PEER_ADDRESS, peer)
                .raw(attribute::DATA, datagram);
        let message = writer.finish().unwrap_or_default().to_vec();
        if let Handled::Relay { path, datagram: place } = self.deliver(who, &message) {
            let normal = SocketAddr::new(peer.ip().to_canonical(), peer.port());
            assert_eq!(self.server.destinations().address(path.destination), Some(normal));
            assert_eq!(message.get(place), Some(datagram));
        }
    }

    /// A datagram along a path that was seen before, or one that was made up.
    fn wrap(&mut self, script: &mut Script<'_>) {
        let choice = script.byte().unwrap_or(0);
        let len = 3 * usize::from(script.byte().unwrap_or(0));
        let known = self.paths.get(usize::from(choice) % self.paths.len().max(1)).copied();
        let path = known.filter(|_| choice < 200).unwrap_or(RelayedPath {
            allocation: AllocationId { thread: 1, number: 1 << 32 | u64::from(choice & 7) },
            relayed: SocketAddr::new(ADDRESSES[0], 57_344),
            destination: DestinationId(choice & 7),
        });
        let Some(wrapping) = self.server.wrap(self.time.now, path, len) else { return };
        self.assert_ours(path);
        let stream = matches!(wrapping.client, Client::Stream(_));
        assert!((0..PEOPLE).any(|who| client(who) == wrapping.client));
        let whole = [&wrapping.header[..], &vec![0; len + wrapping.padding]].concat();
        assert!(!stream || whole.len().is_multiple_of(4));
        let frame = crate::turn::framing::next_frame(&whole);
        assert!(!stream || frame.is_ok_and(|frame| frame.is_some_and(|it| it.len == whole.len())));
        // A Data indication says which of our addresses it is from.
        if let Some(peer) = wrapping.header.get(24..wrapping.header.len() - 4) {
            let transaction = wrapping.header[8..20].try_into().map(TransactionId);
            let from = transaction.ok().and_then(|id| xor_address(peer, &id));
            assert_eq!(from, self.server.destinations().address(path.destination));
        }
    }
}

/// Any bytes as the attributes of a message.
fn with_header(attributes: &[u8]) -> Vec<u8> {
    let kind = attributes.first().map_or(0, |byte| u16::from(byte & 0xF));
    let attributes = &attributes[..attributes.len() & !3];
    let len = (attributes.len() as u16).to_be_bytes();
    [&kind.to_be_bytes()[..], &len, &MAGIC_COOKIE.to_be_bytes(), &[9; 12], attributes].concat()
}

/// One attribute that may matter, or any.
fn add(writer: MessageWriter, script: &mut Script<'_>) -> MessageWriter {
    let value = [script.byte().unwrap_or(0), 0, 0, 0];
    let long = u32::from(value[0]) * 16;
    match script.byte().unwrap_or(0) % 9 {
        0 => writer.raw(attribute::LIFETIME, &long.to_be_bytes()),
        1 => writer.raw(attribute::REQUESTED_ADDRESS_FAMILY, &value),
        2 => writer.raw(attribute::ADDITIONAL_ADDRESS_FAMILY, &value),
        3 => writer.raw(attribute::EVEN_PORT, &value[..1]),
        4 => writer.raw(attribute::RESERVATION_TOKEN, &[0xC0, value[0], 1, 0, 0, 0, 0, 0]),
        5 => writer.raw(attribute::LIFETIME, &[0; 4]),
        6 => writer.xor_address(attribute::XOR_PEER_ADDRESS, script.peer()),
        7 => writer.raw(attribute::DONT_FRAGMENT, &[]),
        _ => {
            let kind = u16::from_be_bytes([value[0], script.byte().unwrap_or(0)]);
            writer.raw(kind, script.chunk())
        }
    }
}

fn nonce_in(answer: &[u8]) -> Option<Vec<u8>> {
    let mut attributes = Attributes::of(answer).map_while(Result::ok);
    attributes.find(|one| one.kind == attribute::NONCE).map(|one| one.value.to_vec())
}

/// Answers, all of which go to who asked.
struct Answers {
    client: Client,
    messages: Vec<Vec<u8>>,
}

impl Outlet for Answers {
    fn send(&mut self, client: Client, message: &[u8]) {
        assert_eq!(client, self.client);
        self.messages.push(message.to_vec());
    }
}
