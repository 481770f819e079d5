//! What browsers make of our sender reports: they draw a line through the last twenty of each stream, and put the sound
//! and the pictures of one person together by these.

use std::time::Instant;

use parlor_engine::View;
use parlor_rtc::fuzzing::scalable::L1T3;
use parlor_sim::packets::{Arrived, Camera, Carrier, Packets, Report};
use parlor_sim::{LinkConfig, World};

use crate::codecs::{RIDS, captured_at};
use crate::layers::path;
use crate::{connect_all, ms, seconds};

/// Reports that libwebrtc's `RtpToNtpEstimator` draws its line through.
const REPORTS_OF_A_LINE: usize = 20;

/// As in the lip sync of all switches.
const BOUND_MS: f64 = 10.0;

const CAMERA: Camera = Camera { carrier: Carrier::Vp8, mode: L1T3, rids: RIDS };

/// A stream's capture times by its reports.
struct Line {
    newest: Report,
    /// In seconds, at the newest report.
    offset: f64,
    /// Seconds for each second of timestamps.
    slope: f64,
    rate: f64,
}

impl Line {
    /// The one of least squares through the reports of a stream that had come by then; `None` before there are two.
    fn through(packets: &Packets, arrived: &Arrived) -> Option<Line> {
        let by_then = |it: &&Report| it.ssrc == arrived.ssrc && it.at <= arrived.at;
        let of_stream = packets.reports.iter().rev().filter(by_then);
        let reports: Vec<&Report> = of_stream.take(REPORTS_OF_A_LINE).collect();
        let newest = **reports.first()?;
        let rate = if arrived.is_audio { 48_000.0 } else { 90_000.0 };
        let point =
            |it: &&Report| (since(it.timestamp, &newest, rate), it.seconds - newest.seconds);
        let points: Vec<(f64, f64)> = reports.iter().map(point).collect();
        let count = points.len() as f64;
        let (mean_x, mean_y) = points.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
        let (mean_x, mean_y) = (mean_x / count, mean_y / count);
        let products = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y));
        let squares = points.iter().map(|(x, _)| (x - mean_x).powi(2));
        let slope = products.sum::<f64>() / squares.sum::<f64>();
        let offset = mean_y - slope * mean_x;
        (points.len() > 1).then_some(Line { newest, offset, slope, rate })
    }

    fn captured_seconds(&self, timestamp: u32) -> f64 {
        let ahead = since(timestamp, &self.newest, self.rate);
        self.newest.seconds + self.offset + self.slope * ahead
    }
}

fn since(timestamp: u32, report: &Report, rate: f64) -> f64 {
    f64::from(timestamp.wrapping_sub(report.timestamp) as i32) / rate
}

/// How far apart a browser takes sound and pictures for that were captured together, in ms, for each packet of pictures
/// from when it has lines of both.
fn apart_ms(world: &World, viewer: usize) -> Vec<f64> {
    let packets = world.packets(viewer);
    let start = world.seats[0].client.connected_at.expect("it is");
    let mut sound_late = None;
    let mut apart = Vec::new();
    for arrived in &packets.arrived {
        let Some(mark) = &arrived.mark else { continue };
        let Some(line) = Line::through(packets, arrived) else { continue };
        let captured = (captured_at(world, mark) - start).as_secs_f64();
        let late_ms = (line.captured_seconds(arrived.timestamp as u32) - captured) * 1000.0;
        match (arrived.is_audio, sound_late) {
            (true, _) => sound_late = Some(late_ms),
            (false, Some(sound)) => apart.push(late_ms - sound),
            (false, None) => {}
        }
    }
    apart
}

fn show(world: &mut World, viewer: usize, publisher: usize) {
    let track = world.seats[publisher].named[1].track;
    let (now, peer) = (world.now(), world.seats[viewer].peer);
    world.engine.view(now, peer, vec![View { track, width: 320, height: 180, priority: 0 }]);
}

#[test]
fn a_first_report_that_is_held_up_does_not_put_sound_and_pictures_apart() {
    let mut world = World::new(71);
    let publisher = world.join_with_packets(Some(CAMERA), 0, LinkConfig::with_round_trip(ms(400)));
    let viewer = world.join_with_packets(None, 1, path(5_000));
    let (now, peer) = (world.now(), world.seats[viewer].peer);
    world.engine.view(now, peer, Vec::new());
    connect_all(&mut world);
    let heard = |world: &World| world.packets(viewer).reports.len() > 1;
    world.run_while(seconds(10), |world| !heard(world)).expect("reports of the sound come");
    world.set_link(publisher, LinkConfig::with_round_trip(ms(40)));
    world.run_for(seconds(1));
    show(&mut world, viewer, publisher);
    world.run_for(seconds(30));
    let apart = apart_ms(&world, viewer);
    let furthest = apart.iter().fold(0.0, |most: f64, apart| most.max(apart.abs()));
    assert!(apart.len() > 400, "{} packets of pictures", apart.len());
    assert!(furthest <= BOUND_MS, "{furthest:.1} ms apart");
}

#[test]
fn who_comes_can_put_sound_and_pictures_together_within_a_moment_of_the_first_picture() {
    let mut world = World::new(72);
    let publisher = world.join_with_packets(Some(CAMERA), 0, LinkConfig::with_round_trip(ms(40)));
    let first = world.join_with_packets(None, 1, path(5_000));
    connect_all(&mut world);
    show(&mut world, first, publisher);
    world.run_for(seconds(10));
    let newcomer = world.join_with_packets(None, 1, path(5_000));
    show(&mut world, newcomer, publisher);
    world.run_for(seconds(5));
    let packets = world.packets(newcomer);
    let has_line = |it: &&Arrived| Line::through(packets, it).is_some();
    let begins = |is_audio: bool| -> Instant {
        let of_kind = |it: &&Arrived| it.is_audio == is_audio && it.mark.is_some();
        packets.arrived.iter().filter(of_kind).find(has_line).expect("it has a line").at
    };
    let seen = packets.arrived.iter().find(|it| !it.is_audio && it.mark.is_some());
    let picture = seen.expect("a picture comes").at;
    let together = begins(true).max(begins(false)).saturating_duration_since(picture);
    assert!(together <= ms(300), "{together:?} after the first picture");
}
