//! A receiver that is told the truth about each packet, and checks that what its headers say is true, and that
//! all of it can be decoded that the network has not lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use parlor_sim::packets::{Arrived, Carrier, Mark};

use super::numbers::Numbers;

/// Timestamps follow the times at which pictures were taken as well as that: a source may begin with a key frame that is
/// 200 ms old, and it is shown a frame after the last picture of the one before all the same.
const MAX_DRIFT_MS: f64 = 235.0;
const TICKS_PER_MS: f64 = 90.0;
/// Whoever sees nothing for less than that has been shown all that came.
const SHORTEST_REST_US: u64 = 200_000;

/// What a receiver found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Pictures that can be shown.
    pub(crate) pictures: usize,
    /// When each was whole, and all that it leans on.
    pub(crate) shown_at: Vec<Instant>,
    /// How often another encoding, or the same one after a pause, took over.
    pub(crate) beginnings: usize,
    /// The encodings by publisher, and spatial and temporal layers that were seen.
    pub(crate) layers: BTreeSet<(u32, u8, u8, u8)>,
    /// Numbers that never came.
    pub(crate) missing: u64,
    /// Pictures that were broken off for a smaller encoding, all of which had been sent but for that.
    pub(crate) given_up: usize,
    /// Frames that came in part, or lean on what never came.
    pub(crate) broken: usize,
    /// How far timestamps were off real time, at the most.
    pub(crate) drift_ms: f64,
}

/// One frame as it came.
struct Frame<'a> {
    mark: &'a Mark,
    first: &'a Arrived,
    /// The number that its first packet has, or would have.
    base: u64,
    parts: u16,
    ends: &'a Arrived,
    /// When the last packet of it came.
    whole_at: Instant,
}

/// Looks at everything that came on one stream of pictures.
/// `captured_at` is when a packet's picture was taken.
pub(crate) fn check(
    carrier: Carrier,
    arrived: &[Arrived],
    captured_at: impl Fn(&Mark) -> Instant,
) -> Found {
    let packets = in_order(arrived);
    let (Some(first), Some(last)) = (packets.first(), packets.last()) else {
        return Found::default();
    };
    let mut found = Found {
        missing: last.sequence - first.sequence + 1 - packets.len() as u64,
        ..Found::default()
    };
    found.given_up = check_headers(&packets);
    let frames = frames(&packets);
    check_times(&frames, captured_at, &mut found);
    decode(&frames, &packets, &mut found);
    let mut numbers = Numbers::new(carrier);
    let mut next_sequence = 0;
    for frame in &frames {
        numbers.check(frame.mark, frame.first, frame.first.sequence != next_sequence);
        next_sequence = frame.ends.sequence + 1;
    }
    found
}

fn in_order(arrived: &[Arrived]) -> Vec<&Arrived> {
    let mut packets: Vec<&Arrived> = arrived.iter().filter(|it| !it.is_audio).collect();
    packets.sort_by_key(|it| it.sequence);
    let streams: BTreeSet<u32> = packets.iter().map(|it| it.ssrc).collect();
    assert!(streams.len() <= 1, "one slot is one stream: {streams:?}");
    assert!(packets.windows(2).all(|pair| pair[0].sequence < pair[1].sequence), "none comes twice");
    packets
}

fn mark(packet: &Arrived) -> &Mark {
    packet.mark.as_ref().unwrap_or_else(|| panic!("a packet is not whole: {packet:?}"))
}

/// Which picture a packet is of.
fn picture(packet: &Arrived) -> (u32, u8, u64) {
    let Mark { publisher, encoding, picture, .. } = mark(packet);
    (*publisher, *encoding, *picture)
}

/// Of neighbours, those of one picture have one timestamp, and the marker is on the last one alone. Returns how many
/// pictures were given up for a smaller encoding.
fn check_headers(packets: &[&Arrived]) -> usize {
    let mut given_up = 0;
    for pair in packets.windows(2) {
        let [one, next] = pair else { continue };
        if picture(one) == picture(next) {
            assert_eq!(one.timestamp, next.timestamp, "{one:?}, {next:?}");
            assert!(!one.marker, "{one:?} is not the last: {next:?}");
        } else {
            assert!(one.timestamp < next.timestamp, "{one:?}, {next:?}");
            // A picture is broken off where a slot is taken off its track or a path takes far less than its
            // encoding, and nowhere else.
            let is_gap = one.sequence + 1 != next.sequence;
            assert!(one.marker || is_gap || is_cut(one, next), "{one:?} is the last: {next:?}");
            given_up += usize::from(!one.marker && !is_gap && is_given_up(one, next));
        }
    }
    given_up
}

/// Another publisher's track follows, a smaller encoding from its beginning, or one that rested.
fn is_cut(one: &Arrived, next: &Arrived) -> bool {
    let (before, after) = (mark(one), mark(next));
    let rest_us = after.captured_us.saturating_sub(before.captured_us);
    before.publisher != after.publisher || is_given_up(one, next) || rest_us > SHORTEST_REST_US
}

/// A smaller encoding of the same publisher follows from its beginning.
fn is_given_up(one: &Arrived, next: &Arrived) -> bool {
    let (before, after) = (mark(one), mark(next));
    before.publisher == after.publisher && after.encoding < before.encoding && is_beginning(after)
}

/// Packets of one frame have numbers one after the other.
fn frames<'a>(packets: &[&'a Arrived]) -> Vec<Frame<'a>> {
    let mut frames: Vec<Frame<'a>> = Vec::new();
    let mut seen = BTreeSet::new();
    for packet in packets {
        let mark = mark(packet);
        let base = packet.sequence - u64::from(mark.part.0);
        match frames.last_mut() {
            Some(last)
                if picture(last.first) == picture(packet) && last.mark.frame == mark.frame =>
            {
                assert_eq!(last.base, base, "{packet:?} is not where it was in its frame");
                last.parts += 1;
                last.ends = packet;
                last.whole_at = last.whole_at.max(packet.at);
            }
            _ => {
                let name = (mark.publisher, mark.encoding, mark.frame);
                assert!(seen.insert(name), "a frame comes in two places: {packet:?}");
                let (first, ends, whole_at) = (*packet, *packet, packet.at);
                frames.push(Frame { mark, first, base, parts: 1, ends, whole_at });
            }
        }
    }
    frames
}

fn check_times(frames: &[Frame<'_>], captured_at: impl Fn(&Mark) -> Instant, found: &mut Found) {
    let Some(begin) = frames.first() else { return };
    for frame in frames {
        let passed = captured_at(frame.mark).saturating_duration_since(captured_at(begin.mark));
        let told_ms = (frame.first.timestamp - begin.first.timestamp) as f64 / TICKS_PER_MS;
        found.drift_ms = found.drift_ms.max((told_ms - passed.as_secs_f64() * 1000.0).abs());
        assert!(found.drift_ms <= MAX_DRIFT_MS, "{} ms off: {:?}", found.drift_ms, frame.first);
    }
}

/// Decodes what can be. What cannot has to lean on what was lost.
fn decode(frames: &[Frame<'_>], packets: &[&Arrived], found: &mut Found) {
    let mut gaps: BTreeSet<u64> = packets
        .windows(2)
        .filter(|pair| pair[0].sequence + 1 != pair[1].sequence)
        .map(|pair| pair[1].sequence)
        .collect();
    // A stream that does not begin with a key frame has lost it.
    gaps.extend(packets.first().filter(|it| !is_beginning(mark(it))).map(|it| it.sequence));
    let mut decoded: BTreeMap<u64, Instant> = BTreeMap::new();
    let (mut source, mut begun_at) = (None, 0);
    let mut pictures: BTreeMap<u64, Instant> = BTreeMap::new();
    for (index, frame) in frames.iter().enumerate() {
        let &Frame { mark, first, base, parts, ends, whole_at } = frame;
        let is_key = mark.references.is_empty();
        let has_changed = source.replace((mark.publisher, mark.encoding))
            != Some((mark.publisher, mark.encoding));
        if is_key {
            decoded.clear();
            begun_at = base;
        }
        found.beginnings += usize::from(has_changed);
        let lost_since = |from: u64| gaps.range(from..=ends.sequence).next().is_some();
        assert!(is_key || !has_changed || lost_since(begun_at), "{mark:?} begins in the middle");
        let is_whole = parts == mark.part.1;
        let next = frames.get(index + 1).map(|next| next.first);
        let is_cut = next.is_some_and(|next| is_cut(ends, next));
        let is_at_end = next.is_none() || index == 0;
        let is_lost = lost_since(base) || gap_behind(&gaps, ends, next);
        assert!(is_whole || is_lost || is_cut || is_at_end, "{mark:?} in part");
        let leans_on: Option<Vec<Instant>> =
            mark.references.iter().map(|it| decoded.get(it).copied()).collect();
        if let Some(leans_on) = leans_on.filter(|_| is_whole) {
            let at = leans_on.into_iter().fold(whole_at, Instant::max);
            decoded.insert(mark.frame, at);
            let shown = pictures.entry(first.timestamp).or_insert(at);
            *shown = at.max(*shown);
            found.layers.insert((mark.publisher, mark.encoding, mark.spatial, mark.temporal));
        } else {
            assert!(!is_whole || lost_since(begun_at), "{mark:?} cannot be decoded; {decoded:?}");
            found.broken += 1;
        }
    }
    found.pictures = pictures.len();
    found.shown_at = pictures.into_values().collect();
}

/// A receiver can begin with it.
fn is_beginning(mark: &Mark) -> bool {
    mark.references.is_empty() && mark.part.0 == 0
}

/// The end of a frame is missing.
fn gap_behind(gaps: &BTreeSet<u64>, ends: &Arrived, next: Option<&Arrived>) -> bool {
    next.is_some_and(|next| gaps.contains(&next.sequence) && next.sequence > ends.sequence + 1)
}
