//! Writes a descriptor anew for a receiver who has other numbers, and not all of the layers.

use super::bits::{BitReader, BitWriter};
use super::frame::{Flags, FrameDependencies};
use super::structure::{Structure, TEMPLATE_IDS};
use super::{DependencyDescriptor, FRAME_NUMBER_AT, MANDATORY_LEN};
use crate::bytes::put;

/// What of a descriptor is to be another for a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescriptorRewrite<'a> {
    /// The frame's number.
    pub frame_number: u16,
    /// What is added, wrapping behind 63, to the ids of templates.
    pub template_shift: u8,
    /// The structure that the descriptor leans on and the decode targets that the receiver is sent,
    /// where they are to be told.
    pub active_targets: Option<(&'a Structure, u32)>,
}

impl DescriptorRewrite<'_> {
    /// Writes `value` anew to the start of `out` and returns its length; `None` when it is not one
    /// that can be rewritten, or is too long.
    pub fn write(&self, value: &[u8], out: &mut [u8]) -> Option<usize> {
        let descriptor = DependencyDescriptor::read(value)?;
        let len = match self.active_targets {
            Some((structure, active)) => self.write_active(value, structure, active, out)?,
            // The id of its first template is to be shifted, which is all that has to be known of it.
            None if descriptor.has_structure => self.write_structure(value, out)?,
            None => {
                put(out, 0, value).then_some(())?;
                value.len()
            }
        };
        let shifted = self.shifted(descriptor.template_id);
        put(out, 0, &[value.first()? & !(TEMPLATE_IDS - 1) | shifted]).then_some(())?;
        put(out, FRAME_NUMBER_AT, &self.frame_number.to_be_bytes()).then_some(len)
    }

    fn write_structure(&self, value: &[u8], out: &mut [u8]) -> Option<usize> {
        let (from, out_bits) = &mut bits(value, out)?;
        let end = 8 * value.get(MANDATORY_LEN..)?.len();
        out_bits.copy(from, 5).ok()?;
        self.copy_first_id(from, out_bits)?;
        out_bits.copy(from, end).ok()?;
        put(out, 0, value.get(..MANDATORY_LEN)?).then_some(value.len())
    }

    fn write_active(
        &self,
        value: &[u8],
        structure: &Structure,
        active: u32,
        out: &mut [u8],
    ) -> Option<usize> {
        let frame = FrameDependencies::read(value, structure).ok()?;
        let (mut from, mut out_bits) = bits(value, out)?;
        let has_flags = value.len() > MANDATORY_LEN;
        let flags = if has_flags { Flags::read(&mut from).ok()? } else { Flags::default() };
        out_bits.flag(flags.structure);
        out_bits.flag(true);
        out_bits.flag(flags.custom_indications);
        out_bits.flag(flags.custom_references);
        out_bits.flag(flags.custom_chains);
        if flags.structure {
            let end = from.position() + structure.len_bits;
            self.copy_first_id(&mut from, &mut out_bits)?;
            out_bits.copy(&mut from, end).ok()?;
        }
        out_bits.number(active, structure.targets.into());
        let (custom_start, custom_end) = frame.custom_bits;
        while from.position() < custom_start {
            from.flag().ok()?;
        }
        out_bits.copy(&mut from, custom_end).ok()?;
        Some(MANDATORY_LEN + out_bits.finish()?)
    }

    fn copy_first_id(&self, from: &mut BitReader<'_>, out: &mut BitWriter<'_>) -> Option<()> {
        let first_id = from.number(TEMPLATE_IDS.ilog2()).ok()?;
        out.number(self.shifted(first_id as u8).into(), TEMPLATE_IDS.ilog2());
        Some(())
    }

    fn shifted(&self, template_id: u8) -> u8 {
        template_id.wrapping_add(self.template_shift) % TEMPLATE_IDS
    }
}

/// What follows the mandatory fields, to read from and to write to.
fn bits<'a, 'b>(value: &'a [u8], out: &'b mut [u8]) -> Option<(BitReader<'a>, BitWriter<'b>)> {
    let from = BitReader::new(value.get(MANDATORY_LEN..)?);
    Some((from, BitWriter::new(out.get_mut(MANDATORY_LEN..)?)))
}
