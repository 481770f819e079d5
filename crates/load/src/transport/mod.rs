//! How somebody's datagrams travel: by UDP, in a TCP stream, or through the server's TURN by either or over TLS.

mod framed;
mod turn;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::{Duration, Instant, SystemTime};

use clap::ValueEnum;
use parlor_media::Buffers;
use parlor_media::udp::{Datagrams, Patience, ReceiveBatch, Socket, bind_group};
use parlor_rtc::path::UdpPath;
use serde::Serialize;

use crate::outbox::Outbox;
use crate::person::Incoming;
use crate::stream::{Server, Stream};
use framed::{Framed, Framing};
use turn::Relay;
pub use turn::{IceServer, LONGEST_LOAD};

/// What a socket of one person buffers, in bytes: a tenth of a second of 20 Mbit/s.
const BUFFERS: Buffers = Buffers { receive: 1 << 18, send: 1 << 18 };
/// A packet that seems to have waited longer than this was not told apart from a clock that was set.
const LONGEST_QUEUE: Duration = Duration::from_secs(5);

/// The kinds of ways.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// UDP, as nearly everybody.
    #[default]
    Udp,
    /// TCP (RFC 6544).
    Tcp,
    /// The server's TURN (RFC 8656), by UDP.
    Turn,
    /// The same by TCP.
    TurnTcp,
    /// The same by TLS, which a server with https has.
    TurnTls,
}

impl Kind {
    /// Whether a relay is between.
    pub fn is_turn(self) -> bool {
        matches!(self, Kind::Turn | Kind::TurnTcp | Kind::TurnTls)
    }
}

/// Where the server can be reached by each kind.
#[derive(Clone, Debug)]
pub struct Places {
    /// UDP, best first.
    pub udp: Vec<SocketAddr>,
    /// TCP, best first.
    pub tcp: Vec<SocketAddr>,
    /// TURN.
    pub ice_servers: Vec<IceServer>,
}

/// One person's way to the server.
pub struct Transport {
    carrier: Carrier,
    relay: Option<Relay>,
}

enum Carrier {
    Udp(Socket),
    Stream(Box<Framed>),
}

impl Transport {
    /// Opens one from `ours`, an address that the server can be reached from; waits for TURN. With it come the addresses that ICE
    /// is to check over it.
    ///
    /// # Errors
    /// When the server does not offer it, cannot be reached so, or refuses.
    pub fn open(
        kind: Kind,
        ours: IpAddr,
        server: &Server,
        places: &Places,
    ) -> Result<(Transport, Vec<SocketAddr>), String> {
        let from_ours = |all: &[SocketAddr], how: &str| {
            let same = |place: &&SocketAddr| place.is_ipv4() == ours.is_ipv4();
            let all: Vec<_> = all.iter().filter(same).copied().collect();
            match all.is_empty() {
                true => Err(format!("the answer names no address that is reached by {how}")),
                false => Ok(all),
            }
        };
        if kind == Kind::Tcp {
            let best = from_ours(&places.tcp, "TCP")?.swap_remove(0);
            return Ok((Transport::by_tcp(best)?, vec![best]));
        }
        let candidates = from_ours(&places.udp, "UDP")?;
        let transport = match kind {
            Kind::Udp => Transport { carrier: Carrier::Udp(bind(ours)?), relay: None },
            _ => Transport::through_turn(kind, ours, server, &places.ice_servers, &candidates)?,
        };
        Ok((transport, candidates))
    }

    fn by_tcp(place: SocketAddr) -> Result<Transport, String> {
        let mut framed = Framed::new(Stream::Plain(connect(place)?), place, Framing::Ice);
        framed.wait_no_more()?;
        Ok(Transport { carrier: Carrier::Stream(Box::new(framed)), relay: None })
    }

    fn through_turn(
        kind: Kind,
        ours: IpAddr,
        server: &Server,
        ice_servers: &[IceServer],
        peers: &[SocketAddr],
    ) -> Result<Transport, String> {
        let (place, login) = turn::find(kind, ours, ice_servers)?;
        let mut carrier = match kind {
            Kind::Turn => Carrier::Udp(bind(ours)?),
            _ => {
                let tcp = connect(place)?;
                let stream = match server.tls.clone().filter(|_| kind == Kind::TurnTls) {
                    Some((name, config)) => Stream::encrypt(tcp, name, config)
                        .map_err(|error| format!("no TLS at {place}: {error}"))?,
                    None => Stream::Plain(tcp),
                };
                Carrier::Stream(Box::new(Framed::new(stream, place, Framing::Turn)))
            }
        };
        let relay = Relay::open(place, login, peers, |request| carrier.ask(place, request))?;
        if let Carrier::Stream(framed) = &mut carrier {
            framed.wait_no_more()?;
        }
        Ok(Transport { carrier, relay: Some(relay) })
    }

    /// Whether it takes only so much at once, so that it has to be polled for writing.
    pub fn is_stream(&self) -> bool {
        matches!(self.carrier, Carrier::Stream(_))
    }

    /// Takes what has come; true if there may be more.
    ///
    /// # Errors
    /// When it is broken, or its other end has closed it.
    pub fn receive(
        &mut self,
        batch: &mut ReceiveBatch,
        mut take: impl FnMut(Instant, Incoming<'_>),
    ) -> io::Result<bool> {
        let relay = self.relay.as_ref();
        let mut take =
            |now: Instant, from: SocketAddr, at: Option<Instant>, datagram: &mut [u8]| {
                let incoming = match relay {
                    None => Some((from, datagram)),
                    Some(relay) => relay.unwrap(datagram),
                };
                if let Some((from, datagram)) = incoming {
                    take(now, Incoming { from, at, datagram });
                }
            };
        match &mut self.carrier {
            Carrier::Udp(socket) => {
                let has_more = socket.receive(batch)?;
                let (now, wall) = (Instant::now(), SystemTime::now());
                for arrival in batch.arrivals() {
                    let at = arrival.at.and_then(|at| instant(at, now, wall));
                    take(now, arrival.path.remote, at, arrival.datagram);
                }
                Ok(has_more)
            }
            Carrier::Stream(framed) => {
                let remote = framed.remote();
                framed.receive(|datagram| take(Instant::now(), remote, None, datagram))
            }
        }
    }

    /// Sends everything that is in the outbox, and what a stream had no room for before.
    pub fn send(&mut self, outbox: &mut Outbox) {
        match (&mut self.carrier, &self.relay) {
            (Carrier::Udp(socket), None) => send(socket, outbox.datagrams()),
            (Carrier::Udp(socket), Some(relay)) => {
                let mut wrapped = Outbox::default();
                for (to, datagram) in outbox.datagrams() {
                    if let Some(header) = relay.header(to, datagram.len()) {
                        wrapped.push_parts(relay.server(), &header, datagram);
                    }
                }
                send(socket, wrapped.datagrams());
            }
            (Carrier::Stream(framed), None) => {
                outbox.datagrams().for_each(|(_, datagram)| framed.push(datagram));
                framed.flush();
            }
            (Carrier::Stream(framed), Some(relay)) => {
                for (to, datagram) in outbox.datagrams() {
                    if let Some(header) = relay.header(to, datagram.len()) {
                        framed.push_message(&header, datagram);
                    }
                }
                framed.flush();
            }
        }
        outbox.clear();
    }

    /// Gives back what the server keeps for it.
    pub fn close(&mut self) {
        // A stream's allocation ends with it.
        if let (Carrier::Udp(socket), Some(relay)) = (&mut self.carrier, &mut self.relay)
            && let Some(goodbye) = relay.goodbye()
        {
            send(socket, std::iter::once((relay.server(), &goodbye[..])));
        }
    }
}

impl AsRawFd for Transport {
    fn as_raw_fd(&self) -> RawFd {
        match &self.carrier {
            Carrier::Udp(socket) => socket.as_fd().as_raw_fd(),
            Carrier::Stream(framed) => framed.as_raw_fd(),
        }
    }
}

impl Carrier {
    /// One request of TURN and what it is answered with.
    fn ask(&mut self, server: SocketAddr, request: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Carrier::Udp(socket) => turn::ask_by_udp(socket, server, request),
            Carrier::Stream(framed) => framed.ask(request),
        }
    }
}

fn send<'a>(socket: &mut Socket, datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>) {
    let local = socket.local().ip();
    let messages = datagrams.map(|(remote, bytes)| Datagrams {
        path: UdpPath { remote, local },
        bytes,
        segment: bytes.len() as u16,
    });
    socket.send(messages, &mut Patience::default());
}

fn bind(ours: IpAddr) -> Result<Socket, String> {
    let bound = bind_group(SocketAddr::new(ours, 0), 1, BUFFERS);
    let socket = bound.map_err(|error| error.to_string())?.pop().ok_or("no UDP socket")?;
    // Without them, delays end where this program reads.
    let _not_told = socket.tell_times();
    Ok(socket)
}

fn connect(place: SocketAddr) -> Result<TcpStream, String> {
    Stream::connect_tcp(place).map_err(|error| format!("cannot reach {place}: {error}"))
}

/// A time of the wall's clock as one of ours, given both at once. None of one that cannot be: that clock may be set.
fn instant(at: SystemTime, now: Instant, wall: SystemTime) -> Option<Instant> {
    let age = wall.duration_since(at).ok().filter(|age| *age <= LONGEST_QUEUE)?;
    now.checked_sub(age)
}
