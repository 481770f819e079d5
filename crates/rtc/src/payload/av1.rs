//! AV1 in RTP: the aggregation header and the first OBU behind it (RTP Payload Format for AV1,
//! section 4.4).

use super::Facts;

/// OBU types (AV1 bitstream specification, section 6.2.2).
pub(super) mod obu {
    pub(in crate::payload) const SEQUENCE_HEADER: u8 = 1;
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

/// The OBU elements of a packet without their lengths, up to the first that is cut off; `None` when the
/// first one goes on with that of another packet.
pub(super) fn elements(payload: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let (&aggregation, mut rest) = payload.split_first()?;
    if aggregation & CONTINUES != 0 {
        return None;
    }
    let count = (aggregation & COUNT) >> 4;
    let elements = (1_u8..=u8::MAX).map_while(move |number| {
        if number == count {
            // The last of a counted few is the rest of the packet.
            return Some(std::mem::take(&mut rest));
        }
        let (element, behind) = with_len(rest)?;
        rest = behind;
        Some(element)
    });
    Some(elements)
}

/// Takes one OBU element off that has its length in front, and what follows.
fn with_len(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let len_bytes = 1 + bytes.iter().take(MAX_LEB128_LEN).position(|byte| byte & 0x80 == 0)?;
    let (len, rest) = bytes.split_at_checked(len_bytes)?;
    let len = len.iter().rev().fold(0_u64, |len, byte| len << 7 | u64::from(byte & 0x7F));
    rest.split_at_checked(usize::try_from(len).ok()?)
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
