//! What the server counts, and the text that Prometheus reads.

mod paths;
mod reach;

use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parlor_media::ThreadFacts;
use parlor_wire::{Reason, Report};

use crate::room::Census;
use crate::socket::Closing;

/// Upper bounds of the join time's buckets, in seconds. A join that takes 50 ms is slow.
const JOIN_BUCKETS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

/// More is believed of no single report: nobody shall spoil the count for all.
const MOST_FREEZES: u32 = 100;
const MOST_FROZEN: Duration = Duration::from_secs(60);

/// Counts of the signalling side.
#[derive(Debug, Default)]
pub struct Metrics {
    sockets_opened: AtomicU64,
    sockets_closed: AtomicU64,
    sockets_refused: AtomicU64,
    slow_readers: AtomicU64,
    crowded_sockets: AtomicU64,
    foreign_origins: AtomicU64,
    frames: AtomicU64,
    joins: AtomicU64,
    join_micros: AtomicU64,
    join_buckets: [AtomicU64; JOIN_BUCKETS.len()],
    refusals: [AtomicU64; Reason::ALL.len()],
    freezes: AtomicU64,
    frozen_millis: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn value(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Metrics {
    /// A WebSocket was opened.
    pub fn socket_opened(&self) {
        count(&self.sockets_opened);
    }

    /// A WebSocket was closed.
    pub fn socket_closed(&self, why: Closing) {
        count(&self.sockets_closed);
        match why {
            Closing::TooSlow => count(&self.slow_readers),
            Closing::Crowded => count(&self.crowded_sockets),
            _ => {}
        }
    }

    /// A WebSocket was refused for want of room.
    pub fn socket_refused(&self) {
        count(&self.sockets_refused);
    }

    /// A page of a foreign origin was turned away.
    pub fn foreign_origin(&self) {
        count(&self.foreign_origins);
    }

    /// A frame came from a client.
    pub fn frame_received(&self) {
        count(&self.frames);
    }

    /// A join was answered, this long after it had arrived.
    pub fn joined(&self, took: Duration) {
        count(&self.joins);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.join_micros.fetch_add(micros, Ordering::Relaxed);
        let seconds = took.as_secs_f64();
        let bucket = JOIN_BUCKETS.iter().position(|bound| seconds <= *bound);
        if let Some(bucket) = bucket.and_then(|index| self.join_buckets.get(index)) {
            count(bucket);
        }
    }

    /// A client says that pictures stood still so often and for so long.
    pub fn froze(&self, report: Report) {
        let most_millis = u32::try_from(MOST_FROZEN.as_millis()).unwrap_or(u32::MAX);
        let (freezes, millis) =
            (report.freezes.min(MOST_FREEZES), report.frozen_ms.min(most_millis));
        self.freezes.fetch_add(freezes.into(), Ordering::Relaxed);
        self.frozen_millis.fetch_add(millis.into(), Ordering::Relaxed);
    }

    /// Something was refused.
    pub fn refused(&self, reason: Reason) {
        let index = Reason::ALL.iter().position(|known| *known == reason);
        if let Some(counter) = index.and_then(|index| self.refusals.get(index)) {
            count(counter);
        }
    }

    /// Everything as Prometheus text (exposition format 0.0.4).
    pub fn render(&self, rooms: usize, census: Census, threads: &[ThreadFacts]) -> String {
        let mut page = Page::default();
        page.gauge("parlor_rooms", "Rooms now", rooms);
        page.gauge("parlor_peers", "Peers now, in all rooms", census.peers);
        page.gauge("parlor_tracks", "Tracks now, in all rooms", census.tracks);
        page.gauge("parlor_slots", "Receive sections now, in all rooms", census.slots);
        let open = value(&self.sockets_opened).saturating_sub(value(&self.sockets_closed));
        page.gauge("parlor_sockets", "WebSockets now", open);
        page.counter("parlor_sockets_total", "WebSockets opened", value(&self.sockets_opened));
        let refused = value(&self.sockets_refused);
        page.counter("parlor_sockets_refused_total", "WebSockets refused: server full", refused);
        let slow = value(&self.slow_readers);
        page.counter("parlor_slow_readers_total", "WebSockets closed as too slow", slow);
        let crowded = value(&self.crowded_sockets);
        let help = "WebSockets closed as there was no memory for another large frame";
        page.counter("parlor_crowded_sockets_total", help, crowded);
        let foreign = value(&self.foreign_origins);
        page.counter("parlor_foreign_origins_total", "Pages turned away", foreign);
        page.counter("parlor_frames_total", "Frames from clients", value(&self.frames));
        page.head("parlor_refusals_total", "Requests refused, by reason", "counter");
        for (reason, counter) in Reason::ALL.iter().zip(&self.refusals) {
            page.line("parlor_refusals_total", &[("reason", reason.as_str())], value(counter));
        }
        let help = "Times that pictures stood still, as clients report";
        page.counter("parlor_freezes_total", help, value(&self.freezes));
        let seconds = Duration::from_millis(value(&self.frozen_millis)).as_secs_f64();
        page.counter("parlor_frozen_seconds_total", "How long they stood", seconds);
        self.render_joins(&mut page);
        for (name, help, read) in THREAD_GAUGES {
            page.by_thread(
                &format!("parlor_thread_{name}"),
                help,
                "gauge",
                threads.iter().map(read),
            );
        }
        for (name, help, read) in THREAD_COUNTERS {
            page.by_thread(
                &format!("parlor_{name}_total"),
                help,
                "counter",
                threads.iter().map(read),
            );
        }
        let surveys: Vec<_> = threads.iter().map(|facts| facts.survey).collect();
        paths::render(&mut page, &surveys);
        reach::render(&mut page, threads);
        page.text
    }

    fn render_joins(&self, page: &mut Page) {
        let name = "parlor_join_seconds";
        page.head(name, "From a join's arrival to its answer", "histogram");
        let mut up_to = 0;
        for (bound, bucket) in JOIN_BUCKETS.iter().zip(&self.join_buckets) {
            up_to += value(bucket);
            page.line("parlor_join_seconds_bucket", &[("le", &bound.to_string())], up_to);
        }
        let joins = value(&self.joins).max(up_to);
        page.line("parlor_join_seconds_bucket", &[("le", "+Inf")], joins);
        let seconds = Duration::from_micros(value(&self.join_micros)).as_secs_f64();
        page.line("parlor_join_seconds_sum", &[], seconds);
        page.line("parlor_join_seconds_count", &[], joins);
    }
}

type Read = fn(&ThreadFacts) -> u64;

/// What is told of each media thread as it is now.
const THREAD_GAUGES: [(&str, &str, Read); 4] = [
    ("rooms", "Rooms on the media thread", |facts| facts.rooms as u64),
    ("peers", "Peers on the media thread", |facts| facts.peers as u64),
    (
        "level",
        "Whether the thread keeps up: 0, 1 takes nobody new, more leaves pictures out, 2 to 49",
        |facts| facts.level.into(),
    ),
    ("lag_microseconds", "How long work waited, the worst tenth of the last second", |facts| {
        u64::try_from(facts.ticks.lag.as_micros()).unwrap_or(u64::MAX)
    }),
];

/// What is told of each media thread since it began.
const THREAD_COUNTERS: [(&str, &str, Read); 45] = [
    ("packets_in", "RTP packets from publishers", |facts| facts.engine.packets_in),
    ("bytes_in", "Their bytes", |facts| facts.engine.bytes_in),
    ("packets_out", "RTP packets to subscribers, retransmissions excluded", |facts| {
        facts.engine.packets_out
    }),
    ("bytes_out", "Their bytes", |facts| facts.engine.bytes_out),
    ("packets_relayed_out", "RTP packets to other threads that share their room", |facts| {
        facts.engine.packets_relayed_out
    }),
    ("packets_relayed_in", "RTP packets from other threads that share their room", |facts| {
        facts.engine.packets_relayed_in
    }),
    (
        "relays_overtaken",
        "Times another thread was too slow and goes on with a key frame",
        |facts| facts.engine.relays_overtaken,
    ),
    ("packets_recovered", "Packets lost by publishers' links that came after all", |facts| {
        facts.engine.packets_recovered
    }),
    ("packets_lost_out", "Packets lost on the way to subscribers, by their reports", |facts| {
        facts.engine.packets_lost_out
    }),
    ("readers_overtaken", "Times a subscriber was too slow and skipped to a key frame", |facts| {
        facts.engine.readers_overtaken
    }),
    (
        "microphones_let_in",
        "Times that somebody began to speak and was heard from then on, where only the loudest are",
        |facts| facts.engine.microphones_let_in,
    ),
    (
        "microphones_kept_out",
        "Times that somebody spoke and was not heard, since louder ones had all places",
        |facts| facts.engine.microphones_kept_out,
    ),
    ("packets_retransmitted", "Packets sent again to subscribers", |facts| {
        facts.engine.packets_retransmitted
    }),
    (
        "packets_not_retransmitted",
        "Packets asked for and not sent again: lost before us, too old, just sent, or over budget",
        |facts| facts.engine.packets_not_retransmitted,
    ),
    ("packets_refused", "RTP packets that could not be used", |facts| facts.engine.packets_refused),
    ("packets_of_other_codec", "Packets a subscriber has not negotiated the codec of", |facts| {
        facts.engine.packets_of_other_codec
    }),
    ("nacks_in", "Packets that subscribers reported lost", |facts| facts.engine.nacks_in),
    ("nacks_out", "Packets asked for again from publishers", |facts| facts.engine.nacks_out),
    (
        "assignments",
        "Times that it was decided which tracks somebody receives over which slots",
        |facts| facts.engine.assignments,
    ),
    ("publishers_limited", "Times that publishers were told what their paths carry", |facts| {
        facts.engine.publishers_limited
    }),
    ("key_frame_requests_in", "Key frames asked for by subscribers", |facts| {
        facts.engine.key_frame_requests_in
    }),
    ("key_frame_requests_out", "Key frames asked for from publishers", |facts| {
        facts.engine.key_frame_requests_out
    }),
    ("rtcp_in", "RTCP packets from clients", |facts| facts.engine.rtcp_in),
    ("bandwidth_feedback_in", "Bandwidth feedback from subscribers", |facts| {
        facts.engine.bandwidth_feedback_in
    }),
    ("layer_switches", "Times a subscriber was sent another layer of a track", |facts| {
        facts.engine.layer_switches
    }),
    ("pauses", "Times a picture was left out as a subscriber's path did not carry it", |facts| {
        facts.engine.pauses
    }),
    ("pictures_shed", "Times a picture was left out as the thread had too much to do", |facts| {
        facts.engine.pictures_shed
    }),
    ("padding_packets_out", "Packets sent to find out what paths carry", |facts| {
        facts.engine.padding_packets_out
    }),
    ("joins", "Joins and later offers answered", |facts| facts.engine.joins),
    ("joins_refused", "Joins and later offers refused", |facts| facts.engine.joins_refused),
    ("datagrams_in", "Datagrams for peers of the thread", |facts| facts.engine.datagrams_in),
    ("datagrams_dropped", "Datagrams that a connection refused", |facts| {
        facts.engine.datagrams_dropped
    }),
    ("datagrams_handed_over", "Datagrams given to another media thread", |facts| {
        facts.handover.given
    }),
    ("datagrams_taken_over", "Datagrams taken from another media thread", |facts| {
        facts.handover.taken
    }),
    ("datagrams_not_handed_over", "Datagrams lost: another thread was too far behind", |facts| {
        facts.handover.dropped
    }),
    ("datagrams_shown", "Media from unknown addresses, shown to all media threads", |facts| {
        facts.handover.shown
    }),
    ("datagrams_strange", "Datagrams from addresses that no thread knows", |facts| facts.strangers),
    ("datagrams_unsent", "Datagrams out that found no room to be written or no socket", |facts| {
        facts.unsent
    }),
    ("datagrams_dropped_full", "Datagrams out dropped as the send buffer stayed full", |facts| {
        facts.sent.dropped_full
    }),
    ("datagrams_dropped_refused", "Datagrams out that the kernel refused", |facts| {
        facts.sent.dropped_refused
    }),
    ("receive_errors", "Failed receive calls", |facts| facts.receive_errors),
    ("deaths", "Times the thread failed and began anew", |facts| facts.deaths),
    ("ticks", "Times around the loop", |facts| facts.ticks.ticks),
    ("busy_microseconds", "Time spent outside of waiting", |facts| {
        u64::try_from(facts.ticks.busy.as_micros()).unwrap_or(u64::MAX)
    }),
    ("commands", "Commands carried out", |facts| facts.ticks.commands),
];

/// A page of metrics that is being written. Writing to a string cannot fail.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn head(&mut self, name: &str, help: &str, sort: &str) {
        let _infallible = writeln!(self.text, "# HELP {name} {help}.\n# TYPE {name} {sort}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            let _infallible = write!(self.text, "{open}{label}=\"{text}\"");
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _infallible = writeln!(self.text, "{close} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, help, "gauge");
        self.line(name, &[], value);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, help, "counter");
        self.line(name, &[], value);
    }

    /// A value of each media thread.
    fn by_thread(&mut self, name: &str, help: &str, sort: &str, values: impl Iterator<Item = u64>) {
        self.head(name, help, sort);
        for (thread, value) in values.enumerate() {
            self.line(name, &[("thread", &thread.to_string())], value);
        }
    }
}
