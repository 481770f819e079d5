//! Publishers and viewers who do not know the same codecs.

use std::time::Instant;

use parlor_engine::allocate::Reason;
use parlor_engine::{Change, Source, View};
use parlor_rtc::MediaKind::{Audio, Video};
use parlor_sim::client::SeenFrame;
use parlor_sim::{FrameKind, LinkConfig, World};
use str0m::format::Codec::{self, Av1, Vp8};

use crate::{connect_all, ms, seconds};

/// The payload types that str0m offers them as.
const PAYLOAD_TYPE_OF_VP8: u8 = 96;

/// Ann sends AV1 and could send VP8; Bo decodes both.
fn call(seed: u64) -> (World, usize, usize) {
    let mut world = World::new(seed);
    let ann = world.join_with_codecs(&[Av1, Vp8], &[Source::Camera], 0);
    let bo = world.join_with_codecs(&[Av1, Vp8], &[], 1);
    connect_all(&mut world);
    world.run_for(seconds(3));
    (world, ann, bo)
}

/// Somebody comes who decodes VP8 alone.
fn viewer_of_vp8(world: &mut World) -> usize {
    let viewer = world.join_with_codecs(&[Vp8], &[], 1);
    connect_all(world);
    viewer
}

/// The codecs that Ann was asked for, in turn.
fn asked(world: &World, publisher: usize) -> Vec<Option<u8>> {
    let to = world.seats[publisher].peer;
    let mut asked: Vec<_> = (world.changes.iter())
        .filter_map(|(_, change)| match change {
            Change::Wanted { peer, tracks } if *peer == to => Some(tracks[0].payload_type),
            _ => None,
        })
        .collect();
    asked.dedup();
    asked
}

/// What a viewer was told of the first camera, in turn, without what concerns the picture itself.
fn told(world: &World, viewer: usize) -> Vec<Result<(), Reason>> {
    let to = world.seats[viewer].peer;
    let mut told: Vec<_> = (world.changes.iter())
        .filter_map(|(_, change)| match change {
            Change::Quality { peer, quality } if *peer == to => {
                Some(quality.tracks.first()?.given.map(|_| ()))
            }
            _ => None,
        })
        .collect();
    told.dedup();
    told
}

/// How many encodings of the one camera were last asked for.
fn layers_asked(world: &World) -> Option<usize> {
    world.changes.iter().rev().find_map(|(_, change)| match change {
        Change::Wanted { tracks, .. } => tracks.first().map(|wanted| wanted.layers.len()),
        _ => None,
    })
}

fn in_codec(seen: &[SeenFrame], codec: Codec) -> Vec<SeenFrame> {
    seen.iter().filter(|seen| seen.codec == codec).copied().collect()
}

#[test]
fn a_publisher_of_av1_falls_back_to_vp8_for_whoever_decodes_nothing_else() {
    let (mut world, ann, bo) = call(51);
    assert!(in_codec(&world.seen(bo, ann, Video), Av1).len() > 80, "3 s of pictures");
    assert_eq!(asked(&world, ann), [None]);
    let cy = viewer_of_vp8(&mut world);
    let took = world.run_while(seconds(5), |world| world.seen(cy, ann, Video).is_empty());
    assert!(took.is_some_and(|took| took <= ms(500)), "{took:?}");
    world.run_for(seconds(2));
    assert_eq!(asked(&world, ann), [None, Some(PAYLOAD_TYPE_OF_VP8)]);
    assert_eq!(told(&world, cy).last(), Some(&Ok(())));
    let seen = world.seen(cy, ann, Video);
    assert_eq!(seen[0].frame.map(|frame| frame.kind), Some(FrameKind::Key));
    assert!(seen.len() > 55 && seen.iter().all(|seen| seen.codec == Vp8), "{}", seen.len());
}

#[test]
fn who_could_decode_what_was_sent_misses_no_picture_when_the_codec_changes() {
    let (mut world, ann, bo) = call(52);
    viewer_of_vp8(&mut world);
    world.run_for(seconds(3));
    let seen = world.seen(bo, ann, Video);
    let numbers: Vec<_> = seen.iter().filter_map(|seen| Some(seen.frame?.number)).collect();
    assert!(numbers.is_sorted_by(|a, b| a + 1 == *b), "none is missing: {numbers:?}");
    assert!(seen.iter().all(|seen| seen.frame.is_some()), "none is mixed of two codecs");
    let first = in_codec(&seen, Vp8)[0];
    assert_eq!(first.frame.map(|frame| frame.kind), Some(FrameKind::Key));
    assert!(seen.is_sorted_by(|a, b| a.media_time < b.media_time), "time goes on");
    assert!(seen.iter().skip(1).all(|seen| seen.contiguous));
}

#[test]
fn sound_and_pictures_stay_together_when_the_codec_changes_though_its_first_picture_comes_late() {
    for (seed, late_ms) in [(61, 0), (62, 150), (63, 350), (64, 350), (65, 350)] {
        let mut world = World::new(seed);
        let sources = [Source::Microphone, Source::Camera];
        let ann = world.join_with_codecs(&[Av1, Vp8], &sources, 0);
        let bo = world.join_with_codecs(&[Av1, Vp8], &[], 1);
        // The two media clocks have nothing to do with each other.
        world.seats[ann].client.senders[0].first_ticks = 4_000_000_000;
        world.seats[ann].client.senders[1].first_ticks = 123_456;
        connect_all(&mut world);
        world.run_for(seconds(5) + ms(seed * 70));
        world.join_with_codecs(&[Vp8], &[], 1);
        world.run_while(seconds(1), |world| asked(world, ann).len() < 2).expect("she is asked");
        world.set_link(ann, LinkConfig::with_round_trip(ms(2 * late_ms)));
        let in_vp8 = |world: &World| in_codec(&world.seen(bo, ann, Video), Vp8);
        world.run_while(seconds(2), |world| in_vp8(world).is_empty()).expect("it changes");
        // The report is right behind the first packets.
        let changed = world.now() + ms(40);
        world.run_for(seconds(3));
        let sound = captured_late(&world.seen(bo, ann, Audio), changed);
        let pictures = captured_late(&world.seen(bo, ann, Video), changed);
        assert!(sound.len() > 100 && pictures.len() > 80, "{} {}", sound.len(), pictures.len());
        let apart = |late: &f64| (late - sound[0]).abs();
        let furthest = sound.iter().chain(&pictures).map(apart).fold(0.0, f64::max);
        assert!(furthest <= 0.010, "{late_ms} ms late: {furthest} s apart");
    }
}

/// By what was reported, how long after its capture each frame came, from a moment on: in seconds, and less what is
/// the same for all.
fn captured_late(seen: &[SeenFrame], from: Instant) -> Vec<f64> {
    let since = seen.iter().filter(|seen| seen.at >= from);
    since.filter_map(|seen| Some((seen.at - from).as_secs_f64() - seen.captured?)).collect()
}

#[test]
fn the_codec_stays_when_nobody_needs_the_fallback_any_more() {
    let (mut world, ann, bo) = call(53);
    let cy = viewer_of_vp8(&mut world);
    world.run_for(seconds(2));
    world.leave(cy);
    world.run_for(seconds(5));
    assert_eq!(asked(&world, ann), [None, Some(PAYLOAD_TYPE_OF_VP8)]);
    assert_eq!(world.seen(bo, ann, Video).last().map(|seen| seen.codec), Some(Vp8));
}

#[test]
fn a_publisher_that_keeps_its_codec_is_asked_and_the_viewer_reads_why_it_sees_nothing() {
    let (mut world, ann, bo) = call(54);
    world.seats[ann].client.senders[0].falls_back = false;
    let cy = viewer_of_vp8(&mut world);
    world.run_for(seconds(3));
    assert_eq!(asked(&world, ann), [None, Some(PAYLOAD_TYPE_OF_VP8)]);
    assert_eq!(told(&world, cy), [Err(Reason::CodecNotSupported)]);
    assert!(world.seen(cy, ann, Video).is_empty());
    assert!(in_codec(&world.seen(bo, ann, Video), Av1).len() > 170, "others go on as before");
}

#[test]
fn nobody_is_asked_to_fall_back_for_whoever_does_not_show_the_picture() {
    let (mut world, ann, _) = call(55);
    let cy = world.join_with_codecs(&[Vp8], &[], 1);
    let (now, peer) = (world.now(), world.seats[cy].peer);
    world.engine.view(now, peer, Vec::new());
    connect_all(&mut world);
    world.run_for(seconds(2));
    assert_eq!(asked(&world, ann), [None]);
    let track = world.seats[ann].named[0].track;
    let view = View { track, width: 640, height: 360, priority: 0 };
    let now = world.now();
    world.engine.view(now, peer, vec![view]);
    let took = world.run_while(seconds(5), |world| world.seen(cy, ann, Video).is_empty());
    assert!(took.is_some_and(|took| took <= ms(500)), "{took:?}");
}

/// Ann's camera, which keeps its codec, and somebody who shows it and cannot decode it; nobody else is there.
fn stubborn_camera(seed: u64) -> (World, usize, usize) {
    let mut world = World::new(seed);
    let ann = world.join_with_codecs(&[Av1, Vp8], &[Source::Camera], 0);
    world.seats[ann].client.senders[0].falls_back = false;
    let cy = viewer_of_vp8(&mut world);
    (world, ann, cy)
}

/// How often Ann was told what is wanted of her camera.
fn times_told(world: &World) -> usize {
    world.changes.iter().filter(|(_, change)| matches!(change, Change::Wanted { .. })).count()
}

#[test]
fn a_camera_that_keeps_its_codec_rests_after_some_seconds_since_nobody_sees_it() {
    let (mut world, ann, cy) = stubborn_camera(57);
    world.run_for(seconds(8));
    assert_eq!(layers_asked(&world), Some(1));
    world.run_for(seconds(5));
    assert_eq!(layers_asked(&world), Some(0));
    let (times, sent) = (times_told(&world), world.engine.counters().packets_in);
    world.run_for(seconds(60));
    assert_eq!(times_told(&world), times, "it stays so");
    assert!(world.engine.counters().packets_in < sent + 100, "it sends no pictures");
    assert_eq!(asked(&world, ann), [None, Some(PAYLOAD_TYPE_OF_VP8)]);
    assert_eq!(told(&world, cy).last(), Some(&Err(Reason::CodecNotSupported)));
}

#[test]
fn who_comes_later_and_cannot_decode_it_either_has_it_asked_for_anew() {
    let (mut world, ann, cy) = stubborn_camera(58);
    world.run_for(seconds(15));
    assert_eq!(layers_asked(&world), Some(0));
    world.seats[ann].client.senders[0].falls_back = true;
    let dan = viewer_of_vp8(&mut world);
    let is_seen = |world: &World, viewer| !world.seen(viewer, ann, Video).is_empty();
    world.run_while(seconds(5), |world| !is_seen(world, cy)).expect("the first sees it now");
    world.run_while(seconds(1), |world| !is_seen(world, dan)).expect("and the second");
}

#[test]
fn a_publisher_that_makes_another_offer_is_asked_anew() {
    let (mut world, ann, cy) = stubborn_camera(59);
    world.run_for(seconds(15));
    world.seats[ann].client.senders[0].falls_back = true;
    world.run_for(seconds(5));
    assert!(world.seen(cy, ann, Video).is_empty(), "nothing has changed");
    world.reoffer(ann, 1, false).expect("the offer is taken");
    let took = world.run_while(seconds(5), |world| world.seen(cy, ann, Video).is_empty());
    assert!(took.is_some_and(|took| took <= seconds(1)), "{took:?}");
}

#[test]
fn somebody_whose_page_shows_it_again_has_it_asked_for_anew() {
    let (mut world, ann, cy) = stubborn_camera(60);
    world.run_for(seconds(15));
    world.seats[ann].client.senders[0].falls_back = true;
    let camera = world.seats[ann].named[0].track;
    world.view(cy, &[]);
    world.run_for(seconds(1));
    world.view(cy, &[camera]);
    let took = world.run_while(seconds(5), |world| world.seen(cy, ann, Video).is_empty());
    assert!(took.is_some_and(|took| took <= seconds(1)), "{took:?}");
}

#[test]
fn a_camera_that_only_they_would_watch_is_kept_awake_so_that_it_can_fall_back() {
    let mut world = World::new(56);
    let ann = world.join_with_codecs(&[Av1, Vp8], &[Source::Camera], 0);
    world.seats[ann].client.senders[0].falls_back = false;
    let cy = viewer_of_vp8(&mut world);
    world.run_for(seconds(5));
    assert_eq!(layers_asked(&world), Some(1), "nobody sees it yet");
    world.seats[ann].client.senders[0].codec = Vp8;
    let took = world.run_while(seconds(5), |world| world.seen(cy, ann, Video).is_empty());
    assert!(took.is_some_and(|took| took <= ms(500)), "{took:?}");
    world.leave(cy);
    world.run_for(seconds(2));
    assert_eq!(layers_asked(&world), Some(0));
}
