//! Reads a client's answer to what the server has offered, and decides whether it is one (RFC 3264 section 6).

use super::attribute::{Direction, Setup};
use super::codec::Codec;
use super::error::SdpError;
use super::negotiate::negotiate;
use super::negotiation::{MediaSection, Negotiation, RejectReason, Section};
use super::offer::{Media, Offer, OfferedSection};

/// What is said of an answer that does not say who begins the handshake (RFC 8842 section 5.3).
const WHO_BEGINS: &str = "expected a=setup:active or a=setup:passive, as an answer has it";

impl Negotiation {
    /// What becomes of what was [proposed](Negotiation::propose) by the client's answer: it has the same sections, or
    /// fewer, with some of what was offered of each, and with that under the same numbers.
    ///
    /// An answer reads as an offer to be sent the same: it has the same lines, and the client's side of the transport.
    ///
    /// # Errors
    /// The line at fault, when the answer is none to this offer, or takes none of it.
    pub fn accept(&self, mut answer: Offer) -> Result<Negotiation, SdpError> {
        self.check_sections(&mut answer)?;
        let mut accepted = negotiate(&answer, None)?;
        check_setup(&answer, &accepted)?;
        for (taken, offered) in accepted.sections.iter().zip(&self.sections) {
            let Section::Media(offered) = offered else { continue };
            match taken {
                Section::Media(taken) => check_taken(taken, offered)?,
                Section::Rejected(rejected) => {
                    let what = match rejected.reason {
                        RejectReason::Offered => continue,
                        RejectReason::NotBundled => {
                            "expected the mid of this section in a=group:BUNDLE, or port 0"
                        }
                        RejectReason::NoCodec => {
                            "expected a payload type of the offer with its a=rtpmap, or port 0"
                        }
                        RejectReason::Protocol | RejectReason::NotMedia => {
                            "expected UDP/TLS/RTP/SAVPF, as in the offer"
                        }
                    };
                    return Err(SdpError::new(rejected.line, what));
                }
            }
        }
        accepted.grouped = self.grouped;
        Ok(accepted)
    }

    /// Checks what has to be so of each section before anything is decided. One without a name has that of the offer.
    fn check_sections(&self, answer: &mut Offer) -> Result<(), SdpError> {
        let (expected, found) = (self.sections.len(), answer.sections.len());
        if expected != found {
            let what = format!("expected the {expected} sections of the offer, found {found}");
            return Err(SdpError::new(answer.lines, what));
        }
        let session = &answer.session;
        for (answered, offered) in answer.sections.iter_mut().zip(self.media()) {
            let fault = |what: String| Err(SdpError::new(answered.line, what));
            let MediaSection { mid, kind, .. } = offered;
            if answered.media != Media::Kind(*kind) || answered.mid.is_some_and(|its| its != *mid) {
                return fault(format!("expected the section {mid} of the offer here, with {kind}"));
            }
            if answered.is_rejected() {
                continue;
            }
            match answered.common.direction.or(session.direction) {
                Some(Direction::RecvOnly | Direction::Inactive) => {}
                Some(Direction::SendOnly | Direction::SendRecv) | None => {
                    let what = "expected a=recvonly in the section that begins here";
                    return fault(format!("{what}: nothing is received"));
                }
            }
            if let Some(setup) = answered.common.setup.or(session.setup)
                && matches!(setup.value, Setup::ActPass | Setup::HoldConn)
            {
                return Err(SdpError::new(setup.line, WHO_BEGINS));
            }
            check_payload_types(answered, offered)?;
            answered.mid = Some(*mid);
        }
        match answer.sections.iter().all(OfferedSection::is_rejected) {
            true => Err(SdpError::new(answer.lines, "expected at least one section that is taken")),
            false => Ok(()),
        }
    }
}

/// RFC 8842 section 5.3: an answer says who begins the handshake, in the section whose transport is taken or above all. One that
/// does not may come from who waits for us, as we would for it: nobody would ever begin.
fn check_setup(answer: &Offer, accepted: &Negotiation) -> Result<(), SdpError> {
    let tag = accepted.bundle.first().copied();
    match answer.sections.iter().find(|section| tag.is_some() && section.mid == tag) {
        Some(tagged) if tagged.common.setup.or(answer.session.setup).is_none() => {
            Err(SdpError::new(tagged.line, WHO_BEGINS))
        }
        _ => Ok(()),
    }
}

/// RFC 3264 section 6.1: an answer has no format that the offer has not, and RFC 8866 section 9: none by another name.
fn check_payload_types(answered: &OfferedSection, offered: &MediaSection) -> Result<(), SdpError> {
    for number in &answered.payload_types {
        let of_media = offered.codecs.iter().find(|codec| codec.payload_type == *number);
        let is_rtx = offered.codecs.iter().any(|codec| codec.rtx_payload_type == Some(*number));
        let name = match of_media {
            Some(codec) => codec.codec.name(),
            None if is_rtx => "rtx",
            None => {
                let what = format!("payload type {number} is none of those in the offer");
                return Err(SdpError::new(answered.line, what));
            }
        };
        let Some(codec) = answered.codecs.get(number).filter(|codec| !codec.name.is_empty()) else {
            continue;
        };
        if !codec.name.eq_ignore_ascii_case(name) {
            let what = format!("payload type {number} is {name} in the offer");
            return Err(SdpError::new(codec.line, what));
        }
    }
    Ok(())
}

/// Checks that what was taken is what was offered, and not something else under its number.
fn check_taken(taken: &MediaSection, offered: &MediaSection) -> Result<(), SdpError> {
    for codec in &taken.codecs {
        let number = codec.payload_type;
        let known = offered.codecs.iter().find(|known| known.payload_type == number);
        let Some(known) = known else { continue };
        if !is_answer_to(codec.codec, known.codec) {
            let what =
                format!("payload type {number} has other parameters in the offer: {}", known.fmtp);
            return Err(SdpError::new(codec.line, what));
        }
        if codec.rtx_payload_type.is_some_and(|rtx| known.rtx_payload_type != Some(rtx)) {
            let what = format!("payload type {number} has another rtx in the offer");
            return Err(SdpError::new(codec.line, what));
        }
    }
    for extension in &taken.extensions {
        let known = offered.extensions.iter().find(|known| known.kind == extension.kind);
        if known.is_none_or(|known| known.id != extension.id) {
            let (id, uri) = (extension.id, extension.kind.uri());
            let what = format!("the offer does not have header extension {id} as {uri}");
            return Err(SdpError::new(extension.line, what));
        }
    }
    Ok(())
}

/// Of H.264 the level may differ, and the constraint flags that come with it (RFC 6184 section 8.2.2).
fn is_answer_to(answered: Codec, offered: Codec) -> bool {
    let h264 = |codec| match codec {
        Codec::H264 { profile_level_id, packetization_mode } => {
            Some((profile_level_id >> 16, packetization_mode))
        }
        _ => None,
    };
    answered == offered || h264(answered).is_some_and(|h264_of| Some(h264_of) == h264(offered))
}
