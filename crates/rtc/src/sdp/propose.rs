//! What the server offers to a client that only receives (RFC 9429 section 5.2.1), before anybody has answered.

use super::codec::{Codec, Feedback};
use super::negotiation::{
    Direction, MediaSection, NegotiatedCodec, NegotiatedExtension, Negotiation, Section,
};
use crate::dtls::{Fingerprint, Role};
use crate::ice::Credentials;
use crate::rtp::ExtensionKind;
use crate::{MediaKind, Mid};

/// A codec with the numbers that it has in every offer of ours. They are those of Chromium's own offers where that has
/// them, of the dynamic range (RFC 3551 section 6), and none of those that RTCP would be taken for.
struct Known {
    payload_type: u8,
    rtx: Option<u8>,
    codec: Codec,
    fmtp: &'static str,
}

/// 48 kHz, in band FEC: what each browser offers.
const OPUS: &str = "minptime=10;useinbandfec=1";

const SOUND: [Known; 2] = [
    Known { payload_type: 111, rtx: None, codec: Codec::Opus, fmtp: OPUS },
    Known { payload_type: 63, rtx: None, codec: Codec::Red, fmtp: "111/111" },
];

/// H.264 in the profiles that browsers and encoders send: constrained baseline in both packetization modes, main, high.
const PICTURES: [Known; 7] = [
    Known { payload_type: 96, rtx: Some(97), codec: Codec::Vp8, fmtp: "" },
    Known {
        payload_type: 98,
        rtx: Some(99),
        codec: Codec::Vp9 { profile: 0 },
        fmtp: "profile-id=0",
    },
    Known {
        payload_type: 106,
        rtx: Some(107),
        codec: Codec::H264 { profile_level_id: 0x42_e01f, packetization_mode: 1 },
        fmtp: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
    },
    Known {
        payload_type: 127,
        rtx: Some(125),
        codec: Codec::H264 { profile_level_id: 0x4d_001f, packetization_mode: 1 },
        fmtp: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f",
    },
    Known {
        payload_type: 112,
        rtx: Some(113),
        codec: Codec::H264 { profile_level_id: 0x64_001f, packetization_mode: 1 },
        fmtp: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f",
    },
    Known {
        payload_type: 108,
        rtx: Some(109),
        codec: Codec::H264 { profile_level_id: 0x42_e01f, packetization_mode: 0 },
        fmtp: "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f",
    },
    Known { payload_type: 45, rtx: Some(46), codec: Codec::Av1 { profile: 0 }, fmtp: "profile=0" },
];

/// Header extensions by their ids, which fit the one-byte form. `abs-send-time` is for clients that know no
/// transport-wide numbers; those that do are sent these alone.
const EXTENSIONS: [(u8, ExtensionKind); 6] = [
    (1, ExtensionKind::AudioLevel),
    (2, ExtensionKind::AbsSendTime),
    (3, ExtensionKind::TransportSequence),
    (4, ExtensionKind::Mid),
    (5, ExtensionKind::DependencyDescriptor),
    (6, ExtensionKind::ColorSpace),
];

impl Negotiation {
    /// What the server would agree on with a client that receives on so many sections, if that took all of it. Their
    /// mids are their numbers. The client is nobody yet: `nobody` are credentials that no client has, and no
    /// certificate has the fingerprint. [`Negotiation::offer`] says it, and [`Negotiation::accept`] takes the answer.
    pub fn propose(sections: &[MediaKind], nobody: Credentials) -> Negotiation {
        let sections: Vec<MediaSection> =
            sections.iter().enumerate().map(|(index, kind)| section(index, *kind)).collect();
        Negotiation {
            ice: nobody,
            fingerprint: Fingerprint::from_bytes([0; 32]),
            role: Role::Server,
            extmap_allow_mixed: true,
            bundle: sections.iter().map(|section| section.mid).collect(),
            sections: sections.into_iter().map(Section::Media).collect(),
            grouped: true,
        }
    }
}

fn section(index: usize, kind: MediaKind) -> MediaSection {
    let known: &[Known] = match kind {
        MediaKind::Audio => &SOUND,
        MediaKind::Video => &PICTURES,
    };
    MediaSection {
        mid: Mid::numbered(index),
        kind,
        direction: Direction::ClientReceives,
        codecs: known.iter().map(|known| codec(kind, known)).collect(),
        extensions: EXTENSIONS
            .iter()
            .filter(|(_, extension)| is_for(*extension, kind))
            .map(|(id, kind)| NegotiatedExtension {
                id: *id,
                kind: *kind,
                line: 0,
                directed: false,
            })
            .collect(),
        encodings: Vec::new(),
        streams: Vec::new(),
        msid: None,
        reduced_size_rtcp: true,
        line: 0,
        is_named: true,
        simulcast: false,
        protocol: "UDP/TLS/RTP/SAVPF".to_owned(),
    }
}

fn codec(kind: MediaKind, known: &Known) -> NegotiatedCodec {
    let is_video = kind == MediaKind::Video;
    NegotiatedCodec {
        payload_type: known.payload_type,
        codec: known.codec,
        rtx_payload_type: known.rtx,
        clock_rate: known.codec.clock_rate(),
        fmtp: known.fmtp.to_owned(),
        feedback: Feedback {
            nack: is_video,
            nack_pli: is_video,
            ccm_fir: is_video,
            transport_cc: known.codec != Codec::Red,
            goog_remb: is_video,
        },
        line: 0,
    }
}

fn is_for(extension: ExtensionKind, kind: MediaKind) -> bool {
    match extension {
        ExtensionKind::AudioLevel => kind == MediaKind::Audio,
        ExtensionKind::DependencyDescriptor | ExtensionKind::ColorSpace => kind == MediaKind::Video,
        _ => true,
    }
}
