//! The TURN server.

mod allocations;
mod clients;
mod credentials;
mod framing;
mod relaying;
mod rule;
mod world;
