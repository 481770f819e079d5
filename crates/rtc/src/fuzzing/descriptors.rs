//! Body for dependency descriptors.

use crate::payload::{DescriptorRewrite, FrameDependencies, Structure};

/// What is added to the ids of templates.
const SHIFT: u8 = 60;

/// Longest value, in bytes: the length of a header extension's element is one byte (RFC 8285 section 4.3).
const LONGEST: usize = 255;

/// Any two values, the first with a structure perhaps, are survived; what is read of them stays within
/// its bounds, and what is rewritten reads as it did but for what was to be changed.
///
/// The first byte is the length of the first value.
pub fn descriptor(data: &[u8]) {
    let [len, rest @ ..] = data else { return };
    let (first, second) = rest.split_at(usize::from(*len).min(rest.len()));
    let second = second.get(..LONGEST).unwrap_or(second);
    let Ok(Some(structure)) = Structure::read(first) else { return };
    assert!((1..=32).contains(&structure.targets()));
    assert!((1..=64).contains(&structure.template_ids().count));
    let receivers = check(first, &structure, None);
    match Structure::read(second) {
        Ok(Some(own)) => drop(check(second, &own, None)),
        Ok(None) => drop(check(second, &structure, receivers)),
        Err(_) => {}
    }
}

/// `receivers` is the structure as somebody knows it who was sent it rewritten; `None` where the value
/// brings its own. Returns what a receiver knows afterwards.
fn check(value: &[u8], structure: &Structure, receivers: Option<Structure>) -> Option<Structure> {
    let frame = FrameDependencies::read(value, structure).ok()?;
    assert!(frame.spatial < 4 && frame.temporal < 8);
    assert!(frame.references().count() <= 16);
    assert!(frame.switches.iter().all(|(spatial, temporal)| {
        (0..structure.targets()).any(|t| structure.layers_of(t) == Some((spatial, temporal)))
    }));
    let active = structure.targets_within(1, 1);
    let frame_number = frame.descriptor.frame_number.wrapping_add(7);
    let mut receivers = receivers;
    for active_targets in [None, Some((structure, active))] {
        let rewrite = DescriptorRewrite { frame_number, template_shift: SHIFT, active_targets };
        let mut out = [0xFF; 300];
        let Some(len) = rewrite.write(value, &mut out) else {
            panic!("{value:?} is not rewritten")
        };
        let out = out.get(..len).unwrap_or_default();
        if frame.descriptor.has_structure {
            receivers = Structure::read(out).unwrap_or_default();
        }
        let known = receivers.as_ref()?;
        let (before, after) = (structure.template_ids(), known.template_ids());
        assert_eq!(after.first, (before.first + SHIFT) % 64);
        assert_eq!(after.count, before.count);
        let Ok(again) = FrameDependencies::read(out, known) else { panic!("{out:?} is not read") };
        assert_eq!(again.descriptor.frame_number, frame_number);
        let expected = active_targets.map(|(_, active)| active).or(frame.active_targets);
        assert_eq!(again.active_targets, expected);
        assert!(again.says_the_same_as(&frame));
    }
    receivers
}

impl FrameDependencies {
    fn says_the_same_as(&self, other: &FrameDependencies) -> bool {
        let (own, others) = (&self.descriptor, &other.descriptor);
        (own.starts_frame, own.ends_frame) == (others.starts_frame, others.ends_frame)
            && (self.spatial, self.temporal) == (other.spatial, other.temporal)
            && self.switches == other.switches
            && self.references().eq(other.references())
            && (0..32).all(|target| self.indication(target) == other.indication(target))
            && (0..32).all(|chain| self.chain_distance(chain) == other.chain_distance(chain))
    }
}
