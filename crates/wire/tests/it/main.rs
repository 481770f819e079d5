//! Stories about this crate, in one binary.

mod frames;
mod messages;
