//! Stories about this crate, in one binary.
// What a test's helper cannot unwrap is a failing test.
#![allow(clippy::unwrap_used)]

mod allocate;
mod allocation;
mod arena;
mod call;
mod codec_change;
mod counting;
mod dominant;
mod idle;
mod layers;
mod measure;
mod relay;
mod retransmit;
mod rewrite;
mod ring;
mod rooms;
mod runs;
mod scalable;
mod sections;
mod slow;
mod speaking;
mod streams;
mod sync;
mod world;
