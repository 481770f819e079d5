//! An engine and simulated browsers on perfect cables, in simulated time.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_engine::{
    Change, Config, Engine, Forwarded, Join, Joined, Limits, PeerId, PeerQuality, PeerState,
    Receive, RoomId, Routed, SendArena, Sender, Source, TrackId, WantedLayers,
};
use parlor_rtc::dtls::Identity;
use parlor_rtc::sdp::Candidates;
use parlor_rtc::{MediaKind, Path};
use parlor_sim::client::{self, Client, Datagram};

use crate::counting::allocations;

/// The one address of the engine.
pub(crate) const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 4000);

/// What a client publishes unless told otherwise.
pub(crate) const CAMERA_AND_MICROPHONE: [Source; 2] = [Source::Microphone, Source::Camera];

/// One media thread's worth of Parlor, and people.
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) engine: Engine,
    pub(crate) people: Vec<Person>,
    /// The latest that the engine told of those who have no browser here.
    pub(crate) others: BTreeMap<PeerId, PeerState>,
    /// Who is speaking in room 1, as last told.
    pub(crate) speaking: Vec<PeerId>,
    /// What each publisher was last asked to send.
    pub(crate) wanted: BTreeMap<PeerId, Vec<WantedLayers>>,
    /// What each viewer was last told that it gets.
    pub(crate) qualities: BTreeMap<PeerId, PeerQuality>,
    /// Who has the floor in room 1, as told, each time that it changed.
    pub(crate) floor: Vec<Option<PeerId>>,
    /// Allocations by the engine, commands apart.
    pub(crate) allocations: u64,
    /// How often the engine had something due.
    pub(crate) wakes: u64,
    arena: SendArena,
    next_number: u64,
    /// Whose next check comes once more, from an address that is not theirs.
    pub(crate) forged: Option<(usize, SocketAddr)>,
}

/// A browser in the world.
pub(crate) struct Person {
    pub(crate) id: PeerId,
    pub(crate) client: Client,
    pub(crate) senders: Vec<Sender>,
    /// The latest that the engine told of it.
    pub(crate) state: Option<PeerState>,
    /// Nothing that it sends arrives.
    pub(crate) muted: bool,
}

impl World {
    pub(crate) fn new() -> World {
        World::with_limits(Limits::default())
    }

    pub(crate) fn with_limits(limits: Limits) -> World {
        // The one instant that everything counts from; nothing depends on which.
        #[allow(clippy::disallowed_methods)]
        let now = Instant::now();
        let config = Config {
            identity: Arc::new(Identity::generate().unwrap()),
            candidates: Candidates::over_udp(vec![SERVER]),
            thread: 3,
            seed: [7; 32],
            ntp_at_start: 3_900_000_000 << 32,
            limits,
        };
        let mut engine = Engine::new(now, config);
        engine.add_room(RoomId(1));
        let arena = SendArena::default();
        World {
            now,
            engine,
            people: Vec::new(),
            others: BTreeMap::new(),
            speaking: Vec::new(),
            wanted: BTreeMap::new(),
            qualities: BTreeMap::new(),
            floor: Vec::new(),
            allocations: 0,
            wakes: 0,
            arena,
            next_number: 0,
            forged: None,
        }
    }

    /// Lets somebody join room 1; returns who, as an index.
    pub(crate) fn join(&mut self, sources: &[Source], slot_pairs: usize) -> usize {
        self.join_room(RoomId(1), sources, slot_pairs)
    }

    pub(crate) fn join_room(
        &mut self,
        room: RoomId,
        sources: &[Source],
        slot_pairs: usize,
    ) -> usize {
        let mut client = self.client();
        let kinds: Vec<_> = sources.iter().map(|source| client::kind(source.kind())).collect();
        let offer = client.offer(self.now, &kinds, slot_pairs);
        self.enter(room, client, offer, sources)
    }

    /// Lets somebody ask to join who decodes VP9 alone, and never connects.
    pub(crate) fn join_without_vp8(&mut self) -> PeerId {
        let mut client = self.client();
        let offer = client.offer(self.now, &[], 1).replace("VP8/90000", "VP9/90000");
        let peer = PeerId(self.next_number);
        let join = Join {
            room: RoomId(1),
            peer,
            opening: offer.into(),
            senders: Vec::new(),
            receive: Receive::Floating,
        };
        self.engine.join(self.now, join).unwrap();
        peer
    }

    /// Lets somebody join who publishes a camera in several encodings, and receives nothing.
    pub(crate) fn join_with_simulcast(&mut self, rids: &[&str]) -> usize {
        let mut client = self.client();
        let offer = client.offer_simulcast(self.now, rids);
        self.enter(RoomId(1), client, offer, &[Source::Camera])
    }

    /// Somebody new, at an address of their own.
    fn client(&mut self) -> Client {
        self.next_number += 1;
        let port = 10_000 + self.next_number as u16;
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 1, 0, 1)), port);
        Client::new(self.now, self.next_number as u32, address)
    }

    fn enter(
        &mut self,
        room: RoomId,
        mut client: Client,
        offer: String,
        sources: &[Source],
    ) -> usize {
        let number = u64::from(client.number);
        let senders: Vec<_> = (sources.iter().zip(&client.senders).enumerate())
            .map(|(index, (source, sender))| Sender {
                mid: sender.mid.to_string().parse().unwrap(),
                track: TrackId(100 * number + index as u64),
                source: *source,
                on: true,
            })
            .collect();
        let join = Join {
            room,
            peer: PeerId(number),
            opening: offer.into(),
            senders: senders.clone(),
            receive: Receive::Floating,
        };
        let Joined { answer, .. } = self.engine.join(self.now, join).unwrap();
        client.accept(&answer).unwrap();
        self.people.push(Person { id: PeerId(number), client, senders, state: None, muted: false });
        self.people.len() - 1
    }

    /// Lets somebody go; those behind move up.
    pub(crate) fn leave(&mut self, index: usize) {
        let person = self.people.remove(index);
        self.engine.remove_peer(self.now, person.id, &mut self.arena);
    }

    /// Takes somebody out of the engine whose browser stays.
    pub(crate) fn dismiss(&mut self, index: usize) {
        self.engine.remove_peer(self.now, self.people[index].id, &mut self.arena);
    }

    /// Ends a room; everyone's browsers stay.
    pub(crate) fn end_room(&mut self, room: RoomId) {
        self.engine.remove_room(self.now, room, &mut self.arena);
    }

    /// Lets somebody offer more pairs of slots.
    pub(crate) fn offer_again(&mut self, index: usize, more_pairs: usize) {
        let person = &mut self.people[index];
        let offer = person.client.offer(self.now, &[], more_pairs);
        let joined =
            self.engine.reoffer(self.now, person.id, &offer, &person.senders, &[]).unwrap();
        person.client.accept(&joined.answer).unwrap();
    }

    /// Lets somebody offer fresh ICE credentials.
    pub(crate) fn restart_ice(&mut self, index: usize) {
        let person = &mut self.people[index];
        let offer = person.client.offer_ice_restart();
        let joined =
            self.engine.reoffer(self.now, person.id, &offer, &person.senders, &[]).unwrap();
        person.client.accept(&joined.answer).unwrap();
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.step();
            let clients = self.people.iter().map(|person| person.client.deadline());
            let next = clients.chain(self.engine.deadline()).min().unwrap_or(end);
            self.now = next.clamp(
                self.now + Duration::from_millis(1),
                end.max(self.now + Duration::from_millis(1)),
            );
        }
        self.step();
    }

    fn step(&mut self) {
        let now = self.now;
        self.wakes += u64::from(self.engine.deadline().is_some_and(|at| at <= now));
        let before = allocations();
        self.engine.handle_timeout(now, &mut self.arena);
        self.allocations += allocations() - before;
        let mut datagrams = Vec::new();
        for person in &mut self.people {
            let from = person.client.address;
            let muted = person.muted;
            let send = |Datagram { bytes, .. }| datagrams.extend((!muted).then_some((from, bytes)));
            person.client.run(now, send).unwrap();
        }
        if let Some((forger, address)) = self.forged {
            let own = self.people[forger].client.address;
            let is_check =
                |from: &SocketAddr, bytes: &[u8]| *from == own && bytes.starts_with(&[0, 1]);
            let check = datagrams.iter().find(|(from, bytes)| is_check(from, bytes)).cloned();
            if let Some((_, bytes)) = check {
                datagrams.push((address, bytes));
                self.forged = None;
            }
        }
        for (from, mut bytes) in datagrams {
            let path = Path::udp(from, SERVER.ip());
            let before = allocations();
            let routed = self.engine.handle_datagram(now, path, &mut bytes, &mut self.arena);
            self.allocations += allocations() - before;
            assert_ne!(routed, Routed::Elsewhere { thread: 9 });
        }
        loop {
            let before = allocations();
            let forwarded = self.engine.forward(now, &mut self.arena);
            self.allocations += allocations() - before;
            if forwarded == Forwarded::Done {
                break;
            }
            self.deliver();
        }
        self.deliver();
        while let Some(change) = self.engine.poll_change() {
            match change {
                Change::Peer { peer, state } => {
                    let person = self.people.iter_mut().find(|person| person.id == peer);
                    let Some(person) = person else {
                        self.others.insert(peer, state);
                        continue;
                    };
                    person.state = Some(state);
                }
                Change::Speaking { peers, dominant, .. } => {
                    self.speaking = peers;
                    if self.floor.last().copied().flatten() != dominant {
                        self.floor.push(dominant);
                    }
                }
                Change::Wanted { peer, tracks } => drop(self.wanted.insert(peer, tracks)),
                Change::Quality { peer, quality } => drop(self.qualities.insert(peer, quality)),
            }
        }
    }

    fn deliver(&mut self) {
        for message in self.arena.messages() {
            let Path::Udp(path) = message.path else { continue };
            let person = self.people.iter_mut().find(|p| p.client.address == path.remote);
            let Some(person) = person else { continue };
            for datagram in message.segments() {
                person.client.receive(self.now, SERVER, datagram).unwrap();
            }
        }
        self.arena.clear();
    }

    /// How many frames of `kind` from `publisher` somebody has seen so far.
    pub(crate) fn frames(&self, viewer: usize, publisher: usize, kind: MediaKind) -> usize {
        let number = self.people[publisher].client.number;
        self.people[viewer].client.frames_of(number, client::kind(kind)).len()
    }
}
