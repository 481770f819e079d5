//! What publishers are asked for, and what viewers are told of what they get.

use std::time::Duration;

use parlor_engine::allocate::Reason;
use parlor_engine::{Change, LimitedBy, Network, PeerQuality, Picture, ProbeTotals, Survey, View};
use parlor_rtc::MediaKind::Video;
use parlor_sim::world::ROOM;
use parlor_sim::{LinkConfig, World};

use crate::{connect_all, ms, seconds};

const RIDS: [&str; 3] = ["l", "m", "h"];

pub(crate) fn publisher(world: &mut World) -> usize {
    let seat = world.join_with_simulcast(&RIDS, 1, LinkConfig::default());
    world.seats[seat].client.senders[1].bitrate_bps = 1_500_000;
    seat
}

pub(crate) fn viewer(world: &mut World, kbps: u64) -> usize {
    let link = LinkConfig { rate_bps: Some(kbps * 1000), ..LinkConfig::with_round_trip(ms(50)) };
    world.join_as(ROOM, &[], 2, link)
}

/// The rids that a publisher was last asked for; `None` when it was told nothing.
pub(crate) fn wanted(world: &World, seat: usize) -> Option<Vec<String>> {
    let (peer, camera) = (world.seats[seat].peer, world.seats[seat].named[1].track);
    world.changes.iter().rev().find_map(|(_, change)| match change {
        Change::Wanted { peer: to, tracks } if *to == peer => {
            let wanted = tracks.iter().find(|wanted| wanted.track == camera)?;
            Some(wanted.layers.iter().flatten().map(|rid| rid.to_string()).collect())
        }
        _ => None,
    })
}

/// What a viewer was last told.
fn quality(world: &World, seat: usize) -> PeerQuality {
    let peer = world.seats[seat].peer;
    let told = world.changes.iter().rev().find_map(|(_, change)| match change {
        Change::Quality { peer: to, quality } if *to == peer => Some(quality.clone()),
        _ => None,
    });
    told.expect("it was told something")
}

pub(crate) fn given(world: &World, seat: usize) -> Result<Picture, Reason> {
    quality(world, seat).tracks[0].given
}

/// Shows a camera at a width, or nothing.
pub(crate) fn show(world: &mut World, viewer: usize, publisher: usize, width: Option<u16>) {
    let track = world.seats[publisher].named[1].track;
    let view = |width| View { track, width, height: width / 16 * 9, priority: 0 };
    let (now, peer) = (world.now(), world.seats[viewer].peer);
    world.engine.view(now, peer, width.map(view).into_iter().collect());
}

/// How long it takes until a publisher is asked for `rids`, within `limit`.
pub(crate) fn until_wanted(
    world: &mut World,
    seat: usize,
    rids: &[&str],
    limit: Duration,
) -> Duration {
    let asked = |world: &World| wanted(world, seat).is_some_and(|wanted| wanted == rids);
    let took = world.run_while(limit, |world| !asked(world));
    took.unwrap_or_else(|| panic!("asked for {:?} and not {rids:?}", wanted(world, seat)))
}

#[test]
fn who_is_alone_is_told_that_nobody_watches() {
    let mut world = World::new(41);
    let ann = publisher(&mut world);
    world.run_for(seconds(1));
    assert_eq!(wanted(&world, ann), Some(Vec::new()));
}

#[test]
fn a_publisher_is_asked_for_what_is_shown_and_for_nothing_soon_after_the_last_viewer() {
    let mut world = World::new(42);
    let ann = publisher(&mut world);
    let bo = viewer(&mut world, 5_000);
    connect_all(&mut world);
    until_wanted(&mut world, ann, &["l", "m", "h"], seconds(5));
    show(&mut world, bo, ann, Some(320));
    until_wanted(&mut world, ann, &["l"], seconds(2));
    show(&mut world, bo, ann, None);
    until_wanted(&mut world, ann, &[], seconds(2));
    world.run_for(seconds(1));
    let seen = world.seen(bo, ann, Video).len();
    world.run_for(seconds(3));
    assert_eq!(world.seen(bo, ann, Video).len(), seen, "what nobody watches is not sent");
    show(&mut world, bo, ann, Some(1280));
    until_wanted(&mut world, ann, &["l"], ms(200));
    let first = world.run_while(seconds(1), |world| world.seen(bo, ann, Video).len() == seen);
    assert!(first.is_some_and(|took| took <= ms(500)), "{first:?}");
    until_wanted(&mut world, ann, &["l", "m", "h"], seconds(5));
}

#[test]
fn a_viewer_is_told_what_it_gets_and_why_it_gets_nothing() {
    let mut world = World::new(43);
    let ann = publisher(&mut world);
    let bo = viewer(&mut world, 5_000);
    connect_all(&mut world);
    world.run_for(seconds(8));
    let picture = given(&world, bo).expect("a path of 5 Mbit/s carries it");
    let told = (picture.layer.map(|rid| rid.to_string()), picture.resolution.map(|it| it.width));
    assert_eq!(told, (Some("h".to_owned()), Some(1280)));
    assert_eq!(quality(&world, bo).network, Network::Good);
    show(&mut world, bo, ann, None);
    world.run_for(seconds(1));
    assert_eq!(given(&world, bo), Err(Reason::NotShown));
    show(&mut world, bo, ann, Some(640));
    world.switch(ann, 1, false);
    world.run_for(seconds(1));
    assert_eq!(given(&world, bo), Err(Reason::PublisherOff));
}

#[test]
fn a_path_that_carries_no_picture_carries_the_voice_and_the_viewer_is_told() {
    let mut world = World::new(44);
    let ann = publisher(&mut world);
    let bo = viewer(&mut world, 130);
    connect_all(&mut world);
    world.run_for(seconds(20));
    assert_eq!(given(&world, bo), Err(Reason::Bandwidth));
    let told = quality(&world, bo);
    assert_eq!(told.network, Network::Poor);
    assert!(told.estimate_bps.is_some_and(|bps| bps < 180_000), "{told:?}");
    let from = world.now();
    world.run_for(seconds(10));
    let heard = world.seen(bo, ann, parlor_rtc::MediaKind::Audio);
    let heard = heard.iter().filter(|seen| seen.at >= from).count();
    assert!(heard > 490, "{heard} of 500 sounds in 10 s");
    assert!(world.engine.counters().pauses > 0);
}

/// Viewers at a survey made now.
fn viewers(world: &mut World, limit: LimitedBy) -> u64 {
    let now = world.now();
    let viewers = world.engine.survey(now).viewers;
    let mut known = LimitedBy::ALL.iter().zip(viewers);
    known.find(|(known, _)| **known == limit).map_or(0, |(_, viewers)| viewers)
}

#[test]
fn a_survey_tells_what_paths_carry_and_what_keeps_more_from_whom() {
    let mut world = World::new(45);
    let _ann = publisher(&mut world);
    // Nothing is known of paths before anybody has connected.
    let now = world.now();
    assert_eq!(world.engine.survey(now).estimates.count, 0);
    let (_bo, _cy) = (viewer(&mut world, 10_000), viewer(&mut world, 700));
    connect_all(&mut world);
    world.run_for(seconds(12));
    assert_eq!(viewers(&mut world, LimitedBy::Nothing), 1);
    assert_eq!(viewers(&mut world, LimitedBy::Delay), 1);
    let now = world.now();
    let Survey { estimates, .. } = *world.engine.survey(now);
    // Two surveys with two viewers, and this one.
    assert_eq!((estimates.count, estimates.buckets.iter().sum::<u64>()), (6, 6));
    let up_to_a_megabit: u64 = estimates.buckets[..4].iter().sum();
    assert_eq!(up_to_a_megabit, 3, "{estimates:?}");
    assert!(estimates.sum_bps > 3 * 2_000_000, "{estimates:?}");
}

#[test]
fn loss_is_named_where_it_is_what_keeps_more_from_a_viewer() {
    let mut world = World::new(46);
    let _ann = publisher(&mut world);
    let bo = viewer(&mut world, 5_000);
    connect_all(&mut world);
    world.run_for(seconds(5));
    let lossy = LinkConfig { loss: 0.3, ..LinkConfig::with_round_trip(ms(50)) };
    world.set_link(bo, lossy);
    world.run_for(seconds(6));
    assert_eq!(viewers(&mut world, LimitedBy::Loss), 1);
}

#[test]
fn what_becomes_of_probes_is_counted_even_of_those_who_have_left() {
    let mut world = World::new(47);
    let _ann = publisher(&mut world);
    let (bo, cy) = (viewer(&mut world, 10_000), viewer(&mut world, 400));
    connect_all(&mut world);
    world.run_for(seconds(20));
    // All that cy's browser would answer is lost from now on.
    world.set_link(cy, LinkConfig { loss: 1.0, ..LinkConfig::default() });
    world.run_for(seconds(2));
    world.leave(bo);
    world.run_for(seconds(2));
    let now = world.now();
    let Survey { probes, .. } = *world.engine.survey(now);
    let ProbeTotals { begun, raised, confirmed, below, unanswered } = probes;
    assert!(raised >= 2, "{probes:?}");
    assert!(confirmed + below >= 1, "{probes:?}");
    assert_eq!(raised + confirmed + below + unanswered, begun, "{probes:?}");
}
