//! A client of TURN (RFC 8656): an allocation, and a channel to each of the server's addresses.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::AsFd;
use std::time::Duration;

use aws_lc_rs::hmac;
use md5::{Digest, Md5};
use parlor_media::udp::{ReceiveBatch, Socket};
use parlor_rtc::stun::{Class, MessageWriter, Method, TransactionId, attribute};
use parlor_rtc::turn::{CHANNEL_HEADER_LEN, is_channel_data};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Deserialize;

use super::Kind;

/// A request is sent again after so long, since UDP loses some.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// And so often at most.
const ATTEMPTS: usize = 8;
/// The first number of a channel (RFC 8656 section 12).
const FIRST_CHANNEL: u16 = 0x4000;
/// Channels last ten minutes and are not bound anew: a load through TURN has to end before.
pub const LONGEST_LOAD: Duration = Duration::from_secs(9 * 60);
/// UDP, among the protocols of IP.
const UDP: u8 = 17;

/// TURN, as the reply to a join names it: what browsers call an `RTCIceServer`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct IceServer {
    urls: Vec<String>,
    username: String,
    credential: String,
}

/// Who somebody is to TURN.
pub(super) struct Login {
    username: String,
    password: String,
}

/// The first entry that is reached in this way from `ours`.
pub(super) fn find(
    kind: Kind,
    ours: IpAddr,
    ice_servers: &[IceServer],
) -> Result<(SocketAddr, Login), String> {
    let (scheme, query) = match kind {
        Kind::TurnTls => ("turns:", "?transport=tcp"),
        Kind::TurnTcp => ("turn:", "?transport=tcp"),
        _ => ("turn:", "?transport=udp"),
    };
    for entry in ice_servers {
        for url in &entry.urls {
            let host = url.strip_prefix(scheme).and_then(|rest| rest.strip_suffix(query));
            let Some(host) = host else { continue };
            let addresses = host.to_socket_addrs().map_err(|error| format!("{host}: {error}"))?;
            let place = addresses.into_iter().find(|place| place.is_ipv4() == ours.is_ipv4());
            let Some(place) = place else { continue };
            let login =
                Login { username: entry.username.clone(), password: entry.credential.clone() };
            return Ok((place, login));
        }
    }
    Err(format!("the server offers no {scheme}…{query}"))
}

/// Sends a request until it is answered.
pub(super) fn ask_by_udp(
    socket: &mut Socket,
    server: SocketAddr,
    request: &[u8],
) -> Result<Vec<u8>, String> {
    let mut batch = ReceiveBatch::default();
    for _ in 0..ATTEMPTS {
        super::send(socket, std::iter::once((server, request)));
        let mut polled = [PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN)];
        let patience = Timespec::try_from(ASK_AGAIN).map_err(|error| error.to_string())?;
        poll(&mut polled, Some(&patience)).map_err(|error| error.to_string())?;
        socket.receive(&mut batch).map_err(|error| error.to_string())?;
        let answer = batch.arrivals().map(|arrival| arrival.datagram.to_vec()).find(|answer| {
            answer.get(4..20) == request.get(4..20) && answer.first() != request.first()
        });
        if let Some(answer) = answer {
            return Ok(answer);
        }
    }
    Err(format!("TURN at {server} answers nothing"))
}

/// An allocation with its channels.
pub(super) struct Relay {
    server: SocketAddr,
    session: Session,
    /// Whom each channel, from the first number on, leads to.
    peers: Vec<SocketAddr>,
}

impl Relay {
    /// Allocates, and binds a channel to each of `peers`. `ask` carries a request to the server and brings its answer.
    pub(super) fn open(
        server: SocketAddr,
        login: Login,
        peers: &[SocketAddr],
        mut ask: impl FnMut(&[u8]) -> Result<Vec<u8>, String>,
    ) -> Result<Relay, String> {
        let mut session = Session { login, realm: Vec::new(), nonce: Vec::new(), requests: 0 };
        let family = if server.is_ipv4() { 1 } else { 2 };
        let wanted = [
            (attribute::REQUESTED_TRANSPORT, vec![UDP, 0, 0, 0]),
            (attribute::REQUESTED_ADDRESS_FAMILY, vec![family, 0, 0, 0]),
        ];
        session.ask(Method::Allocate, &wanted, None, &mut ask)?;
        for (number, peer) in (FIRST_CHANNEL..).zip(peers) {
            let [high, low] = number.to_be_bytes();
            let channel = [(attribute::CHANNEL_NUMBER, vec![high, low, 0, 0])];
            session.ask(Method::ChannelBind, &channel, Some(*peer), &mut ask)?;
        }
        Ok(Relay { server, session, peers: peers.to_vec() })
    }

    pub(super) fn server(&self) -> SocketAddr {
        self.server
    }

    /// What goes before a datagram for a peer (RFC 8656 section 12.4).
    pub(super) fn header(&self, to: SocketAddr, len: usize) -> Option<[u8; CHANNEL_HEADER_LEN]> {
        let index = self.peers.iter().position(|peer| *peer == to)?;
        let [number, len] = [FIRST_CHANNEL + index as u16, len as u16].map(u16::to_be_bytes);
        Some([number[0], number[1], len[0], len[1]])
    }

    /// Who sent what is in a message, and that; none of what is no ChannelData.
    pub(super) fn unwrap<'a>(&self, message: &'a mut [u8]) -> Option<(SocketAddr, &'a mut [u8])> {
        let &[first, second, high, low] = message.first_chunk::<CHANNEL_HEADER_LEN>()?;
        let index = u16::from_be_bytes([first, second]).checked_sub(FIRST_CHANNEL)?;
        let from = self.peers.get(usize::from(index)).filter(|_| is_channel_data(first))?;
        let len = usize::from(u16::from_be_bytes([high, low]));
        Some((*from, message.get_mut(CHANNEL_HEADER_LEN..CHANNEL_HEADER_LEN + len)?))
    }

    /// A request that ends the allocation.
    pub(super) fn goodbye(&mut self) -> Option<Vec<u8>> {
        self.session.request(Method::Refresh, &[(attribute::LIFETIME, vec![0; 4])], None)
    }
}

/// Long-term credentials, and what the server asks to be told with them (RFC 8489 section 9.2).
struct Session {
    login: Login,
    realm: Vec<u8>,
    nonce: Vec<u8>,
    requests: u64,
}

impl Session {
    /// Asks until it is granted: who has no nonce yet is told one.
    fn ask(
        &mut self,
        method: Method,
        attributes: &[(u16, Vec<u8>)],
        peer: Option<SocketAddr>,
        ask: &mut impl FnMut(&[u8]) -> Result<Vec<u8>, String>,
    ) -> Result<(), String> {
        for _ in 0..2 {
            let request = self.request(method, attributes, peer).ok_or("a request is too long")?;
            let answer = ask(&request)?;
            let Some(error) = attribute_of(&answer, attribute::ERROR_CODE) else { return Ok(()) };
            let code = error.get(2..4).map_or(0, |it| u16::from(it[0]) * 100 + u16::from(it[1]));
            let told = attribute_of(&answer, attribute::REALM)
                .zip(attribute_of(&answer, attribute::NONCE));
            match told {
                Some((realm, nonce)) if matches!(code, 401 | 438) && nonce != self.nonce => {
                    (self.realm, self.nonce) = (realm.to_vec(), nonce.to_vec());
                }
                _ => {
                    let words = String::from_utf8_lossy(error.get(4..).unwrap_or_default());
                    return Err(format!("TURN refuses {method:?}: {code} {words}"));
                }
            }
        }
        Err(format!("TURN refuses the credentials for {method:?}"))
    }

    fn request(
        &mut self,
        method: Method,
        attributes: &[(u16, Vec<u8>)],
        peer: Option<SocketAddr>,
    ) -> Option<Vec<u8>> {
        self.requests += 1;
        let mut id = [0; 12];
        id[..8].copy_from_slice(&self.requests.to_be_bytes());
        let mut writer = MessageWriter::of_method(method, Class::Request, TransactionId(id));
        for (kind, value) in attributes {
            writer = writer.raw(*kind, value);
        }
        if let Some(peer) = peer {
            writer = writer.xor_address(attribute::XOR_PEER_ADDRESS, peer);
        }
        if !self.nonce.is_empty() {
            writer = writer
                .raw(attribute::USERNAME, self.login.username.as_bytes())
                .raw(attribute::REALM, &self.realm)
                .raw(attribute::NONCE, &self.nonce)
                .integrity(&self.key());
        }
        writer.finish().map(<[u8]>::to_vec)
    }

    /// The key of long-term credentials (RFC 8489 section 9.2.2).
    fn key(&self) -> hmac::Key {
        let Login { username, password } = &self.login;
        let digest = Md5::new()
            .chain_update(username)
            .chain_update(b":")
            .chain_update(&self.realm)
            .chain_update(b":")
            .chain_update(password)
            .finalize();
        hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &digest)
    }
}

/// The first attribute of that kind in a message (RFC 8489 section 14).
fn attribute_of(message: &[u8], kind: u16) -> Option<&[u8]> {
    let mut rest = message.get(20..)?;
    loop {
        let &[first, second, high, low] = rest.first_chunk::<4>()?;
        let len = usize::from(u16::from_be_bytes([high, low]));
        let value = rest.get(4..4 + len)?;
        if u16::from_be_bytes([first, second]) == kind {
            return Some(value);
        }
        rest = rest.get(4 + len.next_multiple_of(4)..)?;
    }
}
