//! Sound and pictures of one person, by the clocks that their viewer is told of.

use std::time::{Duration, Instant};

use parlor_engine::View;
use parlor_sim::packets::{Arrived, Camera, Packets};
use parlor_sim::{LinkConfig, World};

use crate::codecs::{cameras, captured_at};
use crate::layers::path;
use crate::table::{Row, row};
use crate::{connect_all, ms, seconds};

/// Nobody notices that sound and pictures are so far apart.
const BOUND_MS: f64 = 10.0;

/// Before a publisher has told the clock of an encoding that has just begun, nobody can know better than by one picture.
const PICTURE_MS: f64 = 1000.0 / 30.0 + 0.1;

/// Packets of pictures whose clock is told, in 48 s of them, at the least: one for each of 15 pictures a second.
const LEAST_TOLD: usize = 700;

/// How often another view is chosen.
const TURNS: usize = 16;

/// Pictures are shown so long after they came at the soonest, and reports that have come by then count.
const SHOWN_AFTER: Duration = Duration::from_millis(30);

/// Two people whose encodings all have clocks of their own, on paths that hold some packets up, and a viewer who
/// sees now the one, now the other, large and small: one such call with each way of coding.
pub(super) fn through_switches() -> Row {
    let calls = cameras().map(|(name, camera)| (name, apart(camera)));
    let too_few = calls.iter().find(|(_, apart)| apart.told < LEAST_TOLD);
    assert!(too_few.is_none(), "{too_few:?}");
    let Apart { told_ms, told, untold_ms, untold } =
        calls.iter().fold(Apart::default(), |all, (_, call)| all.with(call));
    let found = format!(
        "at most {told_ms:.1} ms apart through {TURNS} changes of view in each of {} calls, {told} packets of pictures; \
         {untold} more came before their clock was told, {untold_ms:.1} ms apart",
        calls.len()
    );
    row("sound and pictures", found, told_ms <= BOUND_MS && untold_ms <= PICTURE_MS)
}

/// How far they are apart in one call.
fn apart(camera: Camera) -> Apart {
    let mut world = World::new(54);
    let up = LinkConfig { jitter: ms(10), ..LinkConfig::with_round_trip(ms(40)) };
    let publishers = [(); 2].map(|()| world.join_with_packets(Some(camera), 0, up));
    let viewer = world.join_with_packets(None, 2, path(5_000));
    connect_all(&mut world);
    let show = |world: &mut World, shown: usize, width: u16| {
        let track = world.seats[publishers[shown]].named[1].track;
        let (now, peer) = (world.now(), world.seats[viewer].peer);
        let view = View { track, width, height: width / 16 * 9, priority: 0 };
        world.engine.view(now, peer, vec![view]);
    };
    let mut layers = 0;
    for turn in 0..TURNS {
        show(&mut world, turn / 4 % 2, [1280, 320, 640, 1280][turn % 4]);
        if turn % 5 == 4 {
            layers = 1 + (layers + 1) % 3;
            world.seats[publishers[turn % 2]].client.senders[1].active_layers = layers;
        }
        world.set_link(viewer, path([5_000, 700, 5_000][turn % 3]));
        world.run_for(seconds(3));
    }
    furthest_apart(&world, viewer)
}

/// How far sound and pictures are apart at the most, and in how many packets of pictures that was looked at.
#[derive(Debug, Default)]
struct Apart {
    /// Once the clock of what is shown is told.
    told_ms: f64,
    told: usize,
    /// Before that.
    untold_ms: f64,
    untold: usize,
}

impl Apart {
    fn with(&self, other: &Apart) -> Apart {
        Apart {
            told_ms: self.told_ms.max(other.told_ms),
            told: self.told + other.told,
            untold_ms: self.untold_ms.max(other.untold_ms),
            untold: self.untold + other.untold,
        }
    }
}

/// How far sound and pictures of one person are apart at the most, by the newest reports when they are shown.
fn furthest_apart(world: &World, viewer: usize) -> Apart {
    let packets = world.packets(viewer);
    let start = world.seats[0].client.connected_at.expect("it is");
    let beginnings = beginnings(&packets.arrived);
    let mut apart = Apart::default();
    let mut sound_late: [Option<f64>; 3] = [None; 3];
    for arrived in &packets.arrived {
        let Some(mark) = &arrived.mark else { continue };
        let next = beginnings.iter().find(|at| **at > arrived.at && !arrived.is_audio);
        let shown_at = arrived.at + SHOWN_AFTER;
        // What is shown when something else begins goes by the clock of what it is of.
        let known_at = next.map_or(shown_at, |next| shown_at.min(*next));
        let Some(told) = told_seconds(packets, arrived, known_at) else { continue };
        let late = told - (captured_at(world, mark) - start).as_secs_f64();
        let sound = &mut sound_late[mark.publisher as usize];
        match (arrived.is_audio, *sound) {
            (true, _) => *sound = Some(late),
            (false, Some(sound)) => {
                let begun = beginnings.iter().rev().find(|at| **at <= arrived.at);
                let is_told = begun.is_none_or(|begun| {
                    let since = *begun - SHOWN_AFTER; // it is told with what begins, if it is known
                    let mut of_stream = packets.reports.iter().filter(|it| it.ssrc == arrived.ssrc);
                    of_stream.any(|it| (since..=known_at).contains(&it.at))
                });
                let (most, count) = match is_told {
                    true => (&mut apart.told_ms, &mut apart.told),
                    false => (&mut apart.untold_ms, &mut apart.untold),
                };
                *most = most.max((late - sound).abs() * 1000.0);
                *count += 1;
            }
            (false, None) => {}
        }
    }
    apart
}

/// When another encoding began to come.
fn beginnings(arrived: &[Arrived]) -> Vec<Instant> {
    let encoding =
        |it: &Arrived| it.mark.as_ref().map(|mark| (it.ssrc, mark.publisher, mark.encoding));
    let mut pictures: Vec<&Arrived> = arrived.iter().filter(|it| !it.is_audio).collect();
    pictures.sort_by_key(|it| (it.ssrc, it.sequence));
    let pairs = pictures.windows(2).filter(|pair| encoding(pair[0]) != encoding(pair[1]));
    let mut times: Vec<Instant> = pairs.map(|pair| pair[1].at).collect();
    times.sort_unstable();
    times
}

/// The time of day at which a packet's sender says that it was captured, as far as is known at a time.
fn told_seconds(packets: &Packets, arrived: &Arrived, known_at: Instant) -> Option<f64> {
    let mut of_stream = packets.reports.iter().rev().filter(|it| it.ssrc == arrived.ssrc);
    let report = of_stream.find(|report| report.at <= known_at)?;
    let rate = if arrived.is_audio { 48_000.0 } else { 90_000.0 };
    let ticks = (arrived.timestamp as u32).wrapping_sub(report.timestamp) as i32;
    Some(report.seconds + f64::from(ticks) / rate)
}
