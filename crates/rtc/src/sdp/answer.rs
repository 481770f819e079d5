//! Writes the answer to a negotiated offer, and the offer to a client that is to answer.

use std::fmt::{self, Display, Write};

use super::candidate::Candidates;
use super::codec::Codec;
use super::negotiation::{
    Direction, MediaSection, NegotiatedCodec, Negotiation, RejectedSection, Section,
};
use super::opus;
use crate::Mid;
use crate::dtls::{Fingerprint, Role};
use crate::ice::Credentials;

/// Our side of the connection.
#[derive(Debug, Clone)]
pub struct Local<'a> {
    /// Any number that the connection keeps; its upper 63 bits are used (RFC 9429 section 5.2.1).
    pub session_id: u64,
    /// 0 for the first answer, one more for each later one.
    pub version: u64,
    /// Our ICE credentials: fresh ones when the client's are.
    pub ice: &'a Credentials,
    /// Of our certificate.
    pub fingerprint: &'a Fingerprint,
    /// Where clients reach us.
    pub candidates: &'a Candidates,
}

/// What a slot sends as, for as long as it exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its media.
    pub ssrc: u32,
    /// Its retransmissions; declared only where the section has a codec with RTX.
    pub rtx_ssrc: Option<u32>,
    /// Names the clock that its streams share (RFC 3550 section 6.5.1).
    pub cname: String,
    /// Slots of one stream are played in sync (RFC 8830).
    pub stream: String,
    /// Names the slot inside the stream.
    pub track: String,
}

impl Negotiation {
    /// The answer. `slot` tells what each section that the client receives on sends as; `None`
    /// makes that section inactive.
    pub fn answer(&self, local: &Local<'_>, slot: impl FnMut(Mid) -> Option<Slot>) -> String {
        self.describe(Type::Answer, local, slot)
    }

    /// What was [proposed](Negotiation::propose), as an offer. `slot` as in [`Negotiation::answer`].
    pub fn offer(&self, local: &Local<'_>, slot: impl FnMut(Mid) -> Option<Slot>) -> String {
        self.describe(Type::Offer, local, slot)
    }

    fn describe(
        &self,
        role: Type,
        local: &Local<'_>,
        mut slot: impl FnMut(Mid) -> Option<Slot>,
    ) -> String {
        let sections = self.sections.iter().map(|section| match section {
            Section::Media(media) if media.direction == Direction::ClientReceives => {
                (section, slot(media.mid))
            }
            _ => (section, None),
        });
        let sections = sections.collect();
        Description { negotiation: self, role, local, sections }.to_string()
    }
}

/// What a description is to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Offer,
    Answer,
}

struct Description<'a> {
    negotiation: &'a Negotiation,
    role: Type,
    local: &'a Local<'a>,
    sections: Vec<(&'a Section, Option<Slot>)>,
}

impl Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_session(f)?;
        for (section, slot) in &self.sections {
            match section {
                Section::Media(media) => self.write_media(f, media, slot.as_ref())?,
                Section::Rejected(rejected) => write_rejected(f, rejected)?,
            }
        }
        Ok(())
    }
}

impl Description<'_> {
    fn write_session(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Local { session_id, version, .. } = self.local;
        // RFC 9429 section 5.2.1: the session id fits in 63 bits.
        let session_id = session_id >> 1;
        write!(f, "v=0\r\no=- {session_id} {version} IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n")?;
        if self.negotiation.grouped {
            f.write_str("a=group:BUNDLE")?;
            for mid in &self.negotiation.bundle {
                write!(f, " {mid}")?;
            }
            f.write_str("\r\n")?;
        }
        if self.negotiation.extmap_allow_mixed {
            f.write_str("a=extmap-allow-mixed\r\n")?;
        }
        f.write_str("a=ice-lite\r\n")
    }

    fn write_media(
        &self,
        f: &mut fmt::Formatter<'_>,
        section: &MediaSection,
        slot: Option<&Slot>,
    ) -> fmt::Result {
        let port = if self.needs_bundle(section) { 0 } else { 9 };
        write!(f, "m={} {port} {}", section.kind, section.protocol)?;
        for codec in &section.codecs {
            write!(f, " {}", codec.payload_type)?;
            if let Some(rtx) = codec.rtx_payload_type {
                write!(f, " {rtx}")?;
            }
        }
        f.write_str("\r\nc=IN IP4 0.0.0.0\r\n")?;
        if section.is_named {
            write!(f, "a=mid:{}\r\n", section.mid)?;
        }
        if self.needs_bundle(section) {
            f.write_str("a=bundle-only\r\n")?;
        }
        self.write_transport(f, section)?;
        write_extensions(f, section)?;
        let direction = match (section.direction, slot) {
            (Direction::ClientSends, _) => "recvonly",
            (Direction::ClientReceives, Some(_)) => "sendonly",
            (Direction::ClientReceives, None) | (Direction::Inactive, _) => "inactive",
        };
        write!(f, "a={direction}\r\n")?;
        if let Some(slot) = slot {
            write!(f, "a=msid:{} {}\r\n", Token(&slot.stream), Token(&slot.track))?;
        }
        section.codecs.iter().try_for_each(|codec| write_codec(f, codec))?;
        write_encodings(f, section)?;
        slot.map_or(Ok(()), |slot| write_ssrcs(f, section, slot))
    }

    /// Whether nobody can take the section outside of the bundle (RFC 9143 section 6; RFC 9429 section 5.2.1, with the policy
    /// max-bundle).
    fn needs_bundle(&self, section: &MediaSection) -> bool {
        self.role == Type::Offer && self.negotiation.bundle.first() != Some(&section.mid)
    }

    /// Every section tells of it, also one that has it by the bundle alone, as in browsers' own offers: without, Chromium 156
    /// makes no answer, Firefox 153 crashes over its own, and aiortc 1.16 refuses the offer, whatever RFC 9429 section 5.2.1
    /// says of those.
    fn write_transport(&self, f: &mut fmt::Formatter<'_>, section: &MediaSection) -> fmt::Result {
        let Local { ice, fingerprint, candidates, .. } = self.local;
        write!(f, "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", ice.ufrag(), ice.password())?;
        write!(f, "a=fingerprint:sha-256 {fingerprint}\r\n")?;
        let setup = match (self.role, self.negotiation.role) {
            (Type::Offer, _) => "actpass",
            (Type::Answer, Role::Server) => "passive",
            (Type::Answer, Role::Client) => "active",
        };
        write!(f, "a=setup:{setup}\r\na=rtcp-mux\r\n")?;
        if self.role == Type::Offer {
            // RFC 8858: there is no port for RTCP that a client could take instead.
            f.write_str("a=rtcp-mux-only\r\n")?;
        }
        if section.reduced_size_rtcp {
            f.write_str("a=rtcp-rsize\r\n")?;
        }
        if self.negotiation.bundle.first() == Some(&section.mid) {
            for candidate in candidates.lines() {
                write!(f, "a={candidate}\r\n")?;
            }
            f.write_str("a=end-of-candidates\r\n")?;
        }
        Ok(())
    }
}

/// Port 0 (RFC 3264 section 6); the rest repeats the offer so that the lines match up.
fn write_rejected(f: &mut fmt::Formatter<'_>, section: &RejectedSection) -> fmt::Result {
    let RejectedSection { media, protocol, formats, .. } = section;
    write!(f, "m={media} 0 {protocol} {formats}\r\nc=IN IP4 0.0.0.0\r\n")?;
    if let Some(mid) = section.mid {
        write!(f, "a=mid:{mid}\r\n")?;
    }
    f.write_str("a=inactive\r\n")
}

fn write_extensions(f: &mut fmt::Formatter<'_>, section: &MediaSection) -> fmt::Result {
    for extension in &section.extensions {
        let direction = match section.direction {
            Direction::ClientSends if extension.directed => "/recvonly",
            Direction::ClientReceives if extension.directed => "/sendonly",
            _ => "",
        };
        write!(f, "a=extmap:{}{direction} {}\r\n", extension.id, extension.kind.uri())?;
    }
    Ok(())
}

fn write_codec(f: &mut fmt::Formatter<'_>, codec: &NegotiatedCodec) -> fmt::Result {
    let NegotiatedCodec { payload_type, clock_rate, .. } = codec;
    write!(f, "a=rtpmap:{payload_type} {}/{clock_rate}", codec.codec.name())?;
    if let Some(channels) = codec.codec.channels() {
        write!(f, "/{channels}")?;
    }
    f.write_str("\r\n")?;
    match codec.codec {
        Codec::Opus => {
            let parameters = opus::answer_parameters(&codec.fmtp);
            write!(f, "a=fmtp:{payload_type} {parameters}\r\n")?;
        }
        _ if codec.fmtp.is_empty() => {}
        _ => write!(f, "a=fmtp:{payload_type} {}\r\n", codec.fmtp)?,
    }
    for feedback in codec.feedback.names() {
        write!(f, "a=rtcp-fb:{payload_type} {feedback}\r\n")?;
    }
    if let Some(rtx) = codec.rtx_payload_type {
        write!(f, "a=rtpmap:{rtx} rtx/{clock_rate}\r\na=fmtp:{rtx} apt={payload_type}\r\n")?;
    }
    Ok(())
}

/// Encodings stay paused or not as the client has them: a browser takes `~` away as a command to
/// start sending that encoding.
fn write_encodings(f: &mut fmt::Formatter<'_>, section: &MediaSection) -> fmt::Result {
    for encoding in &section.encodings {
        write!(f, "a=rid:{} recv\r\n", encoding.rid)?;
    }
    if !section.simulcast || section.encodings.is_empty() {
        return Ok(());
    }
    f.write_str("a=simulcast:recv ")?;
    for (index, encoding) in section.encodings.iter().enumerate() {
        let separator = if index == 0 { "" } else { ";" };
        let paused = if encoding.paused { "~" } else { "" };
        write!(f, "{separator}{paused}{}", encoding.rid)?;
    }
    f.write_str("\r\n")
}

fn write_ssrcs(f: &mut fmt::Formatter<'_>, section: &MediaSection, slot: &Slot) -> fmt::Result {
    let cname = Token(&slot.cname);
    let repaired = section.codecs.iter().any(|codec| codec.rtx_payload_type.is_some());
    let rtx_ssrc = slot.rtx_ssrc.filter(|_| repaired);
    if let Some(rtx_ssrc) = rtx_ssrc {
        write!(f, "a=ssrc-group:FID {} {rtx_ssrc}\r\n", slot.ssrc)?;
    }
    for ssrc in std::iter::once(slot.ssrc).chain(rtx_ssrc) {
        write!(f, "a=ssrc:{ssrc} cname:{cname}\r\n")?;
    }
    Ok(())
}

/// A name in an answer. Names may come from another client's offer, so whatever could begin a new
/// word or line is replaced.
struct Token<'a>(&'a str);

impl Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_char('-');
        }
        let safe = |c: char| if c.is_ascii_graphic() { c } else { '_' };
        self.0.chars().map(safe).try_for_each(|c| f.write_char(c))
    }
}
