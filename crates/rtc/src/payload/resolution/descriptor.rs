//! Picture sizes in the template structure of a dependency descriptor (RTP Payload Format for AV1,
//! appendix A.8.3).

use super::bits::Bits;
use super::{MAX_SPATIAL, Resolution, Resolutions};

/// Bytes of the mandatory fields in front.
const MANDATORY_LEN: usize = 3;

/// Most templates of a structure (appendix A.4).
const MAX_TEMPLATES: u32 = 64;

pub(super) fn resolutions(value: &[u8]) -> Option<Resolutions> {
    let bits = &mut Bits::new(value.get(MANDATORY_LEN..)?.iter().copied());
    if !bits.flag()? {
        return None;
    }
    bits.skip(4 + 6)?; // what else is there, template_id_offset
    let targets = bits.number(5)? + 1;
    let Templates { count, spatial_layers } = templates(bits)?;
    bits.skip(2 * count * targets)?; // template_dti
    for _ in 0..count {
        while bits.flag()? {
            bits.skip(4)?; // fdiff_minus_one
        }
    }
    skip_chains(bits, targets, count)?;
    if !bits.flag()? {
        return None;
    }
    let mut resolutions = Resolutions::default();
    for spatial in 0..spatial_layers {
        let (width, height) = (bits.number(16)?, bits.number(16)?);
        resolutions.set(spatial, Resolution::new(width + 1, height + 1)?);
    }
    Some(resolutions)
}

struct Templates {
    count: u32,
    spatial_layers: usize,
}

fn templates<I: Iterator<Item = u8>>(bits: &mut Bits<I>) -> Option<Templates> {
    const NEXT_SPATIAL: u32 = 2;
    const END: u32 = 3;
    let mut spatial_layers = 1;
    for count in 1..=MAX_TEMPLATES {
        match bits.number(2)? {
            NEXT_SPATIAL => spatial_layers += 1,
            END if spatial_layers <= MAX_SPATIAL => {
                return Some(Templates { count, spatial_layers });
            }
            END => return None,
            _ => {}
        }
    }
    None
}

fn skip_chains<I: Iterator<Item = u8>>(
    bits: &mut Bits<I>,
    targets: u32,
    templates: u32,
) -> Option<()> {
    let chains = bits.below(targets + 1)?;
    if chains == 0 {
        return Some(());
    }
    for _ in 0..targets {
        bits.below(chains)?; // decode_target_protected_by
    }
    bits.skip(4 * templates * chains) // template_chain_fdiff
}
