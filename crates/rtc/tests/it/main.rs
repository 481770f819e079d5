//! Stories about this crate, in one binary.

mod sdp;
