//! How datagrams of a connection travel, and where they go when we send them.

use std::net::{IpAddr, SocketAddr};

/// The way between a client and the server that one datagram took, or is to take.
///
/// Two datagrams are on the same path when their `Path`s are equal; a connection never sees a bare
/// socket address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// Plain UDP.
    Udp(UdpPath),
    /// One accepted byte stream (ICE-TCP, RFC 6544).
    Stream(StreamId),
    /// Through an allocation of our own TURN server (RFC 8656), reached over `outer`.
    Relayed {
        /// The allocation whose relayed address the datagram has.
        allocation: AllocationId,
        /// How the TURN client's own datagrams travel.
        outer: OuterPath,
    },
}

/// Both ends of a UDP path. Addresses are never v4-mapped: `media` normalises them once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UdpPath {
    /// The client's address as we see it.
    pub remote: SocketAddr,
    /// The address of ours that the client sent to; answers leave from it.
    pub local: IpAddr,
}

/// The path between a TURN client and our TURN server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OuterPath {
    /// TURN over UDP.
    Udp(UdpPath),
    /// TURN over TCP or TLS.
    Stream(StreamId),
}

/// One byte stream accepted by the server, unique in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// One TURN allocation, unique in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AllocationId(pub u64);

impl Path {
    /// A UDP path.
    pub const fn udp(remote: SocketAddr, local: IpAddr) -> Path {
        Path::Udp(UdpPath { remote, local })
    }

    /// The client's address as the server sees it, for paths that say it.
    pub const fn remote_address(&self) -> Option<SocketAddr> {
        match self {
            Path::Udp(udp) => Some(udp.remote),
            Path::Stream(_) | Path::Relayed { .. } => None,
        }
    }
}

/// Takes datagrams that are ready to be sent.
///
/// Sending never fails from the caller's view: a sink that is full drops the datagram and counts
/// it, as a network would.
pub trait DatagramSink {
    /// Sends `datagram` along `path`.
    fn send(&mut self, path: Path, datagram: &[u8]);
}
