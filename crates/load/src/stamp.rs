//! What a load's packets carry behind their frame: who sent them, which one it is, and when.

use std::time::{Duration, Instant};

/// Tells a stamp from other bytes.
const MAGIC: [u8; 4] = *b"PLoA";
/// Bytes behind it, of seven bits each.
const GROUPS: usize = 19;
/// Of each of them the other bit is set, so that nothing in a stamp looks like the beginning of a NAL unit, which is three bytes of
/// less than 4 (ITU-T H.264 annex B).
const SET: u8 = 0x80;
/// Times are told in so many bits: two years of nanoseconds.
const TIME_BITS: u32 = 56;

/// Bytes of a payload that no decoder reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The seat that sent it.
    pub seat: u32,
    /// Which of its streams: 0 is sound, then pictures from the smallest.
    pub stream: u8,
    /// Counts the packets of the stream, wrapping.
    pub number: u32,
    /// When it was sent, since the load began.
    pub sent: Duration,
}

impl Stamp {
    /// Bytes that it takes.
    pub const LEN: usize = MAGIC.len() + GROUPS;

    /// Its bytes.
    pub fn to_bytes(self) -> [u8; Stamp::LEN] {
        let time = self.sent.as_nanos() & ((1 << TIME_BITS) - 1);
        let head = u128::from(self.seat) << 40 | u128::from(self.stream) << 32;
        let mut rest = (head | u128::from(self.number)) << TIME_BITS | time;
        let mut bytes = [0; Stamp::LEN];
        bytes[..4].copy_from_slice(&MAGIC);
        for place in bytes[4..].iter_mut().rev() {
            *place = SET | rest as u8;
            rest >>= 7;
        }
        bytes
    }

    /// The stamp at the end of a payload, if there is one.
    pub fn read(payload: &[u8]) -> Option<Stamp> {
        let bytes: &[u8; Stamp::LEN] = payload.last_chunk()?;
        let groups = bytes.strip_prefix(&MAGIC)?;
        let all = groups.iter().fold(0_u128, |all, byte| all << 7 | u128::from(byte & !SET));
        Some(Stamp {
            seat: (all >> (TIME_BITS + 40)) as u32,
            stream: (all >> (TIME_BITS + 32)) as u8,
            number: (all >> TIME_BITS) as u32,
            sent: Duration::from_nanos(all as u64 & ((1 << TIME_BITS) - 1)),
        })
    }

    /// How long it had been under way at `at`, in a load that began at `start`.
    pub fn age(&self, start: Instant, at: Instant) -> Duration {
        at.saturating_duration_since(start).saturating_sub(self.sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_back_from_the_end_of_a_payload_and_nothing_else_is_one() {
        for (seat, stream, number, nanos) in
            [(70_000, 3, u32::MAX, 1_234_567_891), (0, 0, 0, 0), (u32::MAX, 255, 1, (1 << 56) - 1)]
        {
            let stamp = Stamp { seat, stream, number, sent: Duration::from_nanos(nanos) };
            let payload = [&[1, 2, 3][..], &stamp.to_bytes()].concat();
            assert_eq!(Stamp::read(&payload), Some(stamp));
            assert_eq!(Stamp::read(&payload[..payload.len() - 1]), None);
            assert!(stamp.to_bytes().iter().all(|byte| *byte >= 4), "no NAL unit begins in it");
        }
        assert_eq!(Stamp::read(&[0; Stamp::LEN]), None);
        assert_eq!(Stamp::read(&[]), None);
    }
}
