//! The template structure: what the frames of a coded video sequence have in common, told once where
//! the sequence begins (RTP Payload Format for AV1, appendix A, `template_dependency_structure`).

use super::bits::BitReader;
use super::{InvalidDescriptor, MANDATORY_LEN};
use crate::payload::{LayerSet, MAX_SPATIAL, MAX_TEMPORAL};

/// Template ids have so many bits.
const TEMPLATE_ID_BITS: u32 = 6;

/// So many ids there are, and so many templates at most.
pub(super) const TEMPLATE_IDS: u8 = 1 << TEMPLATE_ID_BITS;

/// Most decode targets: their count has 5 bits.
pub(super) const MAX_TARGETS: usize = 32;

/// What a frame is to a decode target (table A.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indication {
    /// It does not belong to it.
    NotPresent,
    /// It belongs to it, and nothing in it refers to the frame.
    Discardable,
    /// All that follows of the target can be decoded by whoever can decode the frame.
    Switch,
    /// It belongs to it, and more cannot be said.
    Required,
}

/// Two bits for each decode target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Indications(u64);

impl Indications {
    pub(super) fn read(
        bits: &mut BitReader<'_>,
        targets: u8,
    ) -> Result<Indications, InvalidDescriptor> {
        let mut indications = 0;
        for target in 0..targets {
            indications |= u64::from(bits.number(2)?) << (2 * target);
        }
        Ok(Indications(indications))
    }

    pub(super) fn of(self, target: u8) -> Indication {
        match self.0.checked_shr(2 * u32::from(target)).unwrap_or_default() & 3 {
            0 => Indication::NotPresent,
            1 => Indication::Discardable,
            2 => Indication::Switch,
            _ => Indication::Required,
        }
    }
}

/// What frames that name it have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) spatial: u8,
    pub(super) temporal: u8,
    pub(super) indications: Indications,
    /// Bit n: the frame n + 1 numbers before is referred to.
    pub(super) references: u16,
    /// Four bits for each chain: how many numbers before the last frame of the chain is.
    pub(super) chain_distances: u128,
}

/// What the frames of one coded video sequence have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    pub(super) first_id: u8,
    pub(super) targets: u8,
    pub(super) chains: u8,
    templates: Box<[Template]>,
    /// By decode target, its highest spatial and temporal layer.
    layers: [(u8, u8); MAX_TARGETS],
    protected_by: [u8; MAX_TARGETS],
    /// By spatial layer, the width and height of its pictures; 0 where they are not told.
    sizes: [(u32, u32); MAX_SPATIAL as usize],
    /// Bits that it takes.
    pub(super) len_bits: usize,
}

/// The ids by which the frames of a sequence name its templates. They wrap behind 63.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateIds {
    /// The first of them, below 64.
    pub first: u8,
    /// How many, 1 to 64.
    pub count: u8,
}

impl Structure {
    /// Reads the structure that comes with a descriptor; `None` when none does.
    ///
    /// # Errors
    ///
    /// When it is cut off, or names more layers than there can be.
    pub fn read(value: &[u8]) -> Result<Option<Structure>, InvalidDescriptor> {
        let extended = value.get(MANDATORY_LEN..).ok_or(InvalidDescriptor::CutOff)?;
        if extended.first().is_none_or(|flags| flags & 0x80 == 0) {
            return Ok(None);
        }
        let mut bits = BitReader::new(extended);
        bits.number(5)?; // the flags
        Structure::read_bits(&mut bits).map(Some)
    }

    fn read_bits(bits: &mut BitReader<'_>) -> Result<Structure, InvalidDescriptor> {
        let start = bits.position();
        let first_id = bits.number(TEMPLATE_ID_BITS)? as u8;
        let targets = bits.number(5)? as u8 + 1;
        let mut templates = templates_with_layers(bits)?;
        for template in &mut templates {
            template.indications = Indications::read(bits, targets)?;
        }
        for template in &mut templates {
            while bits.flag()? {
                template.references |= 1 << bits.number(4)?;
            }
        }
        let chains = bits.below(u32::from(targets) + 1)? as u8;
        let mut protected_by = [0; MAX_TARGETS];
        if chains > 0 {
            for chain in protected_by.iter_mut().take(usize::from(targets)) {
                *chain = bits.below(chains.into())? as u8;
            }
            for template in &mut templates {
                for chain in 0..chains {
                    template.chain_distances |= u128::from(bits.number(4)?) << (4 * chain);
                }
            }
        }
        let mut sizes = [(0, 0); MAX_SPATIAL as usize];
        if bits.flag()? {
            let layers = templates.last().map_or(0, |last| usize::from(last.spatial) + 1);
            for size in sizes.iter_mut().take(layers) {
                *size = (bits.number(16)? + 1, bits.number(16)? + 1);
            }
        }
        Ok(Structure {
            first_id,
            targets,
            chains,
            layers: layers_of_targets(&templates),
            templates: templates.into_boxed_slice(),
            protected_by,
            sizes,
            len_bits: bits.position() - start,
        })
    }

    /// How many decode targets there are, 1 to 32.
    pub fn targets(&self) -> u8 {
        self.targets
    }

    /// The highest spatial and temporal layer that a decode target has; `None` when there is no such
    /// target.
    pub fn layers_of(&self, target: u8) -> Option<(u8, u8)> {
        (target < self.targets).then(|| self.layers.get(usize::from(target)).copied())?
    }

    /// The qualities that its decode targets are.
    pub fn layers(&self) -> LayerSet {
        let mut all = LayerSet::default();
        for &(spatial, temporal) in self.layers.iter().take(usize::from(self.targets)) {
            all.insert(spatial, temporal);
        }
        all
    }

    /// The chain that tells whether all of a decode target has come; `None` when none does.
    pub fn chain_of(&self, target: u8) -> Option<u8> {
        let known = target < self.targets && self.chains > 0;
        known.then(|| self.protected_by.get(usize::from(target)).copied())?
    }

    /// The width and height of the pictures of a spatial layer, in pixels, if they are told.
    pub fn size_of(&self, spatial: u8) -> Option<(u32, u32)> {
        let size = self.sizes.get(usize::from(spatial)).copied();
        size.filter(|&(width, height)| width > 0 && height > 0)
    }

    /// The ids of its templates.
    pub fn template_ids(&self) -> TemplateIds {
        TemplateIds { first: self.first_id, count: self.templates.len() as u8 }
    }

    /// The decode targets that need no layer above these, as a descriptor writes them: bit n for
    /// target n.
    pub fn targets_within(&self, spatial: u8, temporal: u8) -> u32 {
        let within = |target: &u8| {
            self.layers_of(*target)
                .is_some_and(|layers| layers.0 <= spatial && layers.1 <= temporal)
        };
        (0..self.targets).filter(within).fold(0, |mask, target| mask | 1 << target)
    }

    /// The template that frames name by this id.
    pub(super) fn template(&self, id: u8) -> Option<&Template> {
        let index = id.wrapping_sub(self.first_id) % TEMPLATE_IDS;
        self.templates.get(usize::from(index))
    }

    /// The qualities for whose decode targets a frame is a switch.
    pub(super) fn switches(&self, indications: Indications) -> LayerSet {
        let (mut switches, mut others) = (LayerSet::default(), LayerSet::default());
        for (target, &(spatial, temporal)) in (0..self.targets).zip(&self.layers) {
            match indications.of(target) {
                Indication::Switch => switches.insert(spatial, temporal),
                _ => others.insert(spatial, temporal),
            }
        }
        // Where two targets have the same layers, both have to be ready.
        switches.without(others)
    }
}

/// Reads the layers of templates; the rest of them comes later.
fn templates_with_layers(bits: &mut BitReader<'_>) -> Result<Vec<Template>, InvalidDescriptor> {
    let (mut spatial, mut temporal) = (0, 0);
    let mut templates = Vec::new();
    loop {
        if templates.len() == usize::from(TEMPLATE_IDS) {
            return Err(InvalidDescriptor::TooManyTemplates);
        }
        let indications = Indications(0);
        let (references, chain_distances) = (0, 0);
        templates.push(Template { spatial, temporal, indications, references, chain_distances });
        match bits.number(2)? {
            0 => {}
            1 => temporal += 1,
            2 => (spatial, temporal) = (spatial + 1, 0),
            _ => return Ok(templates),
        }
        if spatial >= MAX_SPATIAL || temporal >= MAX_TEMPORAL {
            return Err(InvalidDescriptor::TooManyLayers);
        }
    }
}

/// A decode target has the layers that any frame of it has.
fn layers_of_targets(templates: &[Template]) -> [(u8, u8); MAX_TARGETS] {
    let mut layers = [(0, 0); MAX_TARGETS];
    for (target, highest) in (0..).zip(&mut layers) {
        let is_present =
            |template: &&Template| template.indications.of(target) != Indication::NotPresent;
        for template in templates.iter().filter(is_present) {
            highest.0 = template.spatial.max(highest.0);
            highest.1 = template.temporal.max(highest.1);
        }
    }
    layers
}
