//! Other protocols than our own over the same channels, each a thin translation to the same room commands.

pub mod membrane;
