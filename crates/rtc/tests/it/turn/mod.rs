//! The TURN server.

mod allocations;
mod clients;
mod credentials;
mod endings;
mod framing;
mod quotas;
mod relaying;
mod rule;
mod world;
