//! Stories about this crate, in one binary.

mod arena;
mod ring;
