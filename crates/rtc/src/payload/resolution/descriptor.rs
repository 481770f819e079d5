//! Picture sizes in the template structure of a dependency descriptor (RTP Payload Format for AV1,
//! appendix A.8.3).

use super::{Resolution, Resolutions};
use crate::payload::{MAX_SPATIAL, Structure};

/// The sizes of the spatial layers, where the descriptor tells them all.
pub(super) fn resolutions(value: &[u8]) -> Option<Resolutions> {
    let structure = Structure::read(value).ok()??;
    let sizes = (0..MAX_SPATIAL).map_while(|spatial| structure.size_of(spatial));
    let mut resolutions = Resolutions::default();
    for (spatial, (width, height)) in sizes.enumerate() {
        resolutions.set(spatial, Resolution::new(width, height)?);
    }
    structure.size_of(0).map(|_| resolutions)
}
