//! A receiver of scalable video that knows what dependency descriptors tell it, and nothing else.

use parlor_rtc::fuzzing::scalable::Frame;
use parlor_rtc::payload::{FrameDependencies, Structure};

use crate::rewrite::{MAX_DESCRIPTOR_LEN, Outgoing};
use crate::ring::Stored;

/// One receiver.
#[derive(Default)]
pub(super) struct Receiver {
    /// The newest structure, and the outgoing sequence number that it came with.
    newest: Option<(u64, Structure)>,
    first: u64,
}

impl Receiver {
    /// The stream begins with another source, or anew, at a frame of this number there.
    pub(super) fn begin(&mut self, first: u64) {
        self.first = first;
    }

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
        if let Some(structure) = brought {
            if self.newest.as_ref().is_none_or(|(newest, _)| sequence > *newest) {
                self.newest = Some((sequence, structure));
            }
        }
        let Some((from, structure)) = &self.newest else { panic!("it began without a structure") };
        // What belongs to a sequence before is read no more.
        if sequence < *from {
            return;
        }
        let Ok(read) = FrameDependencies::read(value, structure) else {
            assert!(
                stored.structure.is_none() || frame.number > self.first,
                "{frame:?} is not read"
            );
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
