//! H.264 in RTP (RFC 6184 sections 5.6 to 5.8): which packets begin a picture, and which a key frame.
//!
//! The payload has no bit for the start of a picture, so it is read off the NAL units: a delimiter
//! or a parameter set comes before a picture, and a slice that begins at the first macroblock is
//! its first slice.

use super::Facts;
use crate::bytes::u16_at;

/// NAL unit types (ITU-T H.264 table 7-1, RFC 6184 table 1).
pub(super) mod nal {
    pub(in crate::payload) const SLICE: u8 = 1;
    pub(in crate::payload) const SEQUENCE_PARAMETERS: u8 = 7;
    pub(in crate::payload) const DELIMITER: u8 = 9;
    pub(in crate::payload) const STAP_A: u8 = 24;
    pub(in crate::payload) const FU_A: u8 = 28;
    pub(in crate::payload) const TYPE_MASK: u8 = 0x1F;
}

/// Most NAL units of an aggregation that are looked at: parameter sets come first, and browsers
/// aggregate no more than a delimiter, two parameter sets, an SEI message and a few slices.
const MAX_AGGREGATED: usize = 16;

pub(super) fn facts(payload: &[u8], by_marker: Facts) -> Option<Facts> {
    let (&header, body) = payload.split_first()?;
    let (starts_frame, starts_key_frame) = match header & nal::TYPE_MASK {
        nal::STAP_A => aggregate(body),
        nal::FU_A => {
            let (&fragment, body) = body.split_first()?;
            let is_first = fragment & 0x80 != 0;
            (is_first && begins_picture(fragment & nal::TYPE_MASK, body), false)
        }
        kind => (begins_picture(kind, body), kind == nal::SEQUENCE_PARAMETERS),
    };
    Some(Facts { starts_frame, starts_key_frame, ..by_marker })
}

/// Whether the first unit of an aggregation begins a picture, and whether any has the parameters
/// of a sequence, without which no receiver can begin.
fn aggregate(body: &[u8]) -> (bool, bool) {
    let mut starts_frame = false;
    for (index, unit) in units(body).enumerate() {
        let Some((&header, body)) = unit.split_first() else { continue };
        let kind = header & nal::TYPE_MASK;
        starts_frame |= index == 0 && begins_picture(kind, body);
        if kind == nal::SEQUENCE_PARAMETERS {
            return (true, true);
        }
    }
    (starts_frame, false)
}

/// The NAL units of an aggregation, up to the first that is cut off.
pub(super) fn units(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..MAX_AGGREGATED).map_while(move |_| {
        let len = u16_at(rest, 0)?;
        let (unit, behind) = rest.get(2..)?.split_at_checked(usize::from(len))?;
        rest = behind;
        Some(unit)
    })
}

/// A slice of a key frame does not count: the parameters before it, often in packets of their
/// own, belong to the same picture.
fn begins_picture(kind: u8, body: &[u8]) -> bool {
    match kind {
        nal::DELIMITER | nal::SEQUENCE_PARAMETERS => true,
        // first_mb_in_slice is an Exp-Golomb number; 0 is a single bit 1 (H.264 section 7.3.3).
        nal::SLICE => body.first().is_some_and(|byte| byte & 0x80 != 0),
        _ => false,
    }
}
