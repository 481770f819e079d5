//! The numbers that payloads and dependency descriptors carry: each goes on where it was, and frames lean on the
//! frames that they are said to lean on.

use parlor_rtc::payload::{FrameDependencies, Structure, Vp8Descriptor, Vp9Descriptor};
use parlor_sim::packets::{Arrived, Carrier, Mark};

/// Most frames that are lost at a time.
const MAX_LOST_FRAMES: u64 = 300;

/// What was told of a frame, and what is true.
#[derive(Clone, Copy, Debug)]
struct Told {
    source: (u32, u8),
    picture: u64,
    frame: u64,
    id: u64,
    base: Option<u8>,
}

/// Follows the numbers of one stream.
pub(super) struct Numbers {
    carrier: Carrier,
    newest: Option<Told>,
    structure: Option<Structure>,
    /// Something is missing behind the newest frame that could be read.
    is_gap: bool,
}

impl Numbers {
    pub(super) fn new(carrier: Carrier) -> Numbers {
        Numbers { carrier, newest: None, structure: None, is_gap: false }
    }

    /// Takes the first packet of the next frame. `is_gap` is whether something is missing in front of it.
    pub(super) fn check(&mut self, mark: &Mark, packet: &Arrived, is_gap: bool) {
        let is_first = mark.part.0 == 0;
        self.is_gap |= is_gap;
        let Some((id, base)) = self.read(mark, packet, is_first) else { return };
        let told = Told {
            source: (mark.publisher, mark.encoding),
            picture: mark.picture,
            frame: mark.frame,
            id,
            base,
        };
        if let Some(newest) = self.newest.replace(told) {
            self.compare(newest, told, mark, self.is_gap);
        }
        self.is_gap = false;
    }

    fn read(&mut self, mark: &Mark, packet: &Arrived, is_first: bool) -> Option<(u64, Option<u8>)> {
        match self.carrier {
            Carrier::H264 => None,
            Carrier::Vp8 => {
                let descriptor = Vp8Descriptor::read(&packet.payload).expect("it has one");
                assert_eq!(descriptor.temporal, Some(mark.temporal));
                assert_eq!(descriptor.starts_frame(), is_first);
                let numbers = descriptor.numbers();
                Some((numbers.picture_id?.value.into(), numbers.tl0_picture_index))
            }
            Carrier::Vp9 => {
                let descriptor = Vp9Descriptor::read(&packet.payload).expect("it has one");
                let layer = descriptor.layer.expect("it is told");
                assert_eq!((layer.spatial, layer.temporal), (mark.spatial, mark.temporal));
                assert_eq!(descriptor.starts_frame, is_first);
                let numbers = descriptor.numbers();
                Some((numbers.picture_id?.value.into(), numbers.tl0_picture_index))
            }
            Carrier::Av1 => self.read_dependencies(mark, packet).map(|number| (number, None)),
        }
    }

    /// Reads the dependency descriptor as a receiver does, with the newest structure that came.
    fn read_dependencies(&mut self, mark: &Mark, packet: &Arrived) -> Option<u64> {
        if let Some(structure) = Structure::read(&packet.descriptor).expect("it has sense") {
            self.structure = Some(structure);
        }
        let structure = self.structure.as_ref();
        let read = structure.map(|it| FrameDependencies::read(&packet.descriptor, it));
        let Some(Ok(read)) = read else {
            // Nothing is understood before a structure has come, and that was lost.
            assert!(self.is_gap, "{mark:?} is not understood");
            return None;
        };
        assert_eq!((read.spatial, read.temporal), (mark.spatial, mark.temporal), "{mark:?}");
        let mut told: Vec<u64> =
            read.references().map(|back| mark.frame - u64::from(back)).collect();
        let mut real = mark.references.clone();
        told.sort_unstable();
        real.sort_unstable();
        assert_eq!(told, real, "{mark:?}");
        Some(read.descriptor.frame_number.into())
    }

    fn compare(&self, newest: Told, told: Told, mark: &Mark, is_gap: bool) {
        let (circle, passed) = match self.carrier {
            Carrier::H264 => return,
            Carrier::Vp8 => (1 << 15, 1),
            Carrier::Vp9 => (1 << 15, told.picture.wrapping_sub(newest.picture)),
            Carrier::Av1 => (1 << 16, told.frame.wrapping_sub(newest.frame)),
        };
        let ahead = (told.id + circle - newest.id) % circle;
        let is_same_source = newest.source == told.source;
        // After a rest a key picture of the same source is a new beginning.
        let may_begin = !is_same_source || mark.references.is_empty();
        let goes_on = is_same_source && ahead == passed;
        let follows = goes_on || (may_begin && ahead == 1);
        // Of what was lost the numbers are unknown, but there are few of them.
        let follows_gap = is_gap && (1..=MAX_LOST_FRAMES).contains(&ahead);
        assert!(follows || follows_gap, "{ahead} ahead: {newest:?}, {told:?}");
        if let (Some(before), Some(base)) = (newest.base, told.base) {
            let steps = base.wrapping_sub(before);
            let is_new_base = mark.temporal == 0 && ahead > 0;
            let is_counted = steps == u8::from(is_new_base) || is_gap;
            assert!(is_counted, "{newest:?}, {told:?}");
        }
    }
}
