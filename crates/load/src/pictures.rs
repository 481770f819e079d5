//! Encoded pictures cut into packets, as many as the load wants: what stands behind a picture, no decoder looks at.

use crate::codec::Codec;
use crate::frames::Payload;
use crate::stamp::Stamp;

mod av1;
mod h264;

/// A picture on its way.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    /// As its encoder made it.
    pub frame: &'a [u8],
    /// It can be decoded by itself.
    pub is_key: bool,
    /// Counts pictures; 15 bits.
    pub id: u16,
    /// Pixels.
    pub width: u16,
    /// See `width`.
    pub height: u16,
}

/// Bytes behind the stamp in each payload of a codec.
pub const fn tail_len(codec: Codec) -> usize {
    match codec {
        Codec::Vp8 | Codec::H264 | Codec::Av1 => 0,
        Codec::Vp9 => VP9_INDEX_LEN,
    }
}

/// The VP9 index of how long frames are that stand together: a mark, four bytes, the mark (VP9 bitstream specification, annex B).
const VP9_INDEX_LEN: usize = 6;
/// One frame, of a length of four bytes.
const VP9_INDEX_MARK: u8 = 0b1101_1000;

/// Cuts a picture into packets of `len` bytes of payload, as many as hold it and `packets` at least.
pub fn cut(codec: Codec, picture: Picture<'_>, len: usize, packets: usize) -> Vec<Payload> {
    match codec {
        Codec::Vp8 => vp8(picture, len, packets),
        Codec::Vp9 => vp9(picture, len, packets),
        Codec::H264 => h264::cut(picture, len, packets),
        Codec::Av1 => av1::cut(picture, len, packets),
    }
}

/// What is behind the frame belongs to its last partition, of which decoders read as much as there are coefficients (RFC 6386
/// section 9.5).
fn vp8(Picture { frame, id, .. }: Picture<'_>, len: usize, packets: usize) -> Vec<Payload> {
    // That there are more bits of it, that there is a picture id, and 15 bits of that (RFC 7741 section 4.2).
    const HEADER_LEN: usize = 4;
    let [high, low] = (id | 0x8000).to_be_bytes();
    let count = (frame.len() + Stamp::LEN).div_ceil(len - HEADER_LEN).max(packets);
    let mut rest = frame;
    (0..count)
        .map(|index| {
            let start = if index == 0 { 0x90 } else { 0x80 };
            fill(vec![start, 0x80, high, low], &mut rest, len, 0)
        })
        .collect()
}

/// Behind the frame and the bytes that fill the packets stands an index that says how long the frame is.
fn vp9(picture: Picture<'_>, len: usize, packets: usize) -> Vec<Payload> {
    let frame = picture.frame;
    let after_first = len - vp9_header(picture, false, false).len();
    let first = len - vp9_header(picture, true, false).len();
    let rest = (frame.len() + Stamp::LEN + VP9_INDEX_LEN).saturating_sub(first);
    let count = (1 + rest.div_ceil(after_first)).max(packets);
    let mut rest = frame;
    let mut payloads: Vec<Payload> = (0..count)
        .map(|index| {
            let header = vp9_header(picture, index == 0, index + 1 == count);
            fill(header, &mut rest, len, VP9_INDEX_LEN)
        })
        .collect();
    if let Some(place) = payloads.last_mut().and_then(|it| it.bytes.last_chunk_mut()) {
        let [a, b, c, d] = (frame.len() as u32).to_le_bytes();
        *place = [VP9_INDEX_MARK, a, b, c, d, VP9_INDEX_MARK];
    }
    payloads
}

/// The payload descriptor (RFC 9628 section 4.2): a picture id, the one layer, and, in front of a key frame, that each picture refers
/// to the one before it.
fn vp9_header(picture: Picture<'_>, is_first: bool, is_last: bool) -> Vec<u8> {
    let Picture { is_key, id, width, height, .. } = picture;
    let has_structure = is_first && is_key;
    let bit = |is_set: bool, mask: u8| if is_set { mask } else { 0 };
    let flags = 0xA1 | bit(!is_key, 0x40) | bit(is_first, 0x08) | bit(is_last, 0x04);
    let [high, low] = (id | 0x8000).to_be_bytes();
    let mut header = vec![flags | bit(has_structure, 0x02), high, low, 0, id as u8];
    if has_structure {
        header.push(0x18);
        header.extend(width.to_be_bytes());
        header.extend(height.to_be_bytes());
        header.extend([1, 1 << 2, 1]);
    }
    header
}

/// A payload of `len` bytes: what there is in `bytes`, as much of the frame as fits, and a stamp in front of the last `tail` bytes
/// where there is room for one.
fn fill(mut bytes: Vec<u8>, frame: &mut &[u8], len: usize, tail: usize) -> Payload {
    let (piece, rest) = frame.split_at(frame.len().min(len - bytes.len()));
    bytes.extend(piece);
    *frame = rest;
    let stamp_at = (bytes.len() + Stamp::LEN + tail <= len).then(|| len - tail - Stamp::LEN);
    bytes.resize(len, 0);
    Payload { bytes, stamp_at }
}

#[cfg(test)]
mod tests {
    use parlor_rtc::payload::Facts;
    use parlor_rtc::sdp;

    use super::*;
    use crate::frames::Recording;

    fn picture(frame: &[u8], is_key: bool) -> Picture<'_> {
        Picture { frame, is_key, id: 300, width: 320, height: 180 }
    }

    const SERVERS: [(Codec, sdp::Codec); 4] = [
        (Codec::Vp8, sdp::Codec::Vp8),
        (Codec::Vp9, sdp::Codec::Vp9 { profile: 0 }),
        (Codec::Av1, sdp::Codec::Av1 { profile: 0 }),
        (Codec::H264, sdp::Codec::H264 { profile_level_id: 0x42_e01f, packetization_mode: 1 }),
    ];

    #[test]
    fn recordings_begin_with_a_key_frame_that_a_server_knows_and_have_no_other() {
        for (codec, known) in SERVERS {
            for size in 0..3 {
                let recording = Recording::pictures(codec, size);
                assert!(recording.length() > 1);
                for at in [0, 1, 2] {
                    let cut = cut(codec, picture(recording.frame(at), at == 0), 1180, 4);
                    let facts: Vec<Facts> = (cut.iter().enumerate())
                        .map(|(index, it)| {
                            Facts::read(known, &it.bytes, index + 1 == cut.len(), &[]).unwrap()
                        })
                        .collect();
                    assert!(facts[0].starts_key_frame == (at == 0), "{codec:?} {size} {at}");
                    assert!(facts[0].starts_frame && facts[facts.len() - 1].ends_frame);
                    assert!(facts[1..].iter().all(|it| !it.starts_frame && !it.starts_key_frame));
                    assert!(facts[..facts.len() - 1].iter().all(|it| !it.ends_frame));
                }
            }
        }
    }

    #[test]
    fn a_picture_becomes_as_many_packets_as_are_wanted_each_with_a_stamp_behind_it() {
        for codec in Codec::ALL {
            let recording = Recording::pictures(codec, 2);
            for (len, packets) in [(1180, 1), (1180, 6), (300, 1), (300, 40)] {
                let cut = cut(codec, picture(recording.frame(0), true), len, packets);
                assert!(cut.len() >= packets, "{codec:?}");
                assert!(cut.iter().all(|it| it.bytes.len() <= len), "{codec:?}");
                assert!(cut.last().unwrap().stamp_at.is_some(), "{codec:?}");
                for payload in cut.iter().filter(|it| it.stamp_at.is_some()) {
                    assert_eq!(payload.bytes.len(), len, "{codec:?}");
                    let end = payload.stamp_at.unwrap() + Stamp::LEN;
                    assert_eq!(end, payload.bytes.len() - tail_len(codec), "{codec:?}");
                }
            }
        }
    }

    #[test]
    fn bytes_of_vp8_and_vp9_are_all_there_and_an_index_says_where_those_of_vp9_end() {
        let frame: Vec<u8> = (0..3000).map(|byte| byte as u8).collect();
        for packets in [0, 3, 9] {
            for (codec, header, first) in [(Codec::Vp8, 4, 4), (Codec::Vp9, 5, 13)] {
                let cut = cut(codec, picture(&frame, true), 1000, packets);
                let skip = |index: usize| if index == 0 { first } else { header };
                let bytes = |(index, it): (usize, &Payload)| it.bytes[skip(index)..].to_vec();
                let whole: Vec<u8> = cut.iter().enumerate().flat_map(bytes).collect();
                assert_eq!(whole[..3000], frame);
                if codec == Codec::Vp9 {
                    assert_eq!(whole[whole.len() - 6..], [0xD8, 0xB8, 0x0B, 0, 0, 0xD8]);
                }
            }
        }
    }
}
