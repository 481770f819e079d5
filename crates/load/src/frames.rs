//! Frames that a real encoder made, made as large as the load wants them and cut into packets.

use std::sync::Arc;
use std::time::Duration;

use crate::stamp::Stamp;

/// What Chromium's encoders made of a picture in three sizes, 320x180 to 1280x720, and of a tone.
const PICTURES: [&[u8]; 3] = [
    include_bytes!("../media/picture-180.vp8"),
    include_bytes!("../media/picture-360.vp8"),
    include_bytes!("../media/picture-720.vp8"),
];
const TONE: &[u8] = include_bytes!("../../sim/media/person.opus");

/// Bytes of the VP8 payload descriptor in front of each packet: that it is extended, that there is a picture id, and
/// 15 bits of it (RFC 7741 section 4.2).
const DESCRIPTOR_LEN: usize = 4;
/// Sound is a frame of 20 ms (RFC 6716 section 2.1.4).
pub const SOUND_INTERVAL: Duration = Duration::from_millis(20);
/// Most bytes of padding that one byte counts (RFC 6716 section 3.2.5).
const MAX_OPUS_PADDING: usize = 254;

/// Encoded frames, the first of them decodable by itself, played in a loop.
#[derive(Clone, Debug)]
pub struct Recording(Arc<[&'static [u8]]>);

impl Recording {
    /// Pictures: 0 is the smallest size, 2 the largest.
    pub fn pictures(size: usize) -> Recording {
        Recording::parse(PICTURES.get(size).copied().unwrap_or(PICTURES[0]))
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

/// A payload on its way, and whether its end is free for a stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Its last [`Stamp::LEN`] bytes are behind what a decoder reads.
    pub is_stamped: bool,
}

/// Cuts a VP8 frame into packets of `len` bytes of payload, as many as hold it and `packets` at least. What is behind
/// the frame belongs to its last partition, of which decoders read as much as there are coefficients (RFC 6386 section 9.5).
pub fn pictures(frame: &[u8], picture_id: u16, len: usize, packets: usize) -> Vec<Payload> {
    let room = len - DESCRIPTOR_LEN;
    let count = (frame.len() + Stamp::LEN).div_ceil(room).max(packets);
    let [high, low] = (picture_id | 0x8000).to_be_bytes();
    (0..count)
        .map(|index| {
            let start = if index == 0 { 0x90 } else { 0x80 };
            let mut bytes = vec![start, 0x80, high, low];
            let from = (index * room).min(frame.len());
            let to = (from + room).min(frame.len());
            bytes.extend(frame.get(from..to).unwrap_or_default());
            let is_stamped = bytes.len() + Stamp::LEN <= len;
            bytes.resize(len, 0);
            Payload { bytes, is_stamped }
        })
        .collect()
}

/// An Opus frame with padding behind it, `len` bytes in all if there is room for that (RFC 6716 section 3.2.5).
pub fn sound(frame: &[u8], len: usize) -> Payload {
    // Only packets of one frame are made into such ones; encoders make no others at 20 ms.
    let (&toc, body) = frame.split_first().unwrap_or((&0, &[]));
    let padding = len.saturating_sub(frame.len() + 2).clamp(Stamp::LEN, MAX_OPUS_PADDING);
    let mut bytes = vec![toc | 3, 0x41, padding as u8];
    bytes.extend(body);
    bytes.resize(bytes.len() + padding, 0);
    Payload { bytes, is_stamped: true }
}

#[cfg(test)]
mod tests {
    use parlor_rtc::payload::Facts;
    use parlor_rtc::sdp::Codec;

    use super::*;

    #[test]
    fn recordings_begin_with_a_key_frame_and_sound_has_one_frame_a_packet() {
        for size in 0..3 {
            let recording = Recording::pictures(size);
            assert!(recording.length() > 1);
            let first = pictures(recording.frame(0), 1, 1180, 1).remove(0);
            let facts = Facts::read(Codec::Vp8, &first.bytes, false, &[]).unwrap();
            assert!(facts.starts_key_frame, "size {size}");
            let second = pictures(recording.frame(1), 2, 1180, 1).remove(0);
            let facts = Facts::read(Codec::Vp8, &second.bytes, false, &[]).unwrap();
            assert!(facts.starts_frame && !facts.starts_key_frame, "size {size}");
        }
        let tone = Recording::tone();
        assert!((0..tone.length()).all(|at| tone.frame(at)[0] & 3 == 0));
    }

    #[test]
    fn a_picture_becomes_as_many_packets_as_are_wanted_and_keeps_its_bytes() {
        let frame: Vec<u8> = (0..3000).map(|byte| byte as u8).collect();
        for packets in [0, 3, 9] {
            let cut = pictures(&frame, 5, 1000, packets);
            assert_eq!(cut.len(), packets.max(4));
            let whole: Vec<u8> =
                cut.iter().flat_map(|payload| &payload.bytes[4..]).copied().collect();
            assert_eq!(whole[..3000], frame);
            assert!(cut.last().unwrap().is_stamped);
            assert!(cut.iter().all(|payload| payload.bytes.len() == 1000));
        }
    }

    #[test]
    fn padding_is_counted_as_opus_does() {
        let sound = sound(&[0x78, 1, 2, 3], 80);
        assert_eq!(sound.bytes.len(), 80 + 1 - 1);
        assert_eq!(sound.bytes[..2], [0x7B, 0x41]);
        assert_eq!(usize::from(sound.bytes[2]), sound.bytes.len() - 3 - 3);
    }
}
