//! The dependency descriptor of an outgoing packet.

use parlor_rtc::payload::{DescriptorRewrite, Structure};

use super::Outgoing;
use crate::ring::Stored;

/// Longest dependency descriptor that a header can hold, in bytes (RFC 8285 section 4.3).
pub const MAX_DESCRIPTOR_LEN: usize = 255;

impl Outgoing {
    /// Writes the dependency descriptor of `stored` to the start of `out` as the receiver is to see it, and
    /// returns its length; `None` when there is none, or no sense in it.
    ///
    /// The first packet of each frame says which decode targets are sent, so that no lost packet can
    /// keep a receiver from knowing.
    pub fn write_descriptor(&self, stored: &Stored<'_>, out: &mut [u8]) -> Option<usize> {
        let &Outgoing { numbers, template_shift, highest, .. } = self;
        let has_choice =
            |structure: &&Structure| stored.facts.starts_frame && structure.targets() > 1;
        let active_targets = stored.structure.filter(has_choice).map(|structure| {
            (structure, structure.targets_within(highest.spatial, highest.temporal))
        });
        let frame_number = numbers.frame_number?;
        let rewrite = DescriptorRewrite { frame_number, template_shift, active_targets };
        // What cannot be understood can still be passed on under its new number.
        let unread = DescriptorRewrite { active_targets: None, ..rewrite };
        let value = stored.dependency_descriptor;
        rewrite.write(value, out).or_else(|| unread.write(value, out))
    }
}
