//! A TURN server for our own media (RFC 8656).

mod channel;
pub mod credentials;
pub mod framing;

pub use channel::{CHANNEL_HEADER_LEN, is_channel_data};
pub use credentials::{Login, Secret};
