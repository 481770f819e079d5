//! Simulated browsers and networks.
//!
//! [`Client`] is a browser without a page: str0m's WebRTC, made-up frames, and a log of what it saw.
//! [`World`] puts clients, links and one [`parlor_engine::Engine`] together and runs them on a clock that
//! it owns, so that an hour passes in seconds and a failing test is a seed.

pub mod bot;
pub mod client;
pub mod frame;
pub mod link;
pub mod packets;
pub mod recording;
pub mod remb;
pub mod seat;
pub mod sender;
mod under_way;
pub mod world;

pub use client::Client;
pub use frame::{Frame, FrameKind};
pub use link::{Link, LinkConfig};
pub use packets::Packets;
pub use remb::Feedback;
pub use seat::Seat;
pub use sender::Sender;
pub use world::World;
