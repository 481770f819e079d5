//! The SFU as a value: datagrams, commands and time in; datagrams, changes and the next deadline out.

pub mod allocate;
pub mod arena;
mod assign;
mod census;
mod change;
mod choose;
mod codec;
mod command;
mod compound;
mod config;
mod congestion;
mod counters;
mod datagram;
mod dirty;
pub mod dominant;
mod engine;
mod feedback;
mod floor;
mod forward;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
pub mod id;
mod incoming;
mod join;
mod lifecycle;
mod link;
mod lip_sync;
mod loudest;
pub mod measure;
mod media_stream;
mod microphones;
mod noise;
mod outgoing;
mod overflow;
mod packet;
mod paths;
mod peer;
mod published;
mod quality;
mod random;
mod receive;
mod report;
pub mod retransmit;
pub mod rewrite;
pub mod ring;
mod room;
mod rtcp;
mod session;
mod slab;
mod slot;
mod slot_set;
pub mod speaking;
pub mod speech;
mod ssrcs;
mod subscribe;
mod timer;
mod track;
mod ufrag;
mod upstream;
mod view;
mod voices;
mod wanted;

pub use arena::SendArena;
pub use census::Census;
pub use change::{
    Change, ConnectionState, Network, PeerQuality, PeerState, Picture, SlotCounts, SlotState,
    TrackQuality, WantedLayers,
};
pub use command::{Join, JoinError, Joined, Sender, View};
pub use config::{Config, Limits};
pub use counters::Counters;
pub use datagram::{PATH_HOLDS, Routed};
pub use engine::Engine;
pub use forward::Forwarded;
pub use id::{LayerId, PeerId, RoomId, Source, TrackId};
