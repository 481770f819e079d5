//! Many people coming and going.

use parlor_engine::Census;
use parlor_rtc::MediaKind::{Audio, Video};
use parlor_sim::World;
use parlor_sim::frame::FrameKind;

use crate::{connect_all, ms, seconds};

#[test]
fn twenty_quick_joins_and_leaves_leave_nothing_behind_and_disturb_nobody() {
    let mut world = World::new(21);
    let ann = world.join(2);
    let bo = world.join(2);
    connect_all(&mut world);
    let come_and_go = |world: &mut World| {
        for turn in 0..20 {
            let guest = world.join(2);
            world.run_for(ms(50 + 37 * (turn % 5)));
            world.leave(guest);
        }
        world.run_for(seconds(2));
    };
    // Rings grow to what key frames for so many guests take.
    come_and_go(&mut world);
    // How well the others see each other is told now and then, whoever comes and goes.
    let census = |world: &World| Census { changes: 0, ..world.engine.census() };
    let before = census(&world);
    let seen_before = world.seen(bo, ann, Video).len();
    come_and_go(&mut world);
    assert_eq!(census(&world), before, "no ghost peers, tracks, slots, paths or timers");
    let seen = world.seen(bo, ann, Video);
    assert!(seen.len() - seen_before > 80);
    assert!(seen.iter().skip(1).all(|frame| frame.contiguous), "the others' call has no gap");
}

#[test]
fn sixteen_people_all_see_and_hear_each_other() {
    let mut world = World::new(22);
    let everyone: Vec<_> = (0..16).map(|_| world.join(16)).collect();
    for &seat in &everyone {
        world.seats[seat].client.senders[1].bitrate_bps = 60_000;
    }
    connect_all(&mut world);
    world.run_for(seconds(3));
    for &viewer in &everyone {
        for &other in everyone.iter().filter(|&&other| other != viewer) {
            assert!(world.seen(viewer, other, Video).len() > 45, "{viewer} sees {other}");
            assert!(world.seen(viewer, other, Audio).len() > 90, "{viewer} hears {other}");
        }
    }
}

#[test]
fn a_room_where_people_keep_changing_shows_everyone_present_the_others() {
    let mut world = World::new(23);
    let mut present = vec![world.join(5), world.join(5), world.join(5)];
    connect_all(&mut world);
    for turn in 0..12 {
        let leaver = present.remove(turn % present.len());
        world.leave(leaver);
        present.push(world.join(5));
        world.run_for(ms(400));
    }
    world.run_for(seconds(1));
    let counts =
        |world: &World, viewer: usize, other: usize| world.seen(viewer, other, Video).len();
    for &viewer in &present {
        for &other in present.iter().filter(|&&other| other != viewer) {
            let before = counts(&world, viewer, other);
            world.run_for(ms(300));
            assert!(counts(&world, viewer, other) > before, "{viewer} sees {other} now");
        }
    }
}

#[test]
fn who_needs_a_key_frame_right_after_one_has_another_half_a_second_later_without_asking_twice() {
    let mut world = World::new(24);
    let ann = world.join(1);
    let bo = world.join(1);
    connect_all(&mut world);
    world.run_for(seconds(3));
    let key_frames = |world: &World, from| {
        let seen = world.seen(bo, ann, Video).into_iter();
        let since = seen.filter(|seen| seen.at >= from);
        since.filter(|seen| seen.frame.is_some_and(|it| it.kind == FrameKind::Key)).count()
    };
    let from = world.now();
    world.seats[bo].client.ask_for_key_frames();
    world.run_for(ms(250));
    assert_eq!(key_frames(&world, from), 1);
    // It was lost in part, say, or a packet before it was given up a moment ago.
    world.seats[bo].client.ask_for_key_frames();
    world.run_for(ms(150));
    assert_eq!(key_frames(&world, from), 1, "not so soon");
    world.run_for(ms(500));
    assert_eq!(key_frames(&world, from), 2);
    world.run_for(seconds(2));
    assert_eq!(key_frames(&world, from), 2, "and no more than that");
}
