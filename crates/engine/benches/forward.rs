//! What forwarding costs the processor, per packet and subscriber: `cargo bench -p parlor-engine`.
//!
//! The steps are those of a slot: read the ring, rewrite, write the header, copy the payload, seal.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods)]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use parlor_engine::arena::SendArena;
use parlor_engine::id::{LayerId, TrackId};
use parlor_engine::rewrite::{Decision, Rewriter};
use parlor_engine::ring::{
    Cursor, Dependencies, Facts, FrameNumbers, PictureId, Read, RingLimits, Stored, TrackRing,
};
use parlor_rtc::payload::{self, Layer};
use parlor_rtc::rtp::{
    AbsSendTime, ExtensionKind, ExtensionMap, HeaderFields, HeaderTemplate, Ssrc,
};
use parlor_rtc::sdp::Codec;
use parlor_rtc::srtp::{MasterKey, Outbound, Profile};
use parlor_rtc::{MediaKind, Path};

const PAYLOAD_LEN: usize = 1150;
const PACKETS_PER_FRAME: u64 = 5;
const LAYER: LayerId = LayerId { track: TrackId(1), index: 0 };

/// How far a packet goes.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Until {
    Rewritten,
    Copied,
    Sealed(Profile),
}

struct Subscriber {
    path: Path,
    cursor: Cursor,
    rewriter: Rewriter,
    template: HeaderTemplate,
    srtp: Option<Outbound>,
}

impl Subscriber {
    fn new(number: u16, until: Until) -> Subscriber {
        let mut map = ExtensionMap::new();
        map.insert(1, ExtensionKind::Mid).unwrap();
        map.insert(2, ExtensionKind::TransportSequence).unwrap();
        map.insert(3, ExtensionKind::AbsSendTime).unwrap();
        map.insert(4, ExtensionKind::VideoOrientation).unwrap();
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let ssrc = Ssrc(u32::from(number));
        let mid = Some("0".parse().unwrap());
        let srtp = match until {
            Until::Sealed(profile) => {
                let (key, salt) = ([7; 32], [9; 14]);
                let (key_len, salt_len) = (profile.key_len(), profile.salt_len());
                let master = MasterKey::new(profile, &key[..key_len], &salt[..salt_len]).unwrap();
                Outbound::new(&master)
            }
            _ => None,
        };
        Subscriber {
            path: Path::udp(SocketAddr::new(local, number), local),
            cursor: Cursor::default(),
            rewriter: Rewriter::new(MediaKind::Video, 90_000, u64::from(number)),
            template: HeaderTemplate::new(ssrc, mid, MediaKind::Video, &map, false),
            srtp,
        }
    }

    fn forward(&mut self, ring: &TrackRing, until: Until, arena: &mut SendArena) -> u64 {
        let mut packets = 0;
        while let Read::Packet(stored) = ring.read(self.cursor) {
            self.cursor = self.cursor.next();
            packets += 1;
            let decision = black_box(self.rewriter.decide(LAYER, stored.facts, true));
            let Decision::Forward(out) = decision else { panic!("not forwarded") };
            if until == Until::Rewritten {
                continue;
            }
            let Some(mut slot) = arena.reserve(self.path) else {
                arena.clear();
                continue;
            };
            let room = slot.bytes_mut();
            let end = write(&self.template, &out, &stored, room);
            let len = match &mut self.srtp {
                Some(srtp) => srtp.seal_rtp(room, end, out.sequence).unwrap(),
                None => end,
            };
            slot.commit(black_box(len));
        }
        packets
    }
}

fn write(
    template: &HeaderTemplate,
    out: &parlor_engine::rewrite::Outgoing,
    stored: &Stored<'_>,
    room: &mut [u8],
) -> usize {
    let fields = HeaderFields {
        payload_type: 96,
        marker: stored.facts.marker,
        sequence: out.sequence as u16,
        timestamp: out.timestamp as u32,
        transport_sequence: out.sequence as u16,
        abs_send_time: AbsSendTime(1),
        audio_level: None,
        video_orientation: None,
        color_space: None,
        dependency_descriptor: &[],
    };
    let header = template.write(&fields, room).unwrap();
    let end = header + stored.payload.len();
    room[header..end].copy_from_slice(stored.payload);
    payload::rewrite(Codec::Vp8, &mut room[header..end], &out.numbers);
    end
}

/// Nanoseconds per packet and subscriber.
fn measure(subscribers: u16, until: Until) -> f64 {
    let mut now = Instant::now();
    let mut ring = TrackRing::new(RingLimits::VIDEO);
    let mut arena = SendArena::default();
    let mut all: Vec<Subscriber> = (1..=subscribers).map(|n| Subscriber::new(n, until)).collect();
    let mut payload = vec![0x5A; PAYLOAD_LEN];
    payload[..6].copy_from_slice(&[0x90, 0xE0, 0x80, 0x00, 0x00, 0x00]);
    let (mut packets, mut spent) = (0, Duration::ZERO);
    let frames = 400_000 / u64::from(subscribers) / PACKETS_PER_FRAME;
    for frame in 0..frames {
        now += Duration::from_millis(33);
        for n in 0..PACKETS_PER_FRAME {
            ring.push(facts(frame, n, now), &payload, &[]).unwrap();
        }
        let begun = Instant::now();
        for subscriber in &mut all {
            let sent = subscriber.forward(&ring, until, &mut arena);
            // The first tenth warms up.
            packets += if frame * 10 > frames { sent } else { 0 };
        }
        arena.clear();
        spent += if frame * 10 > frames { begun.elapsed() } else { Duration::ZERO };
    }
    spent.as_nanos() as f64 / packets as f64
}

fn facts(frame: u64, n: u64, arrival: Instant) -> Facts {
    Facts {
        sequence: frame * PACKETS_PER_FRAME + n,
        timestamp: frame * 3000,
        arrival,
        marker: n + 1 == PACKETS_PER_FRAME,
        payload_type: 96,
        recovered: false,
        starts_frame: n == 0,
        starts_key_frame: n == 0 && frame.is_multiple_of(300),
        numbers: FrameNumbers {
            picture_id: Some(PictureId { value: frame as u16 & 0x7FFF, wide: true }),
            tl0_picture_index: Some(frame as u8),
            frame_number: None,
        },
        layer: Layer::default(),
        dependencies: Dependencies::default(),
        audio_level: None,
        video_orientation: None,
        color_space: None,
    }
}

fn main() {
    let steps = [
        ("rewrite", Until::Rewritten),
        ("rewrite + copy", Until::Copied),
        ("rewrite + copy + seal, AES-256-GCM", Until::Sealed(Profile::AeadAes256Gcm)),
        ("rewrite + copy + seal, AES-128-GCM", Until::Sealed(Profile::AeadAes128Gcm)),
        ("rewrite + copy + seal, AES-CM, SHA-1", Until::Sealed(Profile::AesCm128HmacSha1_80)),
    ];
    println!("{PAYLOAD_LEN} bytes of payload, ns per packet and subscriber");
    println!("{:40} {:>8} {:>8} {:>8}", "subscribers", 1, 10, 200);
    for (name, until) in steps {
        let costs = [1, 10, 200].map(|subscribers| measure(subscribers, until));
        println!("{name:40} {:8.0} {:8.0} {:8.0}", costs[0], costs[1], costs[2]);
    }
}
