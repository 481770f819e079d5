//! Datagrams on their way out of one person, written in place.

use std::net::SocketAddr;

/// The longest datagram that anybody writes: what fits into an Ethernet frame.
pub const MAX_DATAGRAM_LEN: usize = 1500;

/// Datagrams to be sent together.
#[derive(Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    datagrams: Vec<(SocketAddr, usize)>,
}

impl Outbox {
    /// Adds a datagram.
    pub fn push(&mut self, to: SocketAddr, datagram: &[u8]) {
        self.write(to, |room| {
            let place = room.get_mut(..datagram.len())?;
            place.copy_from_slice(datagram);
            Some(datagram.len())
        });
    }

    /// Adds the datagram that `write` makes in the room it is given, if it returns its length.
    pub fn write(&mut self, to: SocketAddr, write: impl FnOnce(&mut [u8]) -> Option<usize>) {
        let start = self.bytes.len();
        self.bytes.resize(start + MAX_DATAGRAM_LEN, 0);
        let room = self.bytes.get_mut(start..).unwrap_or_default();
        let len = write(room).unwrap_or(0).min(MAX_DATAGRAM_LEN);
        self.bytes.truncate(start + len);
        if len > 0 {
            self.datagrams.push((to, len));
        }
    }

    /// Adds a datagram that consists of a header and what follows it.
    pub fn push_parts(&mut self, to: SocketAddr, header: &[u8], datagram: &[u8]) {
        self.bytes.extend_from_slice(header);
        self.bytes.extend_from_slice(datagram);
        self.datagrams.push((to, header.len() + datagram.len()));
    }

    /// Everything, in its order.
    pub fn datagrams(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let mut rest = &self.bytes[..];
        self.datagrams.iter().map(move |&(to, len)| {
            let (datagram, after) = rest.split_at(len);
            rest = after;
            (to, datagram)
        })
    }

    /// Is empty from now on.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.datagrams.clear();
    }
}
