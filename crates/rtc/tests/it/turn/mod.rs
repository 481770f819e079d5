//! The TURN server.

mod allocations;
mod credentials;
mod framing;
mod relaying;
mod rule;
mod world;
