//! The engine under any sequence of what rooms ask of it, against a model of who is where.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use parlor_rtc::dtls::Identity;
use parlor_rtc::sdp::Candidates;
use parlor_rtc::{MediaKind, Mid, Path};

use crate::arena::SendArena;
use crate::census::Census;
use crate::change::{Change, SlotState};
use crate::command::{Join, JoinError, Joined, Receive, Sender, View};
use crate::config::{Config, Limits};
use crate::engine::Engine;
use crate::forward::Forwarded;
use crate::id::{PeerId, RoomId, Source, TrackId};

/// Longest script, in operations: a join costs most, and a room of so many steps has seen everything.
const MAX_OPERATIONS: usize = 200;

/// Names of rooms and peers, few so that operations meet.
const ROOMS: u8 = 3;
const PEERS: u8 = 8;

/// What a client of the model may publish, in the order of its offer.
const SOURCES: [Source; 5] = [
    Source::Microphone,
    Source::Camera,
    Source::Screen,
    Source::ScreenAudio,
    Source::Custom(MediaKind::Video),
];

/// Making one costs a key pair, and nothing here depends on which.
static IDENTITY: LazyLock<Arc<Identity>> =
    LazyLock::new(|| Arc::new(Identity::generate().expect("this machine can make keys")));

/// Plays `script`, four bytes an operation, and checks the engine against the model after each.
pub fn rooms(now: Instant, script: &[u8]) {
    let mut world = World::new(now);
    for operation in script.chunks_exact(4).take(MAX_OPERATIONS) {
        world.play([operation[0], operation[1], operation[2], operation[3]]);
        world.check();
    }
    world.leave_nothing_behind();
}

/// One peer as the model knows it.
struct Member {
    room: RoomId,
    /// How many of [`SOURCES`] it offers, and how many pairs of slots.
    senders: usize,
    pairs: usize,
    /// Counts ICE restarts.
    ice: u32,
    /// Its slots are.
    pinned: bool,
}

impl Member {
    /// What a browser would offer.
    fn offer(&self) -> String {
        let slots = [MediaKind::Audio, MediaKind::Video].into_iter().cycle().take(2 * self.pairs);
        let senders = SOURCES.iter().take(self.senders).map(|source| source.kind());
        let sections: Vec<(MediaKind, &str)> = senders
            .map(|kind| (kind, "sendonly"))
            .chain(slots.map(|kind| (kind, "recvonly")))
            .collect();
        let mut sdp =
            String::from("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
        for mid in 0..sections.len() {
            // Writing to a string cannot fail.
            let _ = write!(sdp, " {mid}");
        }
        let fingerprint = ["AB"; 32].join(":");
        let _ = write!(sdp, "\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\n");
        for (mid, (kind, direction)) in sections.into_iter().enumerate() {
            let (payload_type, codec) = match kind {
                MediaKind::Audio => (111, "opus/48000/2"),
                MediaKind::Video => (96, "VP8/90000"),
            };
            let _ = write!(
                sdp,
                "m={kind} 9 UDP/TLS/RTP/SAVPF {payload_type}\r\nc=IN IP4 0.0.0.0\r\n\
                 a=mid:{mid}\r\na=ice-ufrag:user{ice:04}\r\na=ice-pwd:password-of-user-{ice:08}\r\n\
                 a=rtcp-mux\r\na={direction}\r\na=rtpmap:{payload_type} {codec}\r\n",
                ice = self.ice
            );
        }
        sdp
    }
}

struct World {
    now: Instant,
    engine: Engine,
    arena: SendArena,
    rooms: BTreeSet<RoomId>,
    members: BTreeMap<PeerId, Member>,
    /// Every slot as last told.
    slots: BTreeMap<PeerId, Vec<SlotState>>,
}

impl World {
    fn new(now: Instant) -> World {
        let config = Config {
            identity: IDENTITY.clone(),
            candidates: Candidates::over_udp(vec![SocketAddr::new(
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                4000,
            )]),
            thread: 0,
            seed: [1; 32],
            ntp_at_start: 0,
            limits: Limits {
                peers_per_room: 5,
                open_microphones: 2,
                loudest_microphones: 1,
                ..Limits::default()
            },
        };
        World {
            now,
            engine: Engine::new(now, config),
            arena: SendArena::new(1 << 16, 64),
            rooms: BTreeSet::new(),
            members: BTreeMap::new(),
            slots: BTreeMap::new(),
        }
    }

    fn play(&mut self, [operation, a, b, c]: [u8; 4]) {
        let (room, peer) = (RoomId((a % ROOMS).into()), PeerId((b % PEERS).into()));
        match operation % 10 {
            0 => {
                self.engine.add_room(room);
                self.rooms.insert(room);
            }
            1 => {
                self.engine.remove_room(self.now, room, &mut self.arena);
                self.rooms.remove(&room);
                self.members.retain(|_, member| member.room != room);
            }
            2 | 3 => self.join(room, peer, c),
            4 => {
                self.engine.remove_peer(self.now, peer, &mut self.arena);
                self.members.remove(&peer);
            }
            5 => self.offer_again(peer, c),
            6 => self.engine.switch_track(self.now, track(peer, a.into()), c % 2 == 0),
            7 => {
                let view = |n: u8| View {
                    track: track(PeerId((n % PEERS).into()), (n / PEERS).into()),
                    width: 640,
                    height: 360,
                    priority: n % 3,
                };
                let shown = (0..c % 16).map(|n| view(n.wrapping_mul(a))).collect();
                self.engine.view(self.now, peer, shown);
            }
            8 => self.hear([a, b, c]),
            _ => {
                self.now += Duration::from_millis(u64::from(c) * 100);
                self.engine.handle_timeout(self.now, &mut self.arena);
            }
        }
        self.settle();
    }

    fn join(&mut self, room: RoomId, peer: PeerId, shape: u8) {
        let senders = usize::from(shape % 6).min(SOURCES.len());
        let (pairs, pinned) = (usize::from(shape / 6 % 5), shape >= 128);
        let member = Member { room, senders, pairs, ice: 0, pinned };
        let offer = member.offer();
        let join = Join {
            room,
            peer,
            opening: offer.into(),
            senders: self.senders(peer, 0..senders),
            receive: if pinned { Receive::Pinned(pins(shape)) } else { Receive::Floating },
        };
        let joined = self.engine.join(self.now, join);
        let is_full = self.members.values().filter(|other| other.room == room).count() >= 5;
        match joined {
            Ok(joined) => {
                assert!(
                    self.rooms.contains(&room) && !self.members.contains_key(&peer) && !is_full
                );
                self.note(peer, &member, joined);
                self.members.insert(peer, member);
            }
            Err(JoinError::UnknownRoom(_)) => assert!(!self.rooms.contains(&room)),
            Err(JoinError::PeerExists(_)) => assert!(self.members.contains_key(&peer)),
            Err(JoinError::Full) => assert!(is_full),
            // An offer without any section.
            Err(JoinError::Offer(_)) => assert_eq!(member.senders + member.pairs, 0),
            Err(other) => panic!("{other}"),
        }
    }

    fn offer_again(&mut self, peer: PeerId, shape: u8) {
        let Some(mut member) = self.members.remove(&peer) else {
            let refused = self.engine.reoffer(self.now, peer, "", &[], &[]);
            return assert_eq!(refused, Err(JoinError::UnknownPeer(peer)));
        };
        member.pairs += usize::from(shape % 3);
        member.ice += u32::from(shape / 3 % 2);
        let senders = self.senders(peer, 0..member.senders);
        let joined = self.engine.reoffer(self.now, peer, &member.offer(), &senders, &pins(shape));
        self.note(peer, &member, joined.expect("it offers what it had, and more"));
        self.members.insert(peer, member);
    }

    fn senders(&self, peer: PeerId, which: std::ops::Range<usize>) -> Vec<Sender> {
        which
            .map(|index| Sender {
                mid: mid(index),
                track: track(peer, index as u64),
                source: SOURCES[index],
                on: true,
            })
            .collect()
    }

    fn note(&mut self, peer: PeerId, member: &Member, joined: Joined) {
        assert_eq!(joined.slots.len(), 2 * member.pairs, "every receive section is a slot");
        assert_eq!(joined.answer.matches("\r\nm=").count(), member.senders + 2 * member.pairs);
        self.slots.insert(peer, joined.slots);
    }

    /// Bytes that anybody could send.
    fn hear(&mut self, bytes: [u8; 3]) {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let path = Path::udp(SocketAddr::new(address, u16::from(bytes[1])), address);
        let mut datagram = bytes.repeat(usize::from(bytes[2]));
        self.engine.handle_datagram(self.now, path, &mut datagram, &mut self.arena);
    }

    /// What a media thread does after each batch.
    fn settle(&mut self) {
        while self.engine.forward(self.now, &mut self.arena) == Forwarded::ArenaFull {
            self.arena.clear();
        }
        self.arena.clear();
        self.slots.retain(|peer, _| self.members.contains_key(peer));
        while let Some(change) = self.engine.poll_change() {
            if let Change::Peer { peer, state } = change {
                assert!(self.members.contains_key(&peer), "nothing is told of who has left");
                let before = self.slots.insert(peer, state.slots);
                if self.members[&peer].pinned {
                    let before: BTreeSet<_> = carried(&before.unwrap_or_default()).collect();
                    let stay = carried(&self.slots[&peer]).all(|slot| before.contains(&slot));
                    assert!(stay, "nothing floats onto a pinned slot");
                }
            }
        }
    }

    fn check(&self) {
        let census = self.engine.census();
        assert_eq!(census.rooms, self.rooms.len());
        assert_eq!(census.peers, self.members.len());
        assert_eq!(
            census.tracks,
            self.members.values().map(|member| member.senders).sum::<usize>()
        );
        for (peer, member) in &self.members {
            let slots = &self.slots[peer];
            let carried: Vec<TrackId> = slots.iter().filter_map(|slot| slot.track).collect();
            let distinct: BTreeSet<&TrackId> = carried.iter().collect();
            assert_eq!(distinct.len(), carried.len(), "a track is in one slot at most");
            for slot in slots {
                let Some(TrackId(id)) = slot.track else { continue };
                let publisher = PeerId(id / 100);
                let published = &self.members[&publisher];
                assert!(publisher != *peer && published.room == member.room);
                assert!((id % 100) < published.senders as u64);
                assert_eq!(SOURCES[(id % 100) as usize].kind(), slot.kind);
            }
        }
    }

    fn leave_nothing_behind(mut self) {
        for room in std::mem::take(&mut self.rooms) {
            self.engine.remove_room(self.now, room, &mut self.arena);
        }
        assert_eq!(self.engine.census(), Census::default());
        assert_eq!(self.engine.deadline(), None);
    }
}

/// Some tracks of anybody, and some of nobody.
fn pins(shape: u8) -> Vec<TrackId> {
    (0..shape % 32).map(|n| track(PeerId((n % PEERS).into()), u64::from(n / PEERS))).collect()
}

fn carried(slots: &[SlotState]) -> impl Iterator<Item = (Mid, TrackId)> {
    slots.iter().filter_map(|slot| Some((slot.mid, slot.track?)))
}

fn mid(index: usize) -> Mid {
    index.to_string().parse().expect("a number is a name")
}

fn track(PeerId(peer): PeerId, index: u64) -> TrackId {
    TrackId(peer * 100 + index)
}
