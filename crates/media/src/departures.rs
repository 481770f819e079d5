//! What leaves a media thread, and what never got out of it.

use std::net::SocketAddr;

use parlor_engine::SendArena;
use parlor_engine::arena::Message;
use parlor_rtc::Path;

use crate::udp::{Datagrams, Patience, Socket, socket_for};

/// The send arena, and the count of what was lost before it was sent.
#[derive(Default)]
pub(crate) struct Departures {
    pub(crate) arena: SendArena,
    /// Datagrams that no socket could take.
    stranded: u64,
}

impl Departures {
    /// Sends what the arena holds and empties it. Each message leaves through the one of `sockets`
    /// that has its address; `bound` are theirs.
    pub(crate) fn send(
        &mut self,
        sockets: &mut [Socket],
        bound: &[SocketAddr],
        patience: &mut Patience,
    ) {
        if self.arena.is_empty() {
            return;
        }
        let socket_of = |datagrams: &Datagrams<'_>| socket_for(bound, datagrams.path.local);
        for (index, socket) in sockets.iter_mut().enumerate() {
            let outgoing = self.arena.messages().filter_map(over_udp);
            let its_own = outgoing.filter(|datagrams| socket_of(datagrams) == Some(index));
            socket.send(its_own, patience);
        }
        let is_sent = |message| over_udp(message).as_ref().and_then(socket_of).is_some();
        let stranded = self.arena.messages().filter(|message| !is_sent(*message));
        self.stranded += stranded.map(|message| message.segment_count() as u64).sum::<u64>();
        self.arena.clear();
    }

    /// Datagrams lost so far before they were sent: the arena was full, or no socket has their address.
    pub(crate) fn unsent(&self) -> u64 {
        self.stranded + self.arena.dropped()
    }
}

fn over_udp(message: Message<'_>) -> Option<Datagrams<'_>> {
    match message.path {
        Path::Udp(path) => {
            let segment = u16::try_from(message.segment_size).unwrap_or(u16::MAX);
            Some(Datagrams { path, bytes: message.bytes, segment })
        }
        Path::Stream(_) | Path::Relayed(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use parlor_rtc::DatagramSink;
    use parlor_rtc::path::{StreamId, StreamPath};

    use super::*;
    use crate::udp::{Buffers, bind_group};

    #[test]
    fn what_finds_no_room_or_no_socket_is_counted_by_the_datagram() {
        let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut sockets = bind_group(SocketAddr::new(localhost, 0), 1, Buffers::default()).unwrap();
        let bound = [sockets[0].local()];
        let mut departures = Departures { arena: SendArena::new(1500, 8), stranded: 0 };
        let here = Path::udp(bound[0], localhost);
        let elsewhere = Path::udp(bound[0], Ipv4Addr::new(127, 0, 0, 9).into());
        let stream = Path::Stream(StreamPath { id: StreamId(1), remote: bound[0] });
        for path in [here, elsewhere, stream] {
            for _ in 0..3 {
                departures.arena.send(path, &[7; 200]);
            }
        }
        // Seven of nine have found room.
        assert_eq!(departures.unsent(), 2);
        departures.send(&mut sockets, &bound, &mut Patience::default());
        assert_eq!(departures.unsent(), 2 + 4);
        assert_eq!(sockets[0].sent().datagrams, 3);
        assert!(departures.arena.is_empty());
    }
}
