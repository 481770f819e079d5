//! One media stream of a publisher: its numbers made whole, and its clock.

use std::time::Instant;

use parlor_rtc::receive::{Arrival, StreamReceiver, Verdict};
use parlor_rtc::rtcp::SenderInfo;
use parlor_rtc::rtp::{SequenceExtender, TimestampExtender};
use parlor_rtc::sdp::NegotiatedCodec;

use crate::lip_sync::MediaClock;

/// What is known of one received media stream.
pub(crate) struct MediaStream {
    clock_rate: u32,
    /// What is missing, and what there is to report.
    pub(crate) receiver: StreamReceiver,
    sequences: SequenceExtender,
    timestamps: TimestampExtender,
    /// What makes a stream that took the place of another go on where that was.
    shift: Shift,
    newest: Option<Newest>,
    /// From its latest sender report.
    pub(crate) clock: Option<MediaClock>,
}

/// Where a packet is in the one history that all streams of a layer make, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) sequence: u64,
    pub(crate) timestamp: u64,
}

#[derive(Clone, Copy, Debug)]
struct Newest {
    position: Position,
    arrival: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Shift {
    /// Added (wrapping) to extended numbers.
    By(Position),
    /// Decided by the first packet.
    After(Newest),
}

impl MediaStream {
    pub(crate) fn new(codec: &NegotiatedCodec) -> MediaStream {
        let receiver = match codec.feedback.nack {
            true => StreamReceiver::new(codec.clock_rate),
            false => StreamReceiver::without_repair(codec.clock_rate),
        };
        MediaStream::with_receiver(codec.clock_rate, receiver)
    }

    fn with_receiver(clock_rate: u32, receiver: StreamReceiver) -> MediaStream {
        MediaStream {
            clock_rate,
            receiver,
            sequences: SequenceExtender::new(),
            timestamps: TimestampExtender::new(),
            shift: Shift::By(Position { sequence: 0, timestamp: 0 }),
            newest: None,
            clock: None,
        }
    }

    /// Goes on where `old` was, whose place it takes.
    pub(crate) fn succeed(&mut self, old: &MediaStream) {
        match (old.newest, old.shift) {
            (Some(newest), _) | (None, Shift::After(newest)) => self.shift = Shift::After(newest),
            (None, Shift::By(_)) => {}
        }
    }

    /// Takes the publisher's word on what its RTP clock shows at a moment of its own clock.
    pub(crate) fn take_sender_info(&mut self, now: Instant, info: SenderInfo) {
        self.receiver.handle_sender_report(now, &info);
        let Shift::By(shift) = self.shift else { return };
        let rtp = info.rtp_timestamp.wrapping_add(shift.timestamp as u32);
        self.clock = Some(MediaClock { ntp: info.ntp, rtp, clock_rate: self.clock_rate });
    }

    /// Where the packet with these numbers is; `None` when it was here before.
    #[inline]
    pub(crate) fn place(
        &mut self,
        now: Instant,
        (sequence, timestamp): (u16, u32),
        arrival: Arrival,
    ) -> Option<Position> {
        let sequence = self.sequences.extend(sequence);
        let verdict = self.receiver.handle_packet(now, sequence, timestamp, arrival);
        if verdict != Verdict::New {
            return None;
        }
        let timestamp = self.timestamps.extend(timestamp);
        let shift = match self.shift {
            Shift::By(shift) => shift,
            Shift::After(newest) => self.shift_after(newest, now, Position { sequence, timestamp }),
        };
        let position = Position {
            sequence: sequence.wrapping_add(shift.sequence),
            timestamp: timestamp.wrapping_add(shift.timestamp),
        };
        if self.newest.is_none_or(|newest| position.sequence > newest.position.sequence) {
            self.newest = Some(Newest { position, arrival: now });
        }
        Some(position)
    }

    /// Lets the first packet come right behind `newest`, as much later as it arrived.
    fn shift_after(&mut self, newest: Newest, now: Instant, first: Position) -> Position {
        let elapsed = now.saturating_duration_since(newest.arrival).as_micros() as u64;
        let ticks = elapsed * u64::from(self.clock_rate) / 1_000_000;
        let Position { sequence, timestamp } = newest.position;
        let shift = Position {
            sequence: sequence.wrapping_add(1).wrapping_sub(first.sequence),
            timestamp: timestamp.wrapping_add(ticks.max(1)).wrapping_sub(first.timestamp),
        };
        self.shift = Shift::By(shift);
        shift
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_stream_with_a_new_ssrc_goes_on_where_the_old_one_was() {
        // Nothing depends on which instant this is.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let mut old = MediaStream::with_receiver(90_000, StreamReceiver::new(90_000));
        let last = old.place(start, (65_535, 1_000), Arrival::Original).unwrap();
        let mut new = MediaStream::with_receiver(90_000, StreamReceiver::new(90_000));
        new.succeed(&old);
        let later = start + Duration::from_millis(100);
        let first = new.place(later, (17, 4_000_000_000), Arrival::Original).unwrap();
        assert_eq!(first.sequence, last.sequence + 1);
        assert_eq!(first.timestamp, last.timestamp + 9_000);
        let second = new.place(later, (18, 4_000_003_000), Arrival::Original).unwrap();
        assert_eq!(second.sequence, last.sequence + 2);
        assert_eq!(second.timestamp, last.timestamp + 12_000);
    }
}
