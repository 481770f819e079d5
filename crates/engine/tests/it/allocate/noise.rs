//! Ten minutes of a link whose estimate is never still.

use super::*;

/// Pseudo-random numbers (splitmix64), from a seed.
struct Luck(u64);

impl Luck {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        number ^ (number >> 31)
    }

    /// Within so many percent of `value`.
    fn around(&mut self, value: u64, percent: u64) -> u64 {
        value * (1000 - 10 * percent + self.draw() % (20 * percent + 1)) / 1000
    }
}

fn room() -> Vec<Seat> {
    let camera = |track| Seat::camera(track).shown_at(640, 360);
    vec![Seat::screen(1), Seat::camera(2), camera(3), camera(4), camera(5)]
}

/// Lets costs waver by a tenth around what they are.
fn waver(viewer: &mut Viewer, calm: &[Seat], luck: &mut Luck) {
    for (seat, calm) in viewer.seats.iter_mut().zip(calm) {
        let percent = luck.around(100, 10) as u32;
        for (rung, calm) in seat.rungs.iter_mut().zip(&calm.rungs) {
            rung.bitrate_bps = calm.bitrate_bps / 100 * percent;
            // The measured peak fades slowly.
            rung.peak_bps = rung.peak_bps.max(rung.bitrate_bps);
        }
    }
}

/// Ten minutes of an estimate.
fn watch(seed: u64, estimate: impl Fn(&mut Luck, Duration) -> u64, is_wavering: bool) -> Viewer {
    let mut luck = Luck(seed);
    let (calm, mut viewer) = (room(), Viewer::new(room()));
    let begin = viewer.now;
    while viewer.now < begin + 600 * SECOND {
        let budget_bps = estimate(&mut luck, viewer.now - begin);
        if is_wavering {
            waver(&mut viewer, &calm, &mut luck);
        }
        viewer.decide(budget_bps);
        viewer.now += TICK;
    }
    viewer
}

/// Two switches of one track are ten seconds apart at least.
fn assert_calm(viewer: &Viewer, what: &str) {
    for (seat, switches) in viewer.switches.iter().enumerate() {
        for pair in switches.windows(2) {
            let apart = pair[1] - pair[0];
            assert!(apart >= 10 * SECOND, "seat {seat} switched again after {apart:?}: {what}");
        }
    }
}

#[test]
fn a_noisy_estimate_of_a_steady_link_switches_a_track_once_in_ten_seconds_at_most() {
    for seed in 1..=100 {
        let base = 60_000 * seed;
        let viewer = watch(seed, |luck, _| luck.around(base, 10), false);
        assert_calm(&viewer, &format!("{base} bit/s, seed {seed}"));
        let counts = viewer.switch_counts();
        assert!(counts.iter().all(|switches| *switches <= 4), "{counts:?} at {base}");
    }
}

#[test]
fn an_estimate_that_wanders_slowly_switches_a_track_once_in_ten_seconds_at_most() {
    for seed in 1..=100 {
        let (base, period) = (60_000 * seed, 15 + 5 * (seed % 10));
        let wander = |luck: &mut Luck, time: Duration| {
            let phase = time.as_secs_f64() / period as f64 * std::f64::consts::TAU;
            luck.around((base as f64 * (1.0 + 0.07 * phase.sin())) as u64, 3)
        };
        let viewer = watch(seed, wander, false);
        assert_calm(&viewer, &format!("{base} bit/s every {period} s"));
    }
}

#[test]
fn costs_that_waver_with_the_estimate_leave_the_pictures_calm() {
    let (mut switches, mut tracks) = (0, 0);
    for seed in 1..=100 {
        let base = 60_000 * seed;
        let viewer = watch(seed, |luck, _| luck.around(base, 10), true);
        switches += viewer.switch_counts().iter().sum::<usize>();
        tracks += viewer.seats.len();
    }
    // Both together can exceed any headroom; then patience grows.
    assert!(switches < 6 * tracks, "{switches} switches of {tracks} tracks in ten minutes");
}
