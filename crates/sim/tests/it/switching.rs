//! Slots that go from one track to another.

use parlor_engine::Source;
use parlor_rtc::MediaKind::Video;
use parlor_sim::world::ROOM;
use parlor_sim::{LinkConfig, World};

use crate::{connect_all, ms, seconds, share_seen, until_seen};

#[test]
fn the_last_pictures_of_a_track_are_repaired_though_its_slot_shows_another_by_now() {
    for seed in 1..=3 {
        let mut world = World::new(seed);
        let link = LinkConfig::with_round_trip(ms(50));
        let [ann, bo] =
            [(); 2].map(|()| world.join_as(ROOM, &[Source::Camera], 0, LinkConfig::default()));
        let viewer = world.join_as(ROOM, &[], 1, link);
        let cameras = [ann, bo].map(|seat| world.seats[seat].named[0].track);
        world.view(viewer, &cameras[..1]);
        connect_all(&mut world);
        until_seen(&mut world, viewer, ann, Video);
        world.run_for(seconds(1));
        let first = world.seats[ann].client.senders[0].frames_sent;
        world.set_link(viewer, LinkConfig { loss: 1.0, ..link });
        world.run_for(ms(200));
        // What was made at this very moment has not been sent yet.
        let end = world.seats[ann].client.senders[0].frames_sent - 1;
        world.view(viewer, &cameras[1..]);
        world.set_link(viewer, link);
        until_seen(&mut world, viewer, bo, Video);
        world.run_for(seconds(1));
        let seen = share_seen(&world.seen(viewer, ann, Video), first, end);
        assert!(seen == 1.0, "seed {seed}: {seen} of six");
        assert!(world.seen(viewer, bo, Video).len() > 25, "seed {seed}");
    }
}
