//! Decides what an offer becomes: which sections live, and on which transport.

use std::collections::BTreeSet;

use super::attribute;
use super::choose;
use super::consistency;
use super::error::SdpError;
use super::negotiation::{
    Direction, MediaSection, Negotiation, RejectReason, RejectedSection, Section,
};
use super::offer::{Media, Offer, OfferedSection};
use super::reoffer;
use super::transport;
use crate::Mid;

/// Decides what `offer` becomes. `previous` is what the connection agreed on before, `None` for
/// a new connection.
///
/// # Errors
/// The line at fault, when no section is usable, when the sections contradict each other, or when
/// the offer contradicts `previous` (RFC 3264 section 8, RFC 9429 section 5.2.2): sections gone or
/// in another order, another certificate, a payload type or extension id with a new meaning.
pub fn negotiate(offer: &Offer, previous: Option<&Negotiation>) -> Result<Negotiation, SdpError> {
    let bundled = bundled_sections(offer);
    let mut sections = Vec::with_capacity(offer.sections.len());
    for (index, section) in offer.sections.iter().enumerate() {
        sections.push(negotiate_section(offer, section, bundled.contains(&index))?);
    }
    let bundle = accepted_bundle(offer, &sections);
    let tagged = bundle.first().and_then(|tag| offer.sections.iter().find(|s| s.mid == Some(*tag)));
    let Some(tagged) = tagged else {
        let what = "expected at least one usable audio or video section in the offer";
        return Err(SdpError::new(offer.lines, what));
    };
    let transport = transport::transport(offer, tagged)?;
    let negotiation = Negotiation {
        ice: transport.ice,
        fingerprint: transport.fingerprint.value,
        role: previous.map_or(transport.role, |before| before.role),
        extmap_allow_mixed: allows_mixed_extensions(offer, &bundle),
        sections,
        bundle,
        grouped: offer.bundle.is_some(),
    };
    consistency::check(&negotiation, previous)?;
    if let Some(previous) = previous {
        reoffer::check(&negotiation, previous, transport.fingerprint.line, offer.lines)?;
    }
    Ok(negotiation)
}

/// Which sections may share the one transport. Without a group, only the first usable one can
/// have it.
fn bundled_sections(offer: &Offer) -> BTreeSet<usize> {
    let usable = |section: &OfferedSection| {
        matches!(section.media, Media::Kind(_)) && !section.is_rejected()
    };
    match &offer.bundle {
        Some(mids) => {
            let mids: BTreeSet<Mid> = mids.iter().copied().collect();
            let sections = offer.sections.iter().enumerate();
            let inside = sections.filter(|(_, s)| s.mid.is_some_and(|mid| mids.contains(&mid)));
            inside.map(|(index, _)| index).collect()
        }
        None => offer.sections.iter().position(usable).into_iter().collect(),
    }
}

/// The accepted mids in the order of the offer's group (RFC 9143 section 7.3.3).
fn accepted_bundle(offer: &Offer, sections: &[Section]) -> Vec<Mid> {
    let accepted = sections.iter().filter_map(|section| match section {
        Section::Media(media) => Some(media.mid),
        Section::Rejected(_) => None,
    });
    let mut accepted: BTreeSet<Mid> = accepted.collect();
    match &offer.bundle {
        Some(mids) => mids.iter().copied().filter(|mid| accepted.remove(mid)).collect(),
        None => accepted.into_iter().collect(),
    }
}

/// RFC 8285 section 6: said once for the session, or of each section that shares the transport.
fn allows_mixed_extensions(offer: &Offer, bundle: &[Mid]) -> bool {
    let accepted = |s: &&OfferedSection| s.mid.is_some_and(|mid| bundle.contains(&mid));
    let mut accepted = offer.sections.iter().filter(accepted);
    offer.session.extmap_allow_mixed || accepted.all(|section| section.common.extmap_allow_mixed)
}

fn negotiate_section(
    offer: &Offer,
    offered: &OfferedSection,
    bundled: bool,
) -> Result<Section, SdpError> {
    // Audio and video have a name, each of them.
    let (kind, mid) = match (&offered.media, offered.mid) {
        _ if offered.is_rejected() => return Ok(reject(offered, RejectReason::Offered)),
        (Media::Kind(kind), Some(mid)) => (*kind, mid),
        (Media::Other(_), _) | (_, None) => return Ok(reject(offered, RejectReason::NotMedia)),
    };
    if !is_dtls_srtp(&offered.protocol) {
        return Ok(reject(offered, RejectReason::Protocol));
    }
    if !bundled {
        return Ok(reject(offered, RejectReason::NotBundled));
    }
    let codecs = choose::codecs(kind, offered);
    if codecs.is_empty() {
        return Ok(reject(offered, RejectReason::NoCodec));
    }
    let direction = direction(offer, offered);
    let sends = direction == Direction::ClientSends;
    Ok(Section::Media(MediaSection {
        mid,
        kind,
        direction,
        codecs,
        extensions: choose::extensions(offer, offered, kind, direction),
        // A paused sender keeps its encodings: Chromium takes an answer without them for the end of
        // simulcast, and would resume with the lowest one alone.
        encodings: match direction {
            Direction::ClientReceives => Vec::new(),
            Direction::ClientSends | Direction::Inactive => choose::encodings(offered),
        },
        streams: if sends { choose::streams(offered) } else { Vec::new() },
        msid: if sends { offered.msid.clone() } else { None },
        reduced_size_rtcp: offered.rtcp_rsize,
        line: offered.line,
        is_named: offered.is_named,
        simulcast: offered.simulcast.is_some(),
        protocol: offered.protocol.clone(),
    }))
}

fn reject(offered: &OfferedSection, reason: RejectReason) -> Section {
    let media = match &offered.media {
        Media::Kind(kind) => kind.to_string(),
        Media::Other(name) => name.clone(),
    };
    Section::Rejected(RejectedSection {
        mid: offered.mid.filter(|_| offered.is_named),
        reason,
        line: offered.line,
        media,
        protocol: offered.protocol.clone(),
        formats: offered.formats.clone(),
    })
}

/// RFC 5764 section 8, and RFC 7850 for the TCP spelling.
fn is_dtls_srtp(protocol: &str) -> bool {
    ["UDP/TLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF"]
        .iter()
        .any(|known| protocol.eq_ignore_ascii_case(known))
}

fn direction(offer: &Offer, offered: &OfferedSection) -> Direction {
    match offered.common.direction.or(offer.session.direction) {
        None | Some(attribute::Direction::SendRecv | attribute::Direction::SendOnly) => {
            Direction::ClientSends
        }
        Some(attribute::Direction::RecvOnly) => Direction::ClientReceives,
        Some(attribute::Direction::Inactive) => Direction::Inactive,
    }
}
