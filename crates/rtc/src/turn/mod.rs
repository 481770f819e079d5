//! A TURN server for our own media (RFC 8656).

pub mod credentials;

pub use credentials::{Login, Secret};
