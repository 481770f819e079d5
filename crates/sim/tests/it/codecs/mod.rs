//! What viewers get of every codec while they change what they show, paths change what they carry, and publishers
//! what they send.

mod numbers;
pub(crate) mod receiver;

use std::time::{Duration, Instant};

use parlor_engine::View;
use parlor_rtc::fuzzing::scalable::{L1T3, L3T3, L3T3_KEY, Mode};
use parlor_sim::packets::{Camera, Carrier, Mark};
use parlor_sim::{LinkConfig, World};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::layers::path;
use crate::table::{Row, row};
use crate::{connect_all, ms, seconds};
use receiver::{Found, check};

pub(crate) const RIDS: &[&str] = &["l", "m", "h"];
pub(crate) const L1T1: Mode = Mode { spatial_layers: 1, temporal_layers: 1, key_only: false };

/// How often something changes in one call.
const TURNS: usize = 32;

/// Two who publish, and one who sees now this one, now that one.
struct Call {
    world: World,
    publishers: [usize; 2],
    viewer: usize,
    luck: ChaCha8Rng,
    /// How often the viewer's path became a thinner one.
    falls: usize,
    kbps: u64,
}

fn lossy(kbps: u64, loss: f64) -> LinkConfig {
    LinkConfig { loss, ..path(kbps) }
}

impl Call {
    fn new(seed: u64, camera: Camera, loss: f64) -> Call {
        let mut world = World::new(seed);
        let publishers = [(); 2].map(|()| {
            let seat = world.join_with_packets(Some(camera), 0, LinkConfig::default());
            world.seats[seat].client.senders[1].bitrate_bps = 1_000_000;
            seat
        });
        let viewer = world.join_with_packets(None, 1, lossy(5_000, loss));
        connect_all(&mut world);
        let luck = ChaCha8Rng::seed_from_u64(seed);
        Call { world, publishers, viewer, luck, falls: 0, kbps: 5_000 }
    }

    fn view(&mut self, shown: Option<(usize, u16)>) {
        let view = |(publisher, width): (usize, u16)| {
            let track = self.world.seats[self.publishers[publisher]].named[1].track;
            View { track, width, height: width / 16 * 9, priority: 1 }
        };
        let (now, peer) = (self.world.now(), self.world.seats[self.viewer].peer);
        let tracks = shown.map(view).into_iter().collect();
        self.world.engine.view(now, peer, tracks);
    }

    /// Something changes, whatever luck will have.
    fn turn(&mut self, loss: f64) {
        let luck = self.luck.next_u32() as usize;
        let (kind, choice) = (luck % 8, luck / 8);
        let publisher = self.publishers[choice % 2];
        match kind {
            0..=2 => self.view(Some((choice % 2, [320, 640, 1280][choice / 2 % 3]))),
            3 => self.view(None),
            4 | 5 => {
                let kbps = [300, 600, 1_000, 5_000][choice % 4];
                self.falls += usize::from(kbps < self.kbps);
                self.kbps = kbps;
                self.world.set_link(self.viewer, lossy(kbps, loss));
            }
            6 => {
                let sender = &mut self.world.seats[publisher].client.senders[1];
                let of_three = choice / 2 % 3;
                // The larger ones, as encoders do that are short of bits, or any.
                match choice / 6 % 2 {
                    0 => sender.active_layers = 1 + of_three,
                    _ => sender.stop_layers(&RIDS[of_three..=of_three]),
                }
            }
            _ => {
                let on = self.world.seats[publisher].client.senders[1].on;
                self.world.switch(publisher, 1, !on);
            }
        }
        self.ask_after_loss(loss);
        self.world.run_for(ms(300 + choice as u64 % 1_500));
    }

    /// A decoder that may have lost something asks for a key frame: of what came before its first packet it can ask
    /// for nothing else.
    fn ask_after_loss(&mut self, loss: f64) {
        if loss > 0.0 {
            self.world.seats[self.viewer].client.ask_for_key_frames();
        }
    }

    /// All is well again at the end, and the largest picture comes.
    fn recover(&mut self) {
        for publisher in self.publishers {
            let sender = &mut self.world.seats[publisher].client.senders[1];
            sender.active_layers = 3;
            sender.stop_layers(&[]);
            self.world.switch(publisher, 1, true);
        }
        self.world.set_link(self.viewer, path(5_000));
        self.view(Some((0, 1280)));
        self.world.run_for(seconds(12));
    }

    fn found(&self, carrier: Carrier) -> Found {
        let captured_at = |mark: &Mark| captured_at(&self.world, mark);
        check(carrier, &self.world.packets(self.viewer).arrived, captured_at)
    }

    fn lost(&self) -> u64 {
        let counters = self.world.seats[self.viewer].down.counters();
        counters.lost + counters.overflowed
    }
}

/// When a picture was taken, or a sound made.
pub(crate) fn captured_at(world: &World, mark: &Mark) -> Instant {
    // Clients count themselves from 1.
    let publisher = &world.seats[mark.publisher as usize - 1].client;
    publisher.connected_at.expect("it has sent") + Duration::from_micros(mark.captured_us)
}

/// A call in which much changes, and what its viewer found.
fn changing(seed: u64, camera: Camera, loss: f64) -> Found {
    let mut call = Call::new(seed, camera, loss);
    call.view(Some((0, 1280)));
    for _ in 0..5 {
        call.world.run_for(ms(200));
        call.ask_after_loss(loss);
    }
    call.world.run_for(seconds(2));
    (0..TURNS).for_each(|_| call.turn(loss));
    call.recover();
    let found = call.found(camera.carrier);
    let lost = call.lost();
    // On its way down a path is too thin for one size after the other, and there are two above the smallest.
    assert!(found.given_up <= 2 * call.falls, "{} given up, {} falls", found.given_up, call.falls);
    assert!(found.missing <= lost, "{} numbers missing, {lost} packets lost", found.missing);
    let late = call.world.now() - ms(200);
    assert!(found.shown_at.iter().any(|at| *at > late), "it goes on");
    found
}

fn simulcast(carrier: Carrier, mode: Mode) -> Camera {
    Camera { carrier, mode, rids: RIDS }
}

fn scalable(carrier: Carrier, mode: Mode) -> Camera {
    Camera { carrier, mode, rids: &[] }
}

/// Every codec and way of layering.
pub(crate) fn cameras() -> [(&'static str, Camera); 8] {
    [
        ("VP8 simulcast", simulcast(Carrier::Vp8, L1T3)),
        ("H264 simulcast", simulcast(Carrier::H264, L1T1)),
        ("VP9 simulcast", simulcast(Carrier::Vp9, L1T3)),
        ("VP9 L3T3", scalable(Carrier::Vp9, L3T3)),
        ("VP9 L3T3_KEY", scalable(Carrier::Vp9, L3T3_KEY)),
        ("AV1 simulcast", simulcast(Carrier::Av1, L1T3)),
        ("AV1 L3T3", scalable(Carrier::Av1, L3T3)),
        ("AV1 L3T3_KEY", scalable(Carrier::Av1, L3T3_KEY)),
    ]
}

#[test]
fn whatever_changes_no_codec_comes_with_a_gap_or_a_frame_that_does_not_decode() {
    for (name, camera) in cameras() {
        let found = changing(2, camera, 0.0);
        let Found { pictures, beginnings, layers, .. } = found;
        assert!(pictures > 600 && beginnings >= 5, "{name}: {pictures}, {beginnings}, {layers:?}");
    }
}

#[test]
fn what_is_lost_on_the_way_breaks_nothing_but_itself() {
    for (name, camera) in cameras() {
        let found = changing(3, camera, 0.03);
        let Found { pictures, missing, broken, .. } = found;
        assert!(pictures > 600 && broken < pictures / 5, "{name}: {pictures}, {missing}, {broken}");
    }
}

/// Everything that can change, in all codecs.
pub(crate) fn switched() -> Row {
    let (mut pictures, mut beginnings, mut drift_ms) = (0, 0, 0.0_f64);
    for (_, camera) in cameras() {
        let found = changing(1, camera, 0.0);
        (pictures, beginnings) = (pictures + found.pictures, beginnings + found.beginnings);
        drift_ms = drift_ms.max(found.drift_ms);
    }
    // What is wrong has failed already.
    let found = format!(
        "{pictures} pictures, {beginnings} switches: no gap but for what was lost, none undecodable, \
         times at most {drift_ms:.0} ms off"
    );
    row("switches in 4 codecs", found, drift_ms <= 100.0)
}
