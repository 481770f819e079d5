//! Bodies of the fuzz targets, which are ordinary property tests too.

mod offers;
mod packets;

pub use offers::sdp;
pub use packets::{rtcp, rtp};
