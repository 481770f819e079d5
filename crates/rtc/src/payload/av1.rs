//! AV1 in RTP: the aggregation header and the first OBU behind it (RTP Payload Format for AV1,
//! section 4.4).

use super::Facts;

/// OBU types (AV1 bitstream specification, section 6.2.2).
mod obu {
    pub(super) const SEQUENCE_HEADER: u8 = 1;
    pub(super) const FRAME_HEADER: u8 = 3;
    pub(super) const METADATA: u8 = 5;
    pub(super) const FRAME: u8 = 6;
}

/// Bits of the aggregation header.
const CONTINUES: u8 = 0x80; // Z
const COUNT: u8 = 0x30; // W
const NEW_SEQUENCE: u8 = 0x08; // N

/// Longest length in front of an OBU: leb128 of 32 bits.
const MAX_LEB128_LEN: usize = 5;

pub(super) fn facts(payload: &[u8], by_marker: Facts) -> Option<Facts> {
    let (&aggregation, elements) = payload.split_first()?;
    let continues = aggregation & CONTINUES != 0;
    let kind = first_obu(aggregation, elements)? >> 3 & 0x0F;
    let opens =
        matches!(kind, obu::SEQUENCE_HEADER | obu::FRAME_HEADER | obu::METADATA | obu::FRAME);
    Some(Facts {
        starts_frame: !continues && opens,
        // N and Z exclude each other: a sequence cannot begin in the middle of an OBU.
        starts_key_frame: !continues
            && (aggregation & NEW_SEQUENCE != 0 || kind == obu::SEQUENCE_HEADER),
        ..by_marker
    })
}

/// The first byte of the first OBU element, which is the OBU's header unless it continues one.
fn first_obu(aggregation: u8, elements: &[u8]) -> Option<u8> {
    let is_only_one = (aggregation & COUNT) >> 4 == 1;
    let len_bytes = if is_only_one {
        0
    } else {
        1 + elements.iter().take(MAX_LEB128_LEN).position(|byte| byte & 0x80 == 0)?
    };
    elements.get(len_bytes).copied()
}
