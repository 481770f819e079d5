//! Bodies of the fuzz targets, which are ordinary property tests too.

mod congestion;
mod connection;
mod offers;
mod packets;

pub use congestion::congestion;
pub use connection::{connection, end_handshake, srtp, stun};
pub use offers::sdp;
pub use packets::{payload, receive, red, rtcp, rtp, transport_feedback};
