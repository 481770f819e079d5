//! The VP9 payload descriptor (RFC 9628 section 4.2), as far as forwarding needs it.

use super::{Facts, FrameNumbers, Layer, PictureIdField};
use crate::bytes::put;

/// Most earlier pictures that a frame in flexible mode refers to.
const MAX_REFERENCES: usize = 3;

/// A VP9 payload descriptor, and where its numbers lie. The scalability structure is left unread here: a
/// receiver gets it as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vp9Descriptor {
    /// The frame refers to an earlier picture (P).
    pub is_inter_predicted: bool,
    /// Frames name their references (F).
    pub is_flexible: bool,
    /// The packet is the first of its layer's frame (B).
    pub starts_frame: bool,
    /// The packet is the last of its layer's frame (E).
    pub ends_frame: bool,
    /// A scalability structure follows (V).
    pub has_structure: bool,
    /// The layer, if it is told.
    pub layer: Option<Layer>,
    /// The frame refers to the spatial layer below (D).
    pub is_inter_layer_predicted: bool,
    /// No frame of a higher spatial layer refers to this one, in its picture or later (Z).
    pub is_unused_above: bool,
    /// In flexible mode, how many picture ids before its own those of the pictures are that it refers
    /// to (P_DIFF), each 1 to 127; 0 behind the last.
    pub references: [u8; MAX_REFERENCES],
    picture_id: Option<PictureIdField>,
    tl0_picture_index: Option<(u8, usize)>,
    layer_end: usize,
}

impl Vp9Descriptor {
    /// Reads the descriptor at the start of `payload`; `None` when it is cut off or nothing
    /// follows it.
    pub fn read(payload: &[u8]) -> Option<Vp9Descriptor> {
        let first = *payload.first()?;
        let bit = |mask: u8| first & mask != 0;
        let mut descriptor = Vp9Descriptor {
            is_inter_predicted: bit(0x40),
            is_flexible: bit(0x10),
            starts_frame: bit(0x08),
            ends_frame: bit(0x04),
            has_structure: bit(0x02),
            layer: None,
            is_inter_layer_predicted: false,
            is_unused_above: bit(0x01),
            references: [0; MAX_REFERENCES],
            picture_id: None,
            tl0_picture_index: None,
            layer_end: 1,
        };
        let mut at = 1;
        if bit(0x80) {
            let field = PictureIdField::read(payload, at)?;
            at = field.end();
            descriptor.picture_id = Some(field);
        }
        if bit(0x20) {
            let byte = *payload.get(at)?;
            at += 1;
            descriptor.layer = Some(Layer {
                temporal: byte >> 5,
                switches_up: byte & 0x10 != 0,
                spatial: byte >> 1 & 0x07,
            });
            descriptor.is_inter_layer_predicted = byte & 0x01 != 0;
            if !descriptor.is_flexible {
                descriptor.tl0_picture_index = Some((*payload.get(at)?, at));
                at += 1;
            }
        }
        descriptor.layer_end = at;
        if descriptor.is_flexible && descriptor.is_inter_predicted {
            at = descriptor.read_references(payload, at)?;
        }
        (payload.len() > at).then_some(descriptor)
    }

    /// The offset behind the layer: of reference indices, the structure or the frame, whichever comes
    /// first.
    pub(super) fn layer_end(&self) -> usize {
        self.layer_end
    }

    /// Returns the offset behind the references.
    fn read_references(&mut self, payload: &[u8], from: usize) -> Option<usize> {
        let mut end = from;
        for reference in &mut self.references {
            let byte = *payload.get(end)?;
            end += 1;
            *reference = byte >> 1;
            if byte & 0x01 == 0 {
                break;
            }
        }
        Some(end)
    }

    /// The numbers that it carries.
    pub fn numbers(&self) -> FrameNumbers {
        FrameNumbers {
            picture_id: self.picture_id.map(|field| field.id),
            tl0_picture_index: self.tl0_picture_index.map(|(index, _)| index),
            frame_number: None,
        }
    }

    /// Whether the packet is the first of a key picture: its lowest spatial layer, which refers to
    /// nothing.
    pub fn starts_key_frame(&self) -> bool {
        let lowest = self.layer.is_none_or(|layer| layer.spatial == 0);
        self.starts_frame && lowest && !self.is_inter_predicted && !self.is_inter_layer_predicted
    }

    /// Overwrites the numbers it has by those of `numbers`; `payload` is the one it was read from.
    pub fn rewrite(&self, payload: &mut [u8], numbers: &FrameNumbers) {
        if let (Some(field), Some(id)) = (self.picture_id, numbers.picture_id) {
            field.write(payload, id.value);
        }
        if let (Some((_, at)), Some(index)) = (self.tl0_picture_index, numbers.tl0_picture_index) {
            put(payload, at, &[index]);
        }
    }

    pub(super) fn facts(&self) -> Facts {
        Facts {
            starts_frame: self.starts_frame,
            ends_frame: self.ends_frame,
            starts_key_frame: self.starts_key_frame(),
            numbers: self.numbers(),
            layer: self.layer.unwrap_or_default(),
            refers_by_picture_id: true,
        }
    }
}
