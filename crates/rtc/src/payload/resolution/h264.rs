//! The picture size in H.264's sequence parameters (ITU-T H.264 sections 7.3.2.1.1 and 7.4.2.1.1).

use super::bits::Bits;
use super::{Resolution, beginning};
use crate::payload::h264::{nal, units};

/// Profiles whose parameter sets describe the samples (section 7.3.2.1.1).
const PROFILES_WITH_SAMPLES: [u32; 13] =
    [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// `chroma_format_idc` (table 6-1).
mod chroma {
    pub(super) const YUV420: u32 = 1;
    pub(super) const YUV422: u32 = 2;
    pub(super) const YUV444: u32 = 3;
}

/// Width and height of a macroblock.
const MACROBLOCK: u32 = 16;

/// Most entries of `offset_for_ref_frame` (section 7.4.2.1.1).
const MAX_CYCLE: u32 = 255;

pub(super) fn resolution(payload: &[u8]) -> Option<Resolution> {
    let (&header, body) = payload.split_first()?;
    let is_parameters = |header: u8| header & nal::TYPE_MASK == nal::SEQUENCE_PARAMETERS;
    if is_parameters(header) {
        return parameters(body);
    }
    if header & nal::TYPE_MASK != nal::STAP_A {
        return None;
    }
    units(body)
        .filter_map(|unit| unit.split_first())
        .find(|(header, _)| is_parameters(**header))
        .and_then(|(_, body)| parameters(body))
}

/// Reads sequence parameters behind the header of their NAL unit.
fn parameters(body: &[u8]) -> Option<Resolution> {
    let bits = &mut Bits::new(Unescaped::new(beginning(body)));
    let profile = bits.number(8)?;
    bits.skip(8 + 8)?; // constraint flags, level
    bits.exp_golomb()?; // seq_parameter_set_id
    let chroma_array = match PROFILES_WITH_SAMPLES.contains(&profile) {
        true => samples(bits)?,
        false => chroma::YUV420,
    };
    bits.exp_golomb()?; // log2_max_frame_num_minus4
    skip_picture_order(bits)?;
    bits.exp_golomb()?; // max_num_ref_frames
    bits.flag()?; // gaps_in_frame_num_value_allowed_flag
    let width = bits.exp_golomb()?.checked_add(1)?.checked_mul(MACROBLOCK)?;
    let map_height = bits.exp_golomb()?.checked_add(1)?.checked_mul(MACROBLOCK)?;
    // A map unit of a stream that may have fields covers two rows of macroblocks.
    let fields = if bits.flag()? { 1 } else { 2 };
    if fields == 2 {
        bits.flag()?; // mb_adaptive_frame_field_flag
    }
    bits.flag()?; // direct_8x8_inference_flag
    let height = map_height.checked_mul(fields)?;
    let Cropped { x, y } = cropping(bits)?;
    let (unit_x, unit_y) = match chroma_array {
        chroma::YUV420 => (2, 2 * fields),
        chroma::YUV422 => (2, fields),
        _ => (1, fields),
    };
    Resolution::new(
        width.checked_sub(x.checked_mul(unit_x)?)?,
        height.checked_sub(y.checked_mul(unit_y)?)?,
    )
}

/// Reads the description of samples that some profiles have; returns `ChromaArrayType`.
fn samples(bits: &mut Bits<Unescaped<'_>>) -> Option<u32> {
    let format = bits.exp_golomb()?;
    // Planes that are coded apart count as monochrome (section 7.4.2.1.1).
    let is_separate = format == chroma::YUV444 && bits.flag()?;
    bits.exp_golomb()?; // bit_depth_luma_minus8
    bits.exp_golomb()?; // bit_depth_chroma_minus8
    bits.flag()?; // qpprime_y_zero_transform_bypass_flag
    if bits.flag()? {
        let lists = if format == chroma::YUV444 { 12 } else { 8 };
        for list in 0..lists {
            if bits.flag()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(if is_separate { 0 } else { format })
}

/// Section 7.3.2.1.1.1: once a scale is 0 the rest of the list is not written.
fn skip_scaling_list(bits: &mut Bits<Unescaped<'_>>, len: usize) -> Option<()> {
    let mut scale = 8_i32;
    for _ in 0..len {
        scale = scale.checked_add(bits.signed_exp_golomb()?)?.rem_euclid(256);
        if scale == 0 {
            break;
        }
    }
    Some(())
}

fn skip_picture_order(bits: &mut Bits<Unescaped<'_>>) -> Option<()> {
    match bits.exp_golomb()? {
        0 => bits.exp_golomb().map(drop), // log2_max_pic_order_cnt_lsb_minus4
        1 => {
            bits.flag()?; // delta_pic_order_always_zero_flag
            bits.exp_golomb()?; // offset_for_non_ref_pic
            bits.exp_golomb()?; // offset_for_top_to_bottom_field
            let cycle = bits.exp_golomb().filter(|cycle| *cycle <= MAX_CYCLE)?;
            (0..cycle).try_for_each(|_| bits.exp_golomb().map(drop))
        }
        _ => Some(()),
    }
}

/// What is cut off on both sides together, in units of the chroma format.
struct Cropped {
    x: u32,
    y: u32,
}

fn cropping(bits: &mut Bits<Unescaped<'_>>) -> Option<Cropped> {
    if !bits.flag()? {
        return Some(Cropped { x: 0, y: 0 });
    }
    let mut side = || bits.exp_golomb();
    let (left, right, top, bottom) = (side()?, side()?, side()?, side()?);
    Some(Cropped { x: left.checked_add(right)?, y: top.checked_add(bottom)? })
}

/// The bytes of a NAL unit without those that only keep start codes out of it (section 7.4.1.1).
struct Unescaped<'a> {
    bytes: std::slice::Iter<'a, u8>,
    zeros: u8,
}

impl<'a> Unescaped<'a> {
    fn new(bytes: &'a [u8]) -> Unescaped<'a> {
        Unescaped { bytes: bytes.iter(), zeros: 0 }
    }
}

impl Iterator for Unescaped<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        const ESCAPE: u8 = 3;
        let mut byte = *self.bytes.next()?;
        if self.zeros == 2 && byte == ESCAPE {
            self.zeros = 0;
            byte = *self.bytes.next()?;
        }
        self.zeros = if byte == 0 { (self.zeros + 1).min(2) } else { 0 };
        Some(byte)
    }
}
