//! Stories about measuring what a track's layers cost and show.

use std::time::{Duration, Instant};

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
fn a_layer_that_stops_is_no_rung_after_the_time_of_some_pictures() {
    for frames_per_second in [15, 30] {
        let mut camera = Camera::new(&SIMULCAST);
        camera.frames_per_second = frames_per_second;
        camera.run(3 * SECOND);
        camera.encodings[2].on = false;
        camera.run(SECOND * 3 / 10);
        assert_eq!(camera.layers(), [0, 1, 2], "encoders leave some out");
        camera.run(SECOND * 2 / 10);
        assert_eq!(camera.layers(), [0, 1]);
        assert!(!camera.meter.is_live(2));
    }
}

#[test]
fn that_a_layer_has_stopped_is_said_once_and_again_when_it_stops_again() {
    let mut camera = Camera::new(&SIMULCAST);
    camera.run(3 * SECOND);
    let said = |camera: &mut Camera| {
        let mut said = 0;
        for _ in 0..60 {
            camera.now += SECOND / 30;
            for layer in [0, 1] {
                let len = SIMULCAST[usize::from(layer)].frame_len;
                let packet = Packet {
                    len,
                    starts_frame: true,
                    starts_key_frame: false,
                    layer: Layer::default(),
                };
                said += u32::from(camera.meter.note(camera.now, layer, &packet));
            }
        }
        said
    };
    assert_eq!(said(&mut camera), 1);
    camera.run(SECOND);
    assert_eq!(said(&mut camera), 1);
}

#[test]
fn pictures_that_come_late_and_in_heaps_stop_no_layer() {
    let mut camera = Camera::new(&SIMULCAST);
    camera.run(3 * SECOND);
    for _ in 0..20 {
        camera.now += SECOND * 6 / 10;
        for _ in 0..18 {
            camera.send(false);
            camera.meter.review(camera.now);
            assert_eq!(camera.layers(), [0, 1, 2]);
        }
    }
}

#[test]
fn a_layer_with_a_third_of_the_pictures_of_the_others_goes_on() {
    let mut camera = Camera::new(&SIMULCAST);
    for n in 0..300 {
        camera.encodings[2].on = n % 3 == 0;
        camera.now += SECOND / 30;
        camera.send(false);
        camera.meter.review(camera.now);
    }
    assert_eq!(camera.layers(), [0, 1, 2]);
}

#[test]
fn a_layer_that_is_told_to_have_stopped_is_one_that_returns_when_it_comes() {
    let mut camera = Camera::new(&SIMULCAST);
    camera.run(3 * SECOND);
    camera.meter.stop_layer(2);
    assert!(!camera.meter.is_live(2));
    camera.run(SECOND / 4);
    assert_eq!(camera.layers(), [0, 1], "the rest of it is not measured yet");
    camera.run(SECOND / 2);
    assert_eq!(camera.layers(), [0, 1, 2]);
}

#[test]
fn a_layer_that_returns_is_a_rung_once_it_is_measured() {
    let mut camera = Camera::new(&SIMULCAST);
    camera.run(3 * SECOND);
    camera.encodings[2].on = false;
    camera.run(20 * SECOND);
    camera.encodings[2].on = true;
    camera.run(SECOND / 4);
    assert!(camera.meter.is_live(2));
    assert_eq!(camera.layers(), [0, 1]);
    camera.run(SECOND / 2);
    assert_eq!(camera.layers(), [0, 1, 2]);
    assert_near(camera.rung(2, 0).bitrate_bps, 960_000, 10);
}

#[test]
fn a_screen_that_stands_still_keeps_all_its_layers_and_what_they_cost() {
    let mut screen = Camera::new(&SIMULCAST);
    screen.run(3 * SECOND);
    let before: Vec<Rung> = screen.meter.rungs().to_vec();
    screen.wait(300 * SECOND);
    assert_eq!(screen.layers(), [0, 1, 2]);
    for (rung, before) in screen.meter.rungs().iter().zip(before) {
        assert_eq!(rung.bitrate_bps, before.bitrate_bps);
    }
    // It moves again: no layer is lost in between.
    screen.now += SECOND / 30;
    screen.note(0, 250, Layer::default(), false);
    screen.meter.review(screen.now);
    assert_eq!(screen.layers(), [0, 1, 2]);
    screen.run(2 * SECOND);
    assert_eq!(screen.layers(), [0, 1, 2]);
}

#[test]
fn a_screen_that_hardly_moves_keeps_all_its_layers() {
    let mut screen = Camera::new(&SIMULCAST);
    screen.run(3 * SECOND);
    // One picture a second, as Chromium repeats it.
    for _ in 0..60 {
        screen.now += SECOND;
        screen.send(false);
        screen.meter.review(screen.now);
        assert_eq!(screen.layers(), [0, 1, 2]);
    }
}

#[test]
fn the_only_layer_that_goes_on_is_left_when_the_others_stop() {
    let mut camera = Camera::new(&SIMULCAST);
    camera.run(3 * SECOND);
    camera.encodings[1].on = false;
    camera.encodings[2].on = false;
    // Even at two pictures a second.
    camera.frames_per_second = 2;
    camera.run(2 * SECOND);
    assert_eq!(camera.layers(), [0]);
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
