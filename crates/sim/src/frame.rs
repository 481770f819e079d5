//! Made-up media frames that say who made them, so that a receiver can tell whom it sees and hears.

use std::time::Instant;

use str0m::format::Codec;

/// Marks the start of our own bytes inside a frame.
const MAGIC: [u8; 4] = *b"PRLR";
/// What a VP8 decoder reads first: frame tag, start code, width and height (RFC 6386 section 9.1).
const VP8_KEY_HEADER: [u8; 10] = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01];
/// Where in it the width lies, and behind that the height.
const SIZE_AT: usize = 6;
/// The frame tag of an interframe: the lowest bit set.
const VP8_DELTA_HEADER: [u8; 3] = [0x11, 0, 0];
/// What an AV1 key frame begins with: an OBU with a sequence header, here in its reduced form, of 640x360
/// (AV1 bitstream specification, sections 5.3 and 5.5).
const AV1_SEQUENCE_HEADER: [u8; 7] = [0x0a, 5, 0x18, 0x26, 0x27, 0xfb, 0x38];
/// The header of an OBU that is a frame, and has its length behind it.
const AV1_FRAME: u8 = 0x32;
/// One 20 ms frame of stereo Opus in full band (RFC 6716 section 3.1).
const OPUS_TOC: u8 = 0xfc;
/// Bytes of MAGIC, publisher and number together.
const MARK_LEN: usize = 12;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// 20 ms of sound.
    Audio,
    /// A picture that decodes by itself.
    Key,
    /// A picture that needs the one before it.
    Delta,
}

impl FrameKind {
    /// What such a frame begins with if it is sound, or a picture of VP8.
    const fn vp8_header(self) -> &'static [u8] {
        match self {
            FrameKind::Audio => &[OPUS_TOC],
            FrameKind::Key => &VP8_KEY_HEADER,
            FrameKind::Delta => &VP8_DELTA_HEADER,
        }
    }
}

/// Who made a frame, and the how-manieth it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub kind: FrameKind,
    /// The client that made it.
    pub publisher: u32,
    /// Counts that client's frames of one sender from 0.
    pub number: u32,
}

/// One frame as it came out of a receive section.
#[derive(Clone, Copy, Debug)]
pub struct SeenFrame {
    /// When it was whole.
    pub at: Instant,
    /// What it says of itself; `None` if its bytes are not one frame of ours.
    pub frame: Option<Frame>,
    /// Its RTP time in seconds, unwrapped by the receiver.
    pub media_time: f64,
    /// Its bytes.
    pub len: usize,
    /// When the sender's reports say that it was captured, in seconds of the sender's clock; `None`
    /// before the first report.
    pub captured: Option<f64>,
    /// No packet is missing between the frame before and this one.
    pub contiguous: bool,
    /// What it has to be decoded as.
    pub codec: Codec,
}

impl Frame {
    /// The frame's bytes, `len` long or as long as the mark needs.
    pub fn encode(&self, len: usize) -> Vec<u8> {
        let header = self.kind.vp8_header();
        let mut bytes = Vec::with_capacity(len.max(header.len() + MARK_LEN));
        bytes.extend_from_slice(header);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.publisher.to_be_bytes());
        bytes.extend_from_slice(&self.number.to_be_bytes());
        // Filler that depends on the frame, so that a mix-up of packets shows in `decode`.
        let filler = self.filler();
        bytes.resize(len.max(bytes.len()), filler);
        bytes
    }

    /// The frame as AV1 has it, about `len` bytes long.
    pub fn encode_av1(&self, len: usize) -> Vec<u8> {
        let marked = self.encode(len);
        let body = marked.get(self.kind.vp8_header().len()..).unwrap_or_default();
        let mut bytes = Vec::with_capacity(len);
        if self.kind == FrameKind::Key {
            bytes.extend_from_slice(&AV1_SEQUENCE_HEADER);
        }
        bytes.push(AV1_FRAME);
        let mut rest = body.len();
        while rest > 0x7f {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
        bytes.extend_from_slice(body);
        bytes
    }

    /// The same for a picture of this size, which key frames tell.
    pub fn encode_sized(&self, len: usize, width: u16, height: u16) -> Vec<u8> {
        let mut bytes = self.encode(len);
        if self.kind == FrameKind::Key {
            let size = [width.to_le_bytes(), height.to_le_bytes()].concat();
            bytes[SIZE_AT..SIZE_AT + size.len()].copy_from_slice(&size);
        }
        bytes
    }

    /// Reads a frame back. `None` if its bytes are not one frame of ours, whole and unmixed.
    pub fn decode(bytes: &[u8]) -> Option<Frame> {
        let (kind, header_len) = match *bytes.first()? {
            OPUS_TOC => (FrameKind::Audio, 1),
            AV1_FRAME => (FrameKind::Delta, av1_header_len(bytes)?),
            tag if tag == AV1_SEQUENCE_HEADER[0] => {
                let frame = bytes.get(AV1_SEQUENCE_HEADER.len()..)?;
                (FrameKind::Key, AV1_SEQUENCE_HEADER.len() + av1_header_len(frame)?)
            }
            tag if tag & 1 == 0 => (FrameKind::Key, VP8_KEY_HEADER.len()),
            _ => (FrameKind::Delta, VP8_DELTA_HEADER.len()),
        };
        let mark = bytes.get(header_len..header_len + MARK_LEN)?;
        let (magic, numbers) = mark.split_at(MAGIC.len());
        let (publisher, number) = numbers.split_at(4);
        let frame = Frame {
            kind,
            publisher: u32::from_be_bytes(publisher.try_into().ok()?),
            number: u32::from_be_bytes(number.try_into().ok()?),
        };
        let filled = bytes.get(header_len + MARK_LEN..)?.iter().all(|&byte| byte == frame.filler());
        (magic == MAGIC && filled).then_some(frame)
    }

    fn filler(&self) -> u8 {
        (self.publisher.wrapping_mul(31).wrapping_add(self.number)) as u8
    }
}

/// Bytes in front of what an AV1 frame's OBU holds: its header, and its length in seven bits a byte.
fn av1_header_len(obu: &[u8]) -> Option<usize> {
    let len = obu.iter().skip(1).position(|byte| byte & 0x80 == 0)?;
    (obu.first() == Some(&AV1_FRAME)).then_some(1 + len + 1)
}
