//! What a load has found, for people and as JSON.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::options::Options;
use crate::process::Usage;
use crate::tally::{Tally, Times};

/// A load tool that is busier than this may have been late itself.
const BUSIEST: f64 = 0.9;
/// A server that waited for a processor for more than this share of the time was starved by others.
const MOST_STARVED: f64 = 0.05;
/// So much of the processors' time that other machines on the same host may take.
const MOST_STOLEN: f64 = 0.02;
/// Failures that are named; the others are counted.
const NAMED_FAILURES: usize = 10;

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
    /// From a publisher's send to a subscriber's receive, in milliseconds.
    pub picture_delay_ms: Option<Percentiles>,
    /// The same of sound.
    pub sound_delay_ms: Option<Percentiles>,
    /// From the beginning of a join, in milliseconds: to the reply, to the end of DTLS, to the first media.
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
    /// The share of the time in which this program waited for a processor.
    pub load_waited: f64,
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
    /// Never received.
    pub lost: i64,
    /// Received after they had been asked for again.
    pub repaired: u64,
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

/// What the server's process used.
#[derive(Debug, Serialize)]
pub struct Server {
    /// Nanoseconds of a processor for each packet that was received.
    pub cpu_ns_per_packet: f64,
    /// In its own code.
    pub user_ns_per_packet: f64,
    /// In the kernel.
    pub kernel_ns_per_packet: f64,
    /// Processors that it kept busy.
    pub processors: f64,
    /// The share of the time in which it had to wait for one.
    pub waited: f64,
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of memory more than before anybody joined, for each person.
    pub memory_per_person: f64,
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
    /// See [`Report::load_waited`].
    pub waited: f64,
    /// How long it was measured, in seconds.
    pub seconds: f64,
    /// See [`Report::load_busy`].
    pub busy: f64,
    /// See [`Report::cipher`].
    pub cipher: Option<String>,
    /// See [`Report::stolen`].
    pub stolen: f64,
    /// The server before anybody joined, and what it used while it was measured.
    pub server: Option<(Usage, Usage)>,
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
        let server = server.map(|(before, used)| {
            let per_packet = used.cpu.as_nanos() as f64 / tally.packets_in.max(1) as f64;
            let kernel = per_packet * used.kernel_share();
            Server {
                cpu_ns_per_packet: per_packet,
                user_ns_per_packet: per_packet - kernel,
                kernel_ns_per_packet: kernel,
                processors: used.cpu.as_secs_f64() / seconds,
                waited: used.waited.as_secs_f64() / seconds,
                memory: used.memory,
                memory_per_person: used.memory.saturating_sub(before.memory) as f64
                    / connected.max(1) as f64,
            }
        });
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
                connected,
                starved: findings.starved,
            },
            seconds,
            packets: Packets {
                sent: tally.packets_out,
                received: tally.packets_in,
                lost: tally.lost,
                repaired: tally.repaired,
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
            reply_ms: Percentiles::of(&joins.reply_time),
            connected_ms: Percentiles::of(&joins.connect_time),
            first_media_ms: Percentiles::of(&joins.media_time),
            cipher,
            options: options.clone(),
            skipped: tally.skipped,
            load_busy: busy,
            load_waited: findings.waited,
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
        let Packets { lost, repaired, received, sent_again, .. } = self.packets;
        let lost = lost.max(0) as u64 + repaired;
        if lost + sent_again > 0 {
            doubts.push(format!(
                "{lost} packets were lost on the way here, {sent_again} on the way there"
            ));
        }
        if self.skipped > 0 {
            doubts.push(format!("{} frames could not be sent in time", self.skipped));
        }
        let load = self.load_waited / f64::from(self.options.threads);
        if load > MOST_STARVED {
            doubts.push(format!(
                "this program waited for a processor for {:.0} % of the time",
                load * 100.0
            ));
        }
        if received == 0 {
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
        if let Some(server) = self.server.as_ref().filter(|server| server.waited > MOST_STARVED) {
            let waited = server.waited * 100.0;
            doubts.push(format!("the server waited for a processor for {waited:.0} % of the time"));
        }
        doubts
    }
}

impl Display for Percentiles {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Percentiles { p50, p90, p99, max } = self;
        write!(f, "p50 {p50:.2}   p90 {p90:.2}   p99 {p99:.2}   max {max:.2} ms")
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let People { rooms, publishers, subscribers, connected, starved } = self.people;
        let starving = match starved {
            0 => String::new(),
            _ => format!(", {starved} of them starved"),
        };
        writeln!(
            f,
            "rooms            {rooms}, each of {publishers} publishers and {subscribers} subscribers; {connected} people connected{starving}"
        )?;
        let Packets { sent, received, lost, repaired, padding, .. } = self.packets;
        writeln!(
            f,
            "packets          {sent} sent, {received} received in {:.1} s: {:.0} a second, {:.1} Mbit/s",
            self.seconds,
            received as f64 / self.seconds,
            self.received_bps / 1e6
        )?;
        writeln!(
            f,
            "                 {lost} lost, {repaired} repaired, {padding} of padding beside them"
        )?;
        let Packets { forged, disordered, of_others, duplicates, .. } = self.packets;
        writeln!(
            f,
            "                 {forged} not authentic, {disordered} out of order, {of_others} of the wrong person, {duplicates} twice"
        )?;
        let times = [
            ("delay, pictures", &self.picture_delay_ms),
            ("delay, sound", &self.sound_delay_ms),
            ("join: reply", &self.reply_ms),
            ("join: connected", &self.connected_ms),
            ("join: media", &self.first_media_ms),
        ];
        for (name, times) in times {
            if let Some(times) = times {
                writeln!(f, "{name:<16} {times}")?;
            }
        }
        if let Some(server) = &self.server {
            writeln!(
                f,
                "server           {:.0} ns of CPU for each packet received: {:.0} in its code, {:.0} in the kernel",
                server.cpu_ns_per_packet, server.user_ns_per_packet, server.kernel_ns_per_packet
            )?;
            writeln!(
                f,
                "                 {:.2} processors; {:.0} MiB of memory, {:.0} KiB for each person",
                server.processors,
                server.memory as f64 / (1 << 20) as f64,
                server.memory_per_person / 1024.0
            )?;
        }
        writeln!(
            f,
            "this program     busy for {:.0} % of its busiest second{}",
            self.load_busy * 100.0,
            self.cipher.as_ref().map(|cipher| format!(", {cipher}")).unwrap_or_default()
        )?;
        for failure in self.failures.iter().take(NAMED_FAILURES) {
            writeln!(f, "FAILED           {failure}")?;
        }
        if self.failures.len() > NAMED_FAILURES {
            writeln!(f, "FAILED           {} more", self.failures.len() - NAMED_FAILURES)?;
        }
        for doubt in &self.invalid {
            writeln!(f, "INVALID          {doubt}")?;
        }
        Ok(())
    }
}
