//! WebSockets at `/socket/websocket`: who may open one, and its life.

mod connection;
mod memory;
mod meter;
pub mod origin;
mod outbox;
mod pulse;

pub use connection::{MAX_FRAME_LEN, serve};
pub use meter::Meter;
pub use outbox::{Closing, MAX_QUEUED_BYTES, MAX_QUEUED_FRAMES, Outbox};
pub use pulse::{Pulse, QUIET};
