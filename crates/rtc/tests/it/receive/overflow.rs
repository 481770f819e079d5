//! Stories about a path from a sender that is sent far more than it carries.

use std::time::{Duration, Instant};

use parlor_rtc::receive::Overflow;

use super::{ms, start};

/// Of a packet on the wire, in bytes.
const LEN: usize = 1000;

/// Packets that arrive of those that a sender numbers.
struct Path {
    now: Instant,
    next: u64,
    overflow: Overflow,
    /// How often it was found to overflow.
    found: u32,
}

impl Path {
    fn new() -> Path {
        Path { now: start(), next: 70_000, overflow: Overflow::default(), found: 0 }
    }

    /// Of every `of` packets, `lost` are lost; one is sent each `interval`.
    fn run(&mut self, time: Duration, interval: Duration, (lost, of): (u64, u64)) -> &mut Path {
        let end = self.now + time;
        while self.now < end {
            self.now += interval;
            let sequence = self.next;
            self.next += 1;
            // Spread evenly.
            if (sequence * lost) % of >= lost {
                self.arrive(sequence);
            }
        }
        self
    }

    /// How much of some time requests wait, while all runs as `step` says, again and again.
    fn holds_requests(&mut self, time: Duration, mut step: impl FnMut(&mut Path)) -> Duration {
        let end = self.now + time;
        let mut held = Duration::ZERO;
        while self.now < end {
            let (before, holds) =
                (self.now, self.overflow.holds_requests_until(self.now).is_some());
            step(self);
            held += if holds { self.now - before } else { Duration::ZERO };
        }
        held
    }

    fn arrive(&mut self, sequence: u64) {
        self.found += u32::from(self.overflow.handle_packet(self.now, sequence, LEN));
    }
}

#[test]
fn a_limit_of_long_ago_does_not_hold_who_comes_back_after_a_pause() {
    let mut path = Path::new();
    path.run(ms(1000), ms(4), (0, 1)).run(ms(400), ms(4), (4, 5));
    assert!(path.overflow.limit_bps().is_some());
    path.now += Duration::from_secs(60);
    path.run(ms(20), ms(20), (0, 1));
    assert_eq!(path.overflow.limit_bps(), None);
}

#[test]
fn who_sends_five_times_too_much_is_told_within_200_ms_what_comes_through() {
    let mut path = Path::new();
    path.run(ms(1000), ms(4), (0, 1));
    assert_eq!((path.found, path.overflow.limit_bps()), (0, None));
    path.run(ms(200), ms(4), (4, 5));
    assert_eq!(path.found, 1);
    assert!(path.overflow.settles(path.now));
    let limit_bps = path.overflow.limit_bps().unwrap();
    // 400 kbit/s come through.
    assert!((250_000..=400_000).contains(&limit_bps), "{limit_bps}");
}

#[test]
fn nothing_is_asked_for_again_as_soon_as_much_is_lost_and_until_that_is_over() {
    let mut path = Path::new();
    path.run(ms(500), ms(4), (0, 1));
    assert_eq!(path.overflow.holds_requests_until(path.now), None);
    path.run(ms(60), ms(4), (4, 5));
    assert_eq!(path.found, 0, "it is not yet sure");
    assert!(path.overflow.holds_requests_until(path.now).is_some_and(|at| at > path.now));
    path.run(ms(150), ms(4), (0, 1));
    assert_eq!(path.overflow.holds_requests_until(path.now), None);
}

#[test]
fn who_loses_half_at_random_for_long_is_repaired_all_the_same() {
    let mut path = Path::new();
    path.run(ms(500), ms(4), (0, 1)).run(ms(200), ms(4), (1, 2));
    assert!(path.overflow.doubts_until(path.now).is_some());
    path.run(ms(300), ms(4), (1, 2));
    assert_eq!(path.overflow.holds_requests_until(path.now), None);
    assert_eq!(path.found, 0);
}

#[test]
fn losses_that_come_and_go_about_what_is_suspicious_are_doubted_once() {
    let mut path = Path::new();
    path.run(ms(500), ms(4), (0, 1));
    // By 100 ms half of it and a quarter of it.
    let mut part = 0;
    let held = path.holds_requests(Duration::from_secs(20), |path| {
        part += 1;
        let lost = if part / 25 % 2 == 0 { (1, 2) } else { (1, 4) };
        path.run(ms(4), ms(4), lost);
    });
    assert!(held > ms(50) && held <= ms(250), "{held:?}");
    assert_eq!(path.found, 0);
}

#[test]
fn pictures_with_pauses_between_of_which_half_is_lost_are_doubted_once() {
    let mut path = Path::new();
    // Every 200 ms, within 32 ms: each begins the window anew.
    let mut step = 0;
    let held = path.holds_requests(Duration::from_secs(20), |path| {
        step += 1;
        match step % 50 {
            ..8 => _ = path.run(ms(4), ms(1), (1, 2)),
            8.. => path.now += ms(4),
        }
    });
    assert!(held <= ms(250), "{held:?}");
}

#[test]
fn doubt_ends_though_nothing_comes_any_more() {
    let mut path = Path::new();
    path.run(ms(500), ms(4), (0, 1)).run(ms(60), ms(4), (4, 5));
    assert!(path.overflow.doubts_until(path.now).is_some());
    path.now += ms(250);
    assert_eq!(path.overflow.doubts_until(path.now), None);
}

#[test]
fn who_was_doubted_and_calmed_down_may_be_doubted_again() {
    let mut path = Path::new();
    path.run(ms(500), ms(4), (0, 1)).run(ms(400), ms(4), (1, 2));
    path.run(ms(1000), ms(4), (1, 5)).run(ms(60), ms(4), (4, 5));
    assert_eq!(path.overflow.doubts_until(path.now), None, "a second is not long enough");
    path.run(ms(2200), ms(4), (1, 5)).run(ms(60), ms(4), (4, 5));
    assert!(path.overflow.doubts_until(path.now).is_some());
}

#[test]
fn what_is_under_way_when_the_sender_is_told_does_not_count_again() {
    let mut path = Path::new();
    path.run(ms(500), ms(4), (0, 1)).run(ms(500), ms(4), (4, 5));
    assert_eq!(path.found, 1);
    path.run(ms(300), ms(4), (4, 5));
    assert_eq!(path.found, 2, "but it does when it goes on");
}

#[test]
fn a_limit_grows_while_nothing_is_lost_and_ceases() {
    let mut path = Path::new();
    path.run(ms(500), ms(4), (0, 1)).run(ms(200), ms(4), (4, 5));
    let first = path.overflow.limit_bps().unwrap();
    path.run(ms(4200), ms(20), (0, 1));
    let second = path.overflow.limit_bps().unwrap();
    assert!((first * 2..=first * 5 / 2).contains(&second), "{first} {second}");
    path.run(ms(30_000), ms(20), (0, 1));
    assert_eq!(path.overflow.limit_bps(), None);
}

#[test]
fn a_path_that_loses_a_third_of_everything_or_is_away_for_a_moment_does_not_overflow() {
    let mut path = Path::new();
    path.run(ms(3000), ms(4), (1, 3));
    for gone in [30, 60, 69, 100, 500, 3000] {
        path.next += gone / 4;
        path.now += ms(gone);
        path.run(ms(500), ms(4), (0, 1));
    }
    assert_eq!((path.found, path.overflow.limit_bps()), (0, None));
}

#[test]
fn a_voice_alone_says_nothing() {
    let mut path = Path::new();
    path.run(ms(3000), ms(20), (4, 5));
    assert_eq!(path.found, 0);
}

#[test]
fn numbers_that_come_late_or_jump_do_no_harm() {
    let mut path = Path::new();
    for sequence in [5, 3, 4, u64::from(u32::MAX), 6, 0] {
        path.now += ms(36);
        path.arrive(sequence);
    }
    assert_eq!(path.found, 0);
}
