//! Frames that a real encoder made, and sound made as large as the load wants it.

use std::sync::Arc;
use std::time::Duration;

use crate::codec::Codec;
use crate::stamp::Stamp;

/// What Chromium's encoder made of a tone.
const TONE: &[u8] = include_bytes!("../../sim/media/person.opus");

/// Sound is a frame of 20 ms (RFC 6716 section 2.1.4).
pub const SOUND_INTERVAL: Duration = Duration::from_millis(20);
/// Most bytes of padding that one byte counts (RFC 6716 section 3.2.5).
const MAX_OPUS_PADDING: usize = 254;

/// Encoded frames, the first of them decodable by itself, played in a loop.
#[derive(Clone, Debug)]
pub struct Recording(Arc<[&'static [u8]]>);

impl Recording {
    /// Pictures: 0 is the smallest size, 2 the largest.
    pub fn pictures(codec: Codec, size: usize) -> Recording {
        let all = codec.recordings();
        Recording::parse(all.get(size).copied().unwrap_or(all[0]))
    }

    /// Sound.
    pub fn tone() -> Recording {
        Recording::parse(TONE)
    }

    /// Each frame stands behind its length in four bytes, big-endian.
    fn parse(mut rest: &'static [u8]) -> Recording {
        let mut frames = Vec::new();
        while let Some((len, after)) = rest.split_first_chunk::<4>() {
            let Some((frame, after)) = after.split_at_checked(u32::from_be_bytes(*len) as usize)
            else {
                break;
            };
            frames.push(frame);
            rest = after;
        }
        Recording(frames.into())
    }

    /// The frame at a position, counted past the end from the beginning again.
    pub fn frame(&self, position: usize) -> &'static [u8] {
        self.0.get(position % self.0.len().max(1)).copied().unwrap_or_default()
    }

    /// How many frames there are, at least one.
    pub fn length(&self) -> usize {
        self.0.len()
    }
}

/// A payload on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Where a stamp goes, if there is room for one behind what a decoder reads.
    pub stamp_at: Option<usize>,
}

/// An Opus frame with padding behind it, `len` bytes in all if there is room for that (RFC 6716 section 3.2.5).
pub fn sound(frame: &[u8], len: usize) -> Payload {
    // Only packets of one frame are made into such ones; encoders make no others at 20 ms.
    let (&toc, body) = frame.split_first().unwrap_or((&0, &[]));
    let padding = len.saturating_sub(frame.len() + 2).clamp(Stamp::LEN, MAX_OPUS_PADDING);
    let mut bytes = vec![toc | 3, 0x41, padding as u8];
    bytes.extend(body);
    bytes.resize(bytes.len() + padding, 0);
    Payload { stamp_at: bytes.len().checked_sub(Stamp::LEN), bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_has_one_frame_a_packet() {
        let tone = Recording::tone();
        assert!((0..tone.length()).all(|at| tone.frame(at)[0] & 3 == 0));
    }

    #[test]
    fn padding_is_counted_as_opus_does() {
        let sound = sound(&[0x78, 1, 2, 3], 80);
        assert_eq!(sound.bytes.len(), 80 + 1 - 1);
        assert_eq!(sound.bytes[..2], [0x7B, 0x41]);
        assert_eq!(usize::from(sound.bytes[2]), sound.bytes.len() - 3 - 3);
    }
}
