//! A publisher, its viewers and what is asked of it: measuring, deciding and asking together.

use std::collections::VecDeque;

use parlor_engine::allocate::{Demand, Wanted};
use parlor_engine::measure::{Packet, TrackMeter};
use parlor_rtc::payload::{Layer, Resolutions};
use parlor_rtc::sdp::Codec;

use super::*;

const FRAME: Duration = Duration::from_millis(33);

/// From the decision to the first packet: the message, the encoder, and the way of both.
const START_FRAMES: usize = 6;

/// A camera that encodes what it is asked for, and what is made of it.
struct Meeting {
    now: Instant,
    begin: Instant,
    frame: u64,
    meter: TrackMeter,
    wanted: Wanted,
    asked: u32,
    /// What was asked for at each of the last frames: it is on its way.
    on_its_way: VecDeque<u32>,
    sent: u32,
    viewers: Vec<Viewer>,
    budget_bps: u64,
}

impl Meeting {
    /// Nobody watches the camera yet.
    fn new(viewers: usize) -> Meeting {
        let mut hidden = Seat::camera(1);
        hidden.shown = None;
        hidden.rungs.clear();
        Meeting {
            now: start(),
            begin: start(),
            frame: 0,
            meter: TrackMeter::new(CAMERA.len()),
            wanted: Wanted::new(CAMERA.len()),
            asked: 0,
            on_its_way: VecDeque::from([0; START_FRAMES]),
            sent: 0,
            viewers: vec![Viewer::new(vec![hidden]); viewers],
            budget_bps: 5_000_000,
        }
    }

    fn show(&mut self, viewer: usize, width: u16, height: u16) {
        self.viewers[viewer].seats[0].shown = Some(Area { width, height });
        self.begin = self.now;
    }

    fn hide(&mut self, viewer: usize) {
        self.viewers[viewer].seats[0].shown = None;
        self.begin = self.now;
    }

    fn step(&mut self) {
        self.now += FRAME;
        self.encode();
        // Decisions are made a few times a second, between frames.
        if self.frame.is_multiple_of(7) {
            self.decide();
        }
        self.on_its_way.push_back(self.asked);
        self.frame += 1;
    }

    fn encode(&mut self) {
        let asked = self.on_its_way.pop_front().unwrap_or_default();
        let begun = asked & !std::mem::replace(&mut self.sent, asked);
        for (layer, (width, height, bps)) in (0..).zip(CAMERA) {
            if asked & Demand::bit(layer) == 0 {
                continue;
            }
            let is_key = begun & Demand::bit(layer) != 0;
            let packet = Packet {
                len: bps as usize / 8 / 30,
                starts_frame: true,
                starts_key_frame: is_key,
                layer: Layer::default(),
            };
            self.meter.note(self.now, layer, &packet);
            if is_key {
                self.meter.note_resolutions(layer, key_frame(width, height));
            }
        }
    }

    fn decide(&mut self) {
        self.meter.review(self.now);
        let mut demand = Demand::default();
        for viewer in &mut self.viewers {
            viewer.now = self.now;
            viewer.seats[0].rungs = self.meter.rungs().to_vec();
            demand.merge(viewer.decisions(self.budget_bps)[0].demand);
            viewer.decide(self.budget_bps);
        }
        self.asked = self.wanted.review(self.now, demand).layers;
        if self.asked == 0 {
            self.meter.stop();
        }
    }

    /// Seconds from the last change of view to when this is so.
    fn until(&mut self, is_so: impl Fn(&Meeting) -> bool) -> f64 {
        while !is_so(self) {
            self.step();
            assert!(self.now < self.begin + 60 * SECOND, "it never comes");
        }
        (self.now - self.begin).as_secs_f64()
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }

    fn given(&self, viewer: usize) -> Option<Given> {
        self.viewers[viewer].last.first().copied()
    }
}

fn key_frame(width: u16, height: u16) -> Resolutions {
    let ([w0, w1], [h0, h1]) = (width.to_le_bytes(), height.to_le_bytes());
    let payload = [0x10, 0x02, 0x00, 0x00, 0x9D, 0x01, 0x2A, w0, w1, h0, h1];
    Resolutions::read(Codec::Vp8, &payload, &[]).unwrap()
}

#[test]
fn a_camera_begins_for_its_first_viewer_and_rests_after_its_last() {
    let mut meeting = Meeting::new(1);
    meeting.run(10 * SECOND);
    assert_eq!(meeting.sent, 0, "nobody watches");
    for _ in 0..3 {
        meeting.show(0, 1280, 720);
        let smallest = meeting.until(|meeting| meeting.sent & 1 != 0);
        assert!(smallest <= 0.5, "the smallest after {smallest} s");
        let best = meeting.until(|meeting| meeting.given(0) == Some(send(2, 0)));
        assert!(best <= 5.0, "the best after {best} s");
        meeting.run(10 * SECOND);
        meeting.hide(0);
        let rests = meeting.until(|meeting| meeting.sent == 0);
        assert!(rests <= 2.0, "it rests after {rests} s");
        meeting.run(10 * SECOND);
        assert_eq!(meeting.sent, 0);
    }
}

#[test]
fn a_camera_makes_the_largest_picture_that_anybody_shows_and_none_above() {
    let mut meeting = Meeting::new(2);
    meeting.show(0, 320, 180);
    meeting.run(5 * SECOND);
    assert_eq!(meeting.sent, 0b001);
    meeting.show(1, 640, 360);
    let medium = meeting.until(|meeting| meeting.given(1) == Some(send(1, 0)));
    assert!(medium <= 5.0, "{medium} s");
    meeting.run(5 * SECOND);
    assert_eq!(meeting.sent, 0b011);
    assert_eq!(meeting.given(0), Some(send(0, 0)));
    // Who makes it large has it large within seconds, though that has to be begun.
    meeting.show(1, 1280, 720);
    let large = meeting.until(|meeting| meeting.given(1) == Some(send(2, 0)));
    assert!(large <= 5.0, "{large} s");
    meeting.hide(1);
    let rests = meeting.until(|meeting| meeting.sent == 0b001);
    assert!(rests <= 2.0, "{rests} s");
    meeting.run(60 * SECOND);
    assert_eq!((meeting.sent, meeting.given(0)), (0b001, Some(send(0, 0))));
}

#[test]
fn an_encoding_that_nobody_can_afford_yet_is_asked_for_all_the_same() {
    let mut meeting = Meeting::new(1);
    meeting.budget_bps = 300_000;
    meeting.show(0, 1280, 720);
    meeting.run(30 * SECOND);
    assert_eq!((meeting.sent, meeting.given(0)), (0b111, Some(send(0, 0))));
    // Only so does anybody know what it would cost.
    let wanted_bps = meeting.viewers[0].allocate(300_000, |allocation| allocation.wanted_bps);
    assert!(wanted_bps > 1_300_000, "{wanted_bps}");
}
