//! Allocations that end while somebody is reached through them.

use std::sync::Arc;

use parlor_engine::{Config, Engine, Forwarded, Limits, SendArena};
use parlor_rtc::Path;
use parlor_rtc::dtls::Identity;
use parlor_rtc::path::RelayedPath;
use parlor_rtc::sdp::Candidates;

use super::world::{MEDIA_V4, World as Turn, address, config};
use super::*;

/// Engine and TURN server as one media thread has them, somebody who publishes and comes by UDP, and a viewer behind TURN. Time is
/// simulated.
struct World {
    engine: Engine,
    arena: SendArena,
    turn: Turn,
    phone: Phone,
    publisher: Client,
    viewer: Client,
    /// Whether what the viewer sends goes through its allocation.
    is_behind_turn: bool,
    /// What was sent along relayed paths.
    relayed: Vec<RelayedPath>,
}

impl World {
    /// One whose viewer has had its allocation for so long before it joins.
    fn after(seconds: u64) -> World {
        let mut turn = Turn::new(config());
        let mut phone = Phone::stream("198.51.100.7:50000");
        let relayed = turn.allocate(&mut phone);
        assert_eq!(turn.bind(&mut phone, CHANNEL, address(MEDIA_V4)), None);
        turn.pass(seconds);
        let now = turn.time.now;
        let config = Config {
            identity: Arc::new(Identity::generate().unwrap()),
            candidates: Candidates::over_udp(vec![address(MEDIA_V4)]),
            thread: 2,
            seed: [7; 32],
            ntp_at_start: 3_900_000_000 << 32,
            limits: Limits::default(),
        };
        let mut engine = Engine::new(now, config);
        engine.add_room(RoomId(1));
        let mut enter = |number, at, sources: &[Source]| {
            let mut client = Client::new(now, number, at);
            let kinds: Vec<_> = sources.iter().map(|source| client::kind(source.kind())).collect();
            let offer = client.offer(now, &kinds, 2);
            let senders = senders_of(&client, number, sources);
            let join = Join { senders, opening: offer.into(), ..whoever(RoomId(1), number) };
            client.accept(&engine.join(now, join).unwrap().answer).unwrap();
            client
        };
        let publisher = enter(1, address("198.51.100.1:40000"), &SOURCES);
        let viewer = enter(2, relayed, &[]);
        let (arena, relayed) = (SendArena::default(), Vec::new());
        World { engine, arena, turn, phone, publisher, viewer, is_behind_turn: true, relayed }
    }

    /// Lets time pass, in steps in which nothing that is due is late by more than 5 ms.
    fn run(&mut self, span: Duration) {
        let end = self.turn.time.now + span;
        while self.turn.time.now < end {
            self.turn.time.now += Duration::from_millis(5);
            self.step();
        }
    }

    fn step(&mut self) {
        let now = self.turn.time.now;
        self.engine.handle_timeout(now, &mut self.arena);
        let server = address(MEDIA_V4).ip();
        let mut datagrams = Vec::new();
        for client in [&mut self.publisher, &mut self.viewer] {
            let path = Path::udp(client.address, server);
            client.run(now, |Datagram { bytes, .. }| datagrams.push((path, bytes))).unwrap();
        }
        let viewer = Path::udp(self.viewer.address, server);
        for (path, mut bytes) in datagrams {
            let path = match path == viewer && self.is_behind_turn {
                false => Some(path),
                true => {
                    let message = channel_data(CHANNEL, &bytes);
                    let relayed = self.turn.relay(self.phone.client, &message);
                    relayed.map(|(path, _)| Path::Relayed(path))
                }
            };
            if let Some(path) = path {
                self.engine.handle_datagram(now, path, &mut bytes, &mut self.arena);
            }
        }
        while self.engine.forward(now, &mut self.arena) == Forwarded::ArenaFull {
            self.deliver(now);
        }
        self.deliver(now);
        while self.engine.poll_change().is_some() {}
    }

    fn deliver(&mut self, now: Instant) {
        for message in self.arena.messages() {
            for datagram in message.segments() {
                let wrapped = match message.path {
                    Path::Relayed(path) => {
                        self.relayed.push(path);
                        let Some((_, wrapped)) = self.turn.wrap(path, datagram) else { continue };
                        wrapped
                    }
                    _ => channel_data(CHANNEL, datagram),
                };
                let client = match message.path.remote_address() == self.publisher.address {
                    true => &mut self.publisher,
                    false => &mut self.viewer,
                };
                let datagram = &wrapped[4..4 + datagram.len()];
                client.receive(now, address(MEDIA_V4), datagram).unwrap();
            }
        }
        self.arena.clear();
    }

    /// What a media thread does in each turn.
    fn tell_of_endings(&mut self) {
        while let Some(ended) = self.turn.server.poll_ended() {
            for path in ended.into_paths(self.turn.server.destinations()) {
                self.engine.lose_path(self.turn.time.now, Path::Relayed(path));
            }
        }
    }

    fn seen(&self) -> usize {
        self.viewer.frames_of(1, client::kind(MediaKind::Video)).len()
    }
}

#[test]
fn nothing_is_sent_along_the_path_of_an_allocation_that_has_ended_and_another_path_takes_over() {
    type End = fn(&mut World);
    let refresh: End = |world| assert_eq!(world.turn.refresh(&mut world.phone, 0).error(), None);
    let close: End = |world| world.turn.server.drop_client(world.phone.client);
    let expire: End = |world| {
        world.run(Duration::from_secs(2));
        world.turn.server.handle_timeout(world.turn.time.now);
    };
    for (what, age, end) in [("refresh", 0, refresh), ("close", 0, close), ("expire", 595, expire)]
    {
        let mut world = World::after(age);
        world.run(Duration::from_secs(3));
        assert!(world.seen() > 45, "{what}: {}", world.seen());
        let path = Path::Relayed(*world.relayed.last().unwrap());
        assert!(world.engine.owns(path));
        end(&mut world);
        world.tell_of_endings();
        assert!(!world.engine.owns(path), "{what}");
        world.relayed.clear();
        world.run(Duration::from_secs(2));
        assert_eq!(world.relayed.len(), 0, "{what}: nothing is sent into nothing");
        // The client has another way, of which its next check tells.
        let seen = world.seen();
        world.is_behind_turn = false;
        world.run(Duration::from_secs(4));
        assert!(world.seen() > seen + 15, "{what}: {} after {seen}", world.seen());
    }
}

#[test]
fn an_allocation_that_ends_is_told_to_the_thread_that_has_the_peer() {
    let media = two_threads();
    let handle = media.handle();
    let _events = block_on(handle.create_room(RoomId(1))).unwrap();
    let home = handle.threads_of(RoomId(1))[0];
    let mut browsers = Browser::join_through_both(&media);
    let (mut poller, give_up) = (Poller::new().unwrap(), Instant::now() + PATIENCE);
    let mut run_while = |browsers: &mut [Browser], holds: &dyn Fn(&[Browser]) -> bool| {
        while holds(browsers) {
            assert!(Instant::now() < give_up, "it does not come to that");
            browsers.iter_mut().for_each(Browser::run);
            poller.wait(&[], Some(Duration::from_millis(1))).unwrap();
        }
    };
    run_while(&mut browsers, &|browsers| {
        browsers[0].frames_of(2, MediaKind::Video) < 30
            || browsers[1].frames_of(1, MediaKind::Video) < 30
    });
    let facts = |thread: usize| handle.facts().swap_remove(thread);
    // Whoever is behind the other thread goes, and says so to its TURN server.
    let [watching, mut gone] = browsers;
    gone.socket.set_nonblocking(false).unwrap();
    let end = gone.phone.request(Method::Refresh, &[Add::Raw(attribute::LIFETIME, &[0; 4])]);
    gone.socket.send(&end).unwrap();
    let mut browsers = [watching];
    run_while(&mut browsers, &|_| facts(1 - home).turn.allocations > 0);
    // What was under way meanwhile has been given to nobody; of the hundred packets and more of the next second, none is.
    let wait = |seconds| Instant::now() + Duration::from_secs(seconds);
    let settled = wait(2);
    run_while(&mut browsers, &|_| Instant::now() < settled);
    let dropped = facts(1 - home).turn.dropped;
    let (heard, later) = (facts(home).engine.packets_in, wait(2));
    run_while(&mut browsers, &|_| Instant::now() < later);
    assert_eq!(facts(1 - home).turn.dropped, dropped);
    assert!(facts(home).engine.packets_in > heard + 50, "the other one goes on publishing");
    assert!(media.shutdown(PATIENCE));
}
