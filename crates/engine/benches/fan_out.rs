//! What a whole engine costs for each packet that it forwards: opening, routing, rewriting, sealing, timers and
//! reports; the system calls are not in it. `cargo bench -p parlor-engine --bench fan_out`
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

mod room;

use std::time::{Duration, Instant};

use parlor_engine::{Forwarded, Source};
use parlor_rtc::Path;

use room::{Room, SERVER};

const SOURCES: [Source; 2] = [Source::Microphone, Source::Camera];
const BITRATE_BPS: u64 = 1_500_000;
/// How much simulated time is measured.
const SPAN: Duration = Duration::from_secs(10);
/// Datagrams that come in such a span come as one batch.
const STEP: Duration = Duration::from_millis(5);

struct Call {
    room: Room,
    spent: Duration,
}

impl Call {
    /// One publisher, and subscribers who have `slot_pairs` pairs of slots each, all connected.
    fn new(subscribers: u16, slot_pairs: usize) -> Call {
        let mut call = Call { room: Room::new(), spent: Duration::ZERO };
        call.room.join(&SOURCES, 0);
        call.room.clients[0].senders[1].bitrate_bps = BITRATE_BPS;
        for _ in 0..subscribers {
            call.room.join(&[], slot_pairs);
        }
        while !call.room.clients.iter().all(|client| client.connected_at.is_some()) {
            call.step(usize::MAX);
        }
        // Once the browsers stop checking, nobody is silent for as long as is measured.
        (0..200).for_each(|_| call.step(usize::MAX));
        call
    }

    /// Lets a little time pass for the first `lively` clients; the others neither send nor hear.
    fn step(&mut self, lively: usize) {
        self.room.now += STEP;
        let mut datagrams = Vec::new();
        for client in self.room.clients.iter_mut().take(lively) {
            let from = client.address;
            client.run(self.room.now, |datagram| datagrams.push((from, datagram.bytes))).unwrap();
        }
        let begun = Instant::now();
        for (from, datagram) in &mut datagrams {
            let path = Path::udp(*from, SERVER.ip());
            self.room.engine.handle_datagram(self.room.now, path, datagram, &mut self.room.arena);
        }
        self.spent += begun.elapsed();
        loop {
            let begun = Instant::now();
            self.room.engine.handle_timeout(self.room.now, &mut self.room.arena);
            let forwarded = self.room.engine.forward(self.room.now, &mut self.room.arena);
            self.spent += begun.elapsed();
            self.deliver(lively);
            if forwarded == Forwarded::Done && !self.room.engine.is_due(self.room.now) {
                return;
            }
        }
    }

    fn deliver(&mut self, lively: usize) {
        for message in self.room.arena.messages() {
            let Path::Udp(path) = message.path else { continue };
            let mut clients = self.room.clients.iter_mut().take(lively);
            let Some(client) = clients.find(|c| c.address == path.remote) else { continue };
            for datagram in message.segments() {
                client.receive(self.room.now, SERVER, datagram).unwrap();
            }
        }
        self.room.arena.clear();
    }
}

/// Nanoseconds per packet that goes out.
fn measure(subscribers: u16, slot_pairs: usize) -> f64 {
    let mut call = Call::new(subscribers, slot_pairs);
    let before = call.room.engine.counters().packets_out;
    call.spent = Duration::ZERO;
    let end = call.room.now + SPAN;
    while call.room.now < end {
        call.step(1);
    }
    let packets = call.room.engine.counters().packets_out - before;
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
