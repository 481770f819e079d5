//! Microphones that send next to nothing in silence: a silent gap is silence, not loss.

use std::time::Duration;

use parlor_engine::{Change, Limits, PeerId, Source};
use parlor_rtc::MediaKind::Audio;
use parlor_sim::world::ROOM;
use parlor_sim::{LinkConfig, World};

use crate::{connect_all, ms, seconds, share_seen};

/// How often Opus tells that it is still there (RFC 6716 section 2.1.9).
const COMFORT_NOISE_INTERVAL: Duration = Duration::from_millis(400);

fn talk(world: &mut World, who: usize, span: Duration) {
    let sender = &mut world.seats[who].client.senders[0];
    (sender.voice, sender.packet_time) = (true, ms(20));
    world.run_for(span);
}

fn fall_silent(world: &mut World, who: usize, span: Duration) {
    let sender = &mut world.seats[who].client.senders[0];
    (sender.voice, sender.packet_time) = (false, COMFORT_NOISE_INTERVAL);
    world.run_for(span);
}

fn join(world: &mut World) -> usize {
    let link = LinkConfig { jitter: ms(15), ..LinkConfig::with_round_trip(ms(40)) };
    world.join_as(ROOM, &[Source::Microphone], 4, link)
}

#[test]
fn gaps_are_silence_for_who_speaks_and_no_loss_for_anybody() {
    let mut world = World::new(31);
    let ann = join(&mut world);
    let bo = join(&mut world);
    connect_all(&mut world);
    fall_silent(&mut world, bo, seconds(0));
    for _ in 0..4 {
        talk(&mut world, ann, seconds(2));
        fall_silent(&mut world, ann, seconds(3));
    }
    let speaking: Vec<_> = (world.changes.iter())
        .filter_map(|(_, change)| match change {
            Change::Speaking { peers, dominant, .. } => Some((peers.len(), *dominant)),
            _ => None,
        })
        .filter(|(_, dominant)| *dominant == Some(PeerId(1)))
        .map(|(speaking, _)| speaking)
        .collect();
    let on_and_off = speaking.iter().filter(|speaking| **speaking == 0).count();
    assert_eq!(on_and_off, 4, "each time it is told once that nobody speaks: {speaking:?}");
    let counters = world.engine.counters();
    assert_eq!((counters.nacks_out, counters.packets_lost_out), (0, 0));
    let sent = world.seats[ann].client.senders[0].frames_sent;
    let share = share_seen(&world.seen(bo, ann, Audio), 10, sent - 1);
    assert!(share == 1.0, "{share} of the packets");
}

#[test]
fn of_many_who_are_silent_so_the_first_word_of_each_is_heard() {
    let mut world = World::with_limits(32, Limits { open_microphones: 6, ..Limits::default() });
    for _ in 0..10 {
        let seat = join(&mut world);
        world.seats[seat].client.senders[0].voice = false;
    }
    connect_all(&mut world);
    for seat in 0..10 {
        fall_silent(&mut world, seat, seconds(0));
    }
    world.run_for(seconds(4));
    for who in [2, 5, 9, 2] {
        // What is being waited for is comfort noise still.
        let first = world.seats[who].client.senders[0].frames_sent + 1;
        talk(&mut world, who, seconds(1));
        let end = world.seats[who].client.senders[0].frames_sent;
        fall_silent(&mut world, who, seconds(4));
        let share = share_seen(&world.seen(0, who, Audio), first, end);
        assert!(share == 1.0, "{share} of {who}'s words");
    }
}
