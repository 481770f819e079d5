//! The server: each message of a client is answered, relayed or dropped.

use std::ops::Range;
use std::time::Instant;

use super::asked::Asked;
use super::channel::{self, is_channel_data};
use super::client::{Client, Outlet};
use super::destinations::Destinations;
use super::ended::{Ended, Endings};
use super::login::Logins;
use super::message::Message;
use super::nonce::Nonces;
use super::ports::Ports;
use super::quotas::{Counter, Counting, Quotas};
use super::reservation::Tokens;
use super::statistics::Statistics;
use super::table::Table;
use super::wrapping::Wrapping;
use super::{Limits, Secret};
use crate::path::RelayedPath;
use crate::stun::{Class, ErrorCode, Method, TransactionId};

/// What a server is made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The number of the media thread that has the server, below `threads`.
    pub thread: u8,
    /// How many media threads there are, each with a server and a share of the ports.
    pub threads: u8,
    /// What clients are told that their credentials are for; a part of their key. A short one makes short
    /// answers.
    pub realm: String,
    /// What makes and checks credentials, nonces and tokens; the same for all threads.
    pub secret: Secret,
    /// Where is relayed to.
    pub destinations: Destinations,
    /// How many allocations there may be.
    pub limits: Limits,
}

/// A moment, as both clocks tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// By which things last.
    pub now: Instant,
    /// By which credentials, nonces and tokens are good, in seconds since 1970.
    pub unix_seconds: u64,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// A datagram for one of the destinations.
    Relay {
        /// How it came, for the engine.
        path: RelayedPath,
        /// Where it is in the message.
        datagram: Range<usize>,
    },
    /// A request was carried out, and answered so.
    Answered,
    /// A request without credentials was told how to make them: how every client begins.
    Challenged,
    /// A request was refused, and answered so.
    Refused(ErrorCode),
    /// Nothing came of it.
    Dropped(DropReason),
}

/// Why nothing came of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// It is not well-formed.
    Malformed,
    /// It is no message for a TURN server.
    Unexpected,
    /// Its client has no allocation, or not the channel or permission for it, or it is for somewhere else than a
    /// destination. Datagrams are not answered.
    NotAllowed,
}

/// A TURN server; see the [module](super).
#[derive(Debug)]
pub struct Server {
    pub(super) limits: Limits,
    pub(super) destinations: Destinations,
    pub(super) logins: Logins,
    pub(super) tokens: Tokens,
    pub(super) table: Table,
    pub(super) ports: Ports,
    pub(super) counter: Counter,
    pub(super) statistics: Statistics,
    pub(super) nonces: Nonces,
    pub(super) endings: Endings,
}

impl Server {
    /// A server without allocations, which counts for itself how many each peer and each address has.
    pub fn new(config: Config) -> Server {
        let counter = Counter::Own(Quotas::new(config.limits, 1));
        Server::counted_by(config, counter)
    }

    /// One whose allocations are counted with those of others.
    pub fn with_counting(config: Config, counting: Box<dyn Counting>) -> Server {
        Server::counted_by(config, Counter::Shared(counting))
    }

    fn counted_by(config: Config, counter: Counter) -> Server {
        let Config { thread, threads, realm, secret, destinations, limits } = config;
        Server {
            limits,
            destinations,
            nonces: Nonces::new(&secret),
            tokens: Tokens::new(&secret),
            logins: Logins::new(secret, realm),
            table: Table::new(thread),
            ports: Ports::new(thread, threads),
            counter,
            statistics: Statistics::default(),
            endings: Endings::new(limits.in_all as usize),
        }
    }

    /// Takes one message: a whole datagram for which [`is_turn`](super::is_turn) holds, or what
    /// [`framing::next_frame`](super::framing::next_frame) cut out of a stream. Answers go to `out`.
    pub fn handle(
        &mut self,
        time: Time,
        client: Client,
        message: &[u8],
        out: &mut impl Outlet,
    ) -> Handled {
        let handled = match message.first() {
            Some(&first) if is_channel_data(first) => {
                self.handle_channel_data(time.now, client, message)
            }
            _ => self.handle_stun(time, client, message, out),
        };
        match &handled {
            Handled::Relay { datagram, .. } => self.statistics.inward.count(datagram.len()),
            Handled::Challenged => self.statistics.refusals.challenged += 1,
            Handled::Refused(code) => self.statistics.refusals.count(*code),
            Handled::Dropped(_) => self.statistics.dropped += 1,
            Handled::Answered => {}
        }
        handled
    }

    /// What a datagram of `len` bytes that the engine sends along `path` has to be wrapped in. None if it has
    /// nowhere to go: the allocation is gone, or it lacks a channel and a permission for that destination.
    ///
    /// A bound channel alone is enough, though RFC 8656 section 12 wants a permission too: that is to protect
    /// clients from strangers, and what is here sent to them is from us.
    pub fn wrap(&mut self, now: Instant, path: RelayedPath, len: usize) -> Option<Wrapping> {
        let wrapping = self.wrapping(now, path, len);
        match wrapping {
            Some(_) => self.statistics.outward.count(len),
            None => self.statistics.dropped += 1,
        }
        wrapping
    }

    /// Whether a client has an allocation.
    pub fn has_allocation(&self, now: Instant, client: Client) -> bool {
        self.table.of_client(now, client).is_some()
    }

    /// Ends the allocation of a client whose stream has closed (RFC 8656 section 3.1).
    pub fn drop_client(&mut self, client: Client) {
        if self.end(client) {
            self.statistics.lapsed += 1;
        }
    }

    /// Ends allocations whose time is over.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(allocation) = self.table.remove_expired(now) {
            self.release(&allocation);
            self.statistics.lapsed += 1;
        }
    }

    /// The next allocation that has ended, whatever ended it: who sends along its paths is to know that they are no more. Of more
    /// than there may be allocations, the oldest are forgotten.
    pub fn poll_ended(&mut self) -> Option<Ended> {
        self.endings.take()
    }

    /// When [`Server::handle_timeout`] has something to do next. Nothing goes wrong if it is called later: what
    /// is over does not work any more.
    pub fn deadline(&self) -> Option<Instant> {
        self.table.deadline()
    }

    /// What it did, and has.
    pub fn statistics(&self) -> Statistics {
        Statistics { allocations: self.table.len() as u64, ..self.statistics }
    }

    /// Where it relays to.
    pub fn destinations(&self) -> &Destinations {
        &self.destinations
    }

    fn handle_channel_data(&self, now: Instant, client: Client, message: &[u8]) -> Handled {
        let Some((number, datagram)) = channel::parse(message) else {
            return Handled::Dropped(DropReason::Malformed);
        };
        let path = self.table.of_client(now, client).and_then(|allocation| {
            let destination = allocation.destination_of(number, now)?;
            allocation.path_to(destination, &self.destinations)
        });
        relay(path, datagram)
    }

    fn handle_stun(
        &mut self,
        time: Time,
        client: Client,
        bytes: &[u8],
        out: &mut impl Outlet,
    ) -> Handled {
        let Ok(message) = Message::parse(bytes) else {
            return Handled::Dropped(DropReason::Malformed);
        };
        match (message.class, message.method) {
            (Class::Indication, Some(Method::Send)) => self.handle_send(time.now, client, &message),
            (Class::Request, Some(method @ Method::Binding)) => {
                self.handle_binding(Asked { time, client, method, message: &message }, out)
            }
            (
                Class::Request,
                Some(
                    method @ (Method::Allocate
                    | Method::Refresh
                    | Method::CreatePermission
                    | Method::ChannelBind),
                ),
            ) => {
                self.handle_timeout(time.now);
                self.handle_request(Asked { time, client, method, message: &message }, out)
            }
            _ => Handled::Dropped(DropReason::Unexpected),
        }
    }

    /// A datagram for a destination (RFC 8656 section 11.2).
    fn handle_send(&self, now: Instant, client: Client, message: &Message<'_>) -> Handled {
        let (Some(peer), Some(datagram), true) =
            (message.peers().next(), message.data.clone(), message.unknown.types().is_empty())
        else {
            return Handled::Dropped(DropReason::Malformed);
        };
        let path = self.table.of_client(now, client).and_then(|allocation| {
            let destination = self.destinations.id_of(peer)?;
            let first = self.destinations.first_with(peer.ip())?;
            let path = allocation.path_to(destination, &self.destinations)?;
            allocation.permits(first, now).then_some(path)
        });
        relay(path, datagram)
    }

    fn wrapping(&self, now: Instant, path: RelayedPath, len: usize) -> Option<Wrapping> {
        let allocation = self.table.by_id(now, path.allocation)?;
        if allocation.path_to(path.destination, &self.destinations) != Some(path) {
            return None;
        }
        let client = allocation.grant.client;
        let len = u16::try_from(len).ok()?;
        if let Some(number) = allocation.channel_to(path.destination, now) {
            return Some(Wrapping::channel(client, number, len));
        }
        let peer = self.destinations.address(path.destination)?;
        let first = self.destinations.first_with(peer.ip())?;
        if !allocation.permits(first, now) {
            return None;
        }
        // Nobody answers an indication, so that its transaction may be foreseen.
        let mut transaction = [0; 12];
        transaction[..8].copy_from_slice(&path.allocation.number.to_be_bytes());
        transaction[8..].copy_from_slice(&(self.statistics.outward.datagrams as u32).to_be_bytes());
        Wrapping::indication(client, TransactionId(transaction), peer, len)
    }
}

fn relay(path: Option<RelayedPath>, datagram: Range<usize>) -> Handled {
    match path {
        Some(path) => Handled::Relay { path, datagram },
        None => Handled::Dropped(DropReason::NotAllowed),
    }
}
