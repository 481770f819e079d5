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
pub mod listen;
pub mod logging;
pub mod metrics;
mod opener;
pub mod pool;
pub mod rate;
pub mod room;
mod self_signed;
pub mod server;
pub mod session;
pub mod socket;
pub mod tls;
