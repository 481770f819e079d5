//! Which of the packets that a receiver asks for are sent again, so that asking costs no more than it
//! repairs.

use std::time::{Duration, Instant};

use parlor_rtc::congestion::Bitrate;

/// Retransmissions may take this part, as a divisor, of the bytes that media takes: more than ten times
/// what a link loses that a call survives on.
const MEDIA_SHARE: u64 = 3;

/// Bytes that may be sent again at once, also before media has earned them: a lost key frame.
const BURST: u64 = 96 * 1024;

/// They may take this part of what the path takes, as a divisor: a path that has become too thin loses most, and
/// to send all that again would keep its queue full.
const PATH_SHARE: u64 = 3;

/// So much of that may be sent at once.
const AT_ONCE: Duration = Duration::from_millis(500);

/// Shortest time after which the same packet is sent again: below the smallest jitter buffer.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// Longest time for which a receiver that asks again is put off, whatever its round trip.
const MAX_INTERVAL: Duration = Duration::from_millis(300);

/// Packets that are remembered as sent again. At more than this many in one round trip the budget
/// is what bounds.
const REMEMBERED: usize = 256;

/// Why a packet is not sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// It was, less than a round trip ago, and may still be on its way.
    OnItsWay,
    /// The receiver has asked for more than its share.
    OverBudget,
    /// The path takes no more now.
    PathFull,
}

/// The path to the receiver.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// The time there and back, as far as known.
    pub round_trip: Duration,
    /// What it takes, all in all.
    pub rate: Bitrate,
}

/// The retransmissions of one connection.
///
/// Takes 3 KiB, whatever the number of slots.
#[derive(Clone, Debug)]
pub struct Retransmissions {
    start: Instant,
    /// Direct-mapped: an entry gives way to the next one with the same remainder.
    recent: Box<[Recent; REMEMBERED]>,
    /// Bytes that may be sent again, in parts of [`MEDIA_SHARE`].
    budget: u64,
    /// When all that was sent again would have left at its share of the path.
    left_at: Instant,
}

#[derive(Clone, Copy, Debug, Default)]
struct Recent {
    slot: u16,
    sequence: u16,
    /// In milliseconds since the start, plus one; 0 is never.
    sent: u32,
    /// How often.
    times: u8,
}

impl Retransmissions {
    /// Retransmissions of a connection that begins now.
    pub fn new(now: Instant) -> Retransmissions {
        Retransmissions {
            start: now,
            recent: Box::new([Recent::default(); REMEMBERED]),
            budget: BURST * MEDIA_SHARE,
            left_at: now,
        }
    }

    /// Takes note of `len` bytes of media that went out, which earn budget.
    #[inline]
    pub fn note_media(&mut self, len: usize) {
        self.budget = (self.budget + len as u64).min(BURST * MEDIA_SHARE);
    }

    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        self.budget
    }

    /// Whether packet `sequence` of slot number `slot`, of `len` bytes, may be sent again at `now`; if so
    /// it counts as sent.
    pub fn take(
        &mut self,
        now: Instant,
        (slot, sequence): (u16, u16),
        len: usize,
        way: Way,
    ) -> Result<(), Refusal> {
        let elapsed = now.saturating_duration_since(self.start).as_millis() as u32;
        let interval = way.round_trip.clamp(MIN_INTERVAL, MAX_INTERVAL).as_millis() as u32;
        let recent = &mut self.recent[Self::place(slot, sequence)];
        let same = recent.sent != 0 && (recent.slot, recent.sequence) == (slot, sequence);
        if same && (elapsed.wrapping_add(1)).wrapping_sub(recent.sent) < interval {
            return Err(Refusal::OnItsWay);
        }
        if self.left_at.saturating_duration_since(now) >= AT_ONCE {
            return Err(Refusal::PathFull);
        }
        let cost = len as u64 * MEDIA_SHARE;
        self.budget = self.budget.checked_sub(cost).ok_or(Refusal::OverBudget)?;
        self.left_at = self.left_at.max(now) + way.rate.time_for(len as u64 * PATH_SHARE);
        let times = if same { recent.times.saturating_add(1) } else { 1 };
        *recent = Recent { slot, sequence, sent: elapsed.wrapping_add(1).max(1), times };
        Ok(())
    }

    /// How often packet `sequence` of slot number `slot` was sent again, as far as is remembered.
    pub fn times(&self, slot: u16, sequence: u16) -> u8 {
        let recent = self.recent[Self::place(slot, sequence)];
        if (recent.slot, recent.sequence) == (slot, sequence) { recent.times } else { 0 }
    }

    fn place(slot: u16, sequence: u16) -> usize {
        // An odd factor spreads the slots over the table.
        usize::from(sequence.wrapping_add(slot.wrapping_mul(37))) % REMEMBERED
    }
}
