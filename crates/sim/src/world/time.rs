//! How time passes in a world: what happens next happens, and nothing waits.

use std::time::{Duration, Instant};

use parlor_engine::{Change, Forwarded};
use parlor_rtc::Path;

use super::{SERVER, World};
use crate::seat::SentMessage;
use crate::under_way::Delivery;

/// Longest time between two looks at the engine's changes, so that a test sees them in order.
const CHANGE_INTERVAL: Duration = Duration::from_millis(50);

impl World {
    /// Lets time pass.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now + duration);
    }

    /// Lets time pass until something holds, at most `limit`; says how long that took.
    pub fn run_while(
        &mut self,
        limit: Duration,
        mut holds_not_yet: impl FnMut(&World) -> bool,
    ) -> Option<Duration> {
        let start = self.now;
        while holds_not_yet(self) {
            if self.now - start >= limit {
                return None;
            }
            self.step(start + limit);
        }
        Some(self.now - start)
    }

    fn run_until(&mut self, end: Instant) {
        while self.now < end {
            self.step(end);
        }
    }

    /// Goes to the next thing that happens, at most to `end`, and lets it happen.
    fn step(&mut self, end: Instant) {
        let next =
            [self.under_way.next_arrival(), self.server_deadline(), self.next_client(), Some(end)];
        let next = next.into_iter().flatten().min().unwrap_or(end);
        self.now = self.now.max(next);
        self.deliver();
        if self.labour.is_some() {
            self.work();
        } else {
            if self.engine.is_due(self.now) {
                self.engine.handle_timeout(self.now, &mut self.arena);
            }
            self.forward();
        }
        self.run_clients();
        if self.next_look <= self.now {
            self.next_look = self.now + CHANGE_INTERVAL;
            self.read_changes();
        }
    }

    fn next_client(&self) -> Option<Instant> {
        self.seats.iter().filter(|seat| seat.present).map(|seat| seat.client.deadline()).min()
    }

    fn deliver(&mut self) {
        while let Some(arrived) = self.under_way.pop_arrived(self.now) {
            match arrived {
                Delivery::ToServer(path, bytes) => self.arrive(path, bytes),
                Delivery::ToClient(seat, bytes) if self.seats[seat].present => {
                    let heard = self.seats[seat].client.receive(self.now, SERVER, &bytes);
                    heard.expect("str0m can go on");
                }
                Delivery::ToClient(..) => {}
            }
        }
    }

    fn forward(&mut self) {
        loop {
            let forwarded = self.engine.forward(self.now, &mut self.arena);
            self.send_at(self.now);
            if matches!(forwarded, Forwarded::Done) {
                return;
            }
        }
    }

    /// What a media thread's send phase does, with links for sockets.
    pub(super) fn send_at(&mut self, leaves: Instant) {
        let mut scheduled = Vec::new();
        for message in self.arena.messages() {
            let Path::Udp(udp) = message.path else { continue };
            let Some(seat) = self.seats.iter().position(|seat| seat.public == udp.remote) else {
                continue;
            };
            if let Some(messages) = &mut self.seats[seat].messages {
                let (bytes, segment_size) = (message.bytes.to_vec(), message.segment_size);
                messages.push(SentMessage { bytes, segment_size });
            }
            for segment in message.segments() {
                let link = self.seats[seat].behind.unwrap_or(seat);
                for at in self.seats[link].down.carry(leaves, segment.len()) {
                    scheduled.push((at, Delivery::ToClient(seat, segment.to_vec())));
                }
            }
        }
        self.arena.clear();
        for (at, delivery) in scheduled {
            self.under_way.schedule(at, delivery);
        }
    }

    fn run_clients(&mut self) {
        for index in 0..self.seats.len() {
            let seat = &mut self.seats[index];
            if !seat.present || seat.client.deadline() > self.now {
                continue;
            }
            let path = Path::udp(seat.public, SERVER.ip());
            let mut sent = Vec::new();
            seat.client.run(self.now, |datagram| sent.push(datagram)).expect("str0m can go on");
            for datagram in sent.into_iter().filter(|datagram| datagram.to == SERVER) {
                for at in self.seats[index].up.carry(self.now, datagram.bytes.len()) {
                    let delivery = Delivery::ToServer(path, datagram.bytes.clone());
                    self.under_way.schedule(at, delivery);
                }
            }
        }
    }

    fn read_changes(&mut self) {
        while let Some(change) = self.engine.poll_change() {
            let mut seats = self.seats.iter_mut();
            match &change {
                Change::Peer { peer, state } => {
                    if let Some(seat) = seats.find(|seat| seat.peer == *peer) {
                        seat.state = Some(state.clone());
                    }
                }
                Change::Wanted { peer, tracks } => {
                    if let Some(seat) = seats.find(|seat| seat.peer == *peer) {
                        seat.want(self.now, tracks);
                    }
                }
                Change::Quality { .. } | Change::Speaking { .. } => {}
            }
            self.changes.push((self.now, change));
        }
    }
}
