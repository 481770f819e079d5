//! Connections from end to end: ICE, DTLS and SRTP together.

mod checks;
pub(crate) mod client;
mod handshake;
mod str0m_peer;
mod waiting;
