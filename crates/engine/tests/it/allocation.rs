//! Forwarding a packet allocates nothing: from the ring through the rewriter and the seal to the arena.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use parlor_engine::arena::SendArena;
use parlor_engine::id::{LayerId, TrackId};
use parlor_engine::retransmit::{Refusal, Retransmissions, Way};
use parlor_engine::rewrite::{Decision, Outgoing, Rewriter};
use parlor_engine::ring::{Cursor, Facts, FrameNumbers, PictureId, Read, RingLimits, TrackRing};
use parlor_engine::speaking::VoiceActivity;
use parlor_engine::{Limits, Source};
use parlor_rtc::congestion::Bitrate;
use parlor_rtc::payload;
use parlor_rtc::rtp::{
    AbsSendTime, AudioLevel, ExtensionKind, ExtensionMap, HeaderFields, HeaderTemplate, Ssrc,
};
use parlor_rtc::sdp::Codec;
use parlor_rtc::srtp::{MasterKey, Outbound, Profile};
use parlor_rtc::{MediaKind, Mid, Path};

use crate::counting::allocations;
use crate::ring::{facts, start};
use crate::world::{CAMERA_AND_MICROPHONE, World};

/// A VP8 payload: descriptor with 15-bit picture id and TL0PICIDX, then zeros.
fn vp8(len: usize) -> Vec<u8> {
    let mut payload = vec![0; len];
    payload[..6].copy_from_slice(&[0x90, 0xE0, 0x80, 0x00, 0x00, 0x00]);
    payload
}

struct Subscriber {
    path: Path,
    cursor: Cursor,
    /// The newest outgoing sequence number.
    newest: u64,
    rewriter: Rewriter,
    template: HeaderTemplate,
    srtp: Outbound,
    retransmissions: Retransmissions,
}

impl Subscriber {
    fn new(number: u16, now: Instant) -> Subscriber {
        let mut map = ExtensionMap::new();
        map.insert(1, ExtensionKind::Mid).unwrap();
        map.insert(2, ExtensionKind::TransportSequence).unwrap();
        map.insert(3, ExtensionKind::AbsSendTime).unwrap();
        let mid: Mid = "0".parse().unwrap();
        let key = MasterKey::new(Profile::AeadAes128Gcm, &[7; 16], &[9; 12]).unwrap();
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let ssrc = Ssrc(u32::from(number));
        Subscriber {
            path: Path::udp(SocketAddr::new(local, number), local),
            cursor: Cursor::default(),
            newest: 0,
            rewriter: Rewriter::new(MediaKind::Video, 90_000, u64::from(number)),
            template: HeaderTemplate::new(ssrc, Some(mid), MediaKind::Video, &map, false),
            srtp: Outbound::new(&key).unwrap(),
            retransmissions: Retransmissions::new(now),
        }
    }

    /// Sends all that the ring has, every `keep`th frame of it, and one packet again.
    fn forward(&mut self, now: Instant, ring: &TrackRing, keep: u64, arena: &mut SendArena) {
        let layer = LayerId { track: TrackId(1), index: 0 };
        let mut newest = self.newest;
        while let Read::Packet(stored) = ring.read(self.cursor) {
            self.cursor = self.cursor.next();
            let wanted = stored.facts.timestamp / 3000 % keep == 0;
            let decision = self.rewriter.decide(layer, stored.facts, wanted);
            let Decision::Forward(out) = decision else { continue };
            let len = self.write(&out, stored.facts, stored.payload, arena);
            self.retransmissions.note_media(len);
            newest = out.sequence;
        }
        let original = self.rewriter.original(newest as u16).unwrap();
        assert!(ring.find(original.sequence).is_some());
        let way =
            Way { round_trip: Duration::from_millis(20), rate: Bitrate::from_kbps(1_000_000) };
        let again = self.retransmissions.take(now, (0, 7), 1200, way);
        assert_ne!(again, Err(Refusal::OnItsWay));
        self.newest = newest;
    }

    fn write(
        &mut self,
        out: &Outgoing,
        facts: &Facts,
        payload: &[u8],
        arena: &mut SendArena,
    ) -> usize {
        let mut slot = arena.reserve(self.path).unwrap();
        let room = slot.bytes_mut();
        let fields = HeaderFields {
            payload_type: 96,
            marker: facts.marker,
            sequence: out.sequence as u16,
            timestamp: out.timestamp as u32,
            transport_sequence: 1,
            abs_send_time: AbsSendTime(1),
            audio_level: None,
            video_orientation: None,
            color_space: None,
            dependency_descriptor: &[],
        };
        let header = self.template.write(&fields, room).unwrap();
        let end = header + payload.len();
        room[header..end].copy_from_slice(payload);
        payload::rewrite(Codec::Vp8, &mut room[header..end], &out.numbers);
        let len = self.srtp.seal_rtp(room, end, out.sequence).unwrap();
        slot.commit(len);
        len
    }
}

#[test]
fn a_forwarded_packet_allocates_nothing() {
    let mut now = start();
    let mut ring = TrackRing::new(RingLimits::VIDEO);
    let mut arena = SendArena::default();
    let mut voice = VoiceActivity::new();
    let mut subscribers: Vec<Subscriber> =
        (1..=10).map(|number| Subscriber::new(number, now)).collect();
    let payload = vp8(1150);
    let mut sent = 0;
    let mut frame = |frame: u64| {
        now += Duration::from_millis(33);
        for n in 0..4 {
            let facts = Facts {
                timestamp: frame * 3000,
                starts_frame: n == 0,
                starts_key_frame: n == 0 && frame.is_multiple_of(300),
                marker: n == 3,
                numbers: FrameNumbers {
                    picture_id: Some(PictureId { value: frame as u16 & 0x7FFF, wide: true }),
                    tl0_picture_index: Some(frame as u8),
                    frame_number: None,
                },
                ..facts(frame * 4 + n, now)
            };
            // Every 50th packet is lost.
            if (frame * 4 + n) % 50 != 17 {
                ring.push(facts, &payload, &[]).unwrap();
            }
        }
        voice.hear(now, AudioLevel { voice: true, below_full_scale_db: 30 });
        for (n, subscriber) in subscribers.iter_mut().enumerate() {
            subscriber.forward(now, &ring, 1 + n as u64 % 2, &mut arena);
        }
        sent += arena.messages().map(|message| message.segment_count()).sum::<usize>();
        arena.clear();
    };
    // Rings and histories reach their size in the first seconds.
    (0..300).for_each(&mut frame);
    let before = allocations();
    assert!(before > 0, "the counter counts");
    (300..900).for_each(&mut frame);
    assert_eq!(allocations() - before, 0);
    assert!(sent > 20_000, "{sent}");
}

#[test]
fn a_call_in_steady_state_allocates_nothing() {
    let mut world = World::new();
    for _ in 0..3 {
        world.join(&CAMERA_AND_MICROPHONE, 4);
    }
    world.run(Duration::from_secs(10));
    let (before, packets) = (world.allocations, world.engine.counters().packets_out);
    assert!(before > 0, "the counter counts");
    world.run(Duration::from_secs(5));
    let packets = world.engine.counters().packets_out - packets;
    assert!(packets > 1_000, "{packets}");
    assert_eq!(world.allocations - before, 0, "for {packets} packets");
}

#[test]
fn a_room_of_which_the_loudest_are_heard_allocates_nothing_while_they_speak() {
    let limits = Limits { open_microphones: 2, loudest_microphones: 2, ..Limits::default() };
    let mut world = World::with_limits(limits);
    for _ in 0..4 {
        let who = world.join(&[Source::Microphone], 4);
        world.people[who].client.senders[0].voice = who < 2;
    }
    world.run(Duration::from_secs(10));
    let (before, packets) = (world.allocations, world.engine.counters().packets_out);
    world.run(Duration::from_secs(5));
    let packets = world.engine.counters().packets_out - packets;
    assert!((1_400..=1_550).contains(&packets), "{packets} of two people, to three others each");
    assert_eq!(world.allocations - before, 0, "for {packets} packets");
}

#[test]
fn whoever_is_let_in_takes_a_free_slot_at_everybody_and_nothing_else_is_planned_anew() {
    let limits = Limits { open_microphones: 2, loudest_microphones: 2, ..Limits::default() };
    let mut world = World::with_limits(limits);
    let people: Vec<usize> = (0..100).map(|_| world.join(&[Source::Microphone], 4)).collect();
    for who in people {
        world.people[who].client.senders[0].voice = false;
    }
    world.run(Duration::from_secs(5));
    for who in [7, 8, 9] {
        let (before, let_in) = (world.allocations, world.engine.counters().microphones_let_in);
        world.people[who].client.senders[0].voice = true;
        world.run(Duration::from_secs(1));
        world.people[who].client.senders[0].voice = false;
        assert_eq!(world.engine.counters().microphones_let_in - let_in, 1);
        // A whole assignment takes thirty for each.
        let allocated = world.allocations - before;
        assert!(allocated < 4 * 100, "{allocated} for 100 people");
        world.run(Duration::from_secs(1));
    }
}

#[test]
fn who_only_watches_comes_and_goes_for_the_same_price_among_few_and_among_many() {
    let mut world = World::new();
    world.join(&CAMERA_AND_MICROPHONE, 0);
    let mut price = |others: usize| {
        for _ in 0..others {
            world.join(&[], 1);
        }
        let before = allocations();
        let who = world.join(&[], 1);
        world.leave(who);
        allocations() - before
    };
    let (few, many) = (price(10), price(300));
    assert!(many < few + 50, "{few} allocations among 10, {many} among 300");
}
