//! A room that two real threads share, on loopback.

use std::net::Ipv4Addr;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use parlor_engine::{Change, Join, PeerId, Receive, RoomId, Source};
use parlor_media::{GoneReason, Media, MediaConfig, MediaError, RoomEvents};
use parlor_rtc::MediaKind;

use crate::browser::{Browser, PATIENCE, run_while};
use crate::task::block_on;

const ROOM: RoomId = RoomId(1);
const SOURCES: [Source; 2] = [Source::Microphone, Source::Camera];

/// Two threads, of which each has two people of a room before the other has some.
fn start() -> (Media, RoomEvents) {
    let bind = vec![Ipv4Addr::LOCALHOST.into()];
    let config =
        MediaConfig { bind, threads: 2, peers_per_thread_of_room: 2, ..MediaConfig::default() };
    let media = Media::start(config).unwrap();
    let events = block_on(media.handle().create_room(ROOM)).unwrap();
    (media, events)
}

fn run_for(browsers: &mut [Browser], span: Duration) {
    let end = Instant::now() + span;
    run_while(browsers, |_| Instant::now() < end);
}

/// Waits until the room is told that these speak.
fn wait_for_speakers(events: &mut RoomEvents, browsers: &mut [Browser], expected: &[PeerId]) {
    let give_up = Instant::now() + PATIENCE;
    loop {
        run_for(browsers, Duration::from_millis(100));
        let changes = block_on(events.changed()).unwrap();
        let told = changes.iter().find_map(|change| match change {
            Change::Speaking { peers, .. } => Some(peers.clone()),
            _ => None,
        });
        if told.as_deref() == Some(expected) {
            return;
        }
        assert!(Instant::now() < give_up, "last told: {told:?}");
    }
}

#[test]
fn people_of_a_room_that_two_threads_share_hear_and_see_each_other() {
    let (media, mut events) = start();
    let handle = media.handle();
    let mut browsers: Vec<Browser> =
        (1..=4).map(|n| Browser::join(&media, ROOM, n, &SOURCES)).collect();
    let threads = handle.threads_of(ROOM);
    assert_eq!(threads.len(), 2);
    run_while(&mut browsers, |browsers| {
        let sees = |viewer: &Browser, of: u32| {
            viewer.frames_of(of, MediaKind::Audio) > 50
                && viewer.frames_of(of, MediaKind::Video) > 30
        };
        let others = |viewer: u32| (1..=4).filter(move |of| *of != viewer);
        !(1..).zip(browsers).all(|(n, viewer)| others(n).all(|of| sees(viewer, of)))
    });
    let everybody: Vec<PeerId> = (1..=4).map(PeerId).collect();
    wait_for_speakers(&mut events, &mut browsers, &everybody);

    // Somebody on the second thread switches off and is seen no more, then goes and is heard no more.
    let camera = browsers[3].senders[1].track;
    block_on(handle.switch_track(ROOM, PeerId(4), camera, false)).unwrap();
    run_for(&mut browsers, Duration::from_millis(300));
    let seen = browsers[0].frames_of(4, MediaKind::Video);
    let heard = browsers[0].frames_of(4, MediaKind::Audio);
    run_for(&mut browsers, Duration::from_millis(500));
    assert_eq!(browsers[0].frames_of(4, MediaKind::Video), seen);
    assert!(browsers[0].frames_of(4, MediaKind::Audio) > heard);
    block_on(handle.remove_peer(ROOM, PeerId(4))).unwrap();
    browsers.truncate(3);
    wait_for_speakers(&mut events, &mut browsers, &everybody[..3]);
    assert_eq!(block_on(handle.remove_room(ROOM)), Ok(()));
    assert!(media.shutdown(PATIENCE));
    for facts in handle.facts() {
        assert!(facts.engine.packets_relayed_in > 100, "{:?}", facts.engine);
        assert_eq!((facts.rooms, facts.deaths), (0, 0));
    }
}

#[test]
fn somebody_who_stops_waiting_for_another_part_of_a_room_leaves_one_that_serves_and_ends() {
    let (media, _events) = start();
    let handle = media.handle();
    let mut browsers: Vec<Browser> =
        (1..=2).map(|n| Browser::join(&media, ROOM, n, &SOURCES)).collect();
    assert_eq!(handle.threads_of(ROOM).len(), 1);
    {
        let join = Join {
            room: ROOM,
            peer: PeerId(9),
            opening: String::new().into(),
            senders: Vec::new(),
            receive: Receive::Floating,
        };
        let waiting = pin!(handle.join(join));
        // Once, so that the thread is asked, and then never again.
        let _answer = waiting.poll(&mut Context::from_waker(Waker::noop()));
    }
    assert_eq!(handle.threads_of(ROOM).len(), 2);
    browsers.push(Browser::join(&media, ROOM, 3, &SOURCES));
    run_while(&mut browsers, |browsers| {
        browsers[0].frames_of(3, MediaKind::Audio) < 20
            || browsers[2].frames_of(1, MediaKind::Audio) < 20
    });
    assert_eq!(block_on(handle.remove_room(ROOM)), Ok(()));
    assert!(media.shutdown(PATIENCE));
    for facts in handle.facts() {
        assert!(facts.engine.packets_relayed_in > 0, "{:?}", facts.engine);
        assert_eq!((facts.rooms, facts.deaths), (0, 0));
    }
}

#[test]
fn a_thread_that_fails_ends_the_rooms_that_it_shares_and_others_let_them_go() {
    // The home of the room, and then its annex.
    for part in [0, 1] {
        let (media, mut events) = start();
        let handle = media.handle();
        let browsers: Vec<Browser> = (1..=3).map(|n| Browser::join(&media, ROOM, n, &[])).collect();
        let threads = handle.threads_of(ROOM);
        assert_eq!(threads.len(), 2);
        drop(browsers);
        assert_eq!(block_on(handle.panic_thread(threads[part])), Err(MediaError::ThreadDied));
        let reason = loop {
            if let Err(gone) = block_on(events.changed()) {
                break gone.reason;
            }
        };
        assert_eq!(reason, GoneReason::ThreadDied);
        let missing = Err(MediaError::NoSuchRoom(ROOM));
        assert_eq!(block_on(handle.remove_peer(ROOM, PeerId(1))), missing);
        assert_eq!(block_on(handle.remove_room(ROOM)), Ok(()), "the other part was still there");
        assert_eq!(block_on(handle.remove_room(ROOM)), missing);

        // The thread that failed serves again, alone and together with the other.
        let _events = block_on(handle.create_room(ROOM)).unwrap();
        let mut browsers: Vec<Browser> =
            (4..=6).map(|n| Browser::join(&media, ROOM, n, &SOURCES)).collect();
        assert_eq!(handle.threads_of(ROOM).len(), 2);
        run_while(&mut browsers, |browsers| {
            let sees = |viewer: usize, of| browsers[viewer].frames_of(of, MediaKind::Video) > 10;
            !(sees(0, 6) && sees(2, 4) && sees(0, 5))
        });
        assert!(media.shutdown(PATIENCE));
    }
}
