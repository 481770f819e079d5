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
    Stream(StreamPath),
    /// Through an allocation of our own TURN server (RFC 8656).
    Relayed(RelayedPath),
}

/// Both ends of a UDP path. Addresses are never v4-mapped: `media` normalises them once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UdpPath {
    /// The client's address as we see it.
    pub remote: SocketAddr,
    /// The address of ours that the client sent to; answers leave from it.
    pub local: IpAddr,
}

/// A byte stream and who is at its other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamPath {
    /// Which stream.
    pub id: StreamId,
    /// The client's address as we see it, never v4-mapped.
    pub remote: SocketAddr,
}

/// The path between an allocation and one of the addresses that we announce. How the TURN client itself is
/// reached, the allocation knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayedPath {
    /// The allocation.
    pub allocation: AllocationId,
    /// Its relayed address: what the client's datagrams come from, as an ICE agent sees it.
    pub relayed: SocketAddr,
    /// Which of our addresses the client sends to, and so which one answers come from.
    pub destination: DestinationId,
}

/// One byte stream accepted by the server, unique in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// One TURN allocation, unique in the process: the number of the media thread that has it, then a number of its
/// own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AllocationId {
    /// The media thread that has it.
    pub thread: u8,
    /// Unique there, as long as that thread lives.
    pub number: u64,
}

/// One of the addresses that our TURN server relays to, by its place in their list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationId(pub u8);

impl Path {
    /// A UDP path.
    pub const fn udp(remote: SocketAddr, local: IpAddr) -> Path {
        Path::Udp(UdpPath { remote, local })
    }

    /// The client's address as the server sees it, which answers to its checks report: the relayed one of a
    /// relayed path.
    pub const fn remote_address(&self) -> SocketAddr {
        match self {
            Path::Udp(path) => path.remote,
            Path::Stream(path) => path.remote,
            Path::Relayed(path) => path.relayed,
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
