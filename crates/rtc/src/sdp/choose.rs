//! Which of a section's codecs, header extensions, encodings and streams we take.

use std::collections::BTreeSet;

use super::attribute::{self, Encoding};
use super::codec::{self, Codec};
use super::limits::{MAX_CODECS, MAX_ENCODINGS};
use super::negotiation::{Direction, NegotiatedCodec, NegotiatedExtension, SignalledStream};
use super::offer::{Offer, OfferedCodec, OfferedExtension, OfferedSection};
use crate::rtp::ExtensionKind;
use crate::{MediaKind, Rid};

/// The offered codecs that are ours, in our order, each with its RTX.
pub(super) fn codecs(kind: MediaKind, offered: &OfferedSection) -> Vec<NegotiatedCodec> {
    let mut chosen: Vec<NegotiatedCodec> = offered
        .payload_types
        .iter()
        .filter_map(|payload_type| Some((*payload_type, offered.codecs.get(payload_type)?)))
        .filter_map(|(payload_type, codec)| one_codec(kind, offered, payload_type, codec))
        .collect();
    let opus = chosen.iter().find(|c| c.codec == Codec::Opus).map(|c| c.payload_type);
    chosen.retain(|c| c.codec != Codec::Red || is_redundant_opus(&c.fmtp, opus));
    chosen.sort_by_key(|c| c.codec.preference());
    chosen.truncate(MAX_CODECS);
    chosen
}

fn one_codec(
    kind: MediaKind,
    offered: &OfferedSection,
    payload_type: u8,
    codec: &OfferedCodec,
) -> Option<NegotiatedCodec> {
    let OfferedCodec { name, clock_rate, channels, fmtp, .. } = codec;
    let known = Codec::identify(kind, name, *clock_rate, *channels, fmtp)?;
    (!is_taken_by_rtcp(payload_type)).then(|| NegotiatedCodec {
        payload_type,
        codec: known,
        rtx_payload_type: rtx(offered, payload_type, known.clock_rate()),
        clock_rate: known.clock_rate(),
        fmtp: fmtp.clone(),
        feedback: codec.feedback.union(offered.feedback).without_spare_estimate(),
        line: codec.line,
    })
}

/// With RTP and RTCP on one port these would be read as RTCP (RFC 5761 section 4).
fn is_taken_by_rtcp(payload_type: u8) -> bool {
    (64..=95).contains(&payload_type)
}

/// The payload type that repairs `apt` (RFC 4588 section 8.6).
fn rtx(offered: &OfferedSection, apt: u8, clock_rate: u32) -> Option<u8> {
    offered.payload_types.iter().copied().find(|payload_type| {
        offered.codecs.get(payload_type).is_some_and(|codec| {
            let repairs = codec::parameter(&codec.fmtp, "apt").and_then(|n| n.parse().ok());
            codec.name.eq_ignore_ascii_case("rtx")
                && codec.clock_rate == clock_rate
                && repairs == Some(apt)
                && !is_taken_by_rtcp(*payload_type)
        })
    })
}

/// RED is useful only when all its blocks are Opus: `111/111` (RFC 2198 section 5).
fn is_redundant_opus(fmtp: &str, opus: Option<u8>) -> bool {
    opus.is_some() && fmtp.split('/').all(|block| block.trim().parse().ok() == opus)
}

/// The offered extensions that have a use in this section, each kind once.
pub(super) fn extensions(
    offer: &Offer,
    offered: &OfferedSection,
    kind: MediaKind,
    direction: Direction,
) -> Vec<NegotiatedExtension> {
    let mut chosen: Vec<NegotiatedExtension> = Vec::new();
    let all = || offered.common.extensions.iter().chain(&offer.session.extensions);
    let has_transport_sequence = all().any(|e| e.kind == ExtensionKind::TransportSequence);
    for extension in all() {
        let superseded = extension.kind == ExtensionKind::AbsSendTime && has_transport_sequence;
        let wanted = !superseded && is_useful(extension.kind, kind);
        let id = u8::try_from(extension.id).ok().filter(|id| is_usable_id(*id, direction));
        let new = !chosen.iter().any(|c| c.kind == extension.kind || Some(c.id) == id);
        if let Some(id) = id.filter(|_| wanted && new && goes(extension, direction)) {
            let directed = extension.direction != attribute::Direction::SendRecv;
            let line = extension.line;
            chosen.push(NegotiatedExtension { id, kind: extension.kind, line, directed });
        }
    }
    chosen
}

/// Our policy: what we read from senders and what we write to receivers, and what a client needs for later offers.
fn is_useful(extension: ExtensionKind, kind: MediaKind) -> bool {
    let video = kind == MediaKind::Video;
    match extension {
        ExtensionKind::Mid | ExtensionKind::TransportSequence => true,
        ExtensionKind::AudioLevel => !video,
        // We write none to receivers, and agree on them nevertheless: in a later offer Chromium gives a new section only
        // what others of its kind have, and fails to offer simulcast without these.
        ExtensionKind::Rid | ExtensionKind::RepairedRid => video,
        ExtensionKind::DependencyDescriptor | ExtensionKind::ColorSpace => video,
        // We could pass it on, and agree on it with nobody: a browser that may signal the orientation
        // leaves its pictures unturned, and a viewer whose browser does not know the extension (Firefox)
        // would see them lying on their side. So every sender turns its pictures itself.
        ExtensionKind::VideoOrientation => false,
        // The older way to estimate bandwidth: only where there is no transport-wide number.
        ExtensionKind::AbsSendTime => true,
    }
}

/// 0 and 15 have meanings of their own (RFC 8285 section 4.2), and we write the one-byte form only.
fn is_usable_id(id: u8, direction: Direction) -> bool {
    match id {
        1..=14 => true,
        0 | 15 => false,
        16.. => direction == Direction::ClientSends,
    }
}

/// Whether the client lets the extension go the way that media goes.
fn goes(extension: &OfferedExtension, direction: Direction) -> bool {
    match extension.direction {
        attribute::Direction::SendRecv => true,
        attribute::Direction::SendOnly => direction == Direction::ClientSends,
        attribute::Direction::RecvOnly => direction == Direction::ClientReceives,
        attribute::Direction::Inactive => false,
    }
}

/// The encodings that have both their lines, in the order of `a=simulcast`.
pub(super) fn encodings(offered: &OfferedSection) -> Vec<Encoding> {
    let named = |rid: &Rid| Encoding { rid: *rid, paused: false };
    let mut chosen: Vec<Encoding> = match &offered.simulcast {
        Some(list) => list.iter().copied().filter(|e| offered.send_rids.contains(&e.rid)).collect(),
        None => offered.send_rids.iter().map(named).collect(),
    };
    let mut seen = BTreeSet::new();
    chosen.retain(|encoding| seen.insert(encoding.rid));
    chosen.truncate(MAX_ENCODINGS);
    chosen
}

/// The announced media streams, each with its RTX, lowest simulcast quality first if that is said.
pub(super) fn streams(offered: &OfferedSection) -> Vec<SignalledStream> {
    let is_rtx = |ssrc: &u32| offered.rtx_ssrcs.iter().any(|(_, rtx)| rtx == ssrc);
    let rtx_of = |ssrc: u32| offered.rtx_ssrcs.iter().find(|(media, _)| *media == ssrc);
    let mut seen = BTreeSet::new();
    let all = offered.simulcast_ssrcs.iter().chain(&offered.ssrcs).copied();
    all.filter(|ssrc| !is_rtx(ssrc) && seen.insert(*ssrc))
        .map(|ssrc| SignalledStream { ssrc, rtx_ssrc: rtx_of(ssrc).map(|(_, rtx)| *rtx) })
        .collect()
}
