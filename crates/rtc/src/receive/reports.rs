//! Loss and jitter of a stream as its receiver reports them (RFC 3550 section 6.4.1, appendices A.3 and A.8).

use std::time::Instant;

use crate::rtcp::ReportBlock;
use crate::rtp::{NtpTime, Ssrc, to_ntp_short};

/// The count of lost packets has 24 bits, one of them its sign.
const MAX_CUMULATIVE: i64 = 0x7F_FFFF;

/// The facts behind report blocks.
#[derive(Clone, Debug)]
pub(super) struct Reports {
    clock_rate: u32,
    base: Option<u64>,
    received: u64,
    expected_before: u64,
    received_before: u64,
    /// Arrival and RTP time of the last packet.
    last_packet: Option<(Instant, u32)>,
    /// In ticks, 16 times as large, as in appendix A.8.
    jitter_16: u64,
    last_sender_report: Option<(Instant, u32)>,
}

impl Reports {
    pub(super) fn new(clock_rate: u32) -> Reports {
        Reports {
            clock_rate,
            base: None,
            received: 0,
            expected_before: 0,
            received_before: 0,
            last_packet: None,
            jitter_16: 0,
            last_sender_report: None,
        }
    }

    /// A packet came by itself, be it late or twice: appendix A.3 counts those as received too.
    #[inline]
    pub(super) fn note_packet(&mut self, now: Instant, sequence: u64, timestamp: u32) {
        self.base = Some(self.base.map_or(sequence, |base| base.min(sequence)));
        self.received += 1;
        if let Some((arrived, before)) = self.last_packet {
            self.note_jitter(now, arrived, timestamp, before);
        }
        self.last_packet = Some((now, timestamp));
    }

    /// Packets of one frame have one timestamp and say nothing about the network's jitter by
    /// themselves, but appendix A.8 counts them, and so do senders that read our reports. A
    /// difference of a second or more is no jitter: the sender paused, or set its RTP clock.
    fn note_jitter(&mut self, now: Instant, arrived: Instant, timestamp: u32, before: u32) {
        let passed = now.saturating_duration_since(arrived).as_micros();
        let ticks = passed * u128::from(self.clock_rate) / 1_000_000;
        let media = i64::from(timestamp.wrapping_sub(before) as i32);
        let difference = (ticks.min(u128::from(u32::MAX)) as i64 - media).unsigned_abs();
        if difference < u64::from(self.clock_rate) {
            self.jitter_16 = self.jitter_16 + difference - (self.jitter_16 + 8) / 16;
        }
    }

    pub(super) fn note_sender_report(&mut self, now: Instant, ntp: NtpTime) {
        self.last_sender_report = Some((now, ntp.middle()));
    }

    pub(super) fn lost(&self, highest: u64) -> u64 {
        self.expected(highest).saturating_sub(self.received)
    }

    fn expected(&self, highest: u64) -> u64 {
        self.base.map_or(0, |base| (highest + 1).saturating_sub(base))
    }

    pub(super) fn report(&mut self, now: Instant, ssrc: Ssrc, highest: u64) -> Option<ReportBlock> {
        let base = self.base?;
        let expected = self.expected(highest);
        let expected_since = expected.saturating_sub(self.expected_before);
        let received_since = self.received.saturating_sub(self.received_before);
        let lost_since = expected_since.saturating_sub(received_since);
        self.expected_before = expected;
        self.received_before = self.received;
        let (last_sr, delay_since_last_sr) = match self.last_sender_report {
            Some((arrived, middle)) => {
                (middle, to_ntp_short(now.saturating_duration_since(arrived)))
            }
            None => (0, 0),
        };
        Some(ReportBlock {
            ssrc,
            fraction_lost: (lost_since * 256).checked_div(expected_since).unwrap_or(0).min(255)
                as u8,
            // Below zero when more came twice than was lost.
            cumulative_lost: (expected as i64 - self.received as i64)
                .clamp(-MAX_CUMULATIVE - 1, MAX_CUMULATIVE) as i32,
            // The report counts wraps from the first packet on, extended numbers need not.
            highest_sequence: highest.saturating_sub(base & !0xFFFF) as u32,
            jitter: (self.jitter_16 / 16).min(u64::from(u32::MAX)) as u32,
            last_sr,
            delay_since_last_sr,
        })
    }
}
