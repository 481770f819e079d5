//! Writes outgoing RTP packets where they are sent from: header, payload, seal.

use parlor_rtc::payload;
use parlor_rtc::rtp::{ExtensionMap, HeaderFields, HeaderTemplate, Ssrc};
use parlor_rtc::sdp::{Codec, MediaSection};

use crate::link::{Departure, Link};
use crate::rewrite::{self, MAX_DESCRIPTOR_LEN};
use crate::ring::Stored;

/// Bytes of the original sequence number in front of what is sent again (RFC 4588 section 4).
const OSN_LEN: usize = 2;

/// A codec and the receiver's payload types for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PayloadTypes {
    pub(crate) codec: Codec,
    pub(crate) media: u8,
    pub(crate) rtx: Option<u8>,
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
    pub(crate) types: PayloadTypes,
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
        link.connection.seal_rtp(room, len, sequence)
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
        link.connection.seal_rtp(room, len, sequence)
    }
}

impl<'a> Rewritten<'a> {
    fn fields(
        &self,
        sequence: u16,
        payload_type: u8,
        link: &mut Link,
        departure: Departure,
    ) -> HeaderFields<'a> {
        let facts = self.stored.facts;
        HeaderFields {
            payload_type,
            marker: self.numbers.marker,
            sequence,
            timestamp: self.numbers.timestamp as u32,
            transport_sequence: link.draw_transport_sequence(),
            abs_send_time: departure.time,
            audio_level: facts.audio_level,
            video_orientation: facts.video_orientation,
            dependency_descriptor: &[],
        }
    }

    #[inline]
    fn write_header(
        &self,
        template: &HeaderTemplate,
        fields: HeaderFields<'_>,
        room: &mut [u8],
    ) -> Option<usize> {
        if self.stored.dependency_descriptor.is_empty() || !template.carries_dependency_descriptor()
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
        let end = at + self.stored.payload.len();
        let copy = room.get_mut(at..end)?;
        copy.copy_from_slice(self.stored.payload);
        payload::rewrite(self.types.codec, copy, &self.numbers.numbers);
        Some(end)
    }
}
