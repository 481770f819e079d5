//! The engine under any RTP and RTCP of its peers: what they may send once they are in, sealed as
//! their browsers would seal it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use parlor_rtc::demux::{Protocol, classify};
use parlor_rtc::dtls::Identity;
use parlor_rtc::rtp::{RtpView, Ssrc};
use parlor_rtc::sdp::Candidates;
use parlor_rtc::srtp::{Inbound, Outbound, SRTCP_OVERHEAD, SRTP_OVERHEAD};
use parlor_rtc::stun::{Class, MessageWriter, TransactionId};
use parlor_rtc::{Path, fuzzing, rtcp};

use super::hostile::{Client, PAIRS, SOURCES, Script};
use crate::arena::SendArena;
use crate::census::Census;
use crate::change::Change;
use crate::command::{Join, Receive, View};
use crate::config::{Config, Limits};
use crate::datagram::Routed;
use crate::engine::Engine;
use crate::forward::Forwarded;
use crate::id::{PeerId, RoomId};
use crate::peer::{Peer, PeerKey};
use crate::session;

const PEOPLE: u64 = 3;

/// Longest script, in operations: enough for a ring to wrap.
const MAX_OPERATIONS: usize = 2_000;

/// Packets that a client remembers to have heard, to ask for them again.
const MAX_HEARD: usize = 256;

/// Most that a ring of video takes, and those of sound take less: 2 MiB of payload, and its records.
const MAX_RING_BYTES: usize = 3 << 20;

/// Most layers of one track.
const MAX_LAYERS: usize = 4;

/// Most wake-ups in one moment: as many as there are timers, and feedback that does not fit at once.
const MAX_WAKE_UPS: usize = 1_000;

/// Making one costs a key pair, and nothing here depends on which.
static IDENTITY: LazyLock<Arc<Identity>> =
    LazyLock::new(|| Arc::new(Identity::generate().expect("this machine can make keys")));

/// Plays `script`, and checks what everybody is sent: it opens, and no number is used twice.
pub fn streams(now: Instant, script: &[u8]) {
    let mut world = World::new(now);
    let mut script = Script(script);
    for _ in 0..MAX_OPERATIONS {
        if script.is_over() {
            break;
        }
        world.play(&mut script);
        world.settle();
        world.check();
    }
    world.leave_nothing_behind();
}

/// One client.
struct Person {
    id: PeerId,
    key: PeerKey,
    path: Path,
    client: Client,
    /// None while the handshake is under way.
    srtp: Option<Srtp>,
    /// The latest packets of media that came.
    heard: Vec<(Ssrc, u16)>,
}

/// A client's ends of SRTP.
struct Srtp {
    inbound: Inbound,
    outbound: Outbound,
    /// The index of the newest packet of each stream that was sealed.
    newest: BTreeMap<u32, u64>,
}

struct World {
    now: Instant,
    engine: Engine,
    arena: SendArena,
    people: Vec<Person>,
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
            // Fewer than people, so that some have to speak to be heard.
            limits: Limits { open_microphones: 2, loudest_microphones: 1, ..Limits::default() },
        };
        let mut engine = Engine::new(now, config);
        engine.add_room(RoomId(1));
        let arena = SendArena::new(1 << 16, 64);
        let mut world = World { now, engine, arena, people: Vec::new() };
        (1..=PEOPLE).for_each(|number| world.enter(number));
        // The last one is still on the way in.
        (0..world.people.len() - 1).for_each(|who| world.connect(who));
        world.settle();
        world
    }

    /// Somebody joins, and has a path.
    fn enter(&mut self, number: u64) {
        let (client, id) = (Client::new(number), PeerId(number));
        let (offer, senders) = (client.offer(), client.senders());
        let join = Join {
            room: RoomId(1),
            peer: id,
            opening: offer.into(),
            senders,
            receive: Receive::Floating,
        };
        self.engine.join(self.now, join).expect("it offers what a browser offers");
        let key = self.engine.peer_keys[&id];
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let path = Path::udp(SocketAddr::new(local, 5_000 + number as u16), local);
        self.check_path(key, path);
        self.people.push(Person { id, key, path, client, srtp: None, heard: Vec::new() });
    }

    /// Somebody's handshake is over, if it was not.
    fn connect(&mut self, who: usize) {
        let person = &mut self.people[who];
        if person.srtp.is_none() {
            let peer = self.engine.peers.get_mut(person.key).expect("nobody leaves");
            let connection = &mut peer.link.connection;
            let (inbound, outbound) = fuzzing::end_handshake(self.now, connection, person.path);
            person.srtp = Some(Srtp { inbound, outbound, newest: BTreeMap::new() });
            self.engine.follow_connection(self.now, person.key);
        }
    }

    /// The client nominates its path.
    fn check_path(&mut self, key: PeerKey, path: Path) {
        let peer = self.engine.peers.get(key).expect("it has just joined");
        let local = &peer.session.local_ice;
        let mut check = MessageWriter::new(Class::Request, TransactionId([1; 12]))
            .username(local.ufrag(), "user")
            .priority(1)
            .controlling(1)
            .use_candidate()
            .integrity(local.key());
        let mut check = check.finish().expect("it fits").to_vec();
        let routed = self.engine.handle_datagram(self.now, path, &mut check, &mut self.arena);
        assert_eq!(routed, Routed::Here);
    }

    fn play(&mut self, script: &mut Script<'_>) {
        let operation = script.byte();
        let who = usize::from(operation >> 4) % self.people.len();
        let Person { client, heard, .. } = &mut self.people[who];
        match operation % 16 {
            0..=7 => {
                let packet = client.rtp(script);
                self.send(who, packet, Srtp::seal_rtp);
            }
            8 => client
                .run(script)
                .into_iter()
                .for_each(|packet| self.send(who, packet, Srtp::seal_rtp)),
            9..=11 => {
                let compound = client.rtcp(heard, script);
                self.send(who, compound, Srtp::seal_rtcp);
            }
            12 => self.now += Duration::from_millis(u64::from(script.byte()) * 4),
            13 => match script.byte() {
                0..=99 => self.connect(who),
                slot => self.recycle(who, slot.into()),
            },
            14 => {
                client.toggle(usize::from(script.byte()) % SOURCES.len());
                self.offer_again(who);
            }
            _ => self.look_elsewhere(who, script.byte()),
        }
    }

    /// Sends what a browser would have sealed by `seal`; from one who has no keys yet it comes as it is, as
    /// anybody could send it.
    fn send(
        &mut self,
        who: usize,
        packet: Vec<u8>,
        seal: fn(&mut Srtp, Vec<u8>) -> Option<Vec<u8>>,
    ) {
        let Person { srtp, path, .. } = &mut self.people[who];
        let sealed = match srtp {
            Some(srtp) => seal(srtp, packet),
            None => Some(packet),
        };
        if let Some(mut sealed) = sealed {
            self.engine.handle_datagram(self.now, *path, &mut sealed, &mut self.arena);
        }
    }

    fn offer_again(&mut self, who: usize) {
        let Person { id, client, .. } = &self.people[who];
        let (offer, senders) = (client.offer(), client.senders());
        let joined = self.engine.reoffer(self.now, *id, &offer, &senders, &[]);
        joined.expect("it offers what a browser offers");
    }

    /// Somebody stops to receive on a section, and offers another one in its place.
    fn recycle(&mut self, who: usize, slot: usize) {
        self.people[who].client.stop(slot);
        self.offer_again(who);
        self.people[who].client.recycle();
        self.offer_again(who);
    }

    /// Somebody shows other tracks than before, or switches their own.
    fn look_elsewhere(&mut self, who: usize, choice: u8) {
        let own: Vec<_> = self.people[who].client.tracks().collect();
        if choice & 1 == 0 {
            own.iter()
                .for_each(|track| self.engine.switch_track(self.now, *track, choice & 2 == 0));
            return;
        }
        let tracks = self.people.iter().flat_map(|person| person.client.tracks());
        let shown = tracks.enumerate().filter(|(index, _)| choice >> (index % 8) & 1 != 0);
        let view = |(_, track)| View { track, width: 640, height: 360, priority: 0 };
        self.engine.view(self.now, self.people[who].id, shown.map(view).collect());
    }

    /// What a media thread does after each batch.
    fn settle(&mut self) {
        let mut wake_ups = 0;
        while self.engine.deadline().is_some_and(|at| at <= self.now) {
            self.engine.handle_timeout(self.now, &mut self.arena);
            self.deliver();
            wake_ups += 1;
            assert!(wake_ups < MAX_WAKE_UPS, "there is always something due");
        }
        while self.engine.forward(self.now, &mut self.arena) == Forwarded::ArenaFull {
            assert!(!self.arena.is_empty(), "an empty arena is full");
            self.deliver();
        }
        self.deliver();
        while let Some(change) = self.engine.poll_change() {
            if let Change::Peer { peer, state } = change {
                assert!(self.people.iter().any(|person| person.id == peer));
                assert_eq!(state.slots.len(), 2 * PAIRS);
            }
        }
    }

    /// Everybody opens what they are sent.
    fn deliver(&mut self) {
        for message in self.arena.messages() {
            let person = self.people.iter_mut().find(|person| person.path == message.path);
            let person = person.expect("nothing goes where nobody is");
            let peer = self.engine.peers.get(person.key).expect("nobody leaves");
            for datagram in message.segments() {
                person.open(peer, datagram);
            }
        }
        self.arena.clear();
    }

    fn check(&self) {
        let Census {
            peers,
            tracks,
            paths,
            streams,
            subscriptions,
            timers,
            changes,
            ring_bytes,
            ..
        } = self.engine.census();
        let published = self.people.iter().map(|person| person.client.tracks().count()).sum();
        assert_eq!((peers, tracks, paths), (self.people.len(), published, self.people.len()));
        assert!(streams <= 2 * MAX_LAYERS * tracks, "{streams} streams of {tracks} tracks");
        assert!(subscriptions <= 2 * PAIRS * peers);
        assert!(timers <= 6 * peers + 2, "{timers} timers of {peers} peers and a room");
        assert_eq!(changes, 0, "all were polled");
        assert!(ring_bytes <= MAX_RING_BYTES * MAX_LAYERS * tracks);
    }

    fn leave_nothing_behind(mut self) {
        self.engine.remove_room(self.now, RoomId(1), &mut self.arena);
        assert_eq!(self.engine.census(), Census::default());
        assert_eq!(self.engine.deadline(), None);
    }
}

impl Srtp {
    /// Seals any packet that has a header, at the index where its receiver looks for it.
    fn seal_rtp(&mut self, mut packet: Vec<u8>) -> Option<Vec<u8>> {
        let ssrc = u32::from_be_bytes(*packet.get(8..)?.first_chunk()?);
        let sequence = u16::from_be_bytes(*packet.get(2..)?.first_chunk()?);
        let index = match self.newest.get(&ssrc) {
            Some(newest) => {
                let ahead = sequence.wrapping_sub(*newest as u16) as i16;
                newest.checked_add_signed(ahead.into())?
            }
            None => sequence.into(),
        };
        let len = packet.len();
        packet.resize(len + SRTP_OVERHEAD, 0);
        let sealed = self.outbound.seal_rtp(&mut packet, len, index)?;
        packet.truncate(sealed);
        let newest = self.newest.entry(ssrc).or_default();
        *newest = index.max(*newest);
        Some(packet)
    }

    fn seal_rtcp(&mut self, mut compound: Vec<u8>) -> Option<Vec<u8>> {
        let len = compound.len();
        compound.resize(len + SRTCP_OVERHEAD, 0);
        let sealed = self.outbound.seal_rtcp(&mut compound, len)?;
        compound.truncate(sealed);
        Some(compound)
    }
}

impl Person {
    fn open(&mut self, peer: &Peer, datagram: &[u8]) {
        let mut packet = datagram.to_vec();
        match classify(datagram) {
            Some(Protocol::Srtp) => {
                let srtp = self.srtp.as_mut().expect("no media comes before the keys");
                let len = srtp.inbound.open_rtp(&mut packet).expect("a number is used once");
                self.hear(peer, &packet[..len]);
            }
            Some(Protocol::Srtcp) => {
                let srtp = self.srtp.as_mut().expect("no media comes before the keys");
                let len = srtp.inbound.open_rtcp(&mut packet).expect("an index is used once");
                assert!(rtcp::parse(&packet[..len]).next().is_some());
            }
            other => assert!(matches!(other, Some(Protocol::Stun | Protocol::Dtls))),
        }
    }

    fn hear(&mut self, peer: &Peer, packet: &[u8]) {
        let extensions = session::incoming_extensions(&peer.session.negotiation);
        let view = RtpView::parse(packet, &extensions).expect("we write what we read");
        let is_of = |slot: &&crate::slot::Slot| {
            let headers = &slot.outgoing.headers;
            [headers.ssrc, headers.rtx_ssrc].contains(&view.ssrc)
        };
        let slot = peer.slots.iter().find(is_of).expect("it is of a slot");
        assert_eq!(view.extensions.mid, Some(slot.mid));
        let section = session::receiving_section(&peer.session.negotiation, slot.mid);
        let codecs = &section.expect("the slot is open").codecs;
        assert!(codecs.iter().any(|codec| {
            let types = [Some(codec.payload_type), codec.rtx_payload_type];
            types.contains(&Some(view.payload_type))
        }));
        if view.ssrc == slot.outgoing.headers.ssrc {
            if self.heard.len() == MAX_HEARD {
                self.heard.remove(0);
            }
            self.heard.push((view.ssrc, view.sequence));
        }
    }
}
