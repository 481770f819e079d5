//! A server, clients of it, and the time they live in.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use md5::{Digest as _, Md5};
use parlor_rtc::path::{RelayedPath, StreamId, StreamPath, UdpPath};
use parlor_rtc::stun::{Class, MessageWriter, Method, TransactionId, attribute};
pub(super) use parlor_rtc::turn::Config;
use parlor_rtc::turn::{
    Client, Destinations, Handled, Limits, Login, Outlet, Secret, Server, Time,
};

/// When the world begins, in seconds since 1970.
const UNIX: u64 = 1_800_000_000;

pub(super) const REALM: &str = "parlor";

pub(super) const MEDIA_V4: &str = "203.0.113.5:4000";
pub(super) const MEDIA_V6: &str = "[2001:db8::5]:4000";

pub(super) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(super) fn destinations(addresses: &[&str]) -> Destinations {
    Destinations::new(addresses.iter().map(|text| address(text))).unwrap()
}

pub(super) fn secret() -> Secret {
    Secret::new(b"0123456789abcdef0123")
}

pub(super) fn config() -> Config {
    Config {
        thread: 2,
        threads: 4,
        realm: REALM.into(),
        secret: secret(),
        destinations: destinations(&[MEDIA_V4, MEDIA_V6]),
        limits: Limits::default(),
    }
}

#[derive(Default)]
struct Sent(Vec<(Client, Vec<u8>)>);

impl Outlet for Sent {
    fn send(&mut self, client: Client, message: &[u8]) {
        self.0.push((client, message.to_vec()));
    }
}

pub(super) struct World {
    pub(super) server: Server,
    pub(super) time: Time,
}

impl World {
    #[allow(clippy::disallowed_methods, reason = "the world has to begin some time")]
    pub(super) fn new(config: Config) -> World {
        let time = Time { now: Instant::now(), unix_seconds: UNIX };
        World { server: Server::new(config), time }
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        self.time.now += Duration::from_secs(seconds);
        self.time.unix_seconds += seconds;
    }

    /// One message, and what it is answered with.
    pub(super) fn deliver(&mut self, client: Client, message: &[u8]) -> (Handled, Option<Answer>) {
        let mut sent = Sent::default();
        let handled = self.server.handle(self.time, client, message, &mut sent);
        assert!(sent.0.len() <= 1 && sent.0.iter().all(|(to, _)| *to == client));
        (handled, sent.0.pop().map(|(_, bytes)| Answer { bytes }))
    }

    /// The path and the content of a message that is relayed.
    pub(super) fn relay<'a>(
        &mut self,
        client: Client,
        message: &'a [u8],
    ) -> Option<(RelayedPath, &'a [u8])> {
        match self.deliver(client, message) {
            (Handled::Relay { path, datagram }, None) => Some((path, &message[datagram])),
            (Handled::Dropped(_), None) => None,
            other => panic!("{other:?}"),
        }
    }

    /// What a client gets of a datagram that the engine sends.
    pub(super) fn wrap(&mut self, path: RelayedPath, datagram: &[u8]) -> Option<(Client, Vec<u8>)> {
        let wrapping = self.server.wrap(self.time.now, path, datagram.len())?;
        let message = [&wrapping.header[..], datagram, &vec![0; wrapping.padding]].concat();
        Some((wrapping.client, message))
    }

    /// Asks as a client does: first without credentials, if it has no nonce, and again if that is stale.
    pub(super) fn ask(
        &mut self,
        phone: &mut Phone,
        method: Method,
        attributes: &[Add<'_>],
    ) -> Answer {
        for _ in 0..3 {
            let request = phone.request(method, attributes);
            let (_, answer) = self.deliver(phone.client, &request);
            let answer = answer.expect("requests are answered");
            assert_eq!(answer.transaction(), phone.transaction());
            match answer.error() {
                Some(401) if phone.nonce.is_none() => phone.nonce = answer.get(attribute::NONCE),
                Some(438) => phone.nonce = answer.get(attribute::NONCE),
                _ => {
                    let signed = answer.get(attribute::MESSAGE_INTEGRITY).is_some();
                    assert_eq!(signed, answer.error() != Some(401));
                    assert!(!signed || answer.is_signed_with(&phone.key()));
                    return answer;
                }
            }
        }
        panic!("no end of challenges")
    }

    pub(super) fn allocate(&mut self, phone: &mut Phone) -> SocketAddr {
        let answer = self.ask(phone, Method::Allocate, &[UDP]);
        assert_eq!(answer.error(), None);
        answer.address(attribute::XOR_RELAYED_ADDRESS).unwrap()
    }

    /// The error of asking for a permission for these addresses.
    pub(super) fn permit(&mut self, phone: &mut Phone, peers: &[SocketAddr]) -> Option<u16> {
        let attributes: Vec<Add<'_>> = peers.iter().map(|peer| Add::Peer(*peer)).collect();
        self.ask(phone, Method::CreatePermission, &attributes).error()
    }

    /// The error of binding a channel.
    pub(super) fn bind(&mut self, phone: &mut Phone, number: u16, peer: SocketAddr) -> Option<u16> {
        let number = [number.to_be_bytes(), [0; 2]].concat();
        let attributes = [Add::Raw(attribute::CHANNEL_NUMBER, &number), Add::Peer(peer)];
        self.ask(phone, Method::ChannelBind, &attributes).error()
    }

    /// The answer to a request for so many seconds more.
    pub(super) fn refresh(&mut self, phone: &mut Phone, seconds: u32) -> Answer {
        let lifetime = seconds.to_be_bytes();
        self.ask(phone, Method::Refresh, &[Add::Raw(attribute::LIFETIME, &lifetime)])
    }
}

/// REQUESTED-TRANSPORT: UDP.
pub(super) const UDP: Add<'static> = Add::Raw(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);

/// One attribute of a request.
#[derive(Clone, Copy)]
pub(super) enum Add<'a> {
    Raw(u16, &'a [u8]),
    Peer(SocketAddr),
}

/// One TURN client.
#[derive(Clone)]
pub(super) struct Phone {
    pub(super) client: Client,
    pub(super) login: Login,
    pub(super) nonce: Option<Vec<u8>>,
    pub(super) fingerprint: bool,
    next: u32,
}

impl Phone {
    pub(super) fn udp(remote: &str) -> Phone {
        let local: IpAddr = "203.0.113.5".parse().unwrap();
        Phone::of(Client::Udp(UdpPath { remote: address(remote), local }))
    }

    pub(super) fn stream(remote: &str) -> Phone {
        let remote = address(remote);
        let id = StreamId(u64::from(remote.port()));
        Phone::of(Client::Stream(StreamPath { id, remote }))
    }

    fn of(client: Client) -> Phone {
        let login = secret().issue(UNIX + 7200, "ada");
        Phone { client, login, nonce: None, fingerprint: false, next: 0 }
    }

    pub(super) fn named(mut self, peer: &str) -> Phone {
        self.login = secret().issue(UNIX + 7200, peer);
        self
    }

    pub(super) fn transaction(&self) -> TransactionId {
        let mut id = [7; 12];
        id[..4].copy_from_slice(&self.next.to_be_bytes());
        TransactionId(id)
    }

    /// RFC 8489 section 9.2.2.
    pub(super) fn key(&self) -> hmac::Key {
        let Login { username, password } = &self.login;
        let text = format!("{username}:{REALM}:{password}");
        hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &Md5::digest(text.as_bytes()))
    }

    /// The next request, with credentials if there is a nonce.
    pub(super) fn request(&mut self, method: Method, attributes: &[Add<'_>]) -> Vec<u8> {
        self.next += 1;
        self.request_again(method, attributes)
    }

    /// The last request again.
    pub(super) fn request_again(&self, method: Method, attributes: &[Add<'_>]) -> Vec<u8> {
        let mut writer = MessageWriter::of_method(method, Class::Request, self.transaction());
        for attribute in attributes {
            writer = match *attribute {
                Add::Raw(kind, value) => writer.raw(kind, value),
                Add::Peer(peer) => writer.xor_address(attribute::XOR_PEER_ADDRESS, peer),
            };
        }
        if let Some(nonce) = &self.nonce {
            writer = writer
                .raw(attribute::USERNAME, self.login.username.as_bytes())
                .raw(attribute::REALM, REALM.as_bytes())
                .raw(attribute::NONCE, nonce)
                .integrity(&self.key());
        }
        let bytes =
            if self.fingerprint { writer.finish() } else { writer.finish_without_fingerprint() };
        bytes.unwrap().to_vec()
    }

    /// A Send indication.
    pub(super) fn send(&self, peer: SocketAddr, datagram: &[u8]) -> Vec<u8> {
        MessageWriter::of_method(Method::Send, Class::Indication, self.transaction())
            .xor_address(attribute::XOR_PEER_ADDRESS, peer)
            .raw(attribute::DATA, datagram)
            .finish_without_fingerprint()
            .unwrap()
            .to_vec()
    }
}

/// A ChannelData message.
pub(super) fn channel_data(number: u16, datagram: &[u8]) -> Vec<u8> {
    let len = (datagram.len() as u16).to_be_bytes();
    [&number.to_be_bytes()[..], &len, datagram].concat()
}

/// A message of the server, read without its help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
}

impl Answer {
    pub(super) fn message_type(&self) -> u16 {
        u16::from_be_bytes([self.bytes[0], self.bytes[1]])
    }

    pub(super) fn transaction(&self) -> TransactionId {
        TransactionId(self.bytes[8..20].try_into().unwrap())
    }

    /// All attributes: where each starts, its type and its value.
    pub(super) fn attributes(&self) -> Vec<(usize, u16, Vec<u8>)> {
        assert_eq!(self.bytes.len(), 20 + usize::from(self.u16_at(2)));
        let (mut at, mut found) = (20, Vec::new());
        while at < self.bytes.len() {
            let len = usize::from(self.u16_at(at + 2));
            found.push((at, self.u16_at(at), self.bytes[at + 4..at + 4 + len].to_vec()));
            at += 4 + len.next_multiple_of(4);
        }
        found
    }

    pub(super) fn get(&self, kind: u16) -> Option<Vec<u8>> {
        self.attributes().into_iter().find(|(_, it, _)| *it == kind).map(|(_, _, value)| value)
    }

    pub(super) fn error(&self) -> Option<u16> {
        self.get(attribute::ERROR_CODE).map(|value| u16::from(value[2]) * 100 + u16::from(value[3]))
    }

    pub(super) fn lifetime(&self) -> Option<u32> {
        self.get(attribute::LIFETIME).map(|value| u32::from_be_bytes(value.try_into().unwrap()))
    }

    pub(super) fn address(&self, kind: u16) -> Option<SocketAddr> {
        self.addresses(kind).first().copied()
    }

    pub(super) fn addresses(&self, kind: u16) -> Vec<SocketAddr> {
        let values = self.attributes().into_iter().filter(|(_, it, _)| *it == kind);
        let mask = [&self.bytes[4..8], &self.bytes[8..20]].concat();
        values
            .map(|(_, _, mut value)| {
                value[2] ^= mask[0];
                value[3] ^= mask[1];
                value[4..].iter_mut().zip(&mask).for_each(|(byte, mask)| *byte ^= mask);
                let port = u16::from_be_bytes([value[2], value[3]]);
                match value[1] {
                    1 => SocketAddr::from((<[u8; 4]>::try_from(&value[4..]).unwrap(), port)),
                    _ => SocketAddr::from((<[u8; 16]>::try_from(&value[4..]).unwrap(), port)),
                }
            })
            .collect()
    }

    fn is_signed_with(&self, key: &hmac::Key) -> bool {
        let attributes = self.attributes();
        let (at, _, value) =
            attributes.iter().find(|(_, kind, _)| *kind == attribute::MESSAGE_INTEGRITY).unwrap();
        let mut covered = self.bytes[..*at].to_vec();
        covered[2..4].copy_from_slice(&((at + 24 - 20) as u16).to_be_bytes());
        hmac::verify(key, &covered, value).is_ok()
    }

    fn u16_at(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]])
    }
}
