//! What a load's packets carry behind their frame: who sent them, which one it is, and when.

use std::time::{Duration, Instant};

/// Tells a stamp from other bytes.
const MAGIC: [u8; 4] = *b"PLoA";

/// The last bytes of a payload whose end no decoder reads.
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
    pub const LEN: usize = 24;

    /// Its bytes.
    pub fn to_bytes(self) -> [u8; Stamp::LEN] {
        let mut bytes = [0; Stamp::LEN];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&self.seat.to_be_bytes());
        bytes[8] = self.stream;
        bytes[12..16].copy_from_slice(&self.number.to_be_bytes());
        bytes[16..].copy_from_slice(&(self.sent.as_nanos() as u64).to_be_bytes());
        bytes
    }

    /// The stamp at the end of a payload, if there is one.
    pub fn read(payload: &[u8]) -> Option<Stamp> {
        let bytes: &[u8; Stamp::LEN] = payload.last_chunk()?;
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let (seat, rest) = rest.split_first_chunk::<4>()?;
        let (&[stream, ..], rest) = rest.split_first_chunk::<4>()?;
        let (number, sent) = rest.split_first_chunk::<4>()?;
        (*magic == MAGIC).then_some(Stamp {
            seat: u32::from_be_bytes(*seat),
            stream,
            number: u32::from_be_bytes(*number),
            sent: Duration::from_nanos(u64::from_be_bytes(*sent.first_chunk()?)),
        })
    }

    /// How long it has been under way at `now`, in a load that began at `start`.
    pub fn age(&self, start: Instant, now: Instant) -> Duration {
        now.saturating_duration_since(start).saturating_sub(self.sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_back_from_the_end_of_a_payload_and_nothing_else_is_one() {
        let sent = Duration::from_nanos(1_234_567_891);
        let stamp = Stamp { seat: 70_000, stream: 3, number: u32::MAX, sent };
        let payload = [&[1, 2, 3][..], &stamp.to_bytes()].concat();
        assert_eq!(Stamp::read(&payload), Some(stamp));
        assert_eq!(Stamp::read(&payload[..payload.len() - 1]), None);
        assert_eq!(Stamp::read(&[0; Stamp::LEN]), None);
        assert_eq!(Stamp::read(&[]), None);
    }
}
