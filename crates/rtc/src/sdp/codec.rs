//! The codecs that rooms carry, how SDP names them, and which of them we prefer.

use crate::MediaKind;

/// One codec with the parameters that make two payloads incompatible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// Redundant audio: Opus frames with copies of earlier ones (RFC 2198).
    Red,
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9 {
        /// Bit depth and chroma: 0 to 3.
        profile: u8,
    },
    /// RFC 6184.
    H264 {
        /// Profile, constraint flags and level, one byte each: 0x42e01f is constrained baseline 3.1.
        profile_level_id: u32,
        /// 0: one NAL unit a packet; 1: also aggregated and fragmented ones.
        packetization_mode: u8,
    },
    /// The AV1 RTP specification.
    Av1 {
        /// 0 to 2.
        profile: u8,
    },
}

/// RFC 6184 section 8.1: what an offer without `profile-level-id` means.
const H264_DEFAULT_PROFILE_LEVEL_ID: u32 = 0x42_000a;

impl Codec {
    /// The codec that `a=rtpmap` and `a=fmtp` describe, or `None` if rooms do not carry it.
    pub(super) fn identify(
        kind: MediaKind,
        name: &str,
        clock_rate: u32,
        channels: Option<u8>,
        fmtp: &str,
    ) -> Option<Codec> {
        let name = name.to_ascii_lowercase();
        match (kind, name.as_str(), clock_rate, channels) {
            (MediaKind::Audio, "opus", 48_000, Some(2)) => Some(Codec::Opus),
            (MediaKind::Audio, "red", 48_000, Some(2)) => Some(Codec::Red),
            (MediaKind::Video, "vp8", 90_000, _) => Some(Codec::Vp8),
            (MediaKind::Video, "vp9", 90_000, _) => {
                let profile = number(fmtp, "profile-id", 0)?;
                (profile <= 3).then_some(Codec::Vp9 { profile })
            }
            (MediaKind::Video, "h264", 90_000, _) => h264(fmtp),
            (MediaKind::Video, "av1", 90_000, _) => {
                let profile = number(fmtp, "profile", 0)?;
                (profile <= 2).then_some(Codec::Av1 { profile })
            }
            _ => None,
        }
    }

    /// The name in `a=rtpmap`.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Opus => "opus",
            Codec::Red => "red",
            Codec::Vp8 => "VP8",
            Codec::Vp9 { .. } => "VP9",
            Codec::H264 { .. } => "H264",
            Codec::Av1 { .. } => "AV1",
        }
    }

    /// Ticks of the RTP clock in one second.
    pub const fn clock_rate(self) -> u32 {
        match self {
            Codec::Opus | Codec::Red => 48_000,
            Codec::Vp8 | Codec::Vp9 { .. } | Codec::H264 { .. } | Codec::Av1 { .. } => 90_000,
        }
    }

    /// The number of channels in `a=rtpmap`; video has none.
    pub const fn channels(self) -> Option<u8> {
        match self {
            Codec::Opus | Codec::Red => Some(2),
            Codec::Vp8 | Codec::Vp9 { .. } | Codec::H264 { .. } | Codec::Av1 { .. } => None,
        }
    }

    /// Where the codec stands in our one preference list; the lowest is named first in answers,
    /// and so is what a browser sends. Equal ones keep the browser's own order.
    ///
    /// A room works best when all send one codec that all can decode: Opus, and VP8, which every
    /// browser encodes in simulcast at little cost. RED costs its sender twice the bitrate of Opus, so it is
    /// for the client to decide: a browser sends it when the answer has it first, as it is if the offer had.
    pub(super) const fn preference(self) -> u8 {
        match self {
            Codec::Opus | Codec::Red => 0,
            Codec::Vp8 => 1,
            Codec::Vp9 { profile: 0 } => 2,
            Codec::Vp9 { .. } => 3,
            Codec::H264 { profile_level_id, packetization_mode } => {
                let other_profile = !is_constrained_baseline(profile_level_id);
                4 + 2 * (packetization_mode == 0) as u8 + other_profile as u8
            }
            Codec::Av1 { profile: 0 } => 8,
            Codec::Av1 { .. } => 9,
        }
    }
}

/// Baseline profile with constraint flag 1 set (RFC 6184 section 8.1, table 5).
const fn is_constrained_baseline(profile_level_id: u32) -> bool {
    profile_level_id & 0xff_40_00 == 0x42_40_00
}

fn h264(fmtp: &str) -> Option<Codec> {
    let profile_level_id = match parameter(fmtp, "profile-level-id") {
        Some(digits) if digits.len() == 6 && !digits.starts_with('+') => {
            u32::from_str_radix(digits, 16).ok()?
        }
        Some(_) => return None,
        None => H264_DEFAULT_PROFILE_LEVEL_ID,
    };
    let packetization_mode = number(fmtp, "packetization-mode", 0)?;
    let carried = packetization_mode <= 1;
    carried.then_some(Codec::H264 { profile_level_id, packetization_mode })
}

/// The value of `name` in `a=fmtp` parameters such as `minptime=10;useinbandfec=1`.
pub(super) fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    fmtp.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The number that `name` has, `default` if there is none, `None` if it is not a number.
fn number(fmtp: &str, name: &str, default: u8) -> Option<u8> {
    parameter(fmtp, name).map_or(Some(default), |value| value.parse().ok())
}

/// Which feedback a codec's receiver may send (RFC 4585, RFC 5104).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Feedback {
    /// Asking for lost packets (RFC 4585 section 6.2.1).
    pub nack: bool,
    /// Asking for a key frame (RFC 4585 section 6.3.1).
    pub nack_pli: bool,
    /// Asking for a key frame, the older way (RFC 5104 section 4.3.1).
    pub ccm_fir: bool,
    /// Reporting every packet's arrival (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    pub transport_cc: bool,
    /// The receiver's estimate of the bandwidth (draft-alvestrand-rmcat-remb-03); agreed only where
    /// the offer lacks `transport-cc`.
    pub goog_remb: bool,
}

impl Feedback {
    /// Adds what one `a=rtcp-fb` line offers; of unknown kinds nothing.
    pub(super) fn add(&mut self, kind: &str) {
        match kind {
            "nack" => self.nack = true,
            "nack pli" => self.nack_pli = true,
            "ccm fir" => self.ccm_fir = true,
            "transport-cc" => self.transport_cc = true,
            "goog-remb" => self.goog_remb = true,
            _ => {}
        }
    }

    /// What either of the two has.
    pub(super) fn union(self, other: Feedback) -> Feedback {
        Feedback {
            nack: self.nack || other.nack,
            nack_pli: self.nack_pli || other.nack_pli,
            ccm_fir: self.ccm_fir || other.ccm_fir,
            transport_cc: self.transport_cc || other.transport_cc,
            goog_remb: self.goog_remb || other.goog_remb,
        }
    }

    /// Without the receiver's estimate where the sender can make a better one from arrivals.
    pub(super) fn without_spare_estimate(self) -> Feedback {
        Feedback { goog_remb: self.goog_remb && !self.transport_cc, ..self }
    }

    /// The kinds, as `a=rtcp-fb` writes them.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        let all = [
            (self.goog_remb, "goog-remb"),
            (self.transport_cc, "transport-cc"),
            (self.ccm_fir, "ccm fir"),
            (self.nack, "nack"),
            (self.nack_pli, "nack pli"),
        ];
        all.into_iter().filter_map(|(has, name)| has.then_some(name))
    }
}
