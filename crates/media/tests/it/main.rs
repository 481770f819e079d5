//! Stories about this crate, in one binary.

// The tests' own functions may unwrap as the tests do.
#![allow(clippy::unwrap_used)]

mod allocation;
mod board;
mod browser;
mod checks;
#[path = "../../../engine/tests/it/counting.rs"]
mod counting;
mod farewell;
mod flood;
mod media;
mod overload;
mod poll;
mod ports;
mod sharing;
mod streams;
mod task;
mod turn;
mod udp;
