//! Waiting and being woken.

use std::time::{Duration, Instant};

use parlor_media::poll::Poller;

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_ring_before_the_wait_ends_it_at_once() {
    let mut poller = Poller::new().unwrap();
    poller.waker().wake();
    poller.waker().wake();
    let start = Instant::now();
    poller.wait(&[], Some(LONG)).unwrap();
    assert!(start.elapsed() < LONG / 2);
}

#[test]
fn every_ring_after_a_wait_is_heard_again() {
    let mut poller = Poller::new().unwrap();
    let waker = poller.waker();
    for _ in 0..3 {
        let waker = waker.clone();
        let ringer = std::thread::spawn(move || waker.wake());
        poller.wait(&[], Some(LONG)).unwrap();
        ringer.join().unwrap();
    }
}

#[test]
fn a_wait_without_a_ring_ends_at_its_deadline() {
    let mut poller = Poller::new().unwrap();
    let start = Instant::now();
    poller.wait(&[], Some(Duration::from_millis(5))).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(5));
}
