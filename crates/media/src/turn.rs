//! The TURN server of a media thread: what clients send through it goes to the engines as if it had come from their
//! relayed addresses, and what engines send there goes out wrapped.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use parlor_engine::SendArena;
use parlor_engine::arena::{DEFAULT_BYTES, DEFAULT_MESSAGES};
use parlor_rtc::path::{DestinationId, RelayedPath};
use parlor_rtc::turn::{
    Client, Config, Counting, Destinations, Handled, Holder, Limits, MAX_PADDING, Outlet, Quotas,
    Secret, Server, Statistics, TooManyDestinations, Wrapping,
};
use parlor_rtc::{DatagramSink, Path};

use crate::streams::Streams;

/// What credentials are said to be for. Short, since every first answer has it.
const REALM: &str = "parlor";

/// What follows datagrams whose length is no multiple of four.
const ZEROS: [u8; MAX_PADDING] = [0; MAX_PADDING];

/// What the servers of all threads have in common.
#[derive(Clone)]
pub(crate) struct TurnMaker {
    threads: u8,
    secret: Secret,
    destinations: Destinations,
    echoes: Vec<DestinationId>,
    quotas: SharedQuotas,
}

/// The counts of all threads together: a peer or an address has no more for there being many. The lock is taken when an allocation is
/// made or ends, and for no packet.
#[derive(Clone, Debug)]
struct SharedQuotas(Arc<Mutex<Quotas>>);

impl SharedQuotas {
    fn quotas(&self) -> MutexGuard<'_, Quotas> {
        // Who panics with it in their hands leaves a count that is one off at most.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counting for SharedQuotas {
    fn take(&mut self, holder: &Holder) -> bool {
        self.quotas().take(holder)
    }

    fn give_back(&mut self, holder: &Holder) {
        self.quotas().give_back(holder);
    }
}

impl TurnMaker {
    /// Servers that relay to `candidates`, and give back at once what is sent to `echoes`.
    ///
    /// # Errors
    /// When there are more than 256 of them.
    pub(crate) fn new(
        threads: usize,
        secret: Secret,
        candidates: &[SocketAddr],
        echoes: &[SocketAddr],
    ) -> Result<TurnMaker, TooManyDestinations> {
        let destinations = Destinations::new(candidates.iter().chain(echoes).copied())?;
        let echoes = echoes.iter().filter_map(|address| destinations.id_of(*address)).collect();
        let quotas = Quotas::new(Limits::default(), threads as u32);
        let quotas = SharedQuotas(Arc::new(Mutex::new(quotas)));
        Ok(TurnMaker { threads: threads as u8, secret, destinations, echoes, quotas })
    }

    /// The server of one thread.
    pub(crate) fn make(&self, thread: u8) -> Turn {
        let TurnMaker { threads, secret, destinations, echoes, quotas } = self.clone();
        let realm = REALM.to_owned();
        let limits = Limits::default();
        let config = Config { thread, threads, realm, secret, destinations, limits };
        let server = Server::with_counting(config, Box::new(quotas));
        let outgoing = SendArena::new(4 * DEFAULT_BYTES, 4 * DEFAULT_MESSAGES);
        Turn { server, echoes, outgoing, lost: 0 }
    }
}

/// A TURN server, and what it has to send over UDP.
pub(crate) struct Turn {
    server: Server,
    echoes: Vec<DestinationId>,
    /// Larger than what engines write in one turn, since each datagram of that becomes longer, and other threads send here.
    pub(crate) outgoing: SendArena,
    /// Datagrams that found no room there.
    lost: u64,
}

impl Turn {
    /// Takes one message of a client. Returns what it is to be taken for, if it carries a datagram for us: the path that came
    /// along, and where it is in the message.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        client: Client,
        message: &[u8],
        streams: &mut Streams,
    ) -> Option<(RelayedPath, Range<usize>)> {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = parlor_rtc::turn::Time { now, unix_seconds: unix.as_secs() };
        let mut answers = Answers { now, outgoing: &mut self.outgoing, streams };
        match self.server.handle(time, client, message, &mut answers) {
            Handled::Relay { path, datagram } if self.echoes.contains(&path.destination) => {
                let datagram = message.get(datagram).unwrap_or_default();
                self.send(now, path, datagram, streams);
                None
            }
            Handled::Relay { path, datagram } => Some((path, datagram)),
            Handled::Answered | Handled::Challenged | Handled::Refused(_) | Handled::Dropped(_) => {
                None
            }
        }
    }

    /// Sends a datagram along a path of an allocation that is here: into [`Turn::outgoing`], or into a stream.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        path: RelayedPath,
        datagram: &[u8],
        streams: &mut Streams,
    ) {
        let Some(wrapping) = self.server.wrap(now, path, datagram.len()) else { return };
        let Wrapping { client, header, padding } = wrapping;
        let padding = ZEROS.get(..padding).unwrap_or_default();
        match client {
            Client::Stream(stream) => {
                let parts = [header.as_slice(), datagram, padding];
                streams.queue(now, stream.id, Some(Path::Relayed(path)), parts);
            }
            Client::Udp(udp) => {
                let len = header.len() + datagram.len() + padding.len();
                let Some(mut slot) = self.outgoing.reserve(Path::Udp(udp)) else {
                    self.lost += 1;
                    return;
                };
                let room = slot.bytes_mut();
                let Some(room) = room.get_mut(..len) else { return };
                let (front, rest) = room.split_at_mut(header.len());
                let (middle, back) = rest.split_at_mut(datagram.len());
                front.copy_from_slice(&header);
                middle.copy_from_slice(datagram);
                back.copy_from_slice(padding);
                slot.commit(len);
            }
        }
    }

    /// Whether a client has an allocation.
    pub(crate) fn serves(&self, now: Instant, client: Client) -> bool {
        self.server.has_allocation(now, client)
    }

    /// A client's stream is closed.
    pub(crate) fn drop_client(&mut self, client: Client) {
        self.server.drop_client(client);
    }

    /// The next allocation that has ended, and all paths that may have been taken through it.
    pub(crate) fn poll_ended(&mut self) -> Option<impl Iterator<Item = RelayedPath> + '_> {
        let ended = self.server.poll_ended()?;
        Some(ended.into_paths(self.server.destinations()))
    }

    /// When [`Turn::handle_timeout`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.server.deadline()
    }

    /// Ends what has lasted long enough.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.deadline().is_some_and(|at| at <= now) {
            self.server.handle_timeout(now);
        }
    }

    /// Datagrams lost so far for want of room.
    pub(crate) fn unsent(&self) -> u64 {
        self.lost + self.outgoing.dropped()
    }

    /// What it has done.
    pub(crate) fn statistics(&self) -> Statistics {
        self.server.statistics()
    }
}

/// Where the server's answers go.
struct Answers<'a> {
    now: Instant,
    outgoing: &'a mut SendArena,
    streams: &'a mut Streams,
}

impl Outlet for Answers<'_> {
    fn send(&mut self, client: Client, message: &[u8]) {
        match client {
            Client::Udp(path) => self.outgoing.send(Path::Udp(path), message),
            Client::Stream(path) => {
                self.streams.queue(self.now, path.id, None, [message, &[], &[]])
            }
        }
    }
}
