//! What one RTP packet says in its header and extensions, read once.

use super::elements::{Elements, Form};
use super::{AbsSendTime, ExtensionKind, ExtensionMap, FIXED_HEADER_LEN, Span, Ssrc};
use crate::bytes::{array_at, u16_at, u24_at, u32_at};
use crate::id::{Mid, Rid};

/// Why bytes are not an RTP packet. All of them are the sender's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRtp {
    /// The packet ends inside its header, CSRC list or extension block.
    #[error("an RTP packet ends inside its header")]
    Truncated,
    /// The version is not 2.
    #[error("an RTP packet has version {0}, not 2")]
    Version(u8),
    /// The padding count is 0 or larger than what follows the header (RFC 3550 section 5.1).
    #[error("an RTP packet says it has {0} bytes of padding")]
    Padding(u8),
    /// The packet is longer than a datagram can be.
    #[error("an RTP packet is longer than a datagram")]
    TooLong,
}

/// Loudness of the sound in a packet, as its sender measured it (RFC 6464).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AudioLevel {
    /// The sender heard a voice.
    pub voice: bool,
    /// Decibels below the loudest possible, 0 to 127: 127 is silence.
    pub below_full_scale_db: u8,
}

impl AudioLevel {
    /// Reads the byte that travels.
    pub const fn from_byte(byte: u8) -> AudioLevel {
        AudioLevel { voice: byte & 0x80 != 0, below_full_scale_db: byte & 0x7F }
    }

    /// The byte that travels.
    pub const fn to_byte(self) -> u8 {
        (self.voice as u8) << 7 | self.below_full_scale_db & 0x7F
    }
}

/// How a picture is to be turned and flipped for display: the byte of 3GPP TS 26.114 section
/// 7.4.5, passed on as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VideoOrientation(pub u8);

/// Which colours the numbers of a picture mean: primaries, transfer and matrix by the tables of
/// ISO/IEC 23091-2, then range and chroma siting; passed on as it came (WebRTC's color-space).
///
/// Senders say it in the last packet of a key frame, and again when it changes; their receivers remember it. What codecs
/// without a word for it in their key frames (VP9 and AV1 as browsers encode them) mean is said nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ColorSpace(pub [u8; ColorSpace::LEN]);

impl ColorSpace {
    /// Bytes that travel.
    pub const LEN: usize = 4;

    /// BT.601 with 525 lines, of limited range: 6 is its number in all three tables, and 1 that range's.
    pub const BT601_LIMITED: ColorSpace = ColorSpace([6, 6, 6, 1 << 4]);

    /// Bytes of the longer form, which ends with how bright the mastering display was. No browser
    /// sends it for cameras and screens; it is read without that.
    const WITH_MASTERING_LEN: usize = ColorSpace::LEN + 24;

    /// Reads the value of either form.
    pub fn from_bytes(value: &[u8]) -> Option<ColorSpace> {
        let is_known = [ColorSpace::LEN, ColorSpace::WITH_MASTERING_LEN].contains(&value.len());
        array_at(value, 0).filter(|_| is_known).map(ColorSpace)
    }
}

/// The header extensions of a packet that the connection gave a meaning to.
///
/// A value of the wrong length or form is as if it were not there (RFC 8285 section 4.1.2 lets a
/// receiver ignore any element).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// The media section.
    pub mid: Option<Mid>,
    /// The simulcast encoding.
    pub rid: Option<Rid>,
    /// The simulcast encoding that this retransmission repairs.
    pub repaired_rid: Option<Rid>,
    /// Loudness.
    pub audio_level: Option<AudioLevel>,
    /// The packet's number on its transport.
    pub transport_sequence: Option<u16>,
    /// When it left its sender.
    pub abs_send_time: Option<AbsSendTime>,
    /// Where the dependency descriptor lies in the packet.
    pub dependency_descriptor: Option<Span>,
    /// How the picture is turned.
    pub video_orientation: Option<VideoOrientation>,
    /// Which colours it means.
    pub color_space: Option<ColorSpace>,
}

/// What an RTP packet says: small, without a borrow, to be stored beside the packet's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpView {
    /// The stream.
    pub ssrc: Ssrc,
    /// The sequence number.
    pub sequence: u16,
    /// The media timestamp, in the codec's clock rate.
    pub timestamp: u32,
    /// The marker bit: for video, the last packet of a picture.
    pub marker: bool,
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// Where the payload lies, without padding; may be empty.
    pub payload: Span,
    /// Bytes of padding behind the payload.
    pub padding: u8,
    /// The header extensions.
    pub extensions: Extensions,
}

impl RtpView {
    /// Reads `packet`, which is the whole plaintext of one RTP packet.
    pub fn parse(packet: &[u8], map: &ExtensionMap) -> Result<RtpView, InvalidRtp> {
        let fixed: [u8; FIXED_HEADER_LEN] = array_at(packet, 0).ok_or(InvalidRtp::Truncated)?;
        let [first, second, ..] = fixed;
        if first >> 6 != 2 {
            return Err(InvalidRtp::Version(first >> 6));
        }
        let mut at = FIXED_HEADER_LEN + 4 * usize::from(first & 0x0F);
        let mut extensions = Extensions::default();
        if first & 0x10 != 0 {
            let (profile, block) = extension_block(packet, at)?;
            at = usize::from(block.end);
            if let Some(form) = Form::of_profile(profile) {
                extensions = Extensions::read(packet, Elements::new(packet, block, form), map);
            }
        }
        let rest = packet.len().checked_sub(at).ok_or(InvalidRtp::Truncated)?;
        let padding = match packet.last() {
            Some(&count) if first & 0x20 != 0 => {
                if count == 0 || usize::from(count) > rest {
                    return Err(InvalidRtp::Padding(count));
                }
                count
            }
            _ => 0,
        };
        Ok(RtpView {
            ssrc: Ssrc(u32_at(&fixed, 8).unwrap_or_default()),
            sequence: u16_at(&fixed, 2).unwrap_or_default(),
            timestamp: u32_at(&fixed, 4).unwrap_or_default(),
            marker: second & 0x80 != 0,
            payload_type: second & 0x7F,
            payload: Span::new(at, rest - usize::from(padding)).ok_or(InvalidRtp::TooLong)?,
            padding,
            extensions,
        })
    }

    /// Bytes in front of the payload.
    pub fn header_len(&self) -> usize {
        usize::from(self.payload.start)
    }
}

/// The profile and the span of the elements of the extension block at `at`.
fn extension_block(packet: &[u8], at: usize) -> Result<(u16, Span), InvalidRtp> {
    let profile = u16_at(packet, at).ok_or(InvalidRtp::Truncated)?;
    let words = u16_at(packet, at + 2).ok_or(InvalidRtp::Truncated)?;
    let len = 4 * usize::from(words);
    if packet.len() < at + 4 + len {
        return Err(InvalidRtp::Truncated);
    }
    Ok((profile, Span::new(at + 4, len).ok_or(InvalidRtp::TooLong)?))
}

impl Extensions {
    fn read(packet: &[u8], elements: Elements<'_>, map: &ExtensionMap) -> Extensions {
        let mut extensions = Extensions::default();
        for (id, span) in elements {
            if let Some(kind) = map.kind(id) {
                extensions.note(kind, span, span.of(packet));
            }
        }
        extensions
    }

    fn note(&mut self, kind: ExtensionKind, span: Span, value: &[u8]) {
        match kind {
            ExtensionKind::Mid => self.mid = Mid::from_bytes(value).ok(),
            ExtensionKind::Rid => self.rid = Rid::from_bytes(value).ok(),
            ExtensionKind::RepairedRid => self.repaired_rid = Rid::from_bytes(value).ok(),
            ExtensionKind::AudioLevel => {
                self.audio_level = value.first().map(|&byte| AudioLevel::from_byte(byte));
            }
            ExtensionKind::TransportSequence => self.transport_sequence = u16_at(value, 0),
            ExtensionKind::AbsSendTime => self.abs_send_time = u24_at(value, 0).map(AbsSendTime),
            ExtensionKind::DependencyDescriptor => self.dependency_descriptor = Some(span),
            ExtensionKind::VideoOrientation => {
                self.video_orientation = value.first().map(|&byte| VideoOrientation(byte));
            }
            ExtensionKind::ColorSpace => self.color_space = ColorSpace::from_bytes(value),
        }
    }
}
