//! The dependency descriptor, which says of a frame what it refers to and who needs it
//! (RTP Payload Format for AV1, appendix A). Here is the part of it that stands on its own: where frames
//! begin and end, their numbers, and whether a new structure comes with them.

mod bits;
mod frame;
mod rewrite;
mod structure;

use super::Facts;
use crate::bytes::u16_at;
use crate::sdp::Codec;

pub use frame::FrameDependencies;
pub use rewrite::DescriptorRewrite;
pub use structure::{Indication, Structure, TemplateIds};

/// Bytes of the mandatory fields; there are extended ones behind them in longer descriptors.
const MANDATORY_LEN: usize = 3;

/// Where frame_number lies.
const FRAME_NUMBER_AT: usize = 1;

/// Why a descriptor cannot be understood. All but an unknown template are the sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDescriptor {
    /// It ends inside its fields.
    #[error("a dependency descriptor is cut off")]
    CutOff,
    /// Its structure has more than 64 templates.
    #[error("a dependency structure has more templates than there are ids")]
    TooManyTemplates,
    /// Its structure has more than 4 spatial or 8 temporal layers.
    #[error("a dependency structure has more layers than there can be")]
    TooManyLayers,
    /// Its frame refers to more than 16 others.
    #[error("a frame refers to more frames than any codec keeps")]
    TooManyReferences,
    /// Its template is not one of the structure: another one was lost or is yet to come.
    #[error("a dependency descriptor names template {0}, which is not known")]
    UnknownTemplate(u8),
}

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
