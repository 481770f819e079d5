//! A receiver of scalable video that knows what dependency descriptors tell it, and nothing else. Of what is
//! sent to it some never comes.

use parlor_rtc::fuzzing::scalable::Frame;
use parlor_rtc::payload::{FrameDependencies, Structure};

use crate::rewrite::{MAX_DESCRIPTOR_LEN, Outgoing};
use crate::ring::Stored;

/// One in so many packets is lost on its way.
const LOST_OF: u64 = 5;

/// One receiver.
#[derive(Default)]
pub(super) struct Receiver {
    /// The newest structure, and the outgoing sequence number that it came with.
    newest: Option<(u64, Structure)>,
    /// The sequence number of a newer one that was lost.
    missed: Option<u64>,
}

impl Receiver {
    /// A packet comes. What its descriptor says has to be true, whenever it can be understood at all.
    pub(super) fn receive(&mut self, outgoing: &Outgoing, stored: &Stored<'_>, frame: &Frame) {
        let mut value = [0; MAX_DESCRIPTOR_LEN];
        let len = outgoing.write_descriptor(stored, &mut value);
        let Some(value) = len.and_then(|len| value.get(..len)) else {
            panic!("{frame:?} has lost its descriptor");
        };
        let structure = Structure::read(value);
        let Ok(brought) = structure else { panic!("{structure:?}") };
        let sequence = outgoing.sequence;
        if sequence.is_multiple_of(LOST_OF) && self.may_lose(sequence, brought.is_some()) {
            return;
        }
        if let Some(structure) = brought
            && self.newest.as_ref().is_none_or(|(newest, _)| sequence > *newest)
        {
            self.newest = Some((sequence, structure));
            self.missed = self.missed.filter(|missed| *missed > sequence);
        }
        let Some((from, structure)) = &self.newest else { panic!("it began without a structure") };
        // What belongs to a sequence before is read no more.
        if sequence < *from {
            return;
        }
        let Ok(read) = FrameDependencies::read(value, structure) else {
            let may_be_unknown = self.missed.is_some()
                || stored.structure.is_none_or(|known| {
                    FrameDependencies::read(stored.dependency_descriptor, known).is_err()
                });
            assert!(may_be_unknown, "{frame:?} is not read");
            return;
        };
        assert_eq!((read.spatial, read.temporal), (frame.spatial, frame.temporal), "{frame:?}");
        let mut told: Vec<u64> =
            read.references().map(|distance| frame.number - u64::from(distance)).collect();
        let mut real = frame.references.clone();
        told.sort_unstable();
        real.sort_unstable();
        assert_eq!(told, real, "{frame:?}");
        if read.descriptor.starts_frame && stored.structure.is_some() {
            check_targets(&read, structure, outgoing);
        }
    }
}

impl Receiver {
    /// Two structures in a row are not lost: the ids of the second may be those of the one before both.
    fn may_lose(&mut self, sequence: u64, has_structure: bool) -> bool {
        let may = self.newest.is_some() && !(has_structure && self.missed.is_some());
        if may && has_structure {
            self.missed = Some(sequence);
        }
        may
    }
}

/// Active are the targets of which all layers are sent.
fn check_targets(read: &FrameDependencies, structure: &Structure, outgoing: &Outgoing) {
    let Some(active) = read.active_targets else { panic!("it is not told what is sent") };
    for target in 0..structure.targets() {
        let Some((spatial, temporal)) = structure.layers_of(target) else { continue };
        let highest = outgoing.highest;
        let is_sent = spatial <= highest.spatial && temporal <= highest.temporal;
        assert_eq!(active >> target & 1 == 1, is_sent, "S{spatial}T{temporal} of {highest:?}");
    }
}
