//! Stories about this crate, in one binary.

// The tests' own functions may unwrap as the tests do.
#![allow(clippy::unwrap_used)]

mod congestion;
mod connection;
#[path = "../../../engine/tests/it/counting.rs"]
mod counting;
mod dependency_descriptor;
mod framing;
mod payload;
mod receive;
mod red;
mod resolution;
mod rtcp;
mod rtp;
mod sdp;
mod srtp;
mod stun;
mod turn;
