//! Moving datagrams allocates nothing once the buffers are there.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use parlor_engine::ring::{Dependencies, Facts, FrameNumbers};
use parlor_engine::{Relayed, TrackId};
use parlor_media::handover::{Cause, Handover};
use parlor_media::poll::Poller;
use parlor_media::udp::{Buffers, Datagrams, Patience, ReceiveBatch, Socket, bind_group};
use parlor_rtc::Path;
use parlor_rtc::path::UdpPath;
use parlor_rtc::payload::Layer;

use crate::counting::allocations;

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Allocations of `round`, after it has run twice to make what it keeps.
fn steady_allocations(mut round: impl FnMut()) -> u64 {
    round();
    round();
    let before = allocations();
    assert!(before > 0, "the counter counts");
    for _ in 0..20 {
        round();
    }
    allocations() - before
}

#[test]
fn waiting_sending_and_receiving_allocate_nothing() {
    let any = "127.0.0.1:0".parse().unwrap();
    let mut sockets: Vec<Socket> = bind_group(any, 1, Buffers::default()).unwrap();
    let mut poller = Poller::new().unwrap();
    let waker = poller.waker();
    let mut batch = ReceiveBatch::default();
    let path = UdpPath { remote: sockets[0].local(), local: LOCALHOST };
    let bytes = [7; 4000];
    let mut arrived = 0;
    let count = steady_allocations(|| {
        // More than one call's worth, runs and single datagrams.
        let runs = std::iter::repeat_n(Datagrams { path, bytes: &bytes, segment: 1000 }, 40);
        let singles = std::iter::repeat_n(Datagrams { path, bytes: &bytes[..99], segment: 99 }, 40);
        sockets[0].send(runs.chain(singles), &mut Patience::default());
        waker.wake();
        poller.wait(&sockets, Some(Duration::from_secs(1))).unwrap();
        while sockets[0].receive(&mut batch).unwrap() {
            arrived += batch.arrivals().count();
        }
        arrived += batch.arrivals().count();
    });
    assert!(arrived > 2000, "{arrived} datagrams arrived");
    assert_eq!(count, 0);
}

#[test]
fn handing_over_allocates_nothing() {
    let wakers: Vec<_> = (0..2).map(|_| Poller::new().unwrap().waker()).collect();
    let now = Instant::now();
    let mut ends = Handover::group(now, &wakers);
    let path = Path::udp("127.0.0.1:9".parse().unwrap(), LOCALHOST);
    let mut taken = 0;
    let count = steady_allocations(|| {
        for _ in 0..100 {
            ends[0].give(1, path, &[1; 1200], Cause::Named);
        }
        ends[0].dispatch();
        while let Some(mut parcel) = ends[1].take(now) {
            taken += parcel.datagrams().count();
            ends[1].confirm(0, path);
        }
        ends[1].dispatch();
        while ends[0].take(now).is_some() {}
    });
    assert_eq!(taken, 2200);
    assert_eq!(ends[0].home(path), Some(1));
    assert_eq!(count, 0);
}

#[test]
fn relaying_allocates_nothing_and_leaves_room_for_datagrams() {
    let wakers: Vec<_> = (0..2).map(|_| Poller::new().unwrap().waker()).collect();
    let now = Instant::now();
    let mut ends = Handover::group(now, &wakers);
    let facts = Facts {
        sequence: 1,
        timestamp: 1,
        arrival: now,
        marker: false,
        payload_type: 96,
        recovered: false,
        starts_frame: true,
        starts_key_frame: true,
        numbers: FrameNumbers::default(),
        layer: Layer::default(),
        dependencies: Dependencies::default(),
        audio_level: None,
        video_orientation: None,
        color_space: None,
    };
    let packet = Relayed {
        track: TrackId(1),
        layer: 2,
        facts: &facts,
        payload: &[7; 1200],
        descriptor: &[1, 2],
    };
    let path = Path::udp("127.0.0.1:9".parse().unwrap(), LOCALHOST);
    let (mut given, mut taken, mut datagrams) = (0, 0, 0);
    let count = steady_allocations(|| {
        while ends[0].relay(1, &packet) {
            given += 1;
        }
        ends[0].give(1, path, &[1; 1200], Cause::Home);
        // What was held back leaves once others are back.
        while !ends[0].dispatch() {
            while let Some(mut parcel) = ends[1].take(now) {
                taken += parcel.relayed().count();
                datagrams += parcel.datagrams().count();
            }
        }
        while let Some(mut parcel) = ends[1].take(now) {
            for relayed in parcel.relayed() {
                assert_eq!((relayed.track, relayed.layer), (TrackId(1), 2));
                assert_eq!((relayed.payload, relayed.descriptor), (packet.payload, &[1, 2][..]));
                taken += 1;
            }
            datagrams += parcel.datagrams().count();
        }
        ends[1].dispatch();
    });
    assert!(given > 22 * 80, "{given}");
    assert_eq!((taken, datagrams), (given, 22));
    assert_eq!(count, 0);
}
