//! A real thread that is sent more than it can take in.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use parlor_engine::{RoomId, Source};
use parlor_media::strain::Level;
use parlor_media::{Media, MediaConfig, ThreadFacts};
use parlor_rtc::MediaKind;

use crate::browser::{Browser, PATIENCE, run_while};
use crate::task::block_on;

const STRUCK: RoomId = RoomId(1);
const SPARED: RoomId = RoomId(2);
const SOURCES: [Source; 2] = [Source::Microphone, Source::Camera];

#[test]
fn a_flooded_thread_leaves_out_pictures_and_no_sound_and_no_room_of_another_notices() {
    let bind = vec![Ipv4Addr::LOCALHOST.into()];
    let config = MediaConfig { bind, threads: 2, ports: 2, ..MediaConfig::default() };
    let media = Media::start(config).unwrap();
    let handle = media.handle();
    let mut browsers = Vec::new();
    for (room, numbers) in [(STRUCK, [1, 2]), (SPARED, [3, 4])] {
        let _events = block_on(handle.create_room(room)).unwrap();
        browsers.extend(numbers.map(|n| Browser::join(&media, room, n, &SOURCES)));
    }
    // Pictures of those who are silent are left out first.
    browsers.iter_mut().for_each(|browser| browser.client.senders[0].voice = false);
    let [struck, spared] = [STRUCK, SPARED].map(|room| handle.threads_of(room)[0]);
    assert_ne!(struck, spared);
    run_while(&mut browsers, |browsers| {
        browsers[1].frames_of(1, MediaKind::Video) < 30
            || browsers[3].frames_of(3, MediaKind::Video) < 30
    });

    let facts = |thread: usize| -> ThreadFacts { handle.facts().swap_remove(thread) };
    let heard = |browsers: &[Browser]| {
        [(1, 1), (3, 3)]
            .map(|(viewer, of): (usize, u32)| browsers[viewer].frames_of(of, MediaKind::Audio))
    };
    let give_up = Instant::now() + PATIENCE;
    let before = (Instant::now(), heard(&browsers));
    while facts(struck).engine.pictures_shed == 0 {
        assert!(Instant::now() < give_up, "{:?}", facts(struck));
        browsers[0].flood(20);
        browsers.iter_mut().for_each(Browser::run);
    }
    assert!(facts(struck).level > Level::Near.to_number(), "{:?}", facts(struck));
    let took = before.0.elapsed();
    // A frame of sound is 20 ms.
    let made = (took.as_millis() / 20) as usize;
    let counts = heard(&browsers);
    for (room, (after, before)) in counts.into_iter().zip(before.1).enumerate() {
        assert!((after - before) * 10 > made * 8, "room {room}: {before} to {after} of {made}");
    }
    assert_eq!(facts(spared).engine.pictures_shed, 0);
    assert!(facts(spared).level <= Level::Near.to_number());

    // What is left out comes back when there is time again.
    let seen = browsers[1].frames_of(1, MediaKind::Video);
    run_while(&mut browsers, |browsers| browsers[1].frames_of(1, MediaKind::Video) < seen + 10);
    assert!(media.shutdown(Duration::from_secs(5)));
}
