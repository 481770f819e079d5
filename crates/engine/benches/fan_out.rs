//! What a whole engine costs for each packet that it forwards: opening, routing, rewriting, sealing, timers and
//! reports; the system calls are not in it. `cargo bench -p parlor-engine --bench fan_out`
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_engine::{
    Config, Engine, Forwarded, Join, Limits, PeerId, RoomId, SendArena, Sender, Source, TrackId,
};
use parlor_rtc::Path;
use parlor_rtc::dtls::Identity;
use parlor_sim::client::{Client, kind};

const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 4000);
const SOURCES: [Source; 2] = [Source::Microphone, Source::Camera];
const BITRATE_BPS: u64 = 1_500_000;
/// How much simulated time is measured.
const SPAN: Duration = Duration::from_secs(10);
/// Datagrams that come in such a span come as one batch.
const STEP: Duration = Duration::from_millis(5);

struct Call {
    now: Instant,
    engine: Engine,
    arena: SendArena,
    clients: Vec<Client>,
    spent: Duration,
}

impl Call {
    /// One publisher, and subscribers who have `slot_pairs` pairs of slots each, all connected.
    fn new(subscribers: u16, slot_pairs: usize) -> Call {
        let now = Instant::now();
        let config = Config {
            identity: Arc::new(Identity::generate().unwrap()),
            candidates: vec![SERVER],
            thread: 0,
            seed: [1; 32],
            ntp_at_start: 0,
            limits: Limits::default(),
        };
        let mut engine = Engine::new(now, config);
        engine.add_room(RoomId(1));
        let arena = SendArena::default();
        let mut call = Call { now, engine, arena, clients: Vec::new(), spent: Duration::ZERO };
        call.join(&SOURCES, 0);
        call.clients[0].senders[1].bitrate_bps = BITRATE_BPS;
        for _ in 0..subscribers {
            call.join(&[], slot_pairs);
        }
        while !call.clients.iter().all(|client| client.connected_at.is_some()) {
            call.step(usize::MAX);
        }
        // Once the browsers stop checking, nobody is silent for as long as is measured.
        (0..200).for_each(|_| call.step(usize::MAX));
        call
    }

    fn join(&mut self, sources: &[Source], slot_pairs: usize) {
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
        let join = Join {
            room: RoomId(1),
            peer: PeerId(number.into()),
            offer,
            senders: senders.collect(),
        };
        let joined = self.engine.join(self.now, join).unwrap();
        client.accept(&joined.answer).unwrap();
        self.clients.push(client);
    }

    /// Lets a little time pass for the first `lively` clients; the others neither send nor hear.
    fn step(&mut self, lively: usize) {
        self.now += STEP;
        let mut datagrams = Vec::new();
        for client in self.clients.iter_mut().take(lively) {
            let from = client.address;
            client.run(self.now, |datagram| datagrams.push((from, datagram.bytes))).unwrap();
        }
        let begun = Instant::now();
        for (from, datagram) in &mut datagrams {
            let path = Path::udp(*from, SERVER.ip());
            self.engine.handle_datagram(self.now, path, datagram, &mut self.arena);
        }
        self.engine.handle_timeout(self.now, &mut self.arena);
        self.spent += begun.elapsed();
        loop {
            let begun = Instant::now();
            let forwarded = self.engine.forward(self.now, &mut self.arena);
            self.spent += begun.elapsed();
            self.deliver(lively);
            if forwarded == Forwarded::Done {
                return;
            }
        }
    }

    fn deliver(&mut self, lively: usize) {
        for message in self.arena.messages() {
            let Path::Udp(path) = message.path else { continue };
            let mut clients = self.clients.iter_mut().take(lively);
            let Some(client) = clients.find(|c| c.address == path.remote) else { continue };
            for datagram in message.segments() {
                client.receive(self.now, SERVER, datagram).unwrap();
            }
        }
        self.arena.clear();
    }
}

/// Nanoseconds per packet that goes out.
fn measure(subscribers: u16, slot_pairs: usize) -> f64 {
    let mut call = Call::new(subscribers, slot_pairs);
    let before = call.engine.counters().packets_out;
    call.spent = Duration::ZERO;
    let end = call.now + SPAN;
    while call.now < end {
        call.step(1);
    }
    let packets = call.engine.counters().packets_out - before;
    call.spent.as_nanos() as f64 / packets as f64
}

fn main() {
    println!("1.5 Mbit/s and sound to all subscribers, ns per packet that goes out");
    println!("{:24} {:>8} {:>8}", "pairs of slots each", 1, 40);
    for subscribers in [10, 50, 200] {
        let costs = [1, 40].map(|pairs| measure(subscribers, pairs));
        println!("{subscribers:5} subscribers        {:8.0} {:8.0}", costs[0], costs[1]);
    }
}
