//! What a datagram costs on its way into and out of the process: `cargo bench -p parlor-media`.
//!
//! Wall-clock time of one thread that does nothing else, kernel included, on loopback; the best
//! of several rounds. Whoever sends on loopback also pays for the delivery.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_engine::{Config, Engine, Limits, Routed, SendArena};
use parlor_media::handover::{Cause, Handover};
use parlor_media::poll::Poller;
use parlor_media::udp::{Buffers, Datagrams, Patience, ReceiveBatch, Socket, bind_group};
use parlor_rtc::Path;
use parlor_rtc::dtls::Identity;
use parlor_rtc::path::UdpPath;
use parlor_rtc::sdp::Candidates;

const LEN: usize = 1200;
const ROUNDS: usize = 200;
/// Clients whose datagrams land on the wrong thread.
const PEERS: u16 = 500;
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn main() {
    report("send: one to each of 50 destinations", || send(50, 1));
    report("send: runs of 4 to each of 50 destinations", || send(50, 4));
    report("send: runs of 9 to each of 50 destinations", || send(50, 9));
    report("receive: single datagrams", || receive(1));
    report("receive: runs of 9, joined by the sender's GSO", || receive(9));
    report("hand over to another thread: batches of 32", || hand_over(32));
    report("hand over to another thread: one at a time", || hand_over(1));
}

/// Prints the best round of `measure`, which gives the time spent and the datagrams moved.
fn report(name: &str, mut measure: impl FnMut() -> (Duration, usize)) {
    let per_datagram = (0..3)
        .map(|_| {
            let (spent, datagrams) = measure();
            spent.as_secs_f64() * 1e9 / datagrams.max(1) as f64
        })
        .fold(f64::INFINITY, f64::min);
    println!("{per_datagram:8.0} ns per datagram   {name}");
}

fn bind(count: usize) -> Vec<Socket> {
    let any = SocketAddr::new(LOCALHOST, 0);
    (0..count).flat_map(|_| bind_group(any, 1, Buffers::default()).unwrap()).collect()
}

fn empty(receivers: &mut [Socket], batch: &mut ReceiveBatch) {
    for receiver in receivers {
        while receiver.receive(batch).unwrap() {}
    }
}

fn send(destinations: usize, run: usize) -> (Duration, usize) {
    let mut sender = bind(1);
    let mut receivers = bind(destinations);
    let paths: Vec<UdpPath> =
        receivers.iter().map(|r| UdpPath { remote: r.local(), local: LOCALHOST }).collect();
    let bytes = vec![0; LEN * run];
    let mut batch = ReceiveBatch::default();
    let mut spent = Duration::ZERO;
    for _ in 0..ROUNDS {
        let messages =
            paths.iter().map(|path| Datagrams { path: *path, bytes: &bytes, segment: LEN as u16 });
        let start = Instant::now();
        sender[0].send(messages, &mut Patience::default());
        spent += start.elapsed();
        empty(&mut receivers, &mut batch);
    }
    let sent = sender[0].sent().datagrams as usize;
    assert_eq!(sent, ROUNDS * destinations * run);
    (spent, sent)
}

fn receive(run: usize) -> (Duration, usize) {
    let mut sender = bind(1);
    let mut receiver = bind(1);
    let path = UdpPath { remote: receiver[0].local(), local: LOCALHOST };
    let bytes = vec![0; LEN * run];
    let mut batch = ReceiveBatch::default();
    let mut spent = Duration::ZERO;
    let mut touched = 0;
    for _ in 0..ROUNDS {
        let message = Datagrams { path, bytes: &bytes, segment: LEN as u16 };
        sender[0].send(std::iter::repeat_n(message, 96 / run), &mut Patience::default());
        let start = Instant::now();
        while receiver[0].receive(&mut batch).unwrap() {
            touched += batch.arrivals().map(|a| usize::from(a.datagram[0] == 0)).sum::<usize>();
        }
        touched += batch.arrivals().count();
        spent += start.elapsed();
    }
    (spent, touched)
}

/// All that a datagram costs more when it lands on the wrong thread: a look in vain into that thread's
/// engine, the table of homes, the copy, the parcel's way there and back, and the other's waking.
fn hand_over(batch: usize) -> (Duration, usize) {
    let mut pollers = [(); 2].map(|()| Poller::new().unwrap());
    let wakers = [&pollers[0], &pollers[1]].map(Poller::waker);
    let now = Instant::now();
    let mut ends = Handover::group(now, &wakers);
    let [giver, taker] = &mut ends[..] else { return (Duration::ZERO, 0) };
    let mut arena = SendArena::default();
    let mut engine = engine(now);
    let paths = (1..=PEERS)
        .map(|port| UdpPath { remote: SocketAddr::new(LOCALHOST, port), local: LOCALHOST });
    for path in paths.clone() {
        taker.confirm(0, Path::Udp(path));
        taker.dispatch();
        drop(giver.take(now));
    }
    let mut datagram = [0; LEN];
    datagram[0] = 128;
    let mut touched = 0;
    let start = Instant::now();
    for path in paths.cycle().take(ROUNDS) {
        for _ in 0..batch {
            let routed = engine.handle_datagram(now, Path::Udp(path), &mut datagram, &mut arena);
            assert_eq!(routed, Routed::Unknown);
            giver.give(
                giver.home(Path::Udp(path)).unwrap(),
                Path::Udp(path),
                &datagram,
                Cause::Home,
            );
        }
        giver.dispatch();
        pollers[1].wait(&[], Some(Duration::ZERO)).unwrap();
        while let Some(mut parcel) = taker.take(now) {
            touched += parcel.datagrams().filter(|d| d.datagram[0] == 128).count();
        }
    }
    (start.elapsed(), touched)
}

fn engine(now: Instant) -> Engine {
    let identity = Arc::new(Identity::generate().unwrap());
    let (candidates, limits) = (Candidates::default(), Limits::default());
    let config = Config { identity, candidates, thread: 0, seed: [0; 32], ntp_at_start: 0, limits };
    Engine::new(now, config)
}
