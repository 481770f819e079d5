//! The codecs of pictures that people of a load send and receive: their numbers and lines in SDP, and their recordings.

use std::fmt::Write;

use clap::ValueEnum;
use serde::Serialize;

/// Sound, with the number that Chromium gives it.
pub const OPUS: u8 = 111;

/// A codec of pictures. A load has one, as a meeting works best when all send the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// RFC 7741.
    #[default]
    Vp8,
    /// RFC 9628; one spatial layer and one temporal one.
    Vp9,
    /// RFC 6184, constrained baseline.
    H264,
    /// The AV1 RTP specification; without layers, and without the descriptor that tells of them.
    Av1,
}

impl Codec {
    /// All of them.
    pub const ALL: [Codec; 4] = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];

    /// The number of its payloads, as Chromium has it.
    pub const fn payload_type(self) -> u8 {
        match self {
            Codec::Vp8 => 96,
            Codec::Vp9 => 98,
            Codec::H264 => 103,
            Codec::Av1 => 45,
        }
    }

    /// The number of payloads that repeat such.
    pub const fn repair_type(self) -> u8 {
        self.payload_type() + 1
    }

    /// What Chromium's encoder made of the same picture in three sizes, 320x180 to 1280x720.
    pub const fn recordings(self) -> [&'static [u8]; 3] {
        match self {
            Codec::Vp8 => [
                include_bytes!("../media/picture-180.vp8"),
                include_bytes!("../media/picture-360.vp8"),
                include_bytes!("../media/picture-720.vp8"),
            ],
            Codec::Vp9 => [
                include_bytes!("../media/picture-180.vp9"),
                include_bytes!("../media/picture-360.vp9"),
                include_bytes!("../media/picture-720.vp9"),
            ],
            Codec::H264 => [
                include_bytes!("../media/picture-180.h264"),
                include_bytes!("../media/picture-360.h264"),
                include_bytes!("../media/picture-720.h264"),
            ],
            Codec::Av1 => [
                include_bytes!("../media/picture-180.av1"),
                include_bytes!("../media/picture-360.av1"),
                include_bytes!("../media/picture-720.av1"),
            ],
        }
    }

    /// Its lines in a section, and those of its retransmissions.
    pub fn lines(self) -> String {
        let (name, parameters) = match self {
            Codec::Vp8 => ("VP8", ""),
            Codec::Vp9 => ("VP9", "profile-id=0"),
            Codec::Av1 => ("AV1", "profile=0"),
            Codec::H264 => {
                let all = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
                ("H264", all)
            }
        };
        let (number, repair) = (self.payload_type(), self.repair_type());
        let mut lines = format!("a=rtpmap:{number} {name}/90000\r\n");
        if !parameters.is_empty() {
            // Writing to a string does not fail.
            let _ = write!(lines, "a=fmtp:{number} {parameters}\r\n");
        }
        for feedback in ["transport-cc", "ccm fir", "nack", "nack pli"] {
            let _ = write!(lines, "a=rtcp-fb:{number} {feedback}\r\n");
        }
        let _ = write!(lines, "a=rtpmap:{repair} rtx/90000\r\na=fmtp:{repair} apt={number}\r\n");
        lines
    }

    /// The codec of payloads with this number; none of sound and retransmissions.
    pub fn of(payload_type: u8) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| codec.payload_type() == payload_type)
    }

    /// The codec whose payloads those with this number repeat.
    pub fn repaired_by(payload_type: u8) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| codec.repair_type() == payload_type)
    }
}
