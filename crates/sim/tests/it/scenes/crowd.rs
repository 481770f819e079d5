//! Many people: on one thin path, and all at once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use parlor_engine::allocate::Reason;
use parlor_engine::{Change, Picture, TrackId, View};
use parlor_rtc::fuzzing::scalable::L1T3;
use parlor_sim::packets::{Camera, Carrier};
use parlor_sim::world::ROOM;
use parlor_sim::{LinkConfig, World};
use str0m::media::MediaKind::Video;

use super::step::queue_p95;
use crate::codecs::RIDS;
use crate::layers::path;
use crate::table::{Row, row, show};
use crate::{connect_all, ms, seconds};

const CAMERA: Camera = Camera { carrier: Carrier::Vp8, mode: L1T3, rids: RIDS };

const TRACKS: usize = 25;
/// The pinned one moves with 15 pictures a second at least: all its 30 cost more than is left beside headroom.
const SMOOTH: u8 = 1;
/// So many small ones at least have room beside the pinned one.
const FEW: usize = 5;
/// What is shown small, and what large.
const SMALL: u16 = 320;
const LARGE: u16 = 1280;

/// A key frame of a layer is asked for no more often than that.
const KEY_FRAME_INTERVAL: Duration = Duration::from_millis(500);
const PEOPLE: usize = 100;
const PUBLISHERS: usize = 3;

/// What a viewer was told at a time that it gets.
type Told = Vec<(Instant, Result<Picture, Reason>)>;

fn publisher(world: &mut World, bitrate_bps: u64) -> usize {
    let seat = world.join_with_packets(Some(CAMERA), 0, LinkConfig::default());
    world.seats[seat].client.senders[1].bitrate_bps = bitrate_bps;
    seat
}

fn camera(world: &World, seat: usize) -> TrackId {
    world.seats[seat].named[1].track
}

fn view(track: TrackId, width: u16, priority: u8) -> View {
    View { track, width, height: width / 16 * 9, priority }
}

/// What the viewer of many tracks gets.
struct ManyTracks {
    pinned: String,
    pinned_temporal: u8,
    low: usize,
    paused: usize,
    /// Of one track in 10 s, once the first 10 s are over.
    switches: usize,
    queue: Duration,
    dropped: f64,
}

impl ManyTracks {
    fn is_good(&self) -> bool {
        let ManyTracks { low, paused, switches, queue, dropped, .. } = *self;
        let is_sorted = self.pinned == "h" && low + paused == TRACKS - 1;
        let moves = self.pinned_temporal >= SMOOTH;
        is_sorted && moves && low >= FEW && switches <= 1 && queue <= ms(50) && dropped <= 0.01
    }

    /// Two talk, the others listen.
    fn seen(seed: u64) -> ManyTracks {
        let mut world = World::new(seed);
        let publishers: Vec<usize> =
            (0..TRACKS).map(|_| publisher(&mut world, 1_500_000)).collect();
        publishers.iter().skip(2).for_each(|seat| world.switch(*seat, 0, false));
        let viewer = world.join_as(ROOM, &[], TRACKS, path(2_000));
        let cameras: Vec<TrackId> = publishers.iter().map(|seat| camera(&world, *seat)).collect();
        let place = |(n, track): (usize, &TrackId)| match n {
            0 => view(*track, LARGE, 1),
            _ => view(*track, SMALL, 0),
        };
        let (now, peer) = (world.now(), world.seats[viewer].peer);
        world.engine.view(now, peer, cameras.iter().enumerate().map(place).collect());
        connect_all(&mut world);
        world.run_for(seconds(10));
        let (from, before) = (world.now(), world.seats[viewer].down.counters());
        world.run_for(seconds(40));
        let after = world.seats[viewer].down.counters();
        let told: Vec<Told> = cameras.iter().map(|track| told(&world, viewer, *track)).collect();
        let last: Vec<_> =
            told.iter().filter_map(|told| told.last()).map(|(_, given)| given).collect();
        let others = last.get(1..).unwrap_or_default();
        let lowest = |given: &&&Result<Picture, Reason>| layer(given).as_deref() == Some("l");
        let paused = |given: &&&Result<Picture, Reason>| ***given == Err(Reason::Bandwidth);
        ManyTracks {
            pinned: last.first().and_then(|given| layer(given)).unwrap_or_default(),
            pinned_temporal: last.first().map_or(0, |given| temporal(given)),
            low: others.iter().filter(lowest).count(),
            paused: others.iter().filter(paused).count(),
            switches: told.iter().map(|told| most_switches(told, from)).max().unwrap_or_default(),
            queue: queue_p95(&world, viewer, from),
            dropped: (after.overflowed - before.overflowed) as f64
                / (after.sent - before.sent) as f64,
        }
    }
}

/// Which encoding is given.
fn layer(given: &Result<Picture, Reason>) -> Option<String> {
    given.ok().and_then(|picture| picture.layer).map(|rid| rid.to_string())
}

/// How many temporal layers beyond the lowest.
fn temporal(given: &Result<Picture, Reason>) -> u8 {
    given.ok().map_or(0, |picture| picture.temporal)
}

/// 25 cameras to one viewer with 2 Mbit/s, who has pinned one of them, in several calls.
pub(super) fn many_tracks() -> Row {
    of_many_tracks(52..56)
}

#[test]
#[ignore = "takes minutes, and its row is asserted with fewer calls: docs/testing.md#sweeps"]
fn in_none_of_96_calls_does_a_track_among_25_change_twice_in_ten_seconds() {
    show(&[of_many_tracks(52..148)]);
}

fn of_many_tracks(seeds: Range<u64>) -> Row {
    let calls: Vec<ManyTracks> = seeds.map(ManyTracks::seen).collect();
    let most = |count: fn(&ManyTracks) -> usize| calls.iter().map(count).max().unwrap_or_default();
    let least = |count: fn(&ManyTracks) -> usize| calls.iter().map(count).min().unwrap_or_default();
    let queue = calls.iter().map(|call| call.queue).max().unwrap_or_default();
    let dropped = calls.iter().map(|call| call.dropped).fold(0.0, f64::max);
    let pinned: BTreeSet<&str> = calls.iter().map(|call| call.pinned.as_str()).collect();
    let found = format!(
        "pinned one has {}, {} to {} have l, the rest paused; at most {} switches in 10 s, \
         queue p95 {} ms, {:.1} % dropped",
        Vec::from_iter(pinned).join(" or "),
        least(|call| call.low),
        most(|call| call.low),
        most(|call| call.switches),
        queue.as_millis(),
        dropped * 100.0
    );
    row("25 tracks at 2 Mbit/s", found, calls.iter().all(ManyTracks::is_good))
}

fn told(world: &World, viewer: usize, track: TrackId) -> Told {
    let peer = world.seats[viewer].peer;
    let given = |(at, change): &(Instant, Change)| match change {
        Change::Quality { peer: to, quality } if *to == peer => {
            let of_track = quality.tracks.iter().find(|it| it.track == track)?;
            Some((*at, of_track.given))
        }
        _ => None,
    };
    world.changes.iter().filter_map(given).collect()
}

/// Viewers are told of a change when it is due: twice a second.
const TOLD_WITHIN: Duration = Duration::from_millis(500);

/// The most changes of what a viewer is given of a track in ten seconds, from a moment on.
fn most_switches(told: &Told, from: Instant) -> usize {
    let layers = |given: Result<Picture, Reason>| {
        given.map(|Picture { layer, spatial, temporal, .. }| (layer, spatial, temporal))
    };
    let changed = told.windows(2).filter(|pair| layers(pair[0].1) != layers(pair[1].1));
    let times: Vec<Instant> = changed.map(|pair| pair[1].0).filter(|at| *at >= from).collect();
    let within = |from: &Instant| {
        times.iter().filter(|at| *at >= from && **at < *from + seconds(10) - TOLD_WITHIN).count()
    };
    times.iter().map(within).max().unwrap_or_default()
}

/// Three publish, and 97 come in one moment to see them, in all sizes. Then all look at large ones, and
/// ask for key frames over and over.
pub(super) fn all_at_once() -> Row {
    let mut world = World::new(53);
    let publishers: Vec<usize> = (0..PUBLISHERS).map(|_| publisher(&mut world, 300_000)).collect();
    connect_all(&mut world);
    world.run_for(seconds(2));
    let cameras: Vec<TrackId> = publishers.iter().map(|seat| camera(&world, *seat)).collect();
    let show = |world: &mut World, viewer: usize, width: u16| {
        let (now, peer) = (world.now(), world.seats[viewer].peer);
        world.engine.view(now, peer, cameras.iter().map(|track| view(*track, width, 0)).collect());
    };
    let viewers: Vec<usize> = (PUBLISHERS..PEOPLE)
        .map(|n| {
            let viewer = world.join_as(ROOM, &[], PUBLISHERS, path(5_000));
            show(&mut world, viewer, [SMALL, 640, LARGE][n % 3]);
            viewer
        })
        .collect();
    let joined = world.now();
    let sees_all = |world: &World, viewer: &usize| {
        let client = &world.seats[*viewer].client;
        let videos = client.slots().iter().filter(|(_, kind)| *kind == Video);
        let seen = videos.filter(|(mid, _)| !client.frames(*mid).is_empty()).count();
        seen == PUBLISHERS
    };
    let all_see = |world: &World| viewers.iter().all(|viewer| sees_all(world, viewer));
    let took =
        world.run_while(seconds(10), |world| !all_see(world)).expect("everyone sees everyone");
    world.run_for(seconds(3));
    viewers.iter().for_each(|viewer| show(&mut world, *viewer, LARGE));
    for _ in 0..20 {
        world.run_for(ms(150));
        viewers.iter().for_each(|viewer| world.seats[*viewer].client.ask_for_key_frames());
    }
    let mut asked: BTreeMap<(usize, u32), Vec<Instant>> = BTreeMap::new();
    for seat in &publishers {
        for request in world.packets(*seat).key_frames_asked.iter().filter(|it| it.at >= joined) {
            asked.entry((*seat, request.ssrc)).or_default().push(request.at);
        }
    }
    let requests: usize = asked.values().map(Vec::len).sum();
    let closest = asked.values().flat_map(|times| times.windows(2).map(|pair| pair[1] - pair[0]));
    let closest = closest.min().unwrap_or(KEY_FRAME_INTERVAL);
    let found = format!(
        "all see all {} ms later; {requests} key frames asked for, one of a layer each {} ms at most",
        took.as_millis(),
        closest.as_millis()
    );
    let good = closest >= KEY_FRAME_INTERVAL && requests > 0 && took <= seconds(3);
    row("100 people join at once", found, good)
}
