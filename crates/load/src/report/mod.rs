//! What a load has found, for people and as JSON.

mod server;
mod text;

use serde::Serialize;

pub use server::{Server, ServerUse};

use crate::options::Options;
use crate::process::Usage;
use crate::tally::{Tally, Times};

/// A load tool that is busier than this may have been late itself.
const BUSIEST: f64 = 0.9;
/// Who waited for a processor that others had for more than this share of the time was starved.
const MOST_STARVED: f64 = 0.05;
/// So much of the processors' time that other machines on the same host may take.
const MOST_STOLEN: f64 = 0.02;

/// What a load has found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Who was there.
    pub people: People,
    /// How long it was measured, in seconds.
    pub seconds: f64,
    /// What came of it.
    pub packets: Packets,
    /// Bits a second that all received, without what SRTP, UDP and IP add.
    pub received_bps: f64,
    /// From a publisher's send until the subscriber's kernel had it, in milliseconds.
    pub picture_delay_ms: Option<Percentiles>,
    /// The same of sound.
    pub sound_delay_ms: Option<Percentiles>,
    /// Whether the kernel said of each packet when it had it; else delays end where this program read it.
    pub delay_ends_in_kernel: bool,
    /// From when a join was due, in milliseconds: to the reply, to the end of DTLS, to the first media.
    pub reply_ms: Option<Percentiles>,
    /// See `reply_ms`.
    pub connected_ms: Option<Percentiles>,
    /// See `reply_ms`.
    pub first_media_ms: Option<Percentiles>,
    /// The cipher of media.
    pub cipher: Option<String>,
    /// What was asked for.
    pub options: Options,
    /// Frames that were not made in time.
    pub skipped: u64,
    /// How much of its busiest second the busiest thread of this program was busy, 0 to 1.
    pub load_busy: f64,
    /// Nanoseconds of a processor that this program took for each packet that was received.
    pub load_cpu_ns_per_packet: f64,
    /// The share of the time in which this program waited for a processor that others had.
    pub load_starved: f64,
    /// The share of the time in which another machine on the same host had this one's processors, 0 to 1.
    pub stolen: f64,
    /// The server's process.
    pub server: Option<Server>,
    /// What went wrong with people: joins that were refused, memberships that ended.
    pub failures: Vec<String>,
    /// Why numbers of cost and delay are not to be believed; none: they are.
    pub invalid: Vec<String>,
}

/// Who was there.
#[derive(Debug, Serialize)]
pub struct People {
    /// Rooms.
    pub rooms: u32,
    /// Publishers in each.
    pub publishers: u32,
    /// Subscribers in each.
    pub subscribers: u32,
    /// How many joined, from the beginning.
    pub joined: u64,
    /// How many left while it was measured.
    pub left: u64,
    /// How many were connected at the end.
    pub connected: usize,
    /// How many of them were to see or hear others and got nothing for two seconds.
    pub starved: usize,
}

/// Packets of media.
#[derive(Debug, Serialize)]
pub struct Packets {
    /// Sent by publishers.
    pub sent: u64,
    /// Received, each once: what the server forwarded.
    pub received: u64,
    /// Of numbers that had not come when a later one had: those that never came, or too late to tell. Fewer than none when some had been
    /// counted before it was measured.
    pub lost: i64,
    /// Of the same: those that came when they had been asked for again.
    pub recovered: u64,
    /// Of the same: those that came by themselves.
    pub late: u64,
    /// Received twice.
    pub duplicates: u64,
    /// Not authentic.
    pub forged: u64,
    /// In another order than they were sent in.
    pub disordered: u64,
    /// Of somebody whom the slot did not carry.
    pub of_others: u64,
    /// Padding with which the server probed paths.
    pub padding: u64,
    /// Asked for by the server again: lost on the way there.
    pub sent_again: u64,
    /// Key frames that were asked for.
    pub key_frames_wanted: u64,
}

/// Percentiles of times, in milliseconds.
#[derive(Debug, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// 90 of 100 are not longer.
    pub p90: f64,
    /// 99 of 100 are not longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// What a report is made of.
pub struct Findings {
    /// What everybody counted while it was measured.
    pub tally: Tally,
    /// What joining was like, from the beginning.
    pub joins: Tally,
    /// How many were connected at the end.
    pub connected: usize,
    /// See [`People::starved`].
    pub starved: usize,
    /// What this program used while it was measured.
    pub own: Usage,
    /// How long it was measured, in seconds.
    pub seconds: f64,
    /// See [`Report::load_busy`].
    pub busy: f64,
    /// See [`Report::cipher`].
    pub cipher: Option<String>,
    /// See [`Report::stolen`].
    pub stolen: f64,
    /// What the server used.
    pub server: Option<ServerUse>,
}

impl Percentiles {
    fn of(times: &Times) -> Option<Percentiles> {
        (times.count() > 0).then(|| Percentiles {
            p50: times.percentile_ms(50.0),
            p90: times.percentile_ms(90.0),
            p99: times.percentile_ms(99.0),
            max: times.max_ms(),
        })
    }
}

impl Report {
    /// Sums it up.
    pub fn new(options: &Options, findings: Findings) -> Report {
        let Findings { tally, joins, connected, seconds, busy, cipher, stolen, server, .. } =
            findings;
        let server = server.map(|used| Server::new(&used, &tally, connected, seconds));
        let mut failures = joins.failures.clone();
        failures.extend(tally.failures.iter().cloned());
        let expected = (options.rooms * (options.publishers + options.subscribers)) as usize;
        if connected < expected && options.churn == 0.0 {
            failures.push(format!(
                "{} of {expected} people were not connected at the end",
                expected - connected
            ));
        }
        let mut report = Report {
            people: People {
                rooms: options.rooms,
                publishers: options.publishers,
                subscribers: options.subscribers,
                joined: joins.joined,
                left: tally.left,
                connected,
                starved: findings.starved,
            },
            seconds,
            packets: Packets {
                sent: tally.packets_out,
                received: tally.packets_in,
                lost: tally.lost,
                recovered: tally.recovered,
                late: tally.late,
                duplicates: tally.duplicates,
                forged: tally.forged,
                disordered: tally.disordered,
                of_others: tally.of_others,
                padding: tally.padding,
                sent_again: tally.again_out,
                key_frames_wanted: tally.key_frames_wanted,
            },
            received_bps: tally.bytes_in as f64 * 8.0 / seconds,
            picture_delay_ms: Percentiles::of(&tally.picture_delay),
            sound_delay_ms: Percentiles::of(&tally.sound_delay),
            delay_ends_in_kernel: tally.untimed == 0,
            reply_ms: Percentiles::of(&joins.reply_time),
            connected_ms: Percentiles::of(&joins.connect_time),
            first_media_ms: Percentiles::of(&joins.media_time),
            cipher,
            options: options.clone(),
            skipped: tally.skipped,
            load_busy: busy,
            load_cpu_ns_per_packet: findings.own.cpu().0.as_nanos() as f64
                / tally.packets_in.max(1) as f64,
            load_starved: findings.own.starved().as_secs_f64() / seconds,
            stolen,
            server,
            failures,
            invalid: Vec::new(),
        };
        report.invalid = report.doubts();
        report
    }

    /// Whether everybody stayed and every packet was what it should be.
    pub fn is_clean(&self) -> bool {
        let Packets { forged, disordered, of_others, .. } = self.packets;
        self.failures.is_empty() && forged + disordered + of_others == 0 && self.people.starved == 0
    }

    fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        let Packets { lost, recovered, received, sent_again, .. } = self.packets;
        let lost = lost.max(0) as u64 + recovered;
        if lost + sent_again > 0 {
            doubts.push(format!(
                "{lost} packets were lost on the way here, {sent_again} on the way there"
            ));
        }
        if self.skipped > 0 {
            doubts.push(format!("{} frames could not be sent in time", self.skipped));
        }
        let load = self.load_starved / f64::from(self.options.threads);
        if load > MOST_STARVED {
            doubts.push(format!(
                "others had this program's processors while it wanted them for {:.0} % of the time",
                load * 100.0
            ));
        }
        let carries_media = self.options.video_kbps + self.options.audio_kbps > 0;
        if received == 0 && carries_media {
            doubts.push("nothing was received".to_owned());
        }
        if self.load_busy > BUSIEST {
            let busy = self.load_busy * 100.0;
            doubts.push(format!("this program was busy for {busy:.0} % of a second"));
        }
        if self.stolen > MOST_STOLEN {
            let stolen = self.stolen * 100.0;
            doubts.push(format!(
                "other machines on this host had the processors for {stolen:.0} % of the time"
            ));
        }
        if let Some(server) = self.server.as_ref().filter(|server| server.starved > MOST_STARVED) {
            let starved = server.starved * 100.0;
            doubts.push(format!(
                "others had the server's processors while it wanted them for {starved:.0} % of the time"
            ));
        }
        doubts
    }
}
