//! What the payload of a packet says about its frame, and the numbers in it that a slot rewrites:
//! Opus, RED, VP8, VP9, H.264, AV1 and the dependency descriptor.

mod av1;
mod dependency_descriptor;
mod h264;
mod layers;
mod red;
mod resolution;
mod vp8;
mod vp9;

use crate::sdp::Codec;

pub use dependency_descriptor::{
    DependencyDescriptor, DescriptorRewrite, FrameDependencies, Indication, InvalidDescriptor,
    Structure, TemplateIds,
};
pub use layers::{LayerSet, MAX_SPATIAL, MAX_TEMPORAL};
pub use red::{MAX_BLOCKS, Red};
pub use resolution::{Resolution, Resolutions};
pub use vp8::Vp8Descriptor;
pub use vp9::Vp9Descriptor;

/// What one packet says about the frame that it is part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// It is the first packet of a frame (with spatial layers: of one layer's frame).
    pub starts_frame: bool,
    /// It is the last packet of a frame (with spatial layers: of one layer's frame).
    pub ends_frame: bool,
    /// It is the first packet from which a receiver can begin to decode. Sound begins anywhere.
    pub starts_key_frame: bool,
    /// The frame's numbers, as far as the codec and the header carry any.
    pub numbers: FrameNumbers,
    /// The layer of a scalable stream; the lowest where there is one only.
    pub layer: Layer,
    /// Frames refer to others by how many picture ids these lie back, as in VP9: the ids of pictures
    /// that a receiver is not sent have to stay unused.
    pub refers_by_picture_id: bool,
}

/// The numbers that have to go on without a break for a receiver, whatever it is fed from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameNumbers {
    /// Picture id of VP8 (RFC 7741 section 4.2) or VP9 (RFC 9628 section 4.2).
    pub picture_id: Option<PictureId>,
    /// TL0PICIDX of VP8 or VP9: counts the frames of the lowest temporal layer.
    pub tl0_picture_index: Option<u8>,
    /// frame_number of the dependency descriptor.
    pub frame_number: Option<u16>,
}

/// A picture id, which has 7 or 15 bits on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureId {
    /// The number; smaller than 128 if not `wide`.
    pub value: u16,
    /// Whether it takes 15 bits rather than 7.
    pub wide: bool,
}

/// A layer inside one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    /// Picture size, 0 is the smallest. At most 7.
    pub spatial: u8,
    /// Frame rate, 0 is the lowest. At most 7.
    pub temporal: u8,
    /// From this frame on, a receiver of lower temporal layers may be sent this one.
    pub switches_up: bool,
}

/// A packet of sound is a frame, and one to begin with.
const SOUND: Facts = Facts {
    starts_frame: true,
    ends_frame: true,
    starts_key_frame: true,
    numbers: FrameNumbers { picture_id: None, tl0_picture_index: None, frame_number: None },
    refers_by_picture_id: false,
    layer: Layer { spatial: 0, temporal: 0, switches_up: false },
};

impl Facts {
    /// Reads the payload of one packet, without padding; `None` when it is too short or broken,
    /// so that no receiver could use it.
    ///
    /// `marker` is the header's marker bit, `descriptor` its dependency descriptor or empty. Where
    /// there is a descriptor it says where frames begin and end; else the codec's own bits do.
    pub fn read(codec: Codec, payload: &[u8], marker: bool, descriptor: &[u8]) -> Option<Facts> {
        let by_marker = Facts { ends_frame: marker, ..Facts::default() };
        let facts = match codec {
            Codec::Opus => SOUND,
            Codec::Red => Red::read(payload).map(|_| SOUND)?,
            Codec::Vp8 => Vp8Descriptor::read(payload)?.facts(payload, by_marker),
            Codec::Vp9 { .. } => Vp9Descriptor::read(payload)?.facts(),
            Codec::H264 { .. } => h264::facts(payload, by_marker)?,
            Codec::Av1 { .. } => av1::facts(payload, by_marker)?,
        };
        match DependencyDescriptor::read(descriptor) {
            Some(descriptor) => Some(descriptor.refine(codec, facts)),
            None => Some(facts),
        }
    }
}

/// Gives the frame in `payload` the numbers of its receiver, in place and in the width that they
/// have. Numbers that the payload does not carry are left out.
pub fn rewrite(codec: Codec, payload: &mut [u8], numbers: &FrameNumbers) {
    match codec {
        Codec::Vp8 => {
            if let Some(descriptor) = Vp8Descriptor::read(payload) {
                descriptor.rewrite(payload, numbers);
            }
        }
        Codec::Vp9 { .. } => {
            if let Some(descriptor) = Vp9Descriptor::read(payload) {
                descriptor.rewrite(payload, numbers);
            }
        }
        Codec::Opus | Codec::Red | Codec::H264 { .. } | Codec::Av1 { .. } => {}
    }
}

/// Where a picture id lies in a payload, which VP8 and VP9 write alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PictureIdField {
    id: PictureId,
    at: usize,
}

impl PictureIdField {
    fn read(payload: &[u8], at: usize) -> Option<PictureIdField> {
        let first = *payload.get(at)?;
        let id = if first & 0x80 == 0 {
            PictureId { value: u16::from(first), wide: false }
        } else {
            PictureId { value: crate::bytes::u16_at(payload, at)? & 0x7FFF, wide: true }
        };
        Some(PictureIdField { id, at })
    }

    /// The offset behind it.
    fn end(&self) -> usize {
        self.at + if self.id.wide { 2 } else { 1 }
    }

    fn write(&self, payload: &mut [u8], value: u16) {
        if self.id.wide {
            crate::bytes::put(payload, self.at, &(value | 0x8000).to_be_bytes());
        } else {
            crate::bytes::put(payload, self.at, &[value as u8 & 0x7F]);
        }
    }
}
