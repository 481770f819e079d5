//! The part of the dependency descriptor that stands on its own: where frames begin and end, their
//! numbers, and whether a new structure comes with them (RTP Payload Format for AV1, appendix A).

use super::Facts;
use crate::bytes::{put, u16_at};
use crate::sdp::Codec;

/// Bytes of the mandatory fields; there are extended ones behind them in longer descriptors.
const MANDATORY_LEN: usize = 3;

/// Where frame_number lies.
const FRAME_NUMBER_AT: usize = 1;

/// The fields of a dependency descriptor that can be read without its template structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DependencyDescriptor {
    /// The packet is the first of its frame.
    pub starts_frame: bool,
    /// The packet is the last of its frame.
    pub ends_frame: bool,
    /// Which template the frame follows, 0 to 63.
    pub template_id: u8,
    /// Counts frames, wrapping.
    pub frame_number: u16,
    /// A template structure comes with the frame, which it does when a coded video sequence begins.
    pub has_structure: bool,
}

impl DependencyDescriptor {
    /// Reads the value of the header extension; `None` when it is shorter than any descriptor.
    pub fn read(value: &[u8]) -> Option<DependencyDescriptor> {
        let first = *value.first()?;
        let frame_number = u16_at(value, FRAME_NUMBER_AT)?;
        // A structure shows in the first bit of the extended fields.
        let has_structure = value.get(MANDATORY_LEN).is_some_and(|byte| byte & 0x80 != 0);
        Some(DependencyDescriptor {
            starts_frame: first & 0x80 != 0,
            ends_frame: first & 0x40 != 0,
            template_id: first & 0x3F,
            frame_number,
            has_structure,
        })
    }

    /// Gives the frame another number, in place; nothing happens to a value that is too short.
    pub fn rewrite_frame_number(value: &mut [u8], frame_number: u16) {
        put(value, FRAME_NUMBER_AT, &frame_number.to_be_bytes());
    }

    /// What `facts` become when this descriptor comes with them.
    pub(super) fn refine(&self, codec: Codec, facts: Facts) -> Facts {
        let mut refined = facts;
        refined.numbers.frame_number = Some(self.frame_number);
        if matches!(codec, Codec::Opus | Codec::Red) {
            return refined;
        }
        refined.starts_frame = self.starts_frame;
        refined.ends_frame = self.ends_frame;
        // Only AV1 needs it: the other codecs say themselves where a receiver can begin.
        if matches!(codec, Codec::Av1 { .. }) {
            refined.starts_key_frame |= self.starts_frame && self.has_structure;
        }
        refined
    }
}
