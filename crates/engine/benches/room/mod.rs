//! An engine with one room, and simulated browsers in it, for benches.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use parlor_engine::{
    Config, Engine, Join, Limits, Neighbour, PeerId, Receive, RoomId, SendArena, Sender, Source,
    TrackId,
};
use parlor_rtc::dtls::Identity;
use parlor_rtc::sdp::Candidates;
use parlor_sim::client::{Client, kind};

/// The one address of the engine.
pub(crate) const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 4000);

/// A room and who is in it.
pub(crate) struct Room {
    pub(crate) now: Instant,
    pub(crate) engine: Engine,
    pub(crate) arena: SendArena,
    /// The port of each one's address is its place here and one.
    pub(crate) clients: Vec<Client>,
    /// What their names begin after.
    names_from: u16,
}

impl Room {
    /// An empty one.
    pub(crate) fn new() -> Room {
        let mut room = Room::of_thread(Instant::now(), 0);
        room.engine.add_room(RoomId(1));
        room
    }

    fn of_thread(now: Instant, thread: u8) -> Room {
        let config = Config {
            identity: Arc::new(Identity::generate().unwrap()),
            candidates: Candidates::over_udp(vec![SERVER]),
            thread,
            seed: [1 + thread; 32],
            ntp_at_start: 0,
            limits: Limits::default(),
        };
        let engine = Engine::new(now, config);
        let names_from = 10_000 * u16::from(thread);
        Room { now, engine, arena: SendArena::default(), clients: Vec::new(), names_from }
    }

    /// An empty part of it in another engine.
    #[allow(dead_code, reason = "not every bench has one")]
    pub(crate) fn annex(&self) -> Room {
        let mut annex = Room::of_thread(self.now, 1);
        annex.engine.add_annex(RoomId(1), &[Neighbour(0)]);
        annex
    }

    /// Somebody joins who sends these, and receives with so many pairs of slots.
    pub(crate) fn join(&mut self, sources: &[Source], slot_pairs: usize) {
        let number = self.clients.len() as u16 + 1;
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 1, 0, 1)), number);
        let mut client = Client::new(self.now, number.into(), address);
        let kinds: Vec<_> = sources.iter().map(|source| kind(source.kind())).collect();
        let offer = client.offer(self.now, &kinds, slot_pairs);
        let senders = sources.iter().zip(&client.senders).zip(0..);
        let senders = senders.map(|((source, sender), index)| Sender {
            mid: sender.mid.to_string().parse().unwrap(),
            track: TrackId(100 * u64::from(number) + index),
            source: *source,
            on: true,
        });
        let (room, peer) = (RoomId(1), PeerId((self.names_from + number).into()));
        let join = Join {
            room,
            peer,
            opening: offer.into(),
            senders: senders.collect(),
            receive: Receive::Floating,
        };
        let joined = self.engine.join(self.now, join).unwrap();
        client.accept(&joined.answer).unwrap();
        self.clients.push(client);
    }
}
