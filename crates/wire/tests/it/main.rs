//! Stories about this crate, in one binary.

#![allow(clippy::unwrap_used)]

mod frames;
mod messages;
