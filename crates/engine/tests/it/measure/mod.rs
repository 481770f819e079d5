//! Stories about measuring what a track's layers cost and show.

mod liveness;

use std::time::{Duration, Instant};

use parlor_engine::allocate::Area;
use parlor_engine::measure::{Packet, Quality, Rung, TrackMeter};
use parlor_rtc::payload::{Layer, Resolution, Resolutions};
use parlor_rtc::sdp::Codec;

use crate::counting::allocations;
use crate::ring::start;

/// One encoding of a camera: how long its pictures are, and whether it is on.
#[derive(Clone, Copy)]
struct Encoding {
    frame_len: usize,
    key_frame_len: usize,
    on: bool,
}

/// 60, 240 and 960 kbit/s at 30 pictures a second, key frames ten times a picture.
const SIMULCAST: [Encoding; 3] = [encoding(250), encoding(1000), encoding(4000)];

const fn encoding(frame_len: usize) -> Encoding {
    Encoding { frame_len, key_frame_len: frame_len * 10, on: true }
}

/// Temporal layers of a pattern of four pictures, as libvpx makes them.
const TEMPORAL: [u8; 4] = [0, 2, 1, 2];

struct Camera {
    now: Instant,
    meter: TrackMeter,
    encodings: Vec<Encoding>,
    temporal: &'static [u8],
    frames_per_second: u32,
    frame: usize,
}

impl Camera {
    fn new(encodings: &[Encoding]) -> Camera {
        Camera {
            now: start(),
            meter: TrackMeter::new(encodings.len()),
            encodings: encodings.to_vec(),
            temporal: &[0],
            frames_per_second: 30,
            frame: 0,
        }
    }

    /// Sends pictures for some time, and reviews four times a second.
    fn run(&mut self, time: Duration) -> &mut Camera {
        let frames = time.as_millis() as u32 * self.frames_per_second / 1000;
        for n in 0..frames {
            self.now += Duration::from_secs(1) / self.frames_per_second;
            self.send(false);
            if n % (self.frames_per_second / 4).max(1) == 0 {
                self.meter.review(self.now);
            }
        }
        self.meter.review(self.now);
        self
    }

    fn send(&mut self, is_key: bool) {
        let temporal = if is_key { 0 } else { self.temporal[self.frame % self.temporal.len()] };
        self.frame += 1;
        for layer in 0..self.encodings.len() {
            let Encoding { frame_len, key_frame_len, on } = self.encodings[layer];
            if on {
                let len = if is_key { key_frame_len } else { frame_len };
                let inside = Layer { spatial: 0, temporal, switches_up: false };
                self.note(layer as u8, len, inside, is_key);
            }
        }
    }

    /// One frame in packets of up to 1000 bytes.
    fn note(&mut self, layer: u8, len: usize, inside: Layer, is_key: bool) {
        for (n, at) in (0..len).step_by(1000).enumerate() {
            let packet = Packet {
                len: (len - at).min(1000),
                starts_frame: n == 0,
                starts_key_frame: n == 0 && is_key,
                layer: inside,
            };
            self.meter.note(self.now, layer, &packet);
        }
    }

    fn wait(&mut self, time: Duration) -> &mut Camera {
        self.now += time;
        self.meter.review(self.now);
        self
    }

    fn rung(&self, layer: u8, temporal: u8) -> Rung {
        let quality = Quality { layer, spatial: 0, temporal };
        *self.meter.rungs().iter().find(|rung| rung.quality == quality).unwrap()
    }

    fn layers(&self) -> Vec<u8> {
        let mut layers: Vec<u8> =
            self.meter.rungs().iter().map(|rung| rung.quality.layer).collect();
        layers.dedup();
        layers
    }
}

fn assert_near(measured: u32, expected: u32, percent: u32) {
    let away = measured.abs_diff(expected);
    assert!(away * 100 <= expected * percent, "{measured} is not {expected} +- {percent} %");
}

/// What a VP8 key frame of this size says.
fn vp8_size(width: u16, height: u16) -> Resolutions {
    let [w0, w1] = width.to_le_bytes();
    let [h0, h1] = height.to_le_bytes();
    let payload = [0x10, 0x02, 0x00, 0x00, 0x9D, 0x01, 0x2A, w0, w1, h0, h1];
    Resolutions::read(Codec::Vp8, &payload, &[]).unwrap()
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn every_encoding_is_measured_by_itself() {
    let mut camera = Camera::new(&SIMULCAST);
    camera.run(3 * SECOND);
    for (layer, expected) in [(0, 60_000), (1, 240_000), (2, 960_000)] {
        let rung = camera.rung(layer, 0);
        assert_near(rung.bitrate_bps, expected, 5);
        assert_eq!(rung.frames_per_second, 30);
        assert!(rung.peak_bps >= rung.bitrate_bps);
    }
}

#[test]
fn temporal_layers_are_measured_with_all_below_them() {
    let mut camera = Camera::new(&SIMULCAST);
    camera.temporal = &TEMPORAL;
    camera.run(4 * SECOND);
    let steps: Vec<(u8, u8)> = camera
        .meter
        .rungs()
        .iter()
        .map(|rung| (rung.quality.layer, rung.quality.temporal))
        .collect();
    let expected = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)];
    assert_eq!(steps, expected);
    for (temporal, share) in [(0, 1), (1, 2), (2, 4)] {
        let rung = camera.rung(2, temporal);
        assert_near(rung.bitrate_bps, 960_000 * share / 4, 8);
        assert!(rung.frames_per_second.abs_diff(30 * share as u16 / 4) <= 1);
    }
}

#[test]
fn spatial_layers_are_measured_with_all_below_them() {
    let mut camera = Camera::new(&[encoding(1)]);
    for _ in 0..90 {
        camera.now += SECOND / 30;
        for (spatial, len) in [(0, 500), (1, 1500), (2, 4000)] {
            let inside = Layer { spatial, temporal: 0, switches_up: false };
            camera.note(0, len, inside, false);
        }
    }
    camera.meter.review(camera.now);
    let costs: Vec<u32> = camera.meter.rungs().iter().map(|rung| rung.bitrate_bps).collect();
    assert_eq!(costs.len(), 3);
    for (cost, expected) in costs.into_iter().zip([120_000, 480_000, 1_440_000]) {
        assert_near(cost, expected, 5);
    }
}

#[test]
fn a_burst_of_key_frames_does_not_make_a_layer_dear() {
    let mut camera = Camera::new(&SIMULCAST);
    camera.run(4 * SECOND);
    let before = camera.rung(2, 0).bitrate_bps;
    // Three people join within a second: each asks for one.
    for _ in 0..3 {
        camera.now += SECOND / 30;
        camera.send(true);
        camera.run(SECOND / 4);
    }
    let after = camera.rung(2, 0).bitrate_bps;
    assert!(after > before, "they are counted");
    assert!(after < before + before / 4, "{before} became {after}");
}

#[test]
fn key_frames_that_come_all_the_time_are_part_of_what_a_layer_costs() {
    let mut camera = Camera::new(&SIMULCAST[2..]);
    for _ in 0..40 {
        camera.send(true);
        camera.run(SECOND);
    }
    assert_near(camera.rung(0, 0).bitrate_bps, 960_000 + 320_000, 10);
}

#[test]
fn the_upper_layers_of_a_key_picture_count_as_of_it() {
    let mut camera = Camera::new(&[encoding(1)]);
    let picture = |camera: &mut Camera, scale: usize| {
        camera.now += SECOND / 30;
        for (spatial, len) in [(0, 500), (1, 1500)] {
            let inside = Layer { spatial, temporal: 0, switches_up: false };
            camera.note(0, len * scale, inside, spatial == 0 && scale > 1);
        }
        camera.meter.review(camera.now);
    };
    (0..90).for_each(|_| picture(&mut camera, 1));
    let quality = Quality { layer: 0, spatial: 1, temporal: 0 };
    let cost = |camera: &Camera| {
        camera.meter.rungs().iter().find(|rung| rung.quality == quality).unwrap().bitrate_bps
    };
    let before = cost(&camera);
    picture(&mut camera, 10);
    assert_near(cost(&camera), before, 10);
}

#[test]
fn layers_are_sorted_by_size_whatever_their_order_and_cost() {
    let mut camera = Camera::new(&[encoding(4000), encoding(250), encoding(300)]);
    camera.run(2 * SECOND);
    assert_eq!(camera.layers(), [1, 2, 0], "by cost, as long as sizes are unknown");
    camera.meter.note_resolutions(0, vp8_size(1280, 720));
    camera.meter.note_resolutions(2, vp8_size(320, 180));
    camera.run(SECOND);
    assert_eq!(camera.layers(), [1, 2, 0], "one size is unknown still");
    camera.meter.note_resolutions(1, vp8_size(640, 360));
    camera.run(SECOND);
    assert_eq!(camera.layers(), [2, 1, 0]);
    assert_eq!(camera.rung(1, 0).resolution, Some(Resolution { width: 640, height: 360 }));
}

#[test]
fn the_peak_remembers_a_dear_moment_for_some_seconds() {
    let mut camera = Camera::new(&SIMULCAST[..1]);
    camera.run(4 * SECOND);
    camera.encodings[0].frame_len = 500;
    camera.run(2 * SECOND);
    camera.encodings[0].frame_len = 250;
    camera.run(2 * SECOND);
    let rung = camera.rung(0, 0);
    assert_near(rung.bitrate_bps, 60_000, 5);
    assert!((100_000..125_000).contains(&rung.peak_bps), "{}", rung.peak_bps);
    camera.run(30 * SECOND);
    assert_near(camera.rung(0, 0).peak_bps, 60_000, 10);
}

#[test]
fn the_first_packet_makes_a_rung() {
    let mut camera = Camera::new(&SIMULCAST);
    camera.meter.review(camera.now);
    assert!(camera.meter.rungs().is_empty());
    camera.note(1, 800, Layer::default(), true);
    camera.meter.review(camera.now);
    assert_eq!(camera.layers(), [1]);
    // Nothing is known of an encoding that was never negotiated.
    camera.note(7, 800, Layer::default(), true);
    assert!(!camera.meter.is_live(7));
}

#[test]
fn layers_beyond_those_told_apart_count_as_the_highest() {
    let mut camera = Camera::new(&[encoding(1)]);
    for n in 0..60_u8 {
        camera.now += SECOND / 30;
        let inside = Layer { spatial: n % 8, temporal: n % 7, switches_up: false };
        camera.note(0, 1000, inside, false);
    }
    camera.meter.review(camera.now);
    let top = camera.meter.rungs().iter().map(|rung| rung.bitrate_bps).max();
    assert_near(top.unwrap(), 240_000, 5);
}

#[test]
fn measuring_allocates_nothing() {
    let mut camera = Camera::new(&SIMULCAST);
    camera.temporal = &TEMPORAL;
    camera.run(2 * SECOND);
    let before = allocations();
    camera.run(10 * SECOND);
    camera.encodings[2].on = false;
    camera.run(10 * SECOND);
    assert_eq!(allocations() - before, 0);
}

#[test]
fn what_has_not_arrived_is_presumed_to_be_twice_as_large_as_what_is_below_it() {
    let mut meter = TrackMeter::new(3);
    let hd = Resolution { width: 1280, height: 720 };
    let presumed = |meter: &TrackMeter, width, height| meter.presumed(Area { width, height }, hd);
    assert_eq!(presumed(&meter, 320, 180), 0b001);
    assert_eq!(presumed(&meter, 640, 360), 0b011);
    assert_eq!(presumed(&meter, 760, 420), 0b011, "a fifth is not seen");
    assert_eq!(presumed(&meter, 1280, 720), 0b111);
    assert_eq!(presumed(&meter, 3840, 2160), 0b111, "none is large enough");
    // The second turns out to be as large as the third was taken for.
    meter.note_resolutions(1, vp8_size(1280, 720));
    assert_eq!(presumed(&meter, 1280, 720), 0b111, "and the third is no larger");
    assert_eq!(presumed(&meter, 640, 360), 0b111);
    assert_eq!(presumed(&meter, 320, 180), 0b001);
}
