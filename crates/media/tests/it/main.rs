//! Stories about this crate, in one binary.

mod poll;
mod udp;
