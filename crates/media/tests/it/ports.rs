//! Several media threads on several ports, on loopback.

use std::net::Ipv4Addr;
use std::time::Duration;

use parlor_engine::{RoomId, Source};
use parlor_media::{Media, MediaConfig, ThreadFacts};
use parlor_rtc::MediaKind;

use crate::browser::{Browser, run_while};
use crate::task::block_on;

const SOURCES: [Source; 2] = [Source::Microphone, Source::Camera];
const THREADS: usize = 4;
const PORTS: usize = 2;

#[test]
fn who_is_on_a_thread_is_told_of_its_port_and_those_who_share_one_hand_over_what_is_for_each_other()
{
    let bind = vec![Ipv4Addr::LOCALHOST.into()];
    let config = MediaConfig { bind, threads: THREADS, ports: PORTS, ..MediaConfig::default() };
    let media = Media::start(config).unwrap();
    let handle = media.handle();
    let ports = handle.local_ports();
    let mut events = Vec::new();
    let mut browsers = Vec::new();
    let given = || -> u64 { handle.facts().iter().map(|facts| facts.handover.given).sum() };
    // Of a room for each thread, people come until the kernel has given something to the wrong one of a port: half of them begin so.
    for number in 1.. {
        let room = RoomId(number);
        events.push(block_on(handle.create_room(room)).unwrap());
        let port = ports[handle.threads_of(room)[0] % PORTS];
        let first = browsers.len();
        for peer in [2 * number as u32, 2 * number as u32 + 1] {
            browsers.push(Browser::join(&media, room, peer, &SOURCES));
        }
        run_while(&mut browsers, |browsers| {
            let sees = |viewer: usize, of: u64| {
                [MediaKind::Audio, MediaKind::Video]
                    .iter()
                    .all(|kind| browsers[viewer].frames_of(of as u32, *kind) > 20)
            };
            !(sees(first, 2 * number + 1) && sees(first + 1, 2 * number))
        });
        for browser in &browsers[first..] {
            assert_eq!(browser.server().map(|server| server.port()), Some(port));
        }
        if number as usize >= THREADS && given() > 0 {
            break;
        }
        assert!(number < 20, "of 40 people, none has come to the wrong thread");
    }
    let used: Vec<usize> =
        (1..=THREADS as u64).map(|room| handle.threads_of(RoomId(room))[0]).collect();
    assert!((0..THREADS).all(|thread| used.contains(&thread)), "{used:?}");
    assert!(media.shutdown(Duration::from_secs(5)));
    let served = |facts: &ThreadFacts| facts.deaths == 0 && facts.engine.datagrams_in > 0;
    assert!(handle.facts().iter().all(served), "{:?}", handle.facts());
}
