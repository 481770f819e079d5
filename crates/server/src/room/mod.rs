//! Rooms: each pure state under a thin actor.

pub mod about;
mod actor;
pub mod command;
mod door;
mod invite;
pub mod liveness;
mod media;
mod media_command;
mod member;
pub mod metadata;
mod negotiate;
pub mod presence;
mod registry;
pub mod report;
mod seat;
mod state;
mod token;
mod voice;

pub use door::Watch;
pub use negotiate::PEERS_PER_PAGE;
pub use registry::{Entry, RoomConfig, RoomHandle, Rooms};
pub use seat::Seat;
pub use state::{Census, MAX_LOST, MAX_VIEWED, RoomState};
pub use token::{NoRandomness, Token};
pub use voice::{Asked, HttpVoice, Interpreter, Voice};
