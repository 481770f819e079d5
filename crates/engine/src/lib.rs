//! The SFU as a value: datagrams, commands and time in; datagrams, changes and the next deadline out.

pub mod arena;
#[doc(hidden)]
pub mod fuzzing;
pub mod id;
pub mod retransmit;
pub mod rewrite;
pub mod ring;
pub mod speaking;

pub use id::{LayerId, PeerId, RoomId, Source, TrackId};
