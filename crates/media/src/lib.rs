//! Media threads: sockets, batching, mailboxes and the placement of rooms.

#[cfg(not(target_os = "linux"))]
compile_error!("Parlor's media path uses recvmmsg, sendmmsg, GSO and eventfd: it needs Linux");

pub mod board;
pub mod candidates;
mod carry_out;
mod departures;
mod directory;
pub mod facts;
mod handle;
pub mod handover;
mod mailbox;
pub mod placement;
pub mod poll;
mod rooms;
mod seed;
pub mod spreading;
mod start;
pub mod strain;
mod streams;
mod sys;
mod thread;
mod turn;
pub mod udp;
mod work_clock;

pub use board::{GoneReason, RoomEvents, RoomGone};
pub use candidates::Announce;
pub use facts::ThreadFacts;
pub use handle::MediaHandle;
pub use mailbox::MediaError;
pub use start::{MAX_THREADS, Media, MediaConfig, StartError};
pub use streams::{Carries, NewStream, StreamFacts};
pub use udp::{BindError, Buffers};
