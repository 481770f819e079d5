//! The track ring keeps about a second, says who was overtaken, and finds what is asked for again.

use std::time::{Duration, Instant};

use parlor_engine::ring::{
    Cursor, Dependencies, Facts, FrameNumbers, KEEP, MAX_STORED_LEN, NotStored, Read, RingLimits,
    TrackRing,
};
use parlor_rtc::payload::Layer;
use proptest::prelude::*;

pub(crate) fn facts(sequence: u64, arrival: Instant) -> Facts {
    Facts {
        sequence,
        timestamp: sequence * 3000,
        arrival,
        marker: false,
        payload_type: 96,
        recovered: false,
        starts_frame: true,
        starts_key_frame: false,
        numbers: FrameNumbers::default(),
        layer: Layer::default(),
        dependencies: Dependencies::default(),
        audio_level: None,
        video_orientation: None,
        color_space: None,
    }
}

pub(crate) fn start() -> Instant {
    #[allow(clippy::disallowed_methods)]
    // a first moment to count from; the test owns time from here
    Instant::now()
}

/// Pushes `packets` of `len` bytes, one every `gap`, and returns when the last one came.
fn fill(ring: &mut TrackRing, from: Instant, packets: u64, len: usize, gap: Duration) -> Instant {
    let first = match ring.read(Cursor::default()) {
        Read::Packet(_) => panic!("the ring is not empty"),
        _ => 1000,
    };
    let mut now = from;
    for n in 0..packets {
        ring.push(facts(first + n, now), &vec![n as u8; len], &[]).unwrap();
        now += gap;
    }
    now - gap
}

#[test]
fn a_ring_takes_no_memory_before_the_first_packet() {
    assert_eq!(TrackRing::new(RingLimits::VIDEO).memory(), 0);
}

#[test]
fn a_reader_sees_every_packet_in_order_of_arrival() {
    let now = start();
    let mut ring = TrackRing::new(RingLimits::VIDEO);
    let mut cursor = ring.end();
    for sequence in [5, 7, 6, 9] {
        ring.push(facts(sequence, now), &[sequence as u8], b"dd").unwrap();
    }
    let mut seen = Vec::new();
    while let Read::Packet(packet) = ring.read(cursor) {
        assert_eq!(packet.payload, [packet.facts.sequence as u8]);
        assert_eq!(packet.dependency_descriptor, b"dd");
        seen.push(packet.facts.sequence);
        cursor = cursor.next();
    }
    assert_eq!(seen, [5, 7, 6, 9]);
    assert!(matches!(ring.read(cursor), Read::CaughtUp));
    assert_eq!(cursor, ring.end());
}

#[test]
fn a_packet_is_kept_once() {
    let now = start();
    let mut ring = TrackRing::new(RingLimits::VIDEO);
    ring.push(facts(5, now), b"first", &[]).unwrap();
    assert_eq!(ring.push(facts(5, now), b"again", &[]), Err(NotStored::Duplicate));
    assert_eq!(ring.push(facts(6, now), &[0; MAX_STORED_LEN], b"x"), Err(NotStored::TooLong));
    assert_eq!(ring.find(5).unwrap().payload, b"first");
    assert_eq!(ring.len(), 1);
}

#[test]
fn what_arrived_since_a_moment_is_found_as_far_as_it_is_there() {
    let mut ring = TrackRing::new(RingLimits::AUDIO);
    let start = start();
    assert_eq!(ring.since(start), ring.end());
    fill(&mut ring, start, 100, 80, Duration::from_millis(20));
    let first_since = |time| match ring.read(ring.since(time)) {
        Read::Packet(stored) => Some(stored.facts.arrival),
        _ => None,
    };
    let end = start + Duration::from_millis(20) * 100;
    let first = first_since(end - Duration::from_millis(250)).unwrap();
    assert!(first >= end - Duration::from_millis(250) && first <= end - Duration::from_millis(230));
    assert_eq!(first_since(end + Duration::from_secs(1)), None);
    assert!(first_since(start).unwrap() < end - Duration::from_millis(980), "the oldest there is");
}

#[test]
fn a_slow_reader_learns_that_it_was_overtaken() {
    let mut ring = TrackRing::new(RingLimits::AUDIO);
    let cursor = ring.end();
    let last = fill(&mut ring, start(), 300, 80, Duration::from_millis(20));
    let Read::Overtaken { oldest } = ring.read(cursor) else { panic!("not overtaken") };
    let Read::Packet(packet) = ring.read(oldest) else { panic!("nothing at the oldest") };
    assert!(last - packet.facts.arrival >= KEEP - Duration::from_millis(20));
    assert!(ring.find(1000).is_none());
    assert!(ring.find(1299).is_some());
}

#[test]
fn a_layer_of_1500_kbit_s_is_kept_for_a_second_within_256_kib() {
    let mut ring = TrackRing::new(RingLimits::VIDEO);
    let gap = Duration::from_micros(1_200 * 8 * 1_000 / 1_500);
    let last = fill(&mut ring, start(), 2_000, 1_200, gap);
    let Read::Overtaken { oldest } = ring.read(Cursor::default()) else { panic!() };
    let Read::Packet(packet) = ring.read(oldest) else { panic!() };
    assert!(last - packet.facts.arrival >= KEEP - gap, "{:?}", last - packet.facts.arrival);
    assert!(ring.memory() <= 256 * 1024, "{}", ring.memory());
}

#[test]
fn speech_takes_at_most_16_kib() {
    let mut ring = TrackRing::new(RingLimits::AUDIO);
    fill(&mut ring, start(), 2_000, 120, Duration::from_millis(20));
    assert!(ring.len() >= 50);
    assert!(ring.memory() <= 16 * 1024, "{}", ring.memory());
}

#[test]
fn a_key_frame_larger_than_the_ring_makes_it_grow_rather_than_overtake_its_readers() {
    let now = start();
    let mut ring = TrackRing::new(RingLimits::VIDEO);
    let cursor = ring.end();
    for sequence in 0..400 {
        let key = Facts { starts_key_frame: sequence == 0, ..facts(sequence, now) };
        ring.push(key, &[0; 1200], &[]).unwrap();
    }
    assert!(matches!(ring.read(cursor), Read::Packet(_)));
    assert_eq!(ring.latest_key_frame(), Some(cursor));
}

#[test]
fn a_flood_is_bounded() {
    let mut ring = TrackRing::new(RingLimits::VIDEO);
    fill(&mut ring, start(), 20_000, 1_400, Duration::from_micros(10));
    assert!(ring.memory() < 2_500_000, "{}", ring.memory());
    let mut ring = TrackRing::new(RingLimits::VIDEO);
    fill(&mut ring, start(), 20_000, 0, Duration::from_micros(10));
    assert_eq!(ring.len(), 2048);
}

#[test]
fn many_small_packets_do_not_keep_a_ring_large() {
    let mut ring = TrackRing::new(RingLimits::VIDEO);
    let mut now = fill(&mut ring, start(), 1_000, 1_200, Duration::from_millis(1));
    let large = ring.memory();
    for sequence in 3_000..4_000 {
        now += Duration::from_millis(9);
        ring.push(facts(sequence, now), &[1; 100], &[]).unwrap();
        if sequence % 100 == 0 {
            ring.trim(now);
        }
    }
    assert!(ring.memory() < 100_000, "{large} -> {}", ring.memory());
    assert!(ring.len() >= 110);
}

#[test]
fn a_ring_shrinks_when_the_bitrate_stays_low_and_is_released_when_the_layer_stops() {
    let mut ring = TrackRing::new(RingLimits::VIDEO);
    let mut now = fill(&mut ring, start(), 2_000, 1_200, Duration::from_millis(1));
    let large = ring.memory();
    assert!(large > 1_000_000);
    for sequence in 3_000..3_300 {
        now += Duration::from_millis(33);
        ring.push(facts(sequence, now), &[1; 1_000], &[]).unwrap();
        if sequence % 30 == 0 {
            ring.trim(now);
        }
    }
    assert!(ring.memory() < 100_000, "{large} -> {}", ring.memory());
    assert_eq!(ring.find(3_299).unwrap().payload, [1; 1_000]);
    let end = ring.end();
    ring.trim(now + Duration::from_secs(60));
    assert_eq!(ring.memory(), 0);
    assert_eq!(ring.end(), end);
    assert!(matches!(ring.read(end), Read::CaughtUp));
    ring.push(facts(9_000, now), b"back", &[]).unwrap();
    assert!(matches!(ring.read(end), Read::Packet(packet) if packet.payload == b"back"));
}

proptest! {
    /// Against a plain list: whatever is still there is right, and only the oldest are gone.
    #[test]
    fn what_is_read_is_what_was_stored(
        packets in prop::collection::vec((0u64..400, 0usize..1500, 0usize..60, 0u64..40), 1..600),
        video in any::<bool>(),
    ) {
        let mut now = start();
        let mut ring = TrackRing::new(if video { RingLimits::VIDEO } else { RingLimits::AUDIO });
        let first = ring.end();
        let mut stored: Vec<(u64, Vec<u8>, Vec<u8>)> = Vec::new();
        for (n, &(sequence, len, descriptor, gap)) in packets.iter().enumerate() {
            now += Duration::from_millis(gap);
            let payload = vec![n as u8; len];
            let descriptor = vec![!(n as u8); descriptor.min(MAX_STORED_LEN - len)];
            let present = ring.find(sequence).is_some();
            match ring.push(facts(sequence, now), &payload, &descriptor) {
                Ok(_) => stored.push((sequence, payload, descriptor)),
                Err(refused) => {
                    prop_assert_eq!(refused, NotStored::Duplicate);
                    prop_assert!(present);
                }
            }
            if gap == 39 {
                ring.trim(now);
            }
        }
        let mut cursor = match ring.read(first) {
            Read::Overtaken { oldest } => oldest,
            _ => first,
        };
        let mut kept = &stored[stored.len() - ring.len()..];
        while let Read::Packet(packet) = ring.read(cursor) {
            let ((sequence, payload, descriptor), rest) = kept.split_first().unwrap();
            prop_assert_eq!(packet.facts.sequence, *sequence);
            prop_assert_eq!(packet.payload, payload.as_slice());
            prop_assert_eq!(packet.dependency_descriptor, descriptor.as_slice());
            (cursor, kept) = (cursor.next(), rest);
        }
        prop_assert!(kept.is_empty());
    }
}
