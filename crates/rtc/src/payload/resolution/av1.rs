//! The picture size in AV1's sequence header (AV1 bitstream specification, sections 5.3 and 5.5).

use super::bits::Bits;
use super::{Resolution, Resolutions, beginning};
use crate::payload::av1::{elements, obu};

/// A sequence header comes first, or behind a temporal delimiter that should not be there.
const MAX_LOOKED_AT: usize = 2;

/// Lowest level that has tiers (section 5.5.1).
const TIERS_ABOVE_LEVEL: u32 = 7;

pub(super) fn resolutions(payload: &[u8]) -> Option<Resolutions> {
    elements(payload)?.take(MAX_LOOKED_AT).find_map(|element| {
        let (&header, rest) = element.split_first()?;
        (header >> 3 & 0x0F == obu::SEQUENCE_HEADER).then(|| sequence(header, rest))?
    })
}

/// Reads a sequence header behind the first byte of its OBU.
fn sequence(header: u8, rest: &[u8]) -> Option<Resolutions> {
    let (has_extension, has_size) = (header & 0x04 != 0, header & 0x02 != 0);
    let bits = &mut Bits::new(beginning(rest).iter().copied());
    bits.skip(if has_extension { 8 } else { 0 })?;
    // leb128: a byte goes on when its first bit is set.
    while has_size && bits.number(8)? & 0x80 != 0 {}
    bits.skip(3 + 1)?; // seq_profile, still_picture
    let is_reduced = bits.flag()?;
    let layers = if is_reduced {
        bits.skip(5)?; // seq_level_idx
        0
    } else {
        spatial_layers(bits)?
    };
    let (width_bits, height_bits) = (bits.number(4)? + 1, bits.number(4)? + 1);
    let (width, height) = (bits.number(width_bits)?, bits.number(height_bits)?);
    let largest = layers.checked_ilog2().unwrap_or_default() as usize;
    Some(Resolutions::of_layer(largest, Resolution::new(width + 1, height + 1)?))
}

/// Reads timing and operating points; returns the bits of the spatial layers that the first point, which
/// is everything, has. 0 when the stream is not scalable.
fn spatial_layers<I: Iterator<Item = u8>>(bits: &mut Bits<I>) -> Option<u32> {
    let delay_len = timing(bits)?;
    let has_initial_delay = bits.flag()?;
    let points = bits.number(5)? + 1;
    let mut layers = 0;
    for point in 0..points {
        let operating_point = bits.number(12)?;
        if point == 0 {
            layers = operating_point >> 8;
        }
        if bits.number(5)? > TIERS_ABOVE_LEVEL {
            bits.flag()?; // seq_tier
        }
        if let Some(len) = delay_len
            && bits.flag()?
        {
            bits.skip(2 * len + 1)?; // both delays, low_delay_mode_flag
        }
        if has_initial_delay && bits.flag()? {
            bits.skip(4)?; // initial_display_delay_minus_1
        }
    }
    Some(layers)
}

/// Reads the timing of pictures; the inner `Some` is the length of delays when there is a decoder model.
fn timing<I: Iterator<Item = u8>>(bits: &mut Bits<I>) -> Option<Option<u32>> {
    if !bits.flag()? {
        return Some(None);
    }
    bits.skip(32 + 32)?; // num_units_in_display_tick, time_scale
    if bits.flag()? {
        bits.exp_golomb()?; // num_ticks_per_picture_minus_1
    }
    if !bits.flag()? {
        return Some(None);
    }
    let delay_len = bits.number(5)? + 1;
    bits.skip(32 + 5 + 5)?; // num_units_in_decoding_tick, lengths of other times
    Some(Some(delay_len))
}
