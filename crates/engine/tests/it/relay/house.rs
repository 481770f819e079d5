//! Several engines that share a room, joined by their notices and packets, with simulated browsers on perfect cables.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_engine::ring::Facts;
use parlor_engine::{
    Change, Config, Engine, Forwarded, Join, Limits, Neighbour, Notice, PeerId, PeerState, Receive,
    Relayed, RoomId, SendArena, Sender, Source, TrackId, WantedLayers,
};
use parlor_rtc::dtls::Identity;
use parlor_rtc::sdp::Candidates;
use parlor_rtc::{MediaKind, Path};
use parlor_sim::client::{self, Client};
use str0m::format::Codec;

use crate::counting::allocations;
use crate::ring::start;

pub(super) const ROOM: RoomId = RoomId(1);

/// What waits on a narrow path, as routers have room for.
const LONGEST_QUEUE: Duration = Duration::from_millis(100);

/// A room in several engines, of which the first is its home.
pub(super) struct House {
    pub(super) now: Instant,
    pub(super) threads: Vec<Thread>,
    pub(super) people: Vec<Person>,
    /// What each peer was last told, whichever engine tells it.
    pub(super) states: BTreeMap<PeerId, PeerState>,
    pub(super) wanted: BTreeMap<PeerId, Vec<WantedLayers>>,
    /// Packets that were lost between engines.
    pub(super) lost: usize,
    /// Packets take this way at all.
    pub(super) is_open: bool,
    /// Of so many packets between engines one is lost; 0 for none.
    pub(super) loses_one_in: usize,
    /// Of so many datagrams that people send, and that they are sent, one is lost; 0 for none.
    pub(super) uplinks_lose_one_in: usize,
    pub(super) downlinks_lose_one_in: usize,
    /// Somebody whose datagrams leave no faster than so many bits a second, and not at all if they would wait too long.
    pub(super) narrow: Option<(usize, u64)>,
    /// What they have sent and what has not arrived yet, and when it does.
    queue: VecDeque<(Instant, Vec<u8>)>,
    datagrams: usize,
    /// Allocations by the engines, but for commands and notices.
    pub(super) allocations: u64,
    /// Packets that went from engine to engine.
    pub(super) relayed: usize,
    next_number: u64,
}

/// One engine.
pub(super) struct Thread {
    pub(super) engine: Engine,
    /// Who is speaking and who has the floor, each time that it was told.
    pub(super) speaking: Vec<(Vec<PeerId>, Option<PeerId>)>,
    arena: SendArena,
    notices: VecDeque<(Neighbour, Notice)>,
    parcel: Parcel,
}

/// Packets on their way to one engine, in memory that is used again and again.
#[derive(Default)]
struct Parcel {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

struct Entry {
    from: Neighbour,
    track: TrackId,
    layer: u8,
    facts: Facts,
    payload: usize,
    descriptor: usize,
}

/// A browser.
pub(super) struct Person {
    pub(super) id: PeerId,
    pub(super) thread: usize,
    pub(super) client: Client,
    pub(super) senders: Vec<Sender>,
}

impl House {
    pub(super) fn new(threads: u8) -> House {
        House::with_limits(threads, Limits::default())
    }

    pub(super) fn with_limits(threads: u8, limits: Limits) -> House {
        let now = start();
        let identity = Arc::new(Identity::generate().unwrap());
        let thread = |thread| {
            let config = Config {
                identity: Arc::clone(&identity),
                candidates: Candidates::over_udp(vec![address(thread)]),
                thread,
                seed: [thread + 1; 32],
                // Engines that were made at different times have different times of day.
                ntp_at_start: (3_900_000_000 + 77 * u64::from(thread)) << 32,
                limits,
            };
            Thread {
                engine: Engine::new(now, config),
                speaking: Vec::new(),
                arena: SendArena::default(),
                notices: VecDeque::new(),
                parcel: Parcel::default(),
            }
        };
        let mut threads: Vec<Thread> = (0..threads).map(thread).collect();
        threads[0].engine.add_room(ROOM);
        for (number, annex) in (0..).zip(&mut threads).skip(1) {
            let others: Vec<Neighbour> = (0..number).map(Neighbour).collect();
            annex.engine.add_annex(ROOM, &others);
        }
        House {
            now,
            threads,
            people: Vec::new(),
            states: BTreeMap::new(),
            wanted: BTreeMap::new(),
            lost: 0,
            is_open: true,
            loses_one_in: 0,
            uplinks_lose_one_in: 0,
            downlinks_lose_one_in: 0,
            narrow: None,
            queue: VecDeque::new(),
            datagrams: 0,
            allocations: 0,
            relayed: 0,
            next_number: 0,
        }
    }

    /// Somebody joins over a thread; returns who, as an index.
    pub(super) fn join(&mut self, thread: usize, sources: &[Source], slot_pairs: usize) -> usize {
        self.join_with_codecs(thread, &[Codec::Vp8], sources, slot_pairs)
    }

    pub(super) fn join_with_codecs(
        &mut self,
        thread: usize,
        codecs: &[Codec],
        sources: &[Source],
        slot_pairs: usize,
    ) -> usize {
        let mut client = self.client(codecs);
        let kinds: Vec<_> = sources.iter().map(|source| client::kind(source.kind())).collect();
        let offer = client.offer(self.now, &kinds, slot_pairs);
        self.enter(thread, client, offer, sources)
    }

    pub(super) fn join_with_simulcast(&mut self, thread: usize, rids: &[&str]) -> usize {
        let mut client = self.client(&[Codec::Vp8]);
        let offer = client.offer_simulcast(self.now, rids);
        self.enter(thread, client, offer, &[Source::Camera])
    }

    /// Somebody who publishes nothing, for these tracks to be on pairs of slots.
    pub(super) fn join_pinned(&mut self, thread: usize, pairs: usize, pins: &[TrackId]) -> usize {
        let mut client = self.client(&[Codec::Vp8]);
        let offer = client.offer(self.now, &[], pairs);
        self.enter_receiving(thread, client, (offer, Receive::Pinned(pins.to_vec())), &[])
    }

    fn client(&mut self, codecs: &[Codec]) -> Client {
        self.next_number += 1;
        let port = 10_000 + self.next_number as u16;
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 1, 0, 1)), port);
        Client::with_codecs(self.now, self.next_number as u32, address, codecs)
    }

    fn enter(&mut self, thread: usize, client: Client, offer: String, sources: &[Source]) -> usize {
        self.enter_receiving(thread, client, (offer, Receive::Floating), sources)
    }

    fn enter_receiving(
        &mut self,
        thread: usize,
        mut client: Client,
        (offer, receive): (String, Receive),
        sources: &[Source],
    ) -> usize {
        let number = u64::from(client.number);
        let sections = sources.iter().zip(&client.senders).enumerate();
        let senders: Vec<_> = sections
            .map(|(index, (source, sender))| Sender {
                mid: sender.mid.to_string().parse().unwrap(),
                track: TrackId(100 * number + index as u64),
                source: *source,
                on: true,
            })
            .collect();
        let id = PeerId(number);
        let join =
            Join { room: ROOM, peer: id, opening: offer.into(), senders: senders.clone(), receive };
        let joined = self.threads[thread].engine.join(self.now, join).unwrap();
        client.accept(&joined.answer).unwrap();
        self.people.push(Person { id, thread, client, senders });
        self.people.len() - 1
    }

    /// Takes somebody out whose browser stays.
    pub(super) fn dismiss(&mut self, who: usize) {
        let Person { id, thread, .. } = self.people[who];
        let Thread { engine, arena, .. } = &mut self.threads[thread];
        engine.remove_peer(self.now, id, arena);
    }

    /// Ends the room everywhere.
    pub(super) fn end(&mut self) {
        for Thread { engine, arena, .. } in &mut self.threads {
            engine.remove_room(self.now, ROOM, arena);
        }
    }

    pub(super) fn switch(&mut self, who: usize, sender: usize, on: bool) {
        let track = self.people[who].senders[sender].track;
        let thread = self.people[who].thread;
        self.threads[thread].engine.switch_track(self.now, track, on);
    }

    pub(super) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.step();
            let clients = self.people.iter().map(|person| person.client.deadline());
            let engines = self.threads.iter().filter_map(|thread| thread.engine.deadline());
            let soonest = self.now + Duration::from_millis(1);
            let next = clients.chain(engines).min().unwrap_or(end);
            self.now = next.clamp(soonest, end.max(soonest));
        }
        self.step();
    }

    fn step(&mut self) {
        self.hear_people();
        self.carry_packets();
        for index in 0..self.threads.len() {
            let before = allocations();
            let Thread { engine, arena, .. } = &mut self.threads[index];
            engine.handle_timeout(self.now, arena);
            while self.threads[index].forward(self.now) == Forwarded::ArenaFull {
                self.deliver(index);
            }
            self.allocations += allocations() - before;
            self.deliver(index);
        }
        self.carry_notices();
        for thread in &mut self.threads {
            while let Some(change) = thread.engine.poll_change() {
                match change {
                    Change::Peer { peer, state } => drop(self.states.insert(peer, state)),
                    Change::Speaking { peers, dominant, .. } => {
                        thread.speaking.push((peers, dominant));
                    }
                    Change::Wanted { peer, tracks } => drop(self.wanted.insert(peer, tracks)),
                    Change::Quality { .. } => {}
                }
            }
        }
    }

    fn hear_people(&mut self) {
        for (index, person) in self.people.iter_mut().enumerate() {
            let mut datagrams = Vec::new();
            person.client.run(self.now, |datagram| datagrams.push(datagram.bytes)).unwrap();
            if let Some((_, bps)) = self.narrow.filter(|(who, _)| *who == index) {
                for bytes in datagrams.drain(..) {
                    let begins = self.queue.back().map_or(self.now, |(at, _)| self.now.max(*at));
                    let takes = Duration::from_micros(bytes.len() as u64 * 8_000_000 / bps);
                    if begins < self.now + LONGEST_QUEUE {
                        self.queue.push_back((begins + takes, bytes));
                    }
                }
                let arrived = self.queue.partition_point(|(at, _)| *at <= self.now);
                datagrams.extend(self.queue.drain(..arrived).map(|(_, bytes)| bytes));
            }
            let Thread { engine, arena, .. } = &mut self.threads[person.thread];
            let path = Path::udp(person.client.address, address(person.thread as u8).ip());
            let before = allocations();
            for datagram in &mut datagrams {
                self.datagrams += 1;
                if is_lost(self.datagrams, self.uplinks_lose_one_in) {
                    continue;
                }
                engine.handle_datagram(self.now, path, datagram, arena);
            }
            self.allocations += allocations() - before;
        }
    }

    /// What engines give each other arrives.
    fn carry_packets(&mut self) {
        let House { now, threads, lost, is_open, loses_one_in, relayed, .. } = self;
        let mut parcels: Vec<Parcel> =
            threads.iter_mut().map(|thread| std::mem::take(&mut thread.parcel)).collect();
        let before = allocations();
        for (from, thread) in (0..).map(Neighbour).zip(&mut *threads) {
            thread.engine.relay(|to, packet| {
                if *is_open {
                    *relayed += 1;
                    match is_lost(*relayed, *loses_one_in) {
                        true => *lost += 1,
                        false => parcels[usize::from(to.0)].add(from, &packet),
                    }
                }
                *is_open
            });
        }
        for (thread, parcel) in threads.iter_mut().zip(&mut parcels) {
            parcel.empty(|from, packet| thread.engine.handle_relayed(*now, from, packet));
        }
        self.allocations += allocations() - before;
        for (thread, parcel) in threads.iter_mut().zip(parcels) {
            thread.parcel = parcel;
        }
    }

    /// What engines tell each other arrives, if it does not take some time.
    fn carry_notices(&mut self) {
        for to in 0..self.threads.len() {
            for from in (0..self.threads.len()).filter(|from| *from != to) {
                let (told, teller) = (Neighbour(to as u8), Neighbour(from as u8));
                while let Some(notice) = self.threads[from].engine.poll_notice(self.now, told) {
                    self.threads[to].notices.push_back((teller, notice));
                }
            }
        }
        for Thread { engine, notices, .. } in &mut self.threads {
            for (from, notice) in notices.drain(..) {
                engine.handle_notice(self.now, from, notice);
            }
        }
    }

    fn deliver(&mut self, thread: usize) {
        let arena = &mut self.threads[thread].arena;
        for message in arena.messages() {
            let Path::Udp(path) = message.path else { continue };
            let person = self.people.iter_mut().find(|p| p.client.address == path.remote);
            let Some(person) = person else { continue };
            for datagram in message.segments() {
                self.datagrams += 1;
                if is_lost(self.datagrams, self.downlinks_lose_one_in) {
                    continue;
                }
                person.client.receive(self.now, address(thread as u8), datagram).unwrap();
            }
        }
        arena.clear();
    }

    /// How many frames of `kind` from `publisher` somebody has seen so far.
    pub(super) fn frames(&self, viewer: usize, publisher: usize, kind: MediaKind) -> usize {
        let number = self.people[publisher].client.number;
        self.people[viewer].client.frames_of(number, client::kind(kind)).len()
    }
}

impl Thread {
    fn forward(&mut self, now: Instant) -> Forwarded {
        self.engine.forward(now, &mut self.arena)
    }
}

impl Parcel {
    fn add(&mut self, from: Neighbour, packet: &Relayed<'_>) {
        self.bytes.extend_from_slice(packet.payload);
        self.bytes.extend_from_slice(packet.descriptor);
        self.entries.push(Entry {
            from,
            track: packet.track,
            layer: packet.layer,
            facts: *packet.facts,
            payload: packet.payload.len(),
            descriptor: packet.descriptor.len(),
        });
    }

    fn empty(&mut self, mut take: impl FnMut(Neighbour, Relayed<'_>)) {
        let mut rest = self.bytes.as_slice();
        for Entry { from, track, layer, facts, payload, descriptor } in &self.entries {
            let (payload, after) = rest.split_at(*payload);
            let (descriptor, after) = after.split_at(*descriptor);
            rest = after;
            take(*from, Relayed { track: *track, layer: *layer, facts, payload, descriptor });
        }
        self.bytes.clear();
        self.entries.clear();
    }
}

/// Whether the nth is lost, where one of so many is.
fn is_lost(nth: usize, one_in: usize) -> bool {
    one_in > 0 && nth.is_multiple_of(one_in)
}

/// Where an engine is.
fn address(thread: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1 + thread)), 4000)
}
