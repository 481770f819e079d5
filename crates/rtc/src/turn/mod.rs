//! TURN (RFC 8656).

mod channel;
pub mod framing;

pub use channel::{CHANNEL_HEADER_LEN, is_channel_data};
