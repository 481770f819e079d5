//! Which addresses lead to this server: asked of others at start, and tried.

mod complaints;
mod discover;
mod self_check;
mod stun;

pub(crate) use complaints::{about_ports, complaints};
pub(crate) use discover::seen_from_outside;
pub(crate) use self_check::check;
