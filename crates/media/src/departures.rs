//! What leaves a media thread, and what never got out of it.

use std::net::SocketAddr;
use std::time::Instant;

use parlor_engine::SendArena;
use parlor_engine::arena::Message;
use parlor_rtc::Path;

use crate::handover::{Cause, Handover};
use crate::streams::Streams;
use crate::turn::Turn;
use crate::udp::{Datagrams, Patience, Socket, socket_for};

/// The send arena, and the count of what was lost before it was sent.
#[derive(Default)]
pub(crate) struct Departures {
    pub(crate) arena: SendArena,
    /// Datagrams that no socket could take.
    stranded: u64,
}

/// All that datagrams can leave through.
pub(crate) struct Ways<'a> {
    /// The number of the thread that has these.
    pub(crate) thread: usize,
    pub(crate) sockets: &'a mut [Socket],
    /// The addresses of those.
    pub(crate) bound: &'a [SocketAddr],
    pub(crate) streams: &'a mut Streams,
    pub(crate) turn: &'a mut Turn,
    pub(crate) handover: &'a mut Handover,
}

impl Departures {
    /// Sends what the arena and the TURN server hold, and empties both. Each message leaves through the socket that has its
    /// address, its stream, or its allocation, which another thread may have.
    pub(crate) fn send(&mut self, now: Instant, mut ways: Ways<'_>, patience: &mut Patience) {
        send_over_udp(&self.arena, ways.sockets, ways.bound, patience);
        let mut gave = false;
        for message in self.arena.messages() {
            match message.path {
                Path::Udp(path) if socket_for(ways.bound, path.local).is_none() => {
                    self.stranded += message.segment_count() as u64;
                }
                Path::Udp(_) => {}
                Path::Stream(path) => {
                    message.segments().for_each(|datagram| ways.streams.send(now, path, datagram));
                }
                Path::Relayed(path) if usize::from(path.allocation.thread) == ways.thread => {
                    let Ways { turn, streams, .. } = &mut ways;
                    message.segments().for_each(|datagram| turn.send(now, path, datagram, streams));
                }
                Path::Relayed(path) => {
                    let (thread, outgoing) = (path.allocation.thread.into(), Cause::Outgoing);
                    let path = message.path;
                    for datagram in message.segments() {
                        gave |= ways.handover.give(thread, path, datagram, outgoing);
                    }
                }
            }
        }
        self.arena.clear();
        if gave {
            ways.handover.dispatch();
        }
        let Ways { sockets, bound, turn, .. } = &mut ways;
        send_over_udp(&turn.outgoing, sockets, bound, patience);
        turn.outgoing.clear();
        ways.streams.flush(now);
    }

    /// Datagrams lost so far before they were sent: the arena was full, or no socket has their address.
    pub(crate) fn unsent(&self) -> u64 {
        self.stranded + self.arena.dropped()
    }
}

/// Sends those messages of an arena that leave through sockets.
fn send_over_udp(
    arena: &SendArena,
    sockets: &mut [Socket],
    bound: &[SocketAddr],
    patience: &mut Patience,
) {
    if arena.is_empty() {
        return;
    }
    let socket_of = |datagrams: &Datagrams<'_>| socket_for(bound, datagrams.path.local);
    for (index, socket) in sockets.iter_mut().enumerate() {
        let outgoing = arena.messages().filter_map(over_udp);
        let its_own = outgoing.filter(|datagrams| socket_of(datagrams) == Some(index));
        socket.send(its_own, patience);
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
    use parlor_rtc::turn::Secret;

    use super::*;
    use crate::poll::Poller;
    use crate::turn::TurnMaker;
    use crate::udp::{Buffers, bind_group};

    #[test]
    fn what_finds_no_room_or_no_way_out_is_counted_by_the_datagram() {
        let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut sockets = bind_group(SocketAddr::new(localhost, 0), 1, Buffers::default()).unwrap();
        let bound = [sockets[0].local()];
        let mut departures = Departures { arena: SendArena::new(1500, 8), stranded: 0 };
        let mut streams = Streams::new().unwrap();
        let secret = Secret::new(&[7; 20]);
        let mut turn = TurnMaker::new(1, secret, &bound, &[]).unwrap().make(0);
        let waker = Poller::new().unwrap().waker();
        let mut handover = Handover::group(Instant::now(), &[waker]).pop().unwrap();
        let here = Path::udp(bound[0], localhost);
        let elsewhere = Path::udp(bound[0], Ipv4Addr::new(127, 0, 0, 9).into());
        let closed = Path::Stream(StreamPath { id: StreamId(1), remote: bound[0] });
        for path in [here, elsewhere, closed] {
            for _ in 0..3 {
                departures.arena.send(path, &[7; 200]);
            }
        }
        // Seven of nine have found room.
        assert_eq!(departures.unsent(), 2);
        let ways = Ways {
            thread: 0,
            sockets: &mut sockets,
            bound: &bound,
            streams: &mut streams,
            turn: &mut turn,
            handover: &mut handover,
        };
        departures.send(Instant::now(), ways, &mut Patience::default());
        assert_eq!((departures.unsent(), streams.facts().dropped), (2 + 3, 1));
        assert_eq!(sockets[0].sent().datagrams, 3);
        assert!(departures.arena.is_empty());
    }
}
