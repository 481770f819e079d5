//! Sizes that nobody is sent, and who has a use for them again.

use std::time::Duration;

use parlor_engine::{Change, View};
use parlor_rtc::fuzzing::scalable::L3T3_KEY;
use parlor_sim::packets::{Camera, Carrier};
use parlor_sim::{Feedback, LinkConfig, World};

use crate::telling::{given, publisher, show, until_wanted, viewer, wanted};
use crate::{connect_all, ms, seconds};

/// Ann is seen large over a fast path alone, until only the largest size and the smallest are encoded.
fn seen_large(seed: u64) -> (World, usize, usize) {
    let mut world = World::new(seed);
    let ann = publisher(&mut world);
    let bo = viewer(&mut world, 5_000);
    connect_all(&mut world);
    until_wanted(&mut world, ann, &["l", "h"], seconds(25));
    world.run_for(seconds(10));
    (world, ann, bo)
}

/// The encoding that a viewer gets of the one camera it sees.
fn layer(world: &World, viewer: usize) -> Option<String> {
    given(world, viewer).ok().and_then(|picture| picture.layer).map(|rid| rid.to_string())
}

/// How long it takes until a viewer gets an encoding, within `limit`.
fn until_given(world: &mut World, viewer: usize, rid: &str, limit: Duration) -> Duration {
    let has = |world: &World| layer(world, viewer).as_deref() == Some(rid);
    let took = world.run_while(limit, |world| !has(world));
    took.unwrap_or_else(|| panic!("it has {:?} and not {rid}", given(world, viewer)))
}

/// How often a publisher was told what is wanted.
fn told(world: &World, seat: usize) -> usize {
    let peer = world.seats[seat].peer;
    let is_it = |change: &Change| matches!(change, Change::Wanted { peer: to, .. } if *to == peer);
    world.changes.iter().filter(|(_, change)| is_it(change)).count()
}

#[test]
fn a_place_that_becomes_smaller_has_the_size_that_fits_and_the_larger_one_rests() {
    let (mut world, ann, bo) = seen_large(61);
    show(&mut world, bo, ann, Some(640));
    until_given(&mut world, bo, "m", seconds(3));
    until_wanted(&mut world, ann, &["l", "m"], seconds(22));
    // And larger again.
    world.run_for(seconds(30));
    let before = told(&world, ann);
    show(&mut world, bo, ann, Some(1280));
    until_given(&mut world, bo, "h", seconds(4));
    until_wanted(&mut world, ann, &["l", "h"], seconds(22));
    assert_eq!(told(&world, ann), before + 2, "the large one begins, and the other rests");
}

#[test]
fn what_has_stopped_by_itself_is_asked_for_until_it_returns() {
    let (mut world, ann, bo) = seen_large(65);
    world.seats[ann].client.senders[1].stop_layers(&["h"]);
    until_given(&mut world, bo, "m", seconds(4));
    let before = told(&world, ann);
    world.run_for(seconds(90));
    assert_eq!(told(&world, ann), before, "{:?}", wanted(&world, ann));
    world.seats[ann].client.senders[1].stop_layers(&[]);
    until_given(&mut world, bo, "h", seconds(2));
}

#[test]
fn who_has_just_gone_up_to_a_size_that_a_path_no_longer_takes_has_the_next_smaller_one_though_it_rested()
 {
    for seed in 66..72 {
        let mut world = World::new(seed);
        let ann = publisher(&mut world);
        let bo = viewer(&mut world, 2_200);
        connect_all(&mut world);
        until_given(&mut world, bo, "h", seconds(20));
        until_wanted(&mut world, ann, &["l", "h"], seconds(22));
        let link = LinkConfig { rate_bps: Some(1_400_000), ..LinkConfig::with_round_trip(ms(50)) };
        world.set_link(bo, link);
        until_given(&mut world, bo, "m", seconds(12));
    }
}

#[test]
fn on_a_steady_path_nobody_is_asked_for_this_and_that_by_turns() {
    for kbps in [300, 700, 1_000, 1_500, 1_900, 2_000, 2_200, 5_000] {
        let mut world = World::new(73);
        let ann = publisher(&mut world);
        let _bo = viewer(&mut world, kbps);
        connect_all(&mut world);
        world.run_for(seconds(45));
        let before = told(&world, ann);
        world.run_for(seconds(90));
        let changes = told(&world, ann) - before;
        assert!(changes <= 2, "{changes} changes in 90 s at {kbps} kbit/s");
    }
}

#[test]
fn whoever_comes_has_the_size_that_their_path_carries_though_it_rested() {
    for kbps in [800, 1_000] {
        let (mut world, ann, _) = seen_large(62);
        let cy = viewer(&mut world, kbps);
        connect_all(&mut world);
        until_given(&mut world, cy, "m", seconds(8));
        world.run_for(seconds(30));
        assert_eq!(wanted(&world, ann), Some(["l", "m", "h"].map(String::from).to_vec()));
        assert_eq!(layer(&world, cy).as_deref(), Some("m"), "{kbps}");
    }
}

#[test]
fn who_reports_losses_alone_has_it_too() {
    let (mut world, ann, _) = seen_large(63);
    let link = LinkConfig { rate_bps: Some(900_000), ..LinkConfig::with_round_trip(ms(50)) };
    let _cy = world.join_with_feedback(Feedback::Remb, 1, link);
    connect_all(&mut world);
    until_wanted(&mut world, ann, &["l", "m", "h"], seconds(5));
    world.run_for(seconds(40));
    assert_eq!(wanted(&world, ann), Some(["l", "m", "h"].map(String::from).to_vec()));
}

#[test]
fn who_is_pinned_among_many_has_the_large_picture_though_it_rested() {
    let mut world = World::new(64);
    let cameras: Vec<usize> = (0..6).map(|_| publisher(&mut world)).collect();
    for seat in &cameras {
        let (now, peer) = (world.now(), world.seats[*seat].peer);
        world.engine.view(now, peer, Vec::new());
    }
    let bo = {
        let link = LinkConfig { rate_bps: Some(3_000_000), ..LinkConfig::with_round_trip(ms(50)) };
        world.join_as(parlor_sim::world::ROOM, &[], cameras.len(), link)
    };
    let show_all = |world: &mut World, first: (u16, u8), others: Option<u16>| {
        let view = |(n, seat): (usize, &usize)| {
            let (width, priority) = if n == 0 { first } else { (others?, 0) };
            let track = world.seats[*seat].named[1].track;
            Some(View { track, width, height: width / 16 * 9, priority })
        };
        let views = cameras.iter().enumerate().filter_map(view).collect();
        let (now, peer) = (world.now(), world.seats[bo].peer);
        world.engine.view(now, peer, views);
    };
    // Of the first one all sizes have been seen.
    show_all(&mut world, (1280, 0), None);
    connect_all(&mut world);
    world.run_for(seconds(10));
    assert!(wanted(&world, cameras[0]).is_some_and(|it| it.contains(&"h".to_owned())));
    show_all(&mut world, (640, 0), Some(640));
    world.run_for(seconds(25));
    assert!(wanted(&world, cameras[0]).is_some_and(|it| !it.contains(&"h".to_owned())));
    world.run_for(seconds(20));
    show_all(&mut world, (1280, 1), Some(640));
    until_wanted(&mut world, cameras[0], &["l", "m", "h"], seconds(2));
    world.run_for(seconds(4));
    let track = world.seats[cameras[0]].named[1].track;
    let told = world.changes.iter().rev().find_map(|(_, change)| match change {
        Change::Quality { peer, quality } if *peer == world.seats[bo].peer => {
            quality.tracks.iter().find(|it| it.track == track).map(|it| it.given)
        }
        _ => None,
    });
    let rid = told.and_then(Result::ok).and_then(|picture| picture.layer);
    assert_eq!(rid.map(|rid| rid.to_string()).as_deref(), Some("h"), "{told:?}");
}

#[test]
fn what_no_viewers_path_can_carry_is_not_encoded_until_one_may() {
    let mut world = World::new(45);
    let ann = publisher(&mut world);
    let viewers = [viewer(&mut world, 300), viewer(&mut world, 800)];
    connect_all(&mut world);
    until_wanted(&mut world, ann, &["l", "m", "h"], seconds(5));
    // What a new path carries is found first, and what it carried is remembered for a while.
    until_wanted(&mut world, ann, &["l", "m"], seconds(25));
    world.run_for(seconds(20));
    assert_eq!(wanted(&world, ann), Some(vec!["l".to_owned(), "m".to_owned()]));
    let link = LinkConfig { rate_bps: Some(5_000_000), ..LinkConfig::with_round_trip(ms(50)) };
    world.set_link(viewers[0], link);
    until_wanted(&mut world, ann, &["l", "m", "h"], seconds(8));
    world.run_for(seconds(5));
    let layer = given(&world, viewers[0]).map(|picture| picture.layer.map(|rid| rid.to_string()));
    assert_eq!(layer, Ok(Some("h".to_owned())));
}

#[test]
fn a_size_that_nobody_is_sent_rests_and_is_there_again_when_somebodys_path_calls_for_it() {
    let mut world = World::new(48);
    let ann = publisher(&mut world);
    let viewers = [viewer(&mut world, 300), viewer(&mut world, 5_000)];
    connect_all(&mut world);
    until_wanted(&mut world, ann, &["l", "h"], seconds(25));
    world.run_for(seconds(20));
    assert_eq!(wanted(&world, ann), Some(vec!["l".to_owned(), "h".to_owned()]));
    let link = LinkConfig { rate_bps: Some(1_000_000), ..LinkConfig::with_round_trip(ms(50)) };
    world.set_link(viewers[1], link);
    let is_between = |world: &World| {
        let picture = given(world, viewers[1]).ok();
        let rid = picture.and_then(|picture| picture.layer).map(|rid| rid.to_string());
        rid.is_some_and(|rid| rid == "m")
    };
    let took = world.run_while(seconds(8), |world| !is_between(world));
    assert!(took.is_some(), "{:?}", given(&world, viewers[1]));
    until_wanted(&mut world, ann, &["l", "m"], seconds(25));
}

/// A camera that sends three sizes in one stream, of `carrier`.
fn scalable(world: &mut World, carrier: Carrier) -> usize {
    let camera = Camera { carrier, mode: L3T3_KEY, rids: &[] };
    let seat = world.join_with_packets(Some(camera), 1, LinkConfig::default());
    world.seats[seat].client.senders[1].bitrate_bps = 1_500_000;
    seat
}

/// How many spatial layers a publisher was last asked for; `None` when all.
fn spatial(world: &World, seat: usize) -> Option<u8> {
    world.seats[seat].client.senders[1].spatial
}

#[test]
fn of_sizes_in_one_stream_those_rest_that_are_larger_than_anybody_shows_or_can_carry() {
    for carrier in [Carrier::Vp9, Carrier::Av1] {
        let mut world = World::new(49);
        let ann = scalable(&mut world, carrier);
        let fast = LinkConfig { rate_bps: Some(5_000_000), ..LinkConfig::with_round_trip(ms(50)) };
        let bo = world.join_with_packets(None, 1, fast);
        connect_all(&mut world);
        world.run_for(seconds(15));
        let sees =
            |world: &World| given(world, bo).map(|picture| (picture.spatial, picture.temporal));
        assert_eq!((spatial(&world, ann), sees(&world)), (None, Ok((2, 2))), "{carrier:?}");
        for (width, limit, highest) in [(320, Some(1), 0), (640, Some(2), 1), (1280, None, 2)] {
            let before = told(&world, ann);
            show(&mut world, bo, ann, Some(width));
            world.run_for(seconds(4));
            let found = (spatial(&world, ann), sees(&world));
            assert_eq!(found, (limit, Ok((highest, 2))), "{carrier:?} at {width}");
            assert_eq!(
                told(&world, ann),
                before + 1,
                "{carrier:?} at {width}: each costs a key frame"
            );
        }
        let slow = LinkConfig { rate_bps: Some(400_000), ..fast };
        world.set_link(bo, slow);
        world.run_for(seconds(40));
        assert_eq!((spatial(&world, ann), sees(&world)), (Some(1), Ok((0, 2))), "{carrier:?}");
        world.set_link(bo, fast);
        world.run_for(seconds(12));
        assert_eq!((spatial(&world, ann), sees(&world)), (None, Ok((2, 2))), "{carrier:?}");
    }
}
