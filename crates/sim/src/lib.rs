//!
//! [`Client`] is a browser without a page: str0m's WebRTC, made-up frames, and a log of what it saw.
//! clients, links and one [`parlor_engine::Engine`] together and runs them on a clock that it owns, so
//! that an hour passes in seconds and a failing test is a seed.

pub mod bot;
pub mod client;
pub mod frame;
pub mod link;
pub mod recording;
pub mod world;

pub use client::{Client, Sender};
pub use frame::{Frame, FrameKind};
pub use link::{Link, LinkConfig};
pub use world::World;
