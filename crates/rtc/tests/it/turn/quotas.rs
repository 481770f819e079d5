//! Servers that count their allocations together.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use parlor_rtc::stun::Method;
use parlor_rtc::turn::{Counting, Holder, Limits, Server};

use super::world::{Config, Phone, UDP, World, config};

/// Counts with others, for a server that is tried alone: so many more may be had.
#[derive(Debug)]
struct Left(Arc<AtomicU32>);

impl Counting for Left {
    fn take(&mut self, _: &Holder) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    fn give_back(&mut self, _: &Holder) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_server_that_counts_with_others_takes_what_is_left_and_gives_back_what_it_had_or_did_not_need()
{
    let left = Arc::new(AtomicU32::new(2));
    let mut world = World::new(config());
    let limits = Limits { in_all: 2, ..Limits::default() };
    world.server =
        Server::with_counting(Config { limits, ..config() }, Box::new(Left(Arc::clone(&left))));
    let mut phones = [1, 2, 3].map(|port| Phone::udp(&format!("198.51.100.7:{port}")));
    let [a, b, c] = &mut phones;
    world.allocate(a);
    world.allocate(b);
    assert_eq!(world.ask(c, Method::Allocate, &[UDP]).error(), Some(486), "none is left");
    left.store(1, Relaxed);
    assert_eq!(world.ask(c, Method::Allocate, &[UDP]).error(), Some(508), "it is full itself");
    assert_eq!(left.load(Relaxed), 1);
    assert_eq!(world.refresh(a, 0).error(), None);
    world.server.drop_client(b.client);
    assert_eq!(left.load(Relaxed), 3);
    world.allocate(c);
    world.pass(600);
    world.server.handle_timeout(world.time.now);
    assert_eq!(left.load(Relaxed), 3);
}
