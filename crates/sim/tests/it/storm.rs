//! Many people coming and going.

use parlor_engine::Census;
use parlor_rtc::MediaKind::{Audio, Video};
use parlor_sim::World;

use crate::{connect_all, ms, seconds};

#[test]
fn twenty_quick_joins_and_leaves_leave_nothing_behind_and_disturb_nobody() {
    let mut world = World::new(21);
    let ann = world.join(2);
    let bo = world.join(2);
    connect_all(&mut world);
    world.run_for(seconds(1));
    // How well the others see each other is told now and then, whoever comes and goes.
    let census = |world: &World| Census { changes: 0, ..world.engine.census() };
    let before = census(&world);
    let seen_before = world.seen(bo, ann, Video).len();
    for turn in 0..20 {
        let guest = world.join(2);
        world.run_for(ms(50 + 37 * (turn % 5)));
        world.leave(guest);
    }
    world.run_for(seconds(2));
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
