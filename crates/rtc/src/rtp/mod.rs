//! RTP packets: their header and extensions read once into a view, written from a template, and
//! their wrapping numbers made whole (RFC 3550 section 5, RFC 8285).

mod elements;
mod extension_kind;
mod extension_map;
mod sequence;
mod template;
mod time;
mod view;

use std::fmt;

pub use crate::bytes::Span;
pub use extension_kind::ExtensionKind;
pub use extension_map::{ExtensionMap, InvalidExtensionId};
pub use sequence::{SequenceExtender, TimestampExtender, is_newer, sequence_distance};
pub use template::{HeaderFields, HeaderTemplate};

pub use time::{AbsSendTime, NtpClock, NtpTime, from_ntp_short, to_ntp_short};
pub use view::{AudioLevel, ColorSpace, Extensions, InvalidRtp, RtpView, VideoOrientation};

/// Bytes of an RTP header without CSRCs and extensions (RFC 3550 section 5.1).
pub const FIXED_HEADER_LEN: usize = 12;

/// Names one RTP stream of a session: the synchronisation source (RFC 3550 section 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ssrc(pub u32);

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ssrc({})", self.0)
    }
}
