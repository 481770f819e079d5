//! Binding the group of sockets that share one port.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, SockAddr, Type};

use super::{Family, ReceiveFacts, Sender, Socket};
use crate::sys;

/// Sizes to ask of the kernel for a socket's buffers, in bytes. It may give less
/// (`net.core.rmem_max`, `net.core.wmem_max`), which is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffers {
    /// SO_RCVBUF.
    pub receive: usize,
    /// SO_SNDBUF.
    pub send: usize,
}

impl Default for Buffers {
    /// 4 MiB each: about 60 ms of a full gigabit link while the thread does something else,
    /// counting what the kernel adds to each packet.
    fn default() -> Self {
        Buffers { receive: 4 << 20, send: 4 << 20 }
    }
}

/// Why no socket could be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process has the port.
    #[error("UDP port {} is in use by another process (address {})", .0.port(), .0.ip())]
    InUse(SocketAddr),
    /// The address is not one of this machine.
    #[error("{0} is not an address of this machine")]
    NotOurs(IpAddr),
    /// Ports below 1024 need a privilege.
    #[error("no permission to use UDP port {} (address {})", .0.port(), .0.ip())]
    Forbidden(SocketAddr),
    /// Anything else.
    #[error("cannot open a UDP socket on {address}: {source}")]
    Io {
        /// Where.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Binds `count` sockets to one port, between which the kernel spreads remote addresses
/// (SO_REUSEPORT). Port 0 takes a free one. `[::]` serves IPv4 too, and becomes `0.0.0.0` where
/// there is no IPv6.
///
/// # Errors
/// When the address or the port cannot be had; a port that another process holds is noticed even
/// when that process shares its port as well.
pub fn bind_group(
    address: SocketAddr,
    count: usize,
    buffers: Buffers,
) -> Result<Vec<Socket>, BindError> {
    let address = match probe(address) {
        Err(BindError::Io { source, .. }) if address.ip().is_unspecified() && no_ipv6(&source) => {
            tracing::info!("this machine has no IPv6: serving IPv4 only");
            probe(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port()))?
        }
        result => result?,
    };
    let sockets: Vec<Socket> =
        (0..count).map(|_| bind_one(address, count > 1, buffers)).collect::<Result<_, _>>()?;
    if let Some(first) = sockets.first() {
        log_clipped(first, buffers);
    }
    Ok(sockets)
}

/// Binds and closes a socket that does not share its port, which fails if anybody has it, and
/// returns the address with the port that it had.
fn probe(address: SocketAddr) -> Result<SocketAddr, BindError> {
    let bound = || -> io::Result<SocketAddr> {
        let socket = open(address)?;
        socket.bind(&SockAddr::from(address))?;
        let bound = socket.local_addr()?.as_socket();
        bound.ok_or_else(|| io::Error::other("a socket without an address"))
    };
    bound().map_err(|error| explain(address, error))
}

fn open(address: SocketAddr) -> io::Result<socket2::Socket> {
    let socket =
        socket2::Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    Ok(socket)
}

fn bind_one(address: SocketAddr, is_shared: bool, buffers: Buffers) -> Result<Socket, BindError> {
    let family = Family::of(address.ip());
    let bound = || -> io::Result<Socket> {
        let socket = open(address)?;
        socket.set_reuse_port(is_shared)?;
        socket.set_nonblocking(true)?;
        socket.set_recv_buffer_size(buffers.receive)?;
        socket.set_send_buffer_size(buffers.send)?;
        let fd = socket.as_fd();
        match family {
            Family::V4 => sys::set_option(fd, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?,
            // On a dual-stack socket this reports v4-mapped addresses for IPv4 too.
            Family::V6 => sys::set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?,
        }
        // Both came with Linux 4.18 and 5.0; a kernel that does not know them refuses here, and
        // would ignore the control message later.
        let gso = sys::set_option(fd, libc::SOL_UDP, libc::UDP_SEGMENT, 0).is_ok();
        let gro = sys::set_option(fd, libc::SOL_UDP, libc::UDP_GRO, 1).is_ok();
        tracing::debug!(%address, gso, gro, "UDP socket bound");
        socket.bind(&SockAddr::from(address))?;
        let sender = Sender::new(gso);
        Ok(Socket { socket, family, local: address, sender, received: ReceiveFacts::default() })
    };
    bound().map_err(|error| explain(address, error))
}

fn explain(address: SocketAddr, source: io::Error) -> BindError {
    match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(address),
        io::ErrorKind::PermissionDenied => BindError::Forbidden(address),
        io::ErrorKind::AddrNotAvailable if !address.ip().is_unspecified() => {
            BindError::NotOurs(address.ip())
        }
        _ => BindError::Io { address, source },
    }
}

fn no_ipv6(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL | libc::ENOPROTOOPT | libc::EPROTONOSUPPORT)
    )
}

/// The kernel reports twice what it grants, to count its own overhead (socket(7)).
fn log_clipped(socket: &Socket, asked: Buffers) {
    let granted = |size: io::Result<usize>| size.unwrap_or(0) / 2;
    let receive = granted(socket.socket.recv_buffer_size());
    let send = granted(socket.socket.send_buffer_size());
    if receive < asked.receive {
        tracing::info!(
            asked = asked.receive,
            granted = receive,
            "the kernel clipped the UDP receive buffer; raise net.core.rmem_max to avoid losses"
        );
    }
    if send < asked.send {
        tracing::info!(
            asked = asked.send,
            granted = send,
            "the kernel clipped the UDP send buffer; raise net.core.wmem_max to avoid losses"
        );
    }
}
