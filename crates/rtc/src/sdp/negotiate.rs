//! Decides what an offer becomes: which sections, codecs, header extensions and encodings.

use std::collections::BTreeSet;

use super::attribute::{self, Encoding, Msid};
use super::codec::{self, Codec, Feedback};
use super::consistency;
use super::error::SdpError;
use super::limits::{MAX_CODECS, MAX_ENCODINGS};
use super::offer::{Media, Offer, OfferedCodec, OfferedExtension, OfferedSection};
use super::reoffer;
use super::transport::{self, Credentials, Fingerprint};
use crate::rtp::ExtensionKind;
use crate::{MediaKind, Mid, Rid};

/// What the two sides agree on once the answer is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiation {
    /// The client's ICE credentials.
    pub ice: Credentials,
    /// What the client's certificate must hash to.
    pub fingerprint: Fingerprint,
    /// Whether one- and two-byte header extensions may mix (RFC 8285 section 6).
    pub extmap_allow_mixed: bool,
    /// One for each m-line, in their order.
    pub sections: Vec<Section>,
    /// The accepted mids in the order of the offer's bundle; the first one names the transport.
    pub bundle: Vec<Mid>,
    /// Whether the offer had a bundle group, so that the answer has one too.
    pub(super) grouped: bool,
}

/// What became of one m-line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Section {
    /// Audio or video that flows, or may flow after another offer.
    Media(MediaSection),
    /// Refused: port 0 in the answer.
    Rejected(RejectedSection),
}

/// An m-line that the answer refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedSection {
    /// Its name, if the offer gave it one.
    pub mid: Option<Mid>,
    /// Why.
    pub reason: RejectReason,
    /// The line of its `m=`.
    pub line: usize,
    pub(super) media: String,
    pub(super) protocol: String,
    pub(super) formats: String,
}

/// Why an m-line is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectReason {
    /// The client offered it with port 0: it is over.
    Offered,
    /// Neither audio nor video.
    NotMedia,
    /// Not SRTP keyed by DTLS.
    Protocol,
    /// It would need a transport of its own.
    NotBundled,
    /// None of its codecs is ours.
    NoCodec,
}

/// Which way media goes over a section. A client's `sendrecv` is answered `recvonly`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to us: a sender.
    ClientSends,
    /// From us to the client: a slot.
    ClientReceives,
    /// Neither way for now.
    Inactive,
}

/// An accepted m-line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaSection {
    /// Its name.
    pub mid: Mid,
    /// What it carries.
    pub kind: MediaKind,
    /// Which way.
    pub direction: Direction,
    /// In our order of preference, at least one.
    pub codecs: Vec<NegotiatedCodec>,
    /// Those that packets of this section may carry.
    pub extensions: Vec<NegotiatedExtension>,
    /// The simulcast encodings that the client sends, or would if it were not paused, in its order;
    /// empty without simulcast.
    pub encodings: Vec<Encoding>,
    /// The streams that the client announced by ssrc; Chromium announces none in simulcast.
    pub streams: Vec<SignalledStream>,
    /// The client's own name for what it sends.
    pub msid: Option<Msid>,
    /// Whether RTCP may be sent without a report in front (RFC 5506).
    pub reduced_size_rtcp: bool,
    /// The line of its `m=`.
    pub line: usize,
    /// Whether `a=simulcast` was offered beside `a=rid`.
    pub(super) simulcast: bool,
    pub(super) protocol: String,
}

/// A codec of an accepted section, under the client's payload type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NegotiatedCodec {
    /// 0 to 127.
    pub payload_type: u8,
    /// Which codec.
    pub codec: Codec,
    /// The payload type of its retransmissions (RFC 4588).
    pub rtx_payload_type: Option<u8>,
    /// Ticks of the RTP clock in one second.
    pub clock_rate: u32,
    /// The client's parameters, which the answer repeats; may be empty.
    pub fmtp: String,
    /// What receivers may send back.
    pub feedback: Feedback,
    /// The line of its `a=rtpmap`.
    pub(super) line: usize,
}

/// A header extension of an accepted section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NegotiatedExtension {
    /// 1 to 14 or 16 to 255.
    pub id: u8,
    /// Which extension.
    pub kind: ExtensionKind,
    /// The line of its `a=extmap`.
    pub(super) line: usize,
    /// Whether the offer restricted its direction, so that the answer must too.
    pub(super) directed: bool,
}

/// A stream announced by `a=ssrc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignalledStream {
    /// The media.
    pub ssrc: u32,
    /// Its retransmissions (`a=ssrc-group:FID`).
    pub rtx_ssrc: Option<u32>,
}

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
    let Some(tagged) = bundle.first() else {
        let what = "expected at least one usable audio or video section in the offer";
        return Err(SdpError::new(offer.lines, what));
    };
    let tagged = offer.sections.iter().find(|section| section.mid == Some(*tagged));
    let tagged = tagged.ok_or_else(|| SdpError::new(offer.lines, "expected a=mid"))?;
    let transport = transport::transport(offer, tagged)?;
    let accepted = |s: &&OfferedSection| s.mid.is_some_and(|mid| bundle.contains(&mid));
    let mut accepted = offer.sections.iter().filter(accepted);
    let negotiation = Negotiation {
        ice: transport.ice,
        fingerprint: transport.fingerprint.value,
        extmap_allow_mixed: offer.session.extmap_allow_mixed
            || accepted.all(|section| section.common.extmap_allow_mixed),
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

impl Negotiation {
    /// The accepted sections, in the order of their m-lines.
    pub fn media(&self) -> impl Iterator<Item = &MediaSection> {
        self.sections.iter().filter_map(|section| match section {
            Section::Media(media) => Some(media),
            Section::Rejected(_) => None,
        })
    }
}

impl Section {
    /// Its name; a refused section may have none.
    pub fn mid(&self) -> Option<Mid> {
        match self {
            Section::Media(media) => Some(media.mid),
            Section::Rejected(rejected) => rejected.mid,
        }
    }

    /// The line of its `m=`.
    pub fn line(&self) -> usize {
        match self {
            Section::Media(media) => media.line,
            Section::Rejected(rejected) => rejected.line,
        }
    }
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

fn negotiate_section(
    offer: &Offer,
    offered: &OfferedSection,
    bundled: bool,
) -> Result<Section, SdpError> {
    let kind = match offered.media {
        _ if offered.is_rejected() => return Ok(reject(offered, RejectReason::Offered)),
        Media::Other(_) => return Ok(reject(offered, RejectReason::NotMedia)),
        Media::Kind(kind) => kind,
    };
    let Some(mid) = offered.mid else {
        let what = "expected a=mid in the section that begins here";
        return Err(SdpError::new(offered.line, what));
    };
    if !is_dtls_srtp(&offered.protocol) {
        return Ok(reject(offered, RejectReason::Protocol));
    }
    if !bundled {
        return Ok(reject(offered, RejectReason::NotBundled));
    }
    let codecs = choose_codecs(kind, offered);
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
        extensions: choose_extensions(offer, offered, kind, direction),
        // A paused sender keeps its encodings: Chromium takes an answer without them for the end of
        // simulcast, and would resume with the lowest one alone.
        encodings: match direction {
            Direction::ClientReceives => Vec::new(),
            Direction::ClientSends | Direction::Inactive => encodings(offered),
        },
        streams: if sends { streams(offered) } else { Vec::new() },
        msid: if sends { offered.msid.clone() } else { None },
        reduced_size_rtcp: offered.rtcp_rsize,
        line: offered.line,
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
        mid: offered.mid,
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

/// The offered codecs that are ours, in our order, each with its RTX.
fn choose_codecs(kind: MediaKind, offered: &OfferedSection) -> Vec<NegotiatedCodec> {
    let mut chosen: Vec<NegotiatedCodec> = offered
        .payload_types
        .iter()
        .filter_map(|payload_type| Some((*payload_type, offered.codecs.get(payload_type)?)))
        .filter_map(|(payload_type, codec)| choose_codec(kind, offered, payload_type, codec))
        .collect();
    let opus = chosen.iter().find(|c| c.codec == Codec::Opus).map(|c| c.payload_type);
    chosen.retain(|c| c.codec != Codec::Red || is_redundant_opus(&c.fmtp, opus));
    chosen.sort_by_key(|c| c.codec.preference());
    chosen.truncate(MAX_CODECS);
    chosen
}

fn choose_codec(
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
fn choose_extensions(
    offer: &Offer,
    offered: &OfferedSection,
    kind: MediaKind,
    direction: Direction,
) -> Vec<NegotiatedExtension> {
    let mut chosen: Vec<NegotiatedExtension> = Vec::new();
    let all = || offered.common.extensions.iter().chain(&offer.session.extensions);
    let has_transport_sequence = all().any(|e| e.kind == ExtensionKind::TransportSequence);
    for extension in all() {
        let wanted = match extension.kind {
            // The older way to estimate bandwidth; nothing reads it where there is a better one.
            ExtensionKind::AbsSendTime => !has_transport_sequence,
            other => is_useful(other, kind, direction),
        };
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

/// Our policy: what we read from senders and what we write to receivers.
fn is_useful(extension: ExtensionKind, kind: MediaKind, direction: Direction) -> bool {
    let video = kind == MediaKind::Video;
    match extension {
        ExtensionKind::Mid | ExtensionKind::TransportSequence => true,
        ExtensionKind::AudioLevel => !video,
        ExtensionKind::Rid | ExtensionKind::RepairedRid | ExtensionKind::DependencyDescriptor => {
            video && direction != Direction::ClientReceives
        }
        // A browser that may signal the orientation leaves the picture unturned, and a viewer
        // whose browser does not know the extension (Firefox) sees it lying on its side.
        ExtensionKind::VideoOrientation => false,
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
fn encodings(offered: &OfferedSection) -> Vec<Encoding> {
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
fn streams(offered: &OfferedSection) -> Vec<SignalledStream> {
    let is_rtx = |ssrc: &u32| offered.rtx_ssrcs.iter().any(|(_, rtx)| rtx == ssrc);
    let rtx_of = |ssrc: u32| offered.rtx_ssrcs.iter().find(|(media, _)| *media == ssrc);
    let mut seen = BTreeSet::new();
    let all = offered.simulcast_ssrcs.iter().chain(&offered.ssrcs).copied();
    all.filter(|ssrc| !is_rtx(ssrc) && seen.insert(*ssrc))
        .map(|ssrc| SignalledStream { ssrc, rtx_ssrc: rtx_of(ssrc).map(|(_, rtx)| *rtx) })
        .collect()
}
