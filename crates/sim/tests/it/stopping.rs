//! Cameras in two and three sizes, any of which may stop and return.

use std::time::{Duration, Instant};

use parlor_engine::allocate::Reason;
use parlor_engine::{Change, Picture, Source, View};
use parlor_rtc::MediaKind::{Audio, Video};
use parlor_rtc::fuzzing::scalable::L1T3;
use parlor_sim::client::SeenFrame;
use parlor_sim::frame::FrameKind;
use parlor_sim::packets::{Camera, Carrier};
use parlor_sim::world::ROOM;
use parlor_sim::{LinkConfig, World};

use crate::{connect_all, ms, seconds};

const TWO: &[&str] = &["l", "h"];
const THREE: &[&str] = &["l", "m", "h"];

/// What the largest size costs; each below it a third.
const TOP_BPS: u64 = 1_500_000;
const FRAMES_PER_SECOND: u64 = 30;

/// A camera, and viewers each of whom shows it as large as one of its sizes.
struct Call {
    world: World,
    publisher: usize,
    rids: &'static [&'static str],
    viewers: Vec<usize>,
}

impl Call {
    /// With viewers for these of the sizes.
    fn new(seed: u64, rids: &'static [&'static str], sizes: &[usize]) -> Call {
        let mut world = World::new(seed);
        let link = LinkConfig::with_round_trip(ms(40));
        let publisher = world.join_with_simulcast(rids, 0, link);
        world.seats[publisher].client.senders[1].bitrate_bps = TOP_BPS;
        let link = LinkConfig { rate_bps: Some(5_000_000), ..link };
        let track = world.seats[publisher].named[1].track;
        let viewers = sizes.iter().map(|size| {
            let viewer = world.join_as(ROOM, &[], 1, link);
            let width = 1280 >> (rids.len() - 1 - size);
            let view = View { track, width, height: width / 16 * 9, priority: 0 };
            let (now, peer) = (world.now(), world.seats[viewer].peer);
            world.engine.view(now, peer, vec![view]);
            viewer
        });
        let viewers = viewers.collect();
        connect_all(&mut world);
        Call { world, publisher, rids, viewers }
    }

    fn stop(&mut self, rids: &[&str]) {
        self.world.seats[self.publisher].client.senders[1].stop_layers(rids);
    }

    /// The path to a viewer carries so many kbit/s from now on.
    fn set_path(&mut self, viewer: usize, kbps: u64) {
        let link =
            LinkConfig { rate_bps: Some(kbps * 1000), ..LinkConfig::with_round_trip(ms(40)) };
        self.world.set_link(self.viewers[viewer], link);
    }

    /// What a viewer was last told of the camera.
    fn given(&self, viewer: usize) -> Result<Picture, Reason> {
        let to = self.world.seats[self.viewers[viewer]].peer;
        let told = self.world.changes.iter().rev().find_map(|(_, change)| match change {
            Change::Quality { peer, quality } if *peer == to => quality.tracks.first(),
            _ => None,
        });
        told.expect("it was told something").given
    }

    /// How many packets of sound a viewer has heard.
    fn sounds(&self, viewer: usize) -> usize {
        self.world.seen(self.viewers[viewer], self.publisher, Audio).len()
    }

    /// The sizes that came since `from`, in turn, and when each began.
    fn sizes(&self, viewer: usize, from: Instant) -> Vec<(usize, Duration)> {
        let seen = self.world.seen(self.viewers[viewer], self.publisher, Video);
        let sized = seen
            .iter()
            .filter(|it| it.at >= from)
            .filter_map(|it| Some((self.size(it)?, it.at - from)));
        let mut sizes: Vec<_> = sized.collect();
        sizes.dedup_by_key(|(size, _)| *size);
        sizes
    }

    /// By its length: each is three times as long as the one below. Key frames are longer, and tell nothing.
    fn size(&self, seen: &SeenFrame) -> Option<usize> {
        let is_delta = seen.frame.is_some_and(|it| it.kind == FrameKind::Delta);
        let top = (TOP_BPS / 8 / FRAMES_PER_SECOND) as usize;
        let below = [top / 2, top / 6].iter().filter(|len| seen.len < **len).count();
        is_delta.then_some((self.rids.len() - 1).saturating_sub(below))
    }

    /// The longest time without a picture.
    fn standstill(&self, viewer: usize, since: Instant) -> Duration {
        let seen = self.world.seen(self.viewers[viewer], self.publisher, Video);
        let times = seen.iter().map(|seen| seen.at).filter(|at| *at >= since);
        let times: Vec<Instant> =
            [since].into_iter().chain(times).chain([self.world.now()]).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }
}

/// Everybody's size is as before, and nothing stood still.
fn assert_untouched(call: &Call, viewer: usize, size: usize, from: Instant, what: &str) {
    let sizes: Vec<usize> = call.sizes(viewer, from).iter().map(|(size, _)| *size).collect();
    let still = call.standstill(viewer, from);
    assert!(sizes == [size] && still <= ms(100), "{what}: {sizes:?}, {still:?}");
}

#[test]
fn whichever_size_stops_all_keep_a_picture_and_have_their_own_again_when_it_returns() {
    for (seed, rids) in [(91, TWO), (92, THREE), (93, TWO), (94, THREE)] {
        let all: Vec<usize> = (0..rids.len()).collect();
        for stopped in all.clone() {
            let mut call = Call::new(seed, rids, &all);
            call.world.run_for(seconds(12) + ms(seed * 37));
            let from = call.world.now();
            call.stop(&[rids[stopped]]);
            call.world.run_for(seconds(12));
            for &size in &all {
                let what = format!("{rids:?}, {} stops, {}", rids[stopped], rids[size]);
                if size != stopped {
                    assert_untouched(&call, size, size, from, &what);
                    continue;
                }
                let (still, sizes) = (call.standstill(size, from), call.sizes(size, from));
                assert!(still <= ms(700), "{what}: stood still for {still:?}");
                // The next smaller one at first, where there is one; a larger one takes a moment longer.
                let next = stopped.checked_sub(1).unwrap_or(1);
                assert!(sizes.get(1).is_some_and(|(size, _)| *size == next), "{what}: {sizes:?}");
            }
            let back = call.world.now();
            call.stop(&[]);
            call.world.run_for(seconds(15));
            for &size in &all {
                let what = format!("{rids:?}, {} returns, {}", rids[stopped], rids[size]);
                let (still, sizes) = (call.standstill(size, back), call.sizes(size, back));
                assert!(still <= ms(100), "{what}: stood still for {still:?}");
                let own = sizes.last().is_some_and(|(last, at)| *last == size && *at <= seconds(2));
                assert!(own && sizes.len() <= 2, "{what}: {sizes:?}");
            }
        }
    }
}

/// When pictures of each encoding came to a viewer since `from`.
fn encodings(world: &World, viewer: usize, from: Instant) -> Vec<(u8, Duration)> {
    let arrived = world.packets(viewer).arrived.iter();
    let pictures = arrived.filter(|it| !it.is_audio && it.at >= from);
    pictures.filter_map(|it| Some((it.mark.as_ref()?.encoding, it.at - from))).collect()
}

#[test]
fn in_every_codec_whichever_encoding_stops_its_viewer_has_another_and_has_it_again_when_it_returns()
{
    for carrier in [Carrier::Vp8, Carrier::H264, Carrier::Vp9, Carrier::Av1] {
        for (rids, stopped) in [(TWO, 0), (TWO, 1), (THREE, 0), (THREE, 1), (THREE, 2)] {
            let what = format!("{carrier:?} in {rids:?} without {}", rids[stopped]);
            let mut world = World::new(95);
            let link = LinkConfig::with_round_trip(ms(40));
            let camera = Camera { carrier, mode: L1T3, rids };
            let ann = world.join_with_packets(Some(camera), 0, link);
            world.seats[ann].client.senders[1].bitrate_bps = TOP_BPS;
            let link = LinkConfig { rate_bps: Some(5_000_000), ..link };
            let bo = world.join_with_packets(None, 1, link);
            connect_all(&mut world);
            let width = 1280 >> (rids.len() - 1 - stopped);
            let track = world.seats[ann].named[1].track;
            let view = View { track, width, height: width / 16 * 9, priority: 0 };
            let (now, peer) = (world.now(), world.seats[bo].peer);
            world.engine.view(now, peer, vec![view]);
            world.run_for(seconds(9));
            let own = stopped as u8;
            let before = world.now();
            world.run_for(seconds(1));
            assert!(encodings(&world, bo, before).iter().all(|(it, _)| *it == own), "{what}");
            let from = world.now();
            world.seats[ann].client.senders[1].stop_layers(&[rids[stopped]]);
            world.run_for(seconds(12));
            let others = encodings(&world, bo, from + ms(100));
            let (other, after) = others.first().copied().expect("a picture");
            // Whoever sees the smallest sees what nothing else is encoded beside.
            let within = if stopped == 0 { seconds(2) } else { ms(700) };
            assert!(other != own && after <= within, "{what}: {other} after {after:?}");
            let back = world.now();
            world.seats[ann].client.senders[1].stop_layers(&[]);
            world.run_for(seconds(4));
            let sent = encodings(&world, bo, back);
            let is_back = sent.iter().any(|(it, at)| *it == own && *at <= seconds(2));
            assert!(is_back && sent.last().is_some_and(|(it, _)| *it == own), "{what}");
        }
    }
}

#[test]
fn when_the_only_size_that_somebody_wants_stops_another_is_asked_for() {
    for (seed, rids) in [(95, TWO), (96, THREE)] {
        let mut call = Call::new(seed, rids, &[0]);
        call.world.run_for(seconds(12));
        let sent = call.world.seats[call.publisher].client.senders[1].wanted.clone();
        assert_eq!(sent.map(|wanted| wanted.len()), Some(1), "nothing else is sent");
        let from = call.world.now();
        call.stop(&["l"]);
        call.world.run_for(seconds(12));
        let (still, sizes) = (call.standstill(0, from), call.sizes(0, from));
        assert!(still <= seconds(2), "{rids:?}: stood still for {still:?}");
        assert_eq!(sizes.last().map(|(size, _)| *size), Some(1));
        let back = call.world.now();
        call.stop(&[]);
        call.world.run_for(seconds(5));
        let sizes = call.sizes(0, back);
        assert!(
            sizes.last().is_some_and(|(size, at)| *size == 0 && *at <= seconds(2)),
            "{sizes:?}"
        );
        let sent = call.world.seats[call.publisher].client.senders[1].wanted.clone();
        assert_eq!(sent.map(|wanted| wanted.len()), Some(1), "nothing else is sent");
    }
}

#[test]
fn a_screen_that_stands_still_is_not_taken_for_one_whose_size_has_stopped() {
    let mut world = World::new(97);
    let ann = world.join_as(ROOM, &[Source::Screen], 0, LinkConfig::default());
    world.join_as(ROOM, &[], 1, LinkConfig::default());
    connect_all(&mut world);
    world.run_for(seconds(5));
    let told = world.changes.len();
    world.seats[ann].client.senders[0].on = false;
    world.run_for(seconds(20));
    let asked = world.changes[told..].iter().filter(|(_, it)| matches!(it, Change::Wanted { .. }));
    assert_eq!(asked.count(), 0);
}

#[test]
fn who_has_no_room_for_a_larger_size_reads_why_until_the_smallest_returns() {
    let mut call = Call::new(98, THREE, &[0, 2]);
    call.set_path(0, 350);
    call.world.run_for(seconds(12));
    call.stop(&["l"]);
    call.world.run_for(seconds(12));
    let (paused, heard) = (call.world.now(), call.sounds(0));
    assert_eq!(call.given(0), Err(Reason::Bandwidth));
    call.world.run_for(seconds(5));
    let heard = call.sounds(0) - heard;
    assert!(heard >= 245, "{heard} of 250 sounds in 5 s");
    assert!(call.sizes(0, paused).is_empty());
    let back = call.world.now();
    call.stop(&[]);
    call.world.run_for(seconds(5));
    let sizes = call.sizes(0, back);
    assert!(sizes.first().is_some_and(|(size, at)| *size == 0 && *at <= seconds(4)), "{sizes:?}");
}

#[test]
fn sizes_that_stopped_and_returned_are_there_when_a_path_falls() {
    for (seed, rids) in [(99, TWO), (100, THREE)] {
        let mut call = Call::new(seed, rids, &[rids.len() - 1]);
        call.world.run_for(seconds(12));
        let smaller: Vec<&str> = rids[..rids.len() - 1].to_vec();
        call.stop(&smaller);
        call.world.run_for(seconds(20));
        call.stop(&[]);
        call.world.run_for(seconds(3));
        let fall = call.world.now();
        call.set_path(0, if rids.len() == 2 { 900 } else { 400 });
        call.world.run_for(seconds(10));
        let (still, sizes) = (call.standstill(0, fall), call.sizes(0, fall));
        assert!(still <= ms(1_500), "{rids:?}: stood still for {still:?}");
        assert_eq!(sizes.last().map(|(size, _)| *size), Some(0), "{rids:?}: {sizes:?}");
    }
}

#[test]
fn of_two_sizes_each_has_the_one_that_their_place_and_their_path_have_use_for() {
    for seed in 101..=103 {
        // The last shows it large, over a path that takes the small one.
        let mut call = Call::new(seed, TWO, &[0, 1, 1]);
        call.set_path(2, 900);
        call.world.run_for(seconds(10) + ms(seed * 13));
        let from = call.world.now();
        call.world.run_for(seconds(20));
        for (viewer, size) in [(0, 0), (1, 1), (2, 0)] {
            assert_untouched(&call, viewer, size, from, &format!("seed {seed}, viewer {viewer}"));
        }
        call.set_path(2, 5_000);
        let better = call.world.now();
        // Who has half of what fills their place is looked for more every ten seconds.
        call.world.run_for(seconds(12));
        let sizes = call.sizes(2, better);
        assert_eq!(sizes.last().map(|(size, _)| *size), Some(1), "seed {seed}: {sizes:?}");
    }
}
