//! Which layers of one encoding go out, and where a receiver can follow when that changes.
//!
//! Whoever has a layer has all below it: so less can be sent at once, also where the larger pictures
//! refer to the smaller ones in key pictures alone. More can be sent only from where it decodes.

use parlor_rtc::payload::LayerSet;

use crate::ring::{Facts, Told};

/// The highest layers of an encoding that go out. 255 stands for all there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Highest {
    /// Of the picture sizes.
    pub spatial: u8,
    /// Of the frame rates.
    pub temporal: u8,
}

impl Highest {
    /// Everything goes out.
    pub const ALL: Highest = Highest { spatial: u8::MAX, temporal: u8::MAX };

    /// Whether a packet is of a layer that goes out.
    pub(super) fn holds(self, facts: &Facts) -> bool {
        facts.layer.spatial <= self.spatial && facts.layer.temporal <= self.temporal
    }

    /// Whether a packet is the last of its picture for the receiver: that of the source, or that of
    /// the largest picture that goes out.
    pub(super) fn ends_picture(self, facts: &Facts) -> bool {
        let ends_largest = facts.dependencies.ends_frame && facts.layer.spatial == self.spatial;
        facts.marker || ends_largest
    }

    /// What goes out from a packet on, the newest of its source, when `wanted` is what should.
    /// `begins_picture` is whether nothing of its picture came before it.
    pub(super) fn follow(self, wanted: Highest, facts: &Facts, begins_picture: bool) -> Highest {
        if self == wanted || !facts.starts_frame {
            return self;
        }
        if facts.starts_key_frame {
            return wanted;
        }
        // Not within a picture: the packet that ends it may have gone out without the marker.
        let less = match begins_picture {
            true => Highest {
                spatial: self.spatial.min(wanted.spatial),
                temporal: self.temporal.min(wanted.temporal),
            },
            false => self,
        };
        match facts.dependencies.told {
            Some(told) if less.holds(facts) => less.rise_as_told(wanted, told),
            Some(_) => less,
            None => less.rise_by_one(wanted, facts, begins_picture),
        }
    }

    /// A descriptor names what can be sent from a frame on, to whoever can decode that frame. It is of a
    /// picture whose end has not gone out yet, so that can be another one.
    fn rise_as_told(self, wanted: Highest, told: Told) -> Highest {
        let now = self.within(told.all);
        let most = wanted.within(told.all);
        let may = |to: &Highest| {
            let is_more = to.spatial >= now.spatial && to.temporal >= now.temporal && *to != now;
            let fits = to.spatial <= most.spatial && to.temporal <= most.temporal;
            is_more && fits
        };
        let mut switches = highest_first(told.switches);
        let Some(to) = switches.find(may) else { return self };
        // What is wanted beyond all there is, is reached with that.
        let reached = |to: u8, most: u8, wanted: u8| if to == most { wanted } else { to };
        Highest {
            spatial: reached(to.spatial, most.spatial, wanted.spatial),
            temporal: reached(to.temporal, most.temporal, wanted.temporal),
        }
    }

    /// The same, but nothing beyond the layers that there are.
    fn within(self, all: LayerSet) -> Highest {
        let spatial = all.iter().map(|(spatial, _)| spatial).max().unwrap_or_default();
        let temporal = all.iter().map(|(_, temporal)| temporal).max().unwrap_or_default();
        Highest { spatial: self.spatial.min(spatial), temporal: self.temporal.min(temporal) }
    }

    /// Without a descriptor, a frame may say that it leans on lower frame rates alone (VP8's Y, and U as
    /// the VP9 of browsers sets it). Then so do those after it, but a step further up may lean on frames
    /// in between. Of larger pictures nothing is said before the packet that ends the smaller one is
    /// gone: they wait for a key picture.
    fn rise_by_one(self, wanted: Highest, facts: &Facts, begins_picture: bool) -> Highest {
        let layer = facts.layer;
        let is_next = self.temporal.checked_add(1) == Some(layer.temporal);
        let is_lowest = begins_picture && layer.spatial == 0;
        match is_lowest && is_next && layer.switches_up && layer.temporal <= wanted.temporal {
            true => Highest { temporal: layer.temporal, ..self },
            false => self,
        }
    }
}

fn highest_first(qualities: LayerSet) -> impl Iterator<Item = Highest> {
    qualities.iter().rev().map(|(spatial, temporal)| Highest { spatial, temporal })
}
