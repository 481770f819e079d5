use super::*;

fn start() -> Moment {
    Moment::after(Duration::from_secs(1_000))
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn kbps(kbps: u64) -> Bitrate {
    Bitrate::from_kbps(kbps)
}

fn limits() -> Limits {
    Limits { min: kbps(30), max: kbps(10_000) }
}

/// Ten updates a second of an untroubled path.
fn untroubled(control: &mut RateControl, now: &mut Moment, seconds: u64, throughput: Bitrate) {
    for _ in 0..seconds * 10 {
        *now += ms(100);
        control.update(*now, Usage::Normal, Some(throughput));
    }
}

#[test]
fn a_path_that_was_never_full_is_tried_with_eight_per_cent_a_second() {
    let mut now = start();
    let mut control = RateControl::new(limits(), kbps(1_000));
    untroubled(&mut control, &mut now, 2, kbps(1_000));
    let grown = control.rate().kbps();
    assert!((1_150.0..1_180.0).contains(&grown), "{grown}");
}

#[test]
fn the_rate_stays_within_one_and_a_half_of_what_comes_through() {
    let mut now = start();
    let mut control = RateControl::new(limits(), kbps(300));
    untroubled(&mut control, &mut now, 60, kbps(300));
    assert_eq!(control.rate(), kbps(460));
}

#[test]
fn overuse_brings_the_rate_below_what_comes_through_and_then_it_grows_slowly() {
    let mut now = start();
    let mut control = RateControl::new(limits(), kbps(1_000));
    control.set_round_trip(ms(100));
    control.update(now, Usage::Over, Some(kbps(800)));
    assert_eq!(control.rate(), kbps(680));
    assert!(control.seen_full());
    // The first normal update ends the hold.
    control.update(now, Usage::Normal, Some(kbps(700)));
    untroubled(&mut control, &mut now, 1, kbps(700));
    // A packet of 945 bytes, each 400 ms.
    let added = control.rate().kbps() - 680.0;
    assert!((15.0..22.0).contains(&added), "{added}");
}

#[test]
fn a_draining_queue_is_waited_for() {
    let mut now = start();
    let mut control = RateControl::new(limits(), kbps(1_000));
    for _ in 0..50 {
        now += ms(100);
        control.update(now, Usage::Under, Some(kbps(1_000)));
    }
    assert_eq!(control.rate(), kbps(1_000));
}

#[test]
fn overuse_is_answered_once_a_round_trip_unless_it_is_grave() {
    let now = start();
    let mut control = RateControl::new(limits(), kbps(1_000));
    control.set_round_trip(ms(80));
    control.update(now, Usage::Over, Some(kbps(1_000)));
    assert!(!control.may_reduce(now + ms(79), Some(kbps(800))));
    assert!(control.may_reduce(now + ms(80), Some(kbps(800))));
    assert!(control.may_reduce(now + ms(1), Some(kbps(400))));
}

#[test]
fn a_rate_that_has_just_grown_may_come_down_at_once() {
    let now = start();
    let mut control = RateControl::new(limits(), kbps(1_000));
    control.set_round_trip(ms(80));
    control.update(now, Usage::Normal, Some(kbps(1_000)));
    assert!(control.may_reduce(now + ms(1), Some(kbps(900))));
}

#[test]
fn overuse_never_raises_the_rate() {
    let now = start();
    let mut control = RateControl::new(limits(), kbps(500));
    control.update(now, Usage::Over, Some(kbps(5_000)));
    assert_eq!(control.rate(), kbps(500));
}

#[test]
fn throughput_beyond_the_known_capacity_is_told_once() {
    let mut now = start();
    let mut control = RateControl::new(limits(), kbps(500));
    control.update(now, Usage::Over, Some(kbps(500)));
    let mut told = 0;
    for _ in 0..50 {
        now += ms(100);
        let change = control.update(now, Usage::Normal, Some(kbps(800)));
        told += u32::from(change.outgrew_capacity);
    }
    assert_eq!(told, 1);
}

#[test]
fn limits_hold_whatever_comes_through() {
    let now = start();
    let mut control = RateControl::new(limits(), kbps(500));
    control.update(now, Usage::Over, Some(Bitrate::ZERO));
    assert_eq!(control.rate(), kbps(30));
    control.set_rate(now, Bitrate::MAX);
    assert_eq!(control.rate(), kbps(10_000));
    control.update(now + ms(500), Usage::Normal, Some(Bitrate::MAX));
    assert_eq!(control.rate(), kbps(10_000));
}
