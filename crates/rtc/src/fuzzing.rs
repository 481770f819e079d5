//! Bodies of the fuzz targets, which are ordinary property tests too.

mod connection;
mod offers;
mod packets;

pub use connection::{connection, end_handshake, srtp, stun};
pub use offers::sdp;
pub use packets::{payload, receive, rtcp, rtp, transport_feedback};
