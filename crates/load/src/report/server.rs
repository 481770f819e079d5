//! What a load cost the server.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::process::{Clock, Usage};
use crate::tally::Tally;

/// What the server's process used.
#[derive(Debug, Serialize)]
pub struct Server {
    /// Nanoseconds of a processor for each packet that was received.
    pub cpu_ns_per_packet: f64,
    /// In its own code.
    pub user_ns_per_packet: f64,
    /// In the kernel.
    pub kernel_ns_per_packet: f64,
    /// Whose count of that time it is.
    pub cpu_by: Clock,
    /// Milliseconds of a processor for each person from before anybody joined until it was measured: the join, and media meanwhile.
    pub joining_cpu_ms_per_person: f64,
    /// Processors that it kept busy.
    pub processors: f64,
    /// The share of the time in which a thread of it waited for one: for another to leave it, or for it to wake up.
    pub waited: f64,
    /// The part of it in which another process had one.
    pub starved: f64,
    /// Bytes of memory, the pages of its file among them.
    pub resident: u64,
    /// Bytes of memory of its own (RssAnon) at the end, before anybody joined, and when all had.
    pub anonymous: u64,
    /// See `anonymous`.
    pub anonymous_before_joins: u64,
    /// See `anonymous`.
    pub anonymous_after_joins: u64,
    /// The difference of the latter two for each person.
    pub anonymous_per_person: f64,
    /// By how many bytes it grew with each subscriber while they joined: what nobody pays twice is left out. None of too few.
    pub anonymous_per_subscriber: Option<f64>,
}

/// What is known of the server's process.
#[derive(Clone, Copy, Debug)]
pub struct ServerUse {
    /// Bytes before anybody joined, and when all had.
    anonymous: (u64, u64),
    growth: Option<f64>,
    joining: Usage,
    used: Usage,
}

impl ServerUse {
    /// What it had used before anybody joined, when all had, and at the end; and by how much its memory grew with each person.
    pub fn of(
        empty: Option<Usage>,
        before: Option<Usage>,
        after: Option<Usage>,
        growth: Option<f64>,
    ) -> Option<ServerUse> {
        let (empty, before) = (empty?, before?);
        let anonymous = (empty.memory.anonymous, before.memory.anonymous);
        let (joining, used) = (before.since(&empty), after?.since(&before));
        Some(ServerUse { anonymous, growth, joining, used })
    }
}

impl Server {
    /// Sums it up, for packets that were received in so many seconds by so many people.
    pub(super) fn new(server: &ServerUse, tally: &Tally, people: usize, seconds: f64) -> Server {
        let ServerUse { anonymous: (empty, joined), growth, joining, used } = *server;
        let (cpu, cpu_by) = used.cpu();
        let per_packet = cpu.as_nanos() as f64 / tally.packets_in.max(1) as f64;
        let kernel = per_packet * used.kernel_share();
        Server {
            cpu_ns_per_packet: per_packet,
            user_ns_per_packet: per_packet - kernel,
            kernel_ns_per_packet: kernel,
            cpu_by,
            joining_cpu_ms_per_person: joining.cpu().0.as_secs_f64() * 1000.0
                / people.max(1) as f64,
            processors: cpu.as_secs_f64() / seconds,
            waited: used.waited.as_secs_f64() / seconds,
            starved: used.starved().as_secs_f64() / seconds,
            resident: used.memory.resident,
            anonymous: used.memory.anonymous,
            anonymous_before_joins: empty,
            anonymous_after_joins: joined,
            anonymous_per_person: joined.saturating_sub(empty) as f64 / people.max(1) as f64,
            anonymous_per_subscriber: growth,
        }
    }
}

impl Display for Server {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let by = match self.cpu_by {
            Clock::Threads => "counted by threads, to the nanosecond",
            Clock::Process => "counted by the process, in ticks of 10 ms: some threads have ended",
        };
        writeln!(
            f,
            "server           {:.0} ns of CPU for each packet received: {:.0} in its code, {:.0} in the kernel",
            self.cpu_ns_per_packet, self.user_ns_per_packet, self.kernel_ns_per_packet
        )?;
        writeln!(f, "                 {:.3} processors, {by}", self.processors)?;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let each = self.anonymous_per_subscriber.map(|bytes| {
            format!("; {:.1} KiB more with each subscriber who joined", bytes / 1024.0)
        });
        writeln!(
            f,
            "                 {:.1} MiB of memory of its own, {:.1} before and {:.1} after the joins: {:.1} KiB for each person{}",
            mib(self.anonymous),
            mib(self.anonymous_before_joins),
            mib(self.anonymous_after_joins),
            self.anonymous_per_person / 1024.0,
            each.unwrap_or_default()
        )
    }
}
