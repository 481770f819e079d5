//! Picture sizes of VP9: from the scalability structure of its payload descriptor (RFC 9628 section
//! 4.2.1), else from the uncompressed header of the frame (VP9 bitstream specification, section 6.2).

use super::bits::Bits;
use super::{Resolution, Resolutions};
use crate::bytes::u16_at;
use crate::payload::Vp9Descriptor;

/// Bytes of a width and a height in the structure.
const SIZE_LEN: usize = 4;

pub(super) fn resolutions(payload: &[u8]) -> Option<Resolutions> {
    let descriptor = Vp9Descriptor::read(payload).filter(Vp9Descriptor::starts_key_frame)?;
    // Nothing that a key frame refers to lies in between.
    let mut frame = payload.get(descriptor.layer_end()..)?;
    if descriptor.has_structure {
        let (&first, rest) = frame.split_first()?;
        if first & 0x10 != 0 {
            return sizes(rest, usize::from(first >> 5) + 1);
        }
        frame = if first & 0x08 != 0 { behind_group(rest)? } else { rest };
    }
    Some(Resolutions::of_layer(0, frame_size(frame)?))
}

fn sizes(bytes: &[u8], layers: usize) -> Option<Resolutions> {
    let mut resolutions = Resolutions::default();
    for spatial in 0..layers {
        let at = spatial * SIZE_LEN;
        let (width, height) = (u16_at(bytes, at)?, u16_at(bytes, at + 2)?);
        // A layer of no size is one that is not sent.
        if let Some(size) = Resolution::new(width.into(), height.into()) {
            resolutions.set(spatial, size);
        }
    }
    (resolutions != Resolutions::default()).then_some(resolutions)
}

/// What follows the description of a group of pictures.
fn behind_group(bytes: &[u8]) -> Option<&[u8]> {
    let (&pictures, mut rest) = bytes.split_first()?;
    for _ in 0..pictures {
        let (&picture, behind) = rest.split_first()?;
        let references = usize::from(picture >> 2 & 0x03);
        rest = behind.get(references..)?;
    }
    Some(rest)
}

fn frame_size(frame: &[u8]) -> Option<Resolution> {
    const FRAME_MARKER: u32 = 2;
    const SYNC_CODE: u32 = 0x49_83_42;
    const SRGB: u32 = 7;
    let bits = &mut Bits::new(frame.iter().copied());
    let marker = bits.number(2)?;
    let profile = u32::from(bits.flag()?) | u32::from(bits.flag()?) << 1;
    if profile == 3 {
        bits.flag()?;
    }
    let (shows_existing, is_inter) = (bits.flag()?, bits.flag()?);
    bits.skip(2)?; // show_frame, error_resilient_mode
    if marker != FRAME_MARKER || shows_existing || is_inter || bits.number(24)? != SYNC_CODE {
        return None;
    }
    if profile >= 2 {
        bits.flag()?; // ten_or_twelve_bit
    }
    let has_subsampling = profile % 2 == 1;
    match bits.number(3)? {
        SRGB => bits.skip(u32::from(has_subsampling))?,
        // color_range, and in odd profiles both subsamplings and a reserved bit
        _ => bits.skip(if has_subsampling { 4 } else { 1 })?,
    }
    let (width, height) = (bits.number(16)?, bits.number(16)?);
    Resolution::new(width + 1, height + 1)
}
