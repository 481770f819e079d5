//! Congestion control that is told anything.

use std::time::{Duration, Instant};

use crate::congestion::{Bitrate, CongestionControl, FeedbackKind, MIN, Reported, SentPacket};
use crate::rtcp::{self, CompoundWriter, Rtcp, TransportFeedbackHeader};
use crate::rtp::Ssrc;

/// What a connection is allowed in these stories.
const MAX: Bitrate = Bitrate::from_kbps(20_000);

/// Whatever is sent, waited for and told in feedback, the target stays within its bounds, deadlines
/// do not lie in the distant future, and a probe ends.
///
/// Each four bytes are one step: what happens, and with what numbers.
pub fn congestion(start: Instant, data: &[u8]) {
    let kind = match data.first() {
        Some(odd) if odd % 2 == 1 => FeedbackKind::Reports,
        _ => FeedbackKind::TransportWide,
    };
    let mut told = Told { now: start, control: CongestionControl::new(start, kind, MAX), next: 0 };
    for &[what, a, b, c] in data.as_chunks::<4>().0 {
        told.step(what, [a, b, c]);
        let target = told.control.target();
        assert!((MIN..=MAX).contains(&target), "{target:?}");
        // Who tells little of their path is not looked for more of it for minutes at times.
        let latest = told.now + Duration::from_secs(200);
        assert!(told.control.deadline().is_none_or(|at| at < latest), "a deadline in the future");
        assert!(told.control.wait(told.now).is_none_or(|at| at < latest));
    }
}

struct Told {
    now: Instant,
    control: CongestionControl,
    next: u16,
}

impl Told {
    fn step(&mut self, what: u8, [a, b, c]: [u8; 3]) {
        let number = u16::from_be_bytes([a, b]);
        match what % 8 {
            0 | 1 => self.send(u64::from(a), usize::from(c) * 6),
            2 | 3 => self.feed_back(number, [a, b, c]),
            4 => self.wait(u64::from(number), c),
            5 => self.control.set_wanted(self.now, Bitrate::from_kbps(u64::from(number))),
            6 => {
                self.control.handle_remb(self.now, Bitrate::from_bps(u64::from(number) << (c % 64)))
            }
            _ => {
                let reported = Reported { expected: b.into(), lost: c.into() };
                let round_trip = Duration::from_millis(number.into());
                self.control.handle_report(self.now, reported, Some(round_trip));
            }
        }
    }

    /// A few packets, of a probe where one is due.
    fn send(&mut self, packets: u64, bytes: usize) {
        for _ in 0..packets % 16 {
            let cluster = self.control.poll_probe(self.now).map(|cluster| cluster.id);
            self.control.handle_sent(self.now, SentPacket { sequence: self.next, bytes, cluster });
            self.next = self.next.wrapping_add(1);
        }
    }

    /// Mostly milliseconds, now and then hours.
    fn wait(&mut self, number: u64, unit: u8) {
        self.now += match unit {
            0 => Duration::from_secs(number * 60),
            _ => Duration::from_millis(number % 256),
        };
        self.control.handle_timeout(self.now);
    }

    /// Feedback on packets around the last, or on any, at times that go on or jump.
    fn feed_back(&mut self, number: u16, [a, b, c]: [u8; 3]) {
        let is_wild = c >= 250;
        let base_sequence = if is_wild { number } else { self.next.wrapping_sub(number % 64) };
        let reference_time = match is_wild {
            true => u32::from_be_bytes([0, a, b, c]),
            false => self.next.into(),
        };
        let mut deltas = [None; 64];
        for (n, delta) in (0_i16..).zip(deltas.iter_mut().take(usize::from(c % 64))) {
            let odd = n.wrapping_mul(i16::from(a) | 1);
            *delta = match odd % 7 {
                0 => None,
                1 if is_wild => Some(i16::from_be_bytes([b, a])),
                _ => Some(i16::from(b) % 64),
            };
        }
        let header = TransportFeedbackHeader {
            sender: Ssrc(1),
            media: Ssrc(2),
            base_sequence,
            reference_time,
            feedback_count: a,
        };
        let mut bytes = [0; 1_200];
        let mut writer = CompoundWriter::new(&mut bytes);
        let wrote = writer.transport_feedback(&header, &deltas);
        assert!(wrote.is_ok(), "64 deltas fit");
        let len = writer.len();
        for packet in rtcp::parse(bytes.get(..len).unwrap_or_default()) {
            if let Rtcp::TransportFeedback(feedback) = packet {
                self.control.handle_feedback(self.now, &feedback);
            }
        }
    }
}
