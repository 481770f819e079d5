//! Writes outgoing RTP packets where they are sent from: header, payload, seal.

use parlor_rtc::payload::{self, Red};
use parlor_rtc::rtp::{ColorSpace, ExtensionMap, HeaderFields, HeaderTemplate, Ssrc};
use parlor_rtc::sdp::{Codec, MediaSection};

use crate::link::{Departure, Link};
use crate::rewrite::{self, MAX_DESCRIPTOR_LEN};
use crate::ring::Stored;

/// Bytes of the original sequence number in front of what is sent again (RFC 4588 section 4).
const OSN_LEN: usize = 2;

/// Says in a header's first byte that its packet ends with padding (RFC 3550 section 5.1).
const PADDING_BIT: u8 = 0x20;

/// A codec and the receiver's payload types for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PayloadTypes {
    pub(crate) codec: Codec,
    pub(crate) media: u8,
    pub(crate) rtx: Option<u8>,
    /// Under which Opus lies in RED.
    pub(crate) opus: Option<u8>,
}

/// The headers of a slot's two streams: media, and media sent again.
pub(crate) struct Headers {
    pub(crate) ssrc: Ssrc,
    pub(crate) rtx_ssrc: Ssrc,
    media: HeaderTemplate,
    rtx: HeaderTemplate,
}

/// A packet of the ring with the numbers that its receiver is to see.
#[derive(Clone, Copy)]
pub(crate) struct Rewritten<'a> {
    pub(crate) stored: Stored<'a>,
    pub(crate) numbers: rewrite::Outgoing,
    /// The publisher's codec.
    pub(crate) codec: Codec,
    pub(crate) types: PayloadTypes,
    /// What its header tells of its colours.
    pub(crate) color_space: Option<ColorSpace>,
}

impl Headers {
    pub(crate) fn new(section: &MediaSection, ssrcs: [Ssrc; 2], allow_mixed: bool) -> Headers {
        let mut map = ExtensionMap::new();
        for extension in &section.extensions {
            // Negotiation has checked that an id has one meaning and is a usable one.
            let _already_meant = map.insert(extension.id, extension.kind);
        }
        let [ssrc, rtx_ssrc] = ssrcs;
        let template =
            |ssrc| HeaderTemplate::new(ssrc, Some(section.mid), section.kind, &map, allow_mixed);
        Headers { ssrc, rtx_ssrc, media: template(ssrc), rtx: template(rtx_ssrc) }
    }

    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        u64::from(self.ssrc.0) ^ self.media.touch()
    }

    /// Writes and seals a packet at the start of `room`; returns its length, or `None` when it is too
    /// long or the connection cannot seal.
    #[inline]
    pub(crate) fn write(
        &self,
        packet: &Rewritten<'_>,
        link: &mut Link,
        departure: Departure,
        room: &mut [u8],
    ) -> Option<usize> {
        let sequence = packet.numbers.sequence;
        let fields = packet.fields(sequence as u16, packet.types.media, link, departure);
        let header = packet.write_header(&self.media, fields, room)?;
        let len = packet.write_payload(header, room)?;
        let len = link.connection.seal_rtp(room, len, sequence)?;
        link.note_sent(departure, len, self.media.carries_transport_sequence());
        Some(len)
    }

    /// The same for a packet that is sent again, as number `sequence` of the stream of
    /// retransmissions (RFC 4588 section 4).
    pub(crate) fn write_again(
        &self,
        packet: &Rewritten<'_>,
        (sequence, payload_type): (u64, u8),
        link: &mut Link,
        departure: Departure,
        room: &mut [u8],
    ) -> Option<usize> {
        let fields = packet.fields(sequence as u16, payload_type, link, departure);
        let header = packet.write_header(&self.rtx, fields, room)?;
        let original = (packet.numbers.sequence as u16).to_be_bytes();
        room.get_mut(header..header + OSN_LEN)?.copy_from_slice(&original);
        let len = packet.write_payload(header + OSN_LEN, room)?;
        let len = link.connection.seal_rtp(room, len, sequence)?;
        link.note_sent(departure, len, self.rtx.carries_transport_sequence());
        Some(len)
    }

    /// Writes and seals a packet of `padding` bytes of nothing, 1 to 255, in the stream of retransmissions.
    pub(crate) fn write_padding(
        &self,
        padding: u16,
        (sequence, payload_type): (u64, u8),
        link: &mut Link,
        departure: Departure,
        room: &mut [u8],
    ) -> Option<usize> {
        let padding = u8::try_from(padding).ok().filter(|len| *len > 0)?;
        let fields = HeaderFields {
            payload_type,
            marker: false,
            sequence: sequence as u16,
            timestamp: 0,
            transport_sequence: link.transport_sequence(),
            abs_send_time: departure.time,
            audio_level: None,
            video_orientation: None,
            color_space: None,
            dependency_descriptor: &[],
        };
        let header = self.rtx.write(&fields, room)?;
        let len = header + usize::from(padding);
        room.get_mut(header..len)?.fill(0);
        *room.get_mut(len - 1)? = padding;
        *room.first_mut()? |= PADDING_BIT;
        let len = link.connection.seal_rtp(room, len, sequence)?;
        link.note_sent(departure, len, self.rtx.carries_transport_sequence());
        Some(len)
    }
}

impl<'a> Rewritten<'a> {
    fn fields(
        &self,
        sequence: u16,
        payload_type: u8,
        link: &Link,
        departure: Departure,
    ) -> HeaderFields<'a> {
        let facts = self.stored.facts;
        HeaderFields {
            payload_type,
            marker: self.numbers.marker,
            sequence,
            timestamp: self.numbers.timestamp as u32,
            transport_sequence: link.transport_sequence(),
            abs_send_time: departure.time,
            audio_level: facts.audio_level,
            video_orientation: facts.video_orientation,
            color_space: self.color_space,
            dependency_descriptor: &[],
        }
    }

    /// The payload as the receiver is to have it, but for its numbers: without the wrapping of RED that it has
    /// not negotiated.
    #[inline]
    pub(crate) fn payload(&self) -> &'a [u8] {
        let payload = self.stored.payload;
        match (self.codec, self.types.codec) {
            (Codec::Red, Codec::Opus) => {
                Red::read(payload).map_or(payload, |red| red.primary(payload))
            }
            _ => payload,
        }
    }

    #[inline]
    fn write_header(
        &self,
        template: &HeaderTemplate,
        fields: HeaderFields<'_>,
        room: &mut [u8],
    ) -> Option<usize> {
        // Of the other codecs the payload says enough, and headers of one length make larger messages.
        let needs_descriptor = matches!(self.codec, Codec::Av1 { .. });
        if !needs_descriptor
            || self.stored.dependency_descriptor.is_empty()
            || !template.carries_dependency_descriptor()
        {
            return template.write(&fields, room);
        }
        let mut descriptor = [0; MAX_DESCRIPTOR_LEN];
        let len = self.numbers.write_descriptor(&self.stored, &mut descriptor).unwrap_or_default();
        let dependency_descriptor = descriptor.get(..len)?;
        template.write(&HeaderFields { dependency_descriptor, ..fields }, room)
    }

    /// Copies the payload to `at` and gives its frame the receiver's numbers; returns where it ends.
    #[inline]
    fn write_payload(&self, at: usize, room: &mut [u8]) -> Option<usize> {
        let payload = self.payload();
        let end = at + payload.len();
        let copy = room.get_mut(at..end)?;
        copy.copy_from_slice(payload);
        match (self.types.codec, self.types.opus) {
            (Codec::Red, Some(opus)) => Red::read(payload)?.set_payload_types(copy, opus),
            (codec, _) => payload::rewrite(codec, copy, &self.numbers.numbers),
        }
        Some(end)
    }
}

#[cfg(test)]
mod tests;
