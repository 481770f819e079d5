//! Connections from end to end: ICE, DTLS and SRTP together.

mod by_hand;
mod certificates;
mod checks;
pub(crate) mod client;
mod handshake;
mod str0m_peer;
mod waiting;
