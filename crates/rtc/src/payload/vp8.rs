//! The VP8 payload descriptor and the start of the frame behind it (RFC 7741 sections 4.2, 4.3).

use super::{Facts, FrameNumbers, Layer, PictureIdField, Resolution};
use crate::bytes::{array_at, put};

/// A VP8 payload descriptor, and where its numbers lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vp8Descriptor {
    /// The packet begins a partition.
    pub starts_partition: bool,
    /// Which partition, 0 to 7.
    pub partition: u8,
    /// No other frame refers to this one.
    pub is_non_reference: bool,
    /// The temporal layer, 0 to 3, if it is told.
    pub temporal: Option<u8>,
    /// The frame depends on the lowest temporal layer alone (Y).
    pub is_layer_sync: bool,
    /// Which key frame the layer's frames depend on, 0 to 31, if it is told.
    pub key_index: Option<u8>,
    picture_id: Option<PictureIdField>,
    tl0_picture_index: Option<(u8, usize)>,
    len: usize,
}

impl Vp8Descriptor {
    /// Reads the descriptor at the start of `payload`; `None` when it is cut off or nothing
    /// follows it.
    pub fn read(payload: &[u8]) -> Option<Vp8Descriptor> {
        let first = *payload.first()?;
        let mut descriptor = Vp8Descriptor {
            starts_partition: first & 0x10 != 0,
            partition: first & 0x07,
            is_non_reference: first & 0x20 != 0,
            temporal: None,
            is_layer_sync: false,
            key_index: None,
            picture_id: None,
            tl0_picture_index: None,
            len: 1,
        };
        if first & 0x80 != 0 {
            descriptor.read_extension(payload)?;
        }
        (payload.len() > descriptor.len).then_some(descriptor)
    }

    fn read_extension(&mut self, payload: &[u8]) -> Option<()> {
        let present = *payload.get(1)?;
        let (has_tid, has_key_index) = (present & 0x20 != 0, present & 0x10 != 0);
        let mut at = 2;
        if present & 0x80 != 0 {
            let field = PictureIdField::read(payload, at)?;
            at = field.end();
            self.picture_id = Some(field);
        }
        if present & 0x40 != 0 {
            self.tl0_picture_index = Some((*payload.get(at)?, at));
            at += 1;
        }
        if has_tid || has_key_index {
            let byte = *payload.get(at)?;
            at += 1;
            // The Y bit means something beside a temporal layer only.
            self.temporal = has_tid.then_some(byte >> 6);
            self.is_layer_sync = has_tid && byte & 0x20 != 0;
            self.key_index = has_key_index.then_some(byte & 0x1F);
        }
        self.len = at;
        Some(())
    }

    /// Bytes in front of the VP8 data.
    pub fn header_len(&self) -> usize {
        self.len
    }

    /// The numbers that it carries.
    pub fn numbers(&self) -> FrameNumbers {
        FrameNumbers {
            picture_id: self.picture_id.map(|field| field.id),
            tl0_picture_index: self.tl0_picture_index.map(|(index, _)| index),
            frame_number: None,
        }
    }

    /// Whether the packet is the first of its frame.
    pub fn starts_frame(&self) -> bool {
        self.starts_partition && self.partition == 0
    }

    /// Whether the packet is the first of a key frame; `payload` is the one it was read from.
    pub fn starts_key_frame(&self, payload: &[u8]) -> bool {
        // The lowest bit of the frame tag is 0 in key frames (RFC 6386 section 9.1).
        self.starts_frame() && payload.get(self.len).is_some_and(|tag| tag & 0x01 == 0)
    }

    /// The size of the picture, in the first packet of a key frame (RFC 6386 section 9.1).
    pub fn key_frame_size(&self, payload: &[u8]) -> Option<Resolution> {
        const START_CODE: [u8; 3] = [0x9D, 0x01, 0x2A];
        let [_, _, _, c0, c1, c2, w0, w1, h0, h1] = array_at(payload, self.len)?;
        if !self.starts_key_frame(payload) || [c0, c1, c2] != START_CODE {
            return None;
        }
        // The two bits above are how to scale it, which nobody does.
        let side = |bytes| u32::from(u16::from_le_bytes(bytes) & 0x3FFF);
        Resolution::new(side([w0, w1]), side([h0, h1]))
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

    pub(super) fn facts(&self, payload: &[u8], by_marker: Facts) -> Facts {
        Facts {
            starts_frame: self.starts_frame(),
            starts_key_frame: self.starts_key_frame(payload),
            numbers: self.numbers(),
            layer: Layer {
                spatial: 0,
                temporal: self.temporal.unwrap_or_default(),
                switches_up: self.is_layer_sync,
            },
            ..by_marker
        }
    }
}
