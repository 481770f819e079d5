//! Stories about this crate, in one binary.

#![allow(clippy::unwrap_used)]

mod config;
mod frames;
mod live;
mod membrane;
mod room;
