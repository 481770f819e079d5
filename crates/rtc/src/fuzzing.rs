//! Bodies of the fuzz targets, which are ordinary property tests too.

mod congestion;
mod connection;
mod descriptors;
mod framings;
mod offers;
mod packets;
pub mod scalable;
mod turn;

pub use congestion::congestion;
pub use connection::{connection, end_handshake, srtp, stun};
pub use descriptors::descriptor;
pub use framings::framings;
pub use offers::{sdp, sdp_answer};
pub use packets::{payload, receive, red, rtcp, rtp, transport_feedback};
pub use turn::turn;
