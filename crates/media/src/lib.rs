//! Media threads: sockets, batching, mailboxes and the placement of rooms.

#[cfg(not(target_os = "linux"))]
compile_error!("Parlor's media path uses recvmmsg, sendmmsg, GSO and eventfd: it needs Linux");

pub mod candidates;
pub mod placement;
pub mod poll;
mod sys;
pub mod udp;
