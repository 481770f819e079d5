//! Headers of outgoing packets, written from a template that is made once per stream.

use super::elements::{Form, ONE_BYTE_ID_MAX, ONE_BYTE_VALUE_MAX};
use super::{
    AbsSendTime, AudioLevel, ColorSpace, ExtensionKind, ExtensionMap, FIXED_HEADER_LEN, Ssrc,
    VideoOrientation,
};
use crate::bytes::put;
use crate::id::{MediaKind, Mid};

/// Room for the header and every extension that all packets of a stream carry, in the two-byte form:
/// 12 + 4 + (2 + 16) + (2 + 2) + (2 + 3) + (2 + 1) is 46.
const TEMPLATE_CAPACITY: usize = 48;

/// What differs from packet to packet of one stream.
#[derive(Clone, Copy, Debug)]
pub struct HeaderFields<'a> {
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// The marker bit.
    pub marker: bool,
    /// The sequence number.
    pub sequence: u16,
    /// The media timestamp.
    pub timestamp: u32,
    /// The packet's number on its transport; unused unless the template carries it.
    pub transport_sequence: u16,
    /// When the packet leaves; unused unless the template carries it.
    pub abs_send_time: AbsSendTime,
    /// Loudness, where it is known.
    pub audio_level: Option<AudioLevel>,
    /// How the picture is turned, where the packet said so.
    pub video_orientation: Option<VideoOrientation>,
    /// Which colours the picture means, where the packet said so.
    pub color_space: Option<ColorSpace>,
    /// The dependency descriptor to send, or nothing.
    pub dependency_descriptor: &'a [u8],
}

/// The header of one outgoing stream, with the ids that its receiver gave to extensions.
///
/// Every header of a stream has the same length, so that packets of equal payload stay equal and
/// can leave as one GSO message: an extension without a value becomes padding. Only a dependency
/// descriptor of another length changes it, and the color space, which is in the last packet of key frames.
#[derive(Clone, Debug)]
pub struct HeaderTemplate {
    /// For packets whose elements all fit the one-byte form; none when an id does not.
    one_byte: Option<Block>,
    /// For the others.
    two_byte: Block,
    /// The id of the dependency descriptor.
    descriptor_id: Option<u8>,
    /// The id of the color space.
    color_space_id: Option<u8>,
}

impl HeaderTemplate {
    /// Longest header that [`HeaderTemplate::write`] makes.
    pub const MAX_LEN: usize = TEMPLATE_CAPACITY + 2 + ColorSpace::LEN + 2 + 255 + 3;

    /// The template of the stream `ssrc` in the media section `mid`, whose extension ids are `map`.
    ///
    /// `allow_mixed` is whether the receiver takes one- and two-byte forms on one stream
    /// (`a=extmap-allow-mixed`). Dependency descriptors need it, since those of key frames are
    /// longer than the one-byte form can hold; without it they are left out.
    pub fn new(
        ssrc: Ssrc,
        mid: Option<Mid>,
        kind: MediaKind,
        map: &ExtensionMap,
        allow_mixed: bool,
    ) -> HeaderTemplate {
        let two_byte = Block::new(Form::TwoByte, ssrc, mid, kind, map);
        let one_byte = elements_of(kind, map)
            .all(|(id, _)| id <= ONE_BYTE_ID_MAX)
            .then(|| Block::new(Form::OneByte, ssrc, mid, kind, map));
        let descriptor_id = map
            .id(ExtensionKind::DependencyDescriptor)
            .filter(|_| kind == MediaKind::Video && (allow_mixed || one_byte.is_none()));
        let color_space_id = map.id(ExtensionKind::ColorSpace).filter(|id| {
            kind == MediaKind::Video && (*id <= ONE_BYTE_ID_MAX || one_byte.is_none())
        });
        HeaderTemplate { one_byte, two_byte, descriptor_id, color_space_id }
    }

    /// Reads what [`HeaderTemplate::write`] will, so that it is in the processor's cache by then. The value means
    /// nothing.
    #[inline]
    pub fn touch(&self) -> u64 {
        let block = self.one_byte.as_ref().unwrap_or(&self.two_byte);
        block.len as u64 ^ u64::from(block.bytes[0]) ^ u64::from(self.descriptor_id.is_some())
    }

    /// Whether packets carry a transport-wide sequence number, so that one must be drawn for each.
    pub fn carries_transport_sequence(&self) -> bool {
        self.two_byte.transport_sequence.is_some()
    }

    /// Whether packets carry a dependency descriptor when given one.
    pub fn carries_dependency_descriptor(&self) -> bool {
        self.descriptor_id.is_some()
    }

    /// Writes the header to the start of `out` and returns its length in bytes; `None` when `out`
    /// is too short.
    pub fn write(&self, fields: &HeaderFields<'_>, out: &mut [u8]) -> Option<usize> {
        let descriptor = self
            .descriptor_id
            .filter(|_| (1..=255).contains(&fields.dependency_descriptor.len()))
            .map(|id| (id, fields.dependency_descriptor));
        let color_space = self.color_space_id.zip(fields.color_space.as_ref());
        let color_space = color_space.map(|(id, ColorSpace(value))| (id, &value[..]));
        let fits_one_byte = descriptor
            .is_none_or(|(id, value)| id <= ONE_BYTE_ID_MAX && value.len() <= ONE_BYTE_VALUE_MAX);
        let block = self.one_byte.as_ref().filter(|_| fits_one_byte).unwrap_or(&self.two_byte);
        block.write(fields, [color_space, descriptor], out)
    }
}

/// The elements of fixed length of a stream's packets, in the order in which they are written.
fn elements_of(
    kind: MediaKind,
    map: &ExtensionMap,
) -> impl Iterator<Item = (u8, ExtensionKind)> + '_ {
    let own = match kind {
        MediaKind::Audio => ExtensionKind::AudioLevel,
        MediaKind::Video => ExtensionKind::VideoOrientation,
    };
    [ExtensionKind::Mid, ExtensionKind::TransportSequence, ExtensionKind::AbsSendTime, own]
        .into_iter()
        .filter_map(|kind| Some((map.id(kind)?, kind)))
}

/// The bytes of a header in one form, and where its changing values go.
#[derive(Clone, Debug)]
struct Block {
    form: Form,
    bytes: [u8; TEMPLATE_CAPACITY],
    /// Bytes in use, before the padding of the block to whole words.
    len: usize,
    transport_sequence: Option<usize>,
    abs_send_time: Option<usize>,
    audio_level: Option<usize>,
    video_orientation: Option<usize>,
}

impl Block {
    fn new(form: Form, ssrc: Ssrc, mid: Option<Mid>, kind: MediaKind, map: &ExtensionMap) -> Block {
        let mut block = Block {
            form,
            bytes: [0; TEMPLATE_CAPACITY],
            len: FIXED_HEADER_LEN + 4,
            transport_sequence: None,
            abs_send_time: None,
            audio_level: None,
            video_orientation: None,
        };
        put(&mut block.bytes, 8, &ssrc.0.to_be_bytes());
        put(&mut block.bytes, FIXED_HEADER_LEN, &form.profile().to_be_bytes());
        for (id, kind) in elements_of(kind, map) {
            block.add(id, kind, mid);
        }
        block
    }

    fn add(&mut self, id: u8, kind: ExtensionKind, mid: Option<Mid>) {
        let mid = mid.as_ref().map_or(&[][..], Mid::as_bytes);
        let len = match kind {
            ExtensionKind::Mid => mid.len(),
            ExtensionKind::TransportSequence => 2,
            ExtensionKind::AbsSendTime => 3,
            ExtensionKind::AudioLevel | ExtensionKind::VideoOrientation => 1,
            _ => return,
        };
        if len == 0 {
            return;
        }
        let Some(at) = self.form.put_header(&mut self.bytes, self.len, id, len) else { return };
        match kind {
            ExtensionKind::Mid => {
                put(&mut self.bytes, at, mid);
            }
            ExtensionKind::TransportSequence => self.transport_sequence = Some(at),
            ExtensionKind::AbsSendTime => self.abs_send_time = Some(at),
            ExtensionKind::AudioLevel => self.audio_level = Some(at),
            _ => self.video_orientation = Some(at),
        }
        self.len = at + len;
    }

    fn write(
        &self,
        fields: &HeaderFields<'_>,
        of_this_packet: [Option<(u8, &[u8])>; 2],
        out: &mut [u8],
    ) -> Option<usize> {
        put(out, 0, self.bytes.get(..self.len)?).then_some(())?;
        let mut end = self.len;
        for (id, value) in of_this_packet.into_iter().flatten() {
            let at = self.form.put_header(out, end, id, value.len())?;
            put(out, at, value).then_some(())?;
            end = at + value.len();
        }
        let has_block = end > FIXED_HEADER_LEN + 4;
        let end = if has_block { self.close(out, end)? } else { FIXED_HEADER_LEN };
        self.patch(fields, has_block, out);
        Some(end)
    }

    /// Pads the extension block to whole words and writes its length.
    fn close(&self, out: &mut [u8], end: usize) -> Option<usize> {
        let padded = end.next_multiple_of(4);
        out.get_mut(end..padded)?.fill(0);
        let words = (padded - FIXED_HEADER_LEN - 4) / 4;
        put(out, FIXED_HEADER_LEN + 2, &(words as u16).to_be_bytes()).then_some(padded)
    }

    fn patch(&self, fields: &HeaderFields<'_>, has_block: bool, out: &mut [u8]) {
        let first = 0x80 | u8::from(has_block) << 4;
        let second = u8::from(fields.marker) << 7 | fields.payload_type & 0x7F;
        put(out, 0, &[first, second]);
        put(out, 2, &fields.sequence.to_be_bytes());
        put(out, 4, &fields.timestamp.to_be_bytes());
        if let Some(at) = self.transport_sequence {
            put(out, at, &fields.transport_sequence.to_be_bytes());
        }
        if let Some(at) = self.abs_send_time {
            put(out, at, &fields.abs_send_time.to_bytes());
        }
        self.patch_optional(self.audio_level, fields.audio_level.map(AudioLevel::to_byte), out);
        let orientation = fields.video_orientation.map(|VideoOrientation(byte)| byte);
        self.patch_optional(self.video_orientation, orientation, out);
    }

    /// Writes a one-byte value, or turns its element into padding when there is none.
    fn patch_optional(&self, at: Option<usize>, value: Option<u8>, out: &mut [u8]) {
        let Some(at) = at else { return };
        match value {
            Some(value) => put(out, at, &[value]),
            None => {
                let header = self.form.header_len();
                put(out, at - header, [0; 3].get(..=header).unwrap_or_default())
            }
        };
    }
}
