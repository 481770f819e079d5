//! The UDP socket of the media path: many datagrams in and out per system call.
//!
//! In: `recvmmsg`, with equal datagrams of one sender joined by the kernel (GRO) and the address
//! of ours that each was sent to. Out: `sendmmsg` of messages that the kernel cuts into datagrams
//! (GSO), each leaving from the address its path names. Addresses outside this module are never
//! v4-mapped.

mod bind;
mod control;
mod name;
mod patience;
mod receive;
mod send;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

pub use bind::{BindError, Buffers, bind_group};
pub use patience::Patience;
pub use receive::{Arrival, ReceiveBatch, ReceiveFacts};
pub use send::{Datagrams, SendFacts};

use crate::sys;
use name::Family;
use send::Sender;

/// One socket of one media thread.
pub struct Socket {
    socket: socket2::Socket,
    family: Family,
    local: SocketAddr,
    sender: Sender,
    received: ReceiveFacts,
}

impl Socket {
    /// The address it is bound to; the IP is unspecified when it takes datagrams to any.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Receives what has arrived, at most one batch, without waiting. Returns whether the batch
    /// came back full, so that more may be there.
    ///
    /// # Errors
    /// What the kernel reports, but for "nothing there" and the ICMP errors of earlier sends.
    pub fn receive(&mut self, batch: &mut ReceiveBatch) -> io::Result<bool> {
        batch.fill(self.socket.as_fd(), self.local.ip(), &mut self.received)
    }

    /// Sends `messages` in their order, in as few calls as that takes, waiting for room in the send
    /// buffer as long as `patience` has not been spent on an earlier send.
    ///
    /// What cannot be sent is dropped and counted, as a network would.
    pub fn send<'a>(
        &mut self,
        messages: impl Iterator<Item = Datagrams<'a>>,
        patience: &mut Patience,
    ) {
        self.sender.send(self.socket.as_fd(), self.family, messages, patience);
    }

    /// What was sent so far.
    pub fn sent(&self) -> &SendFacts {
        self.sender.facts()
    }

    /// What was received so far.
    pub fn received(&self) -> &ReceiveFacts {
        &self.received
    }

    /// From now on each arrival says when the kernel had it, and no longer to which address of ours it
    /// came: there is one only.
    ///
    /// # Errors
    /// When the socket is bound to no address in particular, or the kernel tells no times.
    pub fn tell_times(&self) -> io::Result<()> {
        if self.local.ip().is_unspecified() {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        let fd = self.socket.as_fd();
        sys::set_option(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)?;
        // Control messages have room for one of both beside the size of segments.
        match self.family {
            Family::V4 => sys::set_option(fd, libc::IPPROTO_IP, libc::IP_PKTINFO, 0),
            Family::V6 => sys::set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 0),
        }
    }

    /// Behaves from now on as on a kernel that refuses GSO.
    #[doc(hidden)]
    pub fn refuse_gso(&mut self) {
        self.sender.refuse_gso();
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Which of several sockets, bound to `bound`, sends datagrams that are to leave from `local`.
pub fn socket_for(bound: &[SocketAddr], local: IpAddr) -> Option<usize> {
    let serves = |bound: &SocketAddr| {
        bound.ip() == local
            || (bound.ip().is_unspecified() && Family::of(bound.ip()).carries(local))
    };
    bound.iter().position(serves)
}
