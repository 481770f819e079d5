//! The media events of Membrane RTC Engine, as its client libraries from 0.5 on say and expect them.
//!
//! A media event travels as text inside the JSON payload `{"data":"<text>"}` of the channel event `mediaEvent`, in both
//! directions. `M` is what metadata is kept as: any JSON value, opaque to the server.

pub mod client;
pub mod server;
pub mod tutorial;

pub use client::{ClientEvent, CustomEvent, SdpOffer};
pub use server::{ServerEvent, SimulcastConfig, Track, TurnServer};

/// Names of the channel's events.
pub mod event {
    /// A media event, in both directions.
    pub const MEDIA_EVENT: &str = "mediaEvent";
    /// Whether the room's publishers are to send several encodings; from the server after a join.
    pub const SIMULCAST_CONFIG: &str = "simulcastConfig";
    /// Something went wrong; from the server, before it closes the channel.
    pub const ERROR: &str = "error";
    /// The server's numbers, on the topic [`STATS_TOPIC`](super::STATS_TOPIC).
    pub const METRICS: &str = "metrics";
}

/// The topic over which the server tells its numbers.
pub const STATS_TOPIC: &str = "stats";
