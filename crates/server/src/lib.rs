//! The parlor binary's parts: HTTP, sockets and channels, rooms, and the embedded web app.

pub mod admission;
pub mod app;
pub mod channel;
pub mod client;
pub mod config;
mod descriptors;
pub mod dialect;
#[doc(hidden)]
pub mod fuzzing;
pub mod http;
pub mod ice_servers;
mod in_the_clear;
mod introduction;
pub mod listen;
pub mod logging;
mod membership;
pub mod metrics;
mod opener;
pub mod pool;
mod private_file;
pub mod rate;
mod reach;
pub mod room;
pub mod server;
pub mod session;
pub mod socket;
pub mod tls;
mod turn_secret;
