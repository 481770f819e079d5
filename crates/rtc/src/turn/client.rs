//! Who talks to the TURN server, and what its answers go out through.

use std::net::{IpAddr, SocketAddr};

use crate::path::{StreamPath, UdpPath};

/// What RFC 8656 section 3 calls a 5-tuple: how the messages of one client come and answers go. A client has at
/// most one allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Client {
    /// TURN over UDP.
    Udp(UdpPath),
    /// TURN over TCP or TLS.
    Stream(StreamPath),
}

impl Client {
    /// The client's address as we see it.
    pub const fn remote(&self) -> SocketAddr {
        match self {
            Client::Udp(path) => path.remote,
            Client::Stream(path) => path.remote,
        }
    }

    /// Whether messages go as a stream, where ChannelData has padding.
    pub const fn is_stream(&self) -> bool {
        matches!(self, Client::Stream(_))
    }
}

/// Takes answers that are ready to be sent; each is one whole STUN message, which on a stream needs no
/// other framing.
///
/// Sending never fails from the server's view: an outlet that is full drops the answer, and the
/// client asks again.
pub trait Outlet {
    /// Sends `message` to `client`.
    fn send(&mut self, client: Client, message: &[u8]);
}

/// A client behind a number that tells almost all of them apart, so that searching compares numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClientKey {
    mixed: u64,
    client: Client,
}

impl ClientKey {
    pub(super) fn new(client: Client) -> ClientKey {
        /// 2^64 divided by the golden ratio: spreads neighbouring numbers.
        const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
        let number = match client {
            Client::Udp(UdpPath { remote, .. }) => {
                let address = match remote.ip() {
                    IpAddr::V4(v4) => u64::from(v4.to_bits()),
                    IpAddr::V6(v6) => (v6.to_bits() >> 64) as u64 ^ v6.to_bits() as u64,
                };
                address.rotate_left(16) ^ u64::from(remote.port())
            }
            Client::Stream(StreamPath { id, .. }) => id.0,
        };
        ClientKey { mixed: number.wrapping_mul(SPREAD), client }
    }
}
