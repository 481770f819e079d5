//! What is told of byte streams and TURN, by which those are reached whose networks let little through.

use parlor_media::ThreadFacts;

use super::{Page, Read};

/// What is told of each media thread as it is now.
const GAUGES: [(&str, &str, Read); 2] = [
    ("streams", "TCP and TLS connections that carry ICE or TURN", |facts| {
        facts.streams.open as u64
    }),
    ("turn_allocations", "TURN allocations", |facts| facts.turn.allocations),
];

/// What is told of each media thread since it began.
const COUNTERS: [(&str, &str, Read); 12] = [
    ("streams_opened", "TCP and TLS connections taken over", |facts| facts.streams.taken),
    ("stream_frames_in", "Datagrams and messages that came over them", |facts| {
        facts.streams.frames_in
    }),
    ("stream_frames_out", "Datagrams and messages queued for them", |facts| {
        facts.streams.frames_out
    }),
    ("stream_frames_dropped", "Those that found no room, or their connection closed", |facts| {
        facts.streams.dropped
    }),
    ("streams_slow", "Times that a connection became too slow for pictures", |facts| {
        facts.streams.slow
    }),
    ("pictures_too_late", "Times that pictures were left out for that", |facts| {
        facts.engine.pictures_too_late
    }),
    ("turn_allocations_made", "TURN allocations made", |facts| facts.turn.made),
    (
        "turn_requests_refused",
        "TURN requests refused, but for those without credentials",
        |facts| {
            let refusals = &facts.turn.refusals;
            refusals.stale
                + refusals.unauthorized
                + refusals.forbidden
                + refusals.over_quota
                + refusals.out_of_capacity
                + refusals.others
        },
    ),
    ("turn_requests_forbidden", "Those of them that were for an address not ours", |facts| {
        facts.turn.refusals.forbidden
    }),
    ("turn_bytes_in", "Bytes that came through TURN", |facts| facts.turn.inward.bytes),
    ("turn_bytes_out", "Bytes that went through TURN", |facts| facts.turn.outward.bytes),
    ("stun_bindings", "STUN requests answered that were no checks of ICE", |facts| {
        facts.turn.bindings
    }),
];

/// Of each media thread, how its clients are reached.
pub(super) fn render(page: &mut Page, threads: &[ThreadFacts]) {
    for (name, help, read) in GAUGES {
        page.by_thread(&format!("parlor_thread_{name}"), help, "gauge", threads.iter().map(read));
    }
    for (name, help, read) in COUNTERS {
        let name = format!("parlor_{name}_total");
        page.by_thread(&name, help, "counter", threads.iter().map(read));
    }
}
