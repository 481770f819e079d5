//! What a descriptor says of its frame when the structure that it leans on is known
//! (RTP Payload Format for AV1, appendix A, `frame_dependency_definition`).

use super::bits::BitReader;
use super::structure::{Indication, Indications, MAX_TARGETS, Structure};
use super::{DependencyDescriptor, InvalidDescriptor, MANDATORY_LEN};
use crate::payload::LayerSet;

/// Most frames that one frame refers to: a template can name no more. No codec has more than 8
/// places to keep them.
const MAX_REFERENCES: usize = 16;

/// The extended fields that say what else there is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    pub(super) structure: bool,
    pub(super) active_targets: bool,
    pub(super) custom_indications: bool,
    pub(super) custom_references: bool,
    pub(super) custom_chains: bool,
}

impl Flags {
    pub(super) fn read(bits: &mut BitReader<'_>) -> Result<Flags, InvalidDescriptor> {
        Ok(Flags {
            structure: bits.flag()?,
            active_targets: bits.flag()?,
            custom_indications: bits.flag()?,
            custom_references: bits.flag()?,
            custom_chains: bits.flag()?,
        })
    }
}

/// Everything that one descriptor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameDependencies {
    /// What it says without a structure.
    pub descriptor: DependencyDescriptor,
    /// Picture size, 0 is the smallest. At most 3.
    pub spatial: u8,
    /// Frame rate, 0 is the lowest. At most 7.
    pub temporal: u8,
    /// The qualities that a receiver which can decode the frame may be sent from it on.
    pub switches: LayerSet,
    /// The decode targets that are being sent, bit n for target n, where the packet says so.
    pub active_targets: Option<u32>,
    indications: Indications,
    references: [u16; MAX_REFERENCES],
    chain_distances: [u8; MAX_TARGETS],
    chains: u8,
    /// Where what is not about active targets goes on, and where it ends: bits behind the mandatory
    /// fields.
    pub(super) custom_bits: (usize, usize),
}

impl FrameDependencies {
    /// Reads the value of the header extension. `structure` is the one that comes with it, or came
    /// with the frame that began the sequence.
    ///
    /// # Errors
    ///
    /// When the value is cut off, or names a template that the structure does not have: then the
    /// structure is another sequence's.
    pub fn read(
        value: &[u8],
        structure: &Structure,
    ) -> Result<FrameDependencies, InvalidDescriptor> {
        let descriptor = DependencyDescriptor::read(value).ok_or(InvalidDescriptor::CutOff)?;
        let id = descriptor.template_id;
        let template = structure.template(id).ok_or(InvalidDescriptor::UnknownTemplate(id))?;
        let extended = value.get(MANDATORY_LEN..).unwrap_or_default();
        let bits = &mut BitReader::new(extended);
        let flags = if extended.is_empty() { Flags::default() } else { Flags::read(bits)? };
        if flags.structure {
            bits_behind(bits, structure.len_bits)?;
        }
        let mut active_targets = flags.structure.then(|| all_of(structure.targets));
        if flags.active_targets {
            active_targets = Some(read_mask(bits, structure.targets)?);
        }
        let custom_start = bits.position();
        let indications = match flags.custom_indications {
            true => Indications::read(bits, structure.targets)?,
            false => template.indications,
        };
        let references = match flags.custom_references {
            true => custom_references(bits)?,
            false => references_of(template.references),
        };
        let mut chain_distances = [0; MAX_TARGETS];
        for (chain, distance) in (0..structure.chains).zip(&mut chain_distances) {
            *distance = match flags.custom_chains {
                true => bits.number(8)? as u8,
                false => (template.chain_distances >> (4 * chain) & 0xF) as u8,
            };
        }
        Ok(FrameDependencies {
            descriptor,
            spatial: template.spatial,
            temporal: template.temporal,
            switches: structure.switches(indications),
            active_targets,
            indications,
            references,
            chain_distances,
            chains: structure.chains,
            custom_bits: (custom_start, bits.position()),
        })
    }

    /// What the frame is to a decode target of its structure.
    pub fn indication(&self, target: u8) -> Indication {
        self.indications.of(target)
    }

    /// How many numbers before its own those of the frames are that it refers to.
    pub fn references(&self) -> impl Iterator<Item = u16> + '_ {
        self.references.iter().copied().take_while(|distance| *distance > 0)
    }

    /// How many numbers before its own that of the last frame of a chain is, 0 where the chain begins
    /// with it; `None` when there is no such chain.
    pub fn chain_distance(&self, chain: u8) -> Option<u8> {
        (chain < self.chains).then(|| self.chain_distances.get(usize::from(chain)).copied())?
    }
}

fn bits_behind(bits: &mut BitReader<'_>, count: usize) -> Result<(), InvalidDescriptor> {
    (0..count).try_for_each(|_| bits.flag().map(drop))
}

/// Every target is active where a structure comes without a word on it.
fn all_of(targets: u8) -> u32 {
    u32::MAX >> (MAX_TARGETS as u8 - targets)
}

/// The mask is written like a number, so that the last target comes first.
fn read_mask(bits: &mut BitReader<'_>, targets: u8) -> Result<u32, InvalidDescriptor> {
    bits.number(targets.into())
}

fn references_of(template: u16) -> [u16; MAX_REFERENCES] {
    let mut references = [0; MAX_REFERENCES];
    let distances = (1..=u16::BITS as u16).filter(|distance| template >> (distance - 1) & 1 == 1);
    for (reference, distance) in references.iter_mut().zip(distances) {
        *reference = distance;
    }
    references
}

fn custom_references(bits: &mut BitReader<'_>) -> Result<[u16; MAX_REFERENCES], InvalidDescriptor> {
    let mut references = [0; MAX_REFERENCES];
    let mut places = references.iter_mut();
    loop {
        let size = bits.number(2)?;
        if size == 0 {
            return Ok(references);
        }
        let distance = bits.number(4 * size)? as u16 + 1;
        *places.next().ok_or(InvalidDescriptor::TooManyReferences)? = distance;
    }
}
