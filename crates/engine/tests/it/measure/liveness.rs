//! Stories about layers that stop and return.

use parlor_engine::measure::{Packet, Rung};
use parlor_rtc::payload::Layer;

use super::{Camera, SECOND, SIMULCAST, assert_near, vp8_size};

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
fn what_has_stopped_is_still_known_to_be_smaller_than_what_goes_on() {
    let mut camera = Camera::new(&SIMULCAST);
    for (layer, width, height) in [(0, 320, 180), (1, 640, 360), (2, 1280, 720)] {
        camera.meter.note_resolutions(layer, vp8_size(width, height));
    }
    camera.run(3 * SECOND);
    assert_eq!(camera.meter.stopped_below(0b111), 0);
    camera.encodings[0].on = false;
    camera.encodings[1].on = false;
    camera.run(SECOND);
    assert_eq!(camera.layers(), [2]);
    assert_eq!(camera.meter.stopped_below(0b100), 0b011);
    assert_eq!(camera.meter.stopped_below(0b010), 0b001);
    assert_eq!(camera.meter.stopped_below(0), 0);
}
