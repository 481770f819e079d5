//! How large the pictures of a stream are, from the packet that begins a key frame.

mod av1;
mod bits;
mod descriptor;
mod h264;
mod vp9;

use super::Vp8Descriptor;
use crate::sdp::Codec;

/// Most spatial layers that a stream can name: VP9 and the payload facts have three bits for them.
const MAX_SPATIAL: usize = 8;

/// Only so much of a header is read: browsers' have 10 to 40 bytes, and the size comes before what makes
/// others longer. It bounds what a hostile one costs.
const MAX_READ_LEN: usize = 128;

/// The size of a picture in pixels, as it is encoded: before a receiver turns it by its orientation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// At least 1.
    pub width: u16,
    /// At least 1.
    pub height: u16,
}

impl Resolution {
    /// `None` for a size that no picture has, or that nobody could show.
    pub(super) fn new(width: u32, height: u32) -> Option<Resolution> {
        let side = |len: u32| u16::try_from(len).ok().filter(|len| *len > 0);
        Some(Resolution { width: side(width)?, height: side(height)? })
    }
}

/// The size of each spatial layer of a stream, as far as it is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resolutions {
    by_spatial: [Option<Resolution>; MAX_SPATIAL],
}

impl Resolutions {
    /// Reads the first packet of a key frame; `None` when it tells no size.
    ///
    /// To be called only for packets whose facts say that they start a key frame: it reads much more of
    /// a packet than forwarding needs. `descriptor` is the header's dependency descriptor or empty.
    pub fn read(codec: Codec, payload: &[u8], descriptor: &[u8]) -> Option<Resolutions> {
        match codec {
            Codec::Opus | Codec::Red => None,
            Codec::Vp8 => {
                let size = Vp8Descriptor::read(payload)?.key_frame_size(payload)?;
                Some(Resolutions::of_layer(0, size))
            }
            Codec::Vp9 { .. } => vp9::resolutions(payload),
            Codec::H264 { .. } => {
                h264::resolution(payload).map(|size| Resolutions::of_layer(0, size))
            }
            // The sequence header knows the largest layer alone.
            Codec::Av1 { .. } => {
                descriptor::resolutions(descriptor).or_else(|| av1::resolutions(payload))
            }
        }
    }

    /// The size of one spatial layer; layer 0 where there is one only.
    pub fn of(&self, spatial: u8) -> Option<Resolution> {
        self.by_spatial.get(usize::from(spatial)).copied().flatten()
    }

    fn of_layer(spatial: usize, size: Resolution) -> Resolutions {
        let mut resolutions = Resolutions::default();
        resolutions.set(spatial, size);
        resolutions
    }

    fn set(&mut self, spatial: usize, size: Resolution) {
        if let Some(place) = self.by_spatial.get_mut(spatial) {
            *place = Some(size);
        }
    }
}

/// What is read of a header.
fn beginning(header: &[u8]) -> &[u8] {
    header.get(..MAX_READ_LEN).unwrap_or(header)
}
