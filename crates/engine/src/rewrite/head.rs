//! The newest packet of a source, and what it tells of those that are missing behind it.

use super::highest::Highest;
use crate::id::LayerId;
use crate::ring::Facts;

/// The newest packet of the layer that is being sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) layer: LayerId,
    pub(super) sequence: u64,
    pub(super) payload_type: u8,
    timestamp: u64,
    marker: bool,
    spatial: u8,
    /// Nothing more of its picture goes out: it is dropped, or ends the largest that goes out.
    rest_is_dropped: bool,
    /// Of all packets since the last key frame.
    pub(super) highest_spatial: u8,
}

impl Head {
    /// `wanted` is whether it goes out itself, `highest` what goes out of its picture.
    pub(super) fn new(layer: LayerId, facts: &Facts, highest: Highest, wanted: bool) -> Head {
        let &Facts { sequence, payload_type, timestamp, marker, .. } = facts;
        let spatial = facts.layer.spatial;
        let rest_is_dropped = !wanted || highest.ends_picture(facts);
        Head {
            layer,
            sequence,
            payload_type,
            timestamp,
            marker,
            spatial,
            rest_is_dropped,
            highest_spatial: spatial,
        }
    }

    /// The head when this packet has come.
    pub(super) fn followed_by(&self, facts: &Facts, highest: Highest, wanted: bool) -> Head {
        let mut head = Head::new(self.layer, facts, highest, wanted);
        if !facts.starts_key_frame {
            head.highest_spatial = head.highest_spatial.max(self.highest_spatial);
        }
        head
    }

    /// Whether more of its picture is to go out.
    pub(super) fn awaits_rest(self) -> bool {
        !self.rest_is_dropped
    }

    /// Whether a packet is of the same picture.
    pub(super) fn is_of_picture(&self, facts: &Facts) -> bool {
        self.timestamp == facts.timestamp
    }

    /// How many of the `missing` packets right behind it are known to be of what was dropped by choice,
    /// now that this packet has come.
    pub(super) fn unwanted_behind(&self, facts: &Facts, wanted: bool, missing: u64) -> u64 {
        let same_picture = self.is_of_picture(facts);
        let is_above = !facts.starts_frame || facts.layer.spatial > self.spatial;
        match self.rest_is_dropped {
            // Both ends of the gap are in the dropped frame, or in larger pictures than go out.
            true if same_picture && !wanted && is_above => missing,
            // The picture has not ended, so at least the next packet is of its rest.
            true if !same_picture && !self.marker => missing.min(1),
            _ => 0,
        }
    }
}
