//! What an offer became: the values that the engine reads and the answer is written from.

use super::attribute::{Encoding, Msid};
use super::codec::{Codec, Feedback};
use crate::dtls::{Fingerprint, Role};
use crate::ice::Credentials;
use crate::rtp::ExtensionKind;
use crate::{MediaKind, Mid};

/// What the two sides agree on once the answer is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiation {
    /// The client's ICE credentials.
    pub ice: Credentials,
    /// What the client's certificate must hash to.
    pub fingerprint: Fingerprint,
    /// Ours in the DTLS handshake; a later offer cannot change it, since the association goes on.
    pub role: Role,
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
    /// Whether the name is the client's. Else it is [its number](Mid::numbered), and of no use to the client.
    pub(super) is_named: bool,
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
    /// The client's parameters, which the answer repeats, and for Opus adds to; may be empty.
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
