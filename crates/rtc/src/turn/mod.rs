//! A TURN server for our own media (RFC 8656), as a value: messages of clients and time go in; answers, and
//! datagrams for the addresses that this server announces, come out.
//!
//! It is what lets a client in a network that lets little out reach us; it is no relay to anywhere else. A
//! relayed address is made up, no socket has it: what a client sends to one of the [`Destinations`] is
//! handed to the engine as if it had come from there ([`Handled::Relay`]), and what the engine sends back along that
//! [`RelayedPath`](crate::path::RelayedPath) is wrapped for the client ([`Server::wrap`]).
//!
//! On a UDP port that ICE shares, [`is_turn`] tells whose a datagram is. Each media thread has a
//! [`Server`] of its own: what comes from one address and port always comes to one thread.

mod allocation;
mod asked;
mod channel;
mod client;
pub mod credentials;
mod destinations;
mod ended;
pub mod framing;
mod invariants;
mod limits;
mod login;
mod message;
mod nonce;
mod ports;
mod quotas;
mod requests;
mod reservation;
mod server;
mod statistics;
mod table;
mod wanted;
mod wrapping;

pub use channel::{CHANNEL_HEADER_LEN, is_channel_data};
pub use client::{Client, Outlet};
pub use credentials::{Login, Secret};
pub use destinations::{Destinations, TooManyDestinations};
pub use ended::Ended;
pub use limits::{
    CHANNEL_LIFETIME, DEFAULT_LIFETIME, Limits, MAX_CHANNELS, MAX_LIFETIME, MAX_PERMISSIONS,
    NONCE_LIFETIME, PERMISSION_LIFETIME, RESERVATION_LIFETIME,
};
pub use message::is_turn;
pub use quotas::{Counting, Holder, Quotas};
pub use server::{Config, DropReason, Handled, Server, Time};
pub use statistics::{Flow, Refusals, Statistics};
pub use wrapping::{MAX_PADDING, MAX_WRAPPING_LEN, Wrapping};
