//! A publisher that sends only what somebody watches.

use std::time::{Duration, Instant};

use parlor_engine::View;
use parlor_rtc::fuzzing::scalable::L1T3;
use parlor_sim::packets::{Arrived, Camera, Carrier};
use parlor_sim::{LinkConfig, World};

use crate::codecs::RIDS;
use crate::layers::path;
use crate::table::{Row, row};
use crate::{connect_all, ms, seconds};

/// The last viewer looks away, and back after a while.
pub(super) fn sending() -> Row {
    let mut world = World::new(55);
    let camera = Camera { carrier: Carrier::Vp8, mode: L1T3, rids: RIDS };
    let round_trip = LinkConfig::with_round_trip(ms(50));
    let publisher = world.join_with_packets(Some(camera), 0, round_trip);
    world.seats[publisher].client.senders[1].bitrate_bps = 1_500_000;
    let viewer = world.join_with_packets(None, 1, path(5_000));
    connect_all(&mut world);
    world.run_for(seconds(8));
    let track = world.seats[publisher].named[1].track;
    let view = View { track, width: 1280, height: 720, priority: 0 };
    let show = |world: &mut World, views: Vec<View>| {
        let (now, peer) = (world.now(), world.seats[viewer].peer);
        world.engine.view(now, peer, views);
        now
    };
    show(&mut world, Vec::new());
    let off = until_still(&mut world, publisher);
    let before = world.packets(publisher).pictures_made;
    world.run_for(seconds(5));
    let unseen = world.packets(publisher).pictures_made - before;
    let back = show(&mut world, vec![view]);
    world.run_for(seconds(8));
    let after = |is_it: &dyn Fn(&Arrived) -> bool| first_after(&world, viewer, back, is_it);
    let key = after(&|it| it.mark.as_ref().is_some_and(|mark| mark.references.is_empty()));
    let lowest = after(&|it| it.mark.is_some());
    let top = after(&|it| it.mark.as_ref().is_some_and(|mark| mark.encoding == 2));
    let found = format!(
        "{unseen} packets while nobody looks, from {} ms on; back after {} ms with a key frame, in full \
         after {} ms",
        off.as_millis(),
        lowest.as_millis(),
        top.as_millis()
    );
    let good =
        off <= seconds(2) && unseen == 0 && key == lowest && lowest <= ms(500) && top <= seconds(5);
    row("nobody looks, one returns", found, good)
}

/// How long it takes until a publisher makes no pictures for a second.
fn until_still(world: &mut World, publisher: usize) -> Duration {
    let (from, mut last) = (world.now(), world.now());
    let mut made = world.packets(publisher).pictures_made;
    while world.now() < last + seconds(1) && world.now() < from + seconds(10) {
        world.run_for(ms(10));
        let now_made = world.packets(publisher).pictures_made;
        if std::mem::replace(&mut made, now_made) != now_made {
            last = world.now();
        }
    }
    last - from
}

/// How long after `from` the first picture's packet of a kind came.
fn first_after(
    world: &World,
    viewer: usize,
    from: Instant,
    is_it: &dyn Fn(&Arrived) -> bool,
) -> Duration {
    let arrived = world.packets(viewer).arrived.iter();
    let mut pictures = arrived.filter(|it| !it.is_audio && it.at >= from + ms(50));
    pictures.find(|it| is_it(it)).map_or(Duration::MAX, |it| it.at - from)
}
