//! The RTP header extensions that this server understands, and the URIs that name them in SDP.

/// A header extension that we read, write or both (RFC 8285).
///
/// SDP maps each to a small id per connection; everything else that a browser offers is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExtensionKind {
    /// The media section of the packet (RFC 8843 section 15).
    Mid,
    /// The simulcast encoding of the packet (RFC 8852).
    Rid,
    /// The simulcast encoding that a retransmission repairs (RFC 8852).
    RepairedRid,
    /// How loud the sound in the packet is (RFC 6464).
    AudioLevel,
    /// One sequence number over all packets of a connection
    /// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    TransportSequence,
    /// When the packet left its sender, 6.18 fixed-point seconds (WebRTC's abs-send-time).
    AbsSendTime,
    /// Which frame and layer the packet belongs to (AV1 RTP specification, appendix A).
    DependencyDescriptor,
    /// How the camera was held (3GPP TS 26.114 section 7.4.5).
    VideoOrientation,
    /// Which colours the numbers of the picture mean (WebRTC's color-space).
    ColorSpace,
}

impl ExtensionKind {
    /// Every kind, in the order of their declaration.
    pub const ALL: [ExtensionKind; 9] = [
        ExtensionKind::Mid,
        ExtensionKind::Rid,
        ExtensionKind::RepairedRid,
        ExtensionKind::AudioLevel,
        ExtensionKind::TransportSequence,
        ExtensionKind::AbsSendTime,
        ExtensionKind::DependencyDescriptor,
        ExtensionKind::VideoOrientation,
        ExtensionKind::ColorSpace,
    ];

    /// The URI that names the extension in `a=extmap`.
    pub const fn uri(self) -> &'static str {
        match self {
            ExtensionKind::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            ExtensionKind::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            ExtensionKind::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            ExtensionKind::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            ExtensionKind::TransportSequence => {
                "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
            }
            ExtensionKind::AbsSendTime => {
                "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
            }
            ExtensionKind::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
            ExtensionKind::VideoOrientation => "urn:3gpp:video-orientation",
            ExtensionKind::ColorSpace => "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
        }
    }

    /// The kind that `uri` names, or `None` for an extension that we have no use for.
    pub fn from_uri(uri: &str) -> Option<ExtensionKind> {
        ExtensionKind::ALL.into_iter().find(|kind| kind.uri() == uri)
    }
}
