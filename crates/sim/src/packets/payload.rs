//! RTP payloads of every codec: valid as far as a receiver looks, with marks for pictures.

use parlor_rtc::fuzzing::scalable::{Encoder, Frame};

use super::Carrier;
use super::mark::{FILLER, STOP};

/// A VP8 key frame of no size yet: frame tag and start code (RFC 6386 section 9.1).
const VP8_KEY: [u8; 6] = [0x10, 0, 0, 0x9d, 0x01, 0x2a];
/// The frame tag of an interframe.
const VP8_DELTA: [u8; 3] = [0x11, 0, 0];
/// NAL unit headers of baseline H.264 that a receiver cannot do without (ITU-T H.264 table 7-1).
const IDR_SLICE: u8 = 0x65;
const SLICE: u8 = 0x41;
/// A slice that begins with the first macroblock.
const FIRST_MACROBLOCK: u8 = 0x88;
/// Aggregates several NAL units, or fragments one (RFC 6184 sections 5.7.1 and 5.8).
const STAP_A: u8 = 0x78;
const FU_A: u8 = 28;
/// A picture parameter set, and a message of supplemental information of the user's own kind.
const PICTURE_PARAMETERS: [u8; 4] = [0x68, 0xCE, 0x3C, 0x80];
const USER_MESSAGE: [u8; 2] = [0x06, 0x05];
/// OBU headers without a size (AV1 bitstream specification section 5.3.2), and an 8-bit 4:2:0 main profile sequence.
const SEQUENCE_OBU: [u8; 11] = [0x08, 0, 0, 0, 0x24, 0xC4, 0xFF, 0xDF, 0x3F, 0xFE, 0x02];
const FRAME_OBU: u8 = 0x30;
const HAS_LAYERS: u8 = 0x04;

/// What a packet is of.
pub(super) struct Part<'a> {
    pub(super) frame: &'a Frame,
    pub(super) index: usize,
    pub(super) count: usize,
    /// Counts frames of the lowest temporal layer.
    pub(super) base_index: u8,
    /// It leans on the lowest temporal layer alone.
    pub(super) leans_on_base: bool,
    /// Width and height of each spatial layer.
    pub(super) sizes: &'a [(u16, u16)],
}

impl Part<'_> {
    fn starts(&self) -> bool {
        self.index == 0
    }

    fn ends(&self) -> bool {
        self.index + 1 == self.count
    }

    fn begins_key_picture(&self) -> bool {
        self.starts() && self.frame.is_key && self.frame.spatial == 0
    }
}

/// One packet with a mark, filled up to `len` bytes or so.
pub(super) fn write(
    carrier: Carrier,
    encoder: &Encoder,
    part: &Part<'_>,
    mark: &[u8],
    len: usize,
) -> Vec<u8> {
    let mut bytes = match carrier {
        Carrier::Vp8 => vp8(part),
        Carrier::Vp9 => vp9(encoder, part),
        Carrier::H264 => return h264(part, mark, len),
        Carrier::Av1 => av1(part),
    };
    bytes.extend_from_slice(mark);
    fill(&mut bytes, len);
    bytes
}

fn fill(bytes: &mut Vec<u8>, len: usize) {
    bytes.resize(len.max(bytes.len()), FILLER);
}

/// RFC 7741 section 4.2, with picture id, TL0PICIDX and temporal layer.
fn vp8(part: &Part<'_>) -> Vec<u8> {
    let Frame { picture, temporal, is_key, .. } = *part.frame;
    let is_non_reference = temporal == 2;
    let first = 0x80 | u8::from(is_non_reference) << 5 | u8::from(part.starts()) << 4;
    let layer = temporal << 6 | u8::from(part.leans_on_base) << 5;
    let mut bytes = vec![first, 0xE0];
    bytes.extend((picture as u16 | 0x8000).to_be_bytes());
    bytes.extend([part.base_index, layer]);
    if part.starts() && is_key {
        let (width, height) = part.sizes[0];
        bytes.extend(VP8_KEY);
        bytes.extend(width.to_le_bytes());
        bytes.extend(height.to_le_bytes());
    } else if part.starts() {
        bytes.extend(VP8_DELTA);
    }
    bytes
}

/// RFC 9628 section 4.2 in non-flexible mode; key pictures bring their scalability structure.
fn vp9(encoder: &Encoder, part: &Part<'_>) -> Vec<u8> {
    let mut bytes = encoder.vp9_payload(part.frame, (part.starts(), part.ends()));
    // Its last byte stands for the picture.
    bytes.pop();
    if part.begins_key_picture() {
        bytes[0] |= 0x02;
        bytes.push((part.sizes.len() as u8 - 1) << 5 | 0x18);
        for (width, height) in part.sizes {
            bytes.extend([width.to_be_bytes(), height.to_be_bytes()].concat());
        }
        // Temporal layer, whether one may go up there, and how far back the picture is that it refers to.
        let group: &[(u8, u8, u8)] = match encoder.mode.temporal_layers {
            1 => &[(0, 0, 1)],
            _ => &[(0, 0, 4), (2, 1, 1), (1, 1, 2), (2, 1, 1)],
        };
        bytes.push(group.len() as u8);
        for (temporal, switches_up, back) in group {
            bytes.extend([temporal << 5 | switches_up << 4 | 1 << 2, *back]);
        }
    }
    bytes
}

/// RFC 6184 in packetization mode 1: parameters in front of key frames, everything else in fragments.
fn h264(part: &Part<'_>, mark: &[u8], len: usize) -> Vec<u8> {
    if part.begins_key_picture() {
        let parameters = sequence_parameters(part.sizes[0]);
        let message = [&USER_MESSAGE[..], &[mark.len() as u8], mark, &[STOP]].concat();
        let mut bytes = vec![STAP_A];
        for unit in [&parameters[..], &PICTURE_PARAMETERS, &message] {
            bytes.extend((unit.len() as u16).to_be_bytes());
            bytes.extend_from_slice(unit);
        }
        return bytes;
    }
    let slice = if part.frame.is_key { IDR_SLICE } else { SLICE };
    // The slice of a key frame begins behind its parameters.
    let begins = part.index == usize::from(part.frame.is_key);
    let mut bytes = match (begins, part.ends()) {
        (true, true) => vec![slice],
        (begins, ends) => {
            vec![slice & 0xE0 | FU_A, u8::from(begins) << 7 | u8::from(ends) << 6 | slice & 0x1F]
        }
    };
    bytes.push(if begins { FIRST_MACROBLOCK } else { FILLER });
    bytes.extend_from_slice(mark);
    fill(&mut bytes, len);
    bytes
}

/// Sequence parameters of the constrained baseline profile (ITU-T H.264 section 7.3.2.1.1).
fn sequence_parameters((width, height): (u16, u16)) -> Vec<u8> {
    let across = u32::from(width.div_ceil(16));
    let down = u32::from(height.div_ceil(16));
    let cropped = (down * 16 - u32::from(height)) / 2;
    let mut bits = Bits::default();
    bits.number(8, 0x67).number(8, 0x42).number(8, 0xE0).number(8, 0x1F);
    // Its id, the width of frame numbers, pictures in their order, one reference, no gaps.
    bits.exp_golomb(0).exp_golomb(0).exp_golomb(2).exp_golomb(1).number(1, 0);
    bits.exp_golomb(across - 1).exp_golomb(down - 1);
    // Whole frames, direct 8x8 inference, cropping at the bottom.
    bits.number(1, 1).number(1, 1).number(1, 1);
    bits.exp_golomb(0).exp_golomb(0).exp_golomb(0).exp_golomb(cropped);
    // Nothing on usability, and the stop bit.
    bits.number(1, 0).number(1, 1);
    bits.bytes()
}

/// RTP Payload Format for AV1, section 4.4: one OBU or a part of it, behind the sequence header in key pictures.
fn av1(part: &Part<'_>) -> Vec<u8> {
    let Frame { spatial, temporal, .. } = *part.frame;
    let (continues, goes_on) = (u8::from(!part.starts()), u8::from(!part.ends()));
    let ends = continues << 7 | goes_on << 6;
    let frame = [FRAME_OBU | HAS_LAYERS, temporal << 5 | spatial << 3];
    match (part.begins_key_picture(), part.starts()) {
        (true, _) => [&[ends | 0x28, SEQUENCE_OBU.len() as u8], &SEQUENCE_OBU[..], &frame].concat(),
        (false, true) => vec![ends | 0x10, frame[0], frame[1]],
        (false, false) => vec![ends | 0x10],
    }
}

/// Bits, the most significant first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn number(&mut self, count: u32, number: u32) -> &mut Bits {
        self.0.extend((0..count).rev().map(|shift| number >> shift & 1 == 1));
        self
    }

    fn exp_golomb(&mut self, number: u32) -> &mut Bits {
        let zeros = (number + 1).ilog2();
        self.number(zeros, 0).number(zeros + 1, number + 1)
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at))
        };
        self.0.chunks(8).map(byte).collect()
    }
}
