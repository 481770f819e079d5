//! What a receiver of RTP keeps track of: what is missing, what to report, what arrived when.
//!
//! One [`StreamReceiver`] watches one incoming stream: it knows duplicates, asks again for what
//! is missing and makes report blocks. One [`TransportArrivals`] watches a whole connection for
//! transport-wide feedback, one [`Overflow`] for a path that is sent far too much. [`unwrap_retransmission`] turns a
//! retransmission back into the packet it repeats.

mod missing;
mod overflow;
mod repair;
mod reply;
mod reports;
mod seen;
mod transport;

use std::time::{Duration, Instant};

pub use missing::{MAX_REQUESTS, Requests};
pub use overflow::Overflow;
pub use repair::{Repaired, unwrap_retransmission};
pub use reply::{Reply, ReplyTime};
pub use transport::{LONGEST_INTERVAL, SHORTEST_INTERVAL, TransportArrivals};

use crate::rtcp::{ReportBlock, SenderInfo};
use crate::rtp::Ssrc;
use missing::Missing;
use reports::Reports;
use seen::Seen;

/// How a packet of a stream came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// By itself.
    Original,
    /// As a retransmission.
    Repair,
}

/// What a packet is to the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Take it.
    New,
    /// It was here before.
    Duplicate,
    /// It is so late that it cannot be told from a duplicate.
    TooOld,
}

/// One incoming stream of one source.
#[derive(Clone, Debug)]
pub struct StreamReceiver {
    seen: Seen,
    /// None when the sender does not repeat packets.
    missing: Option<Missing>,
    reports: Reports,
}

impl StreamReceiver {
    /// A stream whose RTP time counts `clock_rate` ticks a second, and whose sender repeats what
    /// is asked for.
    pub fn new(clock_rate: u32) -> StreamReceiver {
        StreamReceiver { missing: Some(Missing::default()), ..Self::without_repair(clock_rate) }
    }

    /// A stream without negotiated NACK, of which nothing is asked for again.
    pub fn without_repair(clock_rate: u32) -> StreamReceiver {
        StreamReceiver { seen: Seen::default(), missing: None, reports: Reports::new(clock_rate) }
    }

    /// Takes note of a packet; `sequence` is its extended sequence number, `timestamp` its RTP time.
    #[inline]
    pub fn handle_packet(
        &mut self,
        now: Instant,
        sequence: u64,
        timestamp: u32,
        arrival: Arrival,
    ) -> Verdict {
        // What came only because it was asked for again is lost all the same (RFC 4588 section 4).
        if arrival == Arrival::Original {
            self.reports.note_packet(now, sequence, timestamp);
        }
        let before = self.seen.highest();
        let verdict = self.seen.note(sequence);
        if let (Verdict::New, Some(highest), Some(missing)) = (verdict, before, &mut self.missing) {
            if sequence > highest {
                missing.skip(now, highest + 1, sequence);
            } else {
                missing.found(now, sequence, arrival);
            }
        }
        verdict
    }

    /// Takes note of a sender report of the stream.
    pub fn handle_sender_report(&mut self, now: Instant, info: &SenderInfo) {
        self.reports.note_sender_report(now, info.ntp);
    }

    /// The packets to ask for again at `now`, given the time in which the sender may be expected to
    /// answer.
    pub fn requests(&mut self, now: Instant, reply_time: Duration) -> Requests {
        match &mut self.missing {
            Some(missing) => missing.requests(now, reply_time),
            None => Requests::NONE,
        }
    }

    /// When [`StreamReceiver::requests`] has something to say next.
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        self.missing.as_ref()?.deadline()
    }

    /// Gives up whatever is missing.
    pub fn give_up(&mut self) {
        if let Some(missing) = &mut self.missing {
            missing.give_up_all();
        }
    }

    /// Whether packets were given up since this was last asked: a picture that needs them never
    /// comes, so a key frame has to be asked for.
    pub fn take_given_up(&mut self) -> bool {
        self.missing.as_mut().is_some_and(Missing::take_given_up)
    }

    /// What the packet that has just come, or the requests that have just been made, tell about how long
    /// the sender takes to answer.
    pub fn take_reply(&mut self) -> Option<Reply> {
        self.missing.as_mut()?.take_reply()
    }

    /// A report on the stream, for the time since the last one; `None` before its first packet.
    pub fn report(&mut self, now: Instant, ssrc: Ssrc) -> Option<ReportBlock> {
        self.reports.report(now, ssrc, self.seen.highest()?)
    }

    /// How many packets never arrived by themselves so far.
    pub fn lost(&self) -> u64 {
        self.seen.highest().map_or(0, |highest| self.reports.lost(highest))
    }
}
