use super::*;

fn start() -> Moment {
    Moment::after(Duration::from_secs(1_000))
}

fn kbps(kbps: u64) -> Bitrate {
    Bitrate::from_kbps(kbps)
}

fn steady(rate: Bitrate) -> Throughput {
    Throughput {
        usual: Some(rate),
        of_bursts: rate,
        latest: Some(rate),
        shrunk: Some(rate),
        is_seldom_full: false,
    }
}

/// Packets 10 ms apart for a while, each of which arrives `late_us` later than the one before.
fn send(estimate: &mut DelayEstimate, now: &mut Moment, arrived_us: &mut i64, late_us: i64) {
    for n in 0..100 {
        *now += Duration::from_millis(10);
        *arrived_us += 10_000 + late_us;
        estimate.note_arrival(*now, *now, *arrived_us);
        if n % 10 == 9 {
            estimate.update(*now, steady(kbps(900)), None);
        }
    }
}

#[test]
fn a_filling_queue_brings_the_rate_down_and_a_drained_one_is_told() {
    let (mut now, mut arrived_us) = (start(), 0);
    let mut estimate = DelayEstimate::new(Limits { min: kbps(30), max: kbps(9_000) }, kbps(1_000));
    send(&mut estimate, &mut now, &mut arrived_us, 0);
    assert!(estimate.rate() > kbps(1_000));
    send(&mut estimate, &mut now, &mut arrived_us, 1_000);
    assert_eq!(estimate.usage(), Usage::Over);
    assert_eq!(estimate.rate(), kbps(765));
    send(&mut estimate, &mut now, &mut arrived_us, -1_000);
    assert_eq!(estimate.usage(), Usage::Under);
    for _ in 0..200 {
        now += Duration::from_millis(10);
        arrived_us += 10_000;
        estimate.note_arrival(now, now, arrived_us);
    }
    assert_eq!(estimate.usage(), Usage::Normal);
    assert!(estimate.update(now, steady(kbps(765)), None).recovered);
}

#[test]
fn when_the_path_is_full_what_came_through_last_says_more_than_what_usually_does() {
    let (mut now, mut arrived_us) = (start(), 0);
    let mut estimate = DelayEstimate::new(Limits { min: kbps(30), max: kbps(9_000) }, kbps(1_000));
    for _ in 0..100 {
        now += Duration::from_millis(10);
        arrived_us += 11_000;
        estimate.note_arrival(now, now, arrived_us);
    }
    let sent = Throughput { latest: Some(kbps(980)), ..steady(kbps(860)) };
    assert!(estimate.update(now, sent, None).reduced);
    assert_eq!(estimate.rate(), kbps(833));
    assert_eq!((estimate.capacity(now), estimate.assured(now)), (Some(kbps(980)), Some(kbps(833))));
}

#[test]
fn at_the_edge_of_a_full_path_a_flow_shows_whether_it_takes_more_and_who_sends_little_does_not() {
    let (mut now, mut arrived_us) = (start(), 0);
    let mut estimate = DelayEstimate::new(Limits { min: kbps(30), max: kbps(9_000) }, kbps(1_000));
    send(&mut estimate, &mut now, &mut arrived_us, 1_000);
    let capacity = estimate.capacity(now).expect("it was full");
    for (at_percent, is_there) in [(99, false), (100, true), (104, true), (106, false)] {
        let rate = capacity.scaled(f64::from(at_percent) / 100.0);
        assert_eq!(estimate.is_at_edge(now, rate), is_there, "{at_percent} %");
    }
    estimate.update(now + Duration::from_secs(1), steady(kbps(400)), None);
    assert!(!estimate.is_at_edge(now, capacity), "its rate never gets beyond");
}

#[test]
fn a_path_that_has_lost_most_of_its_rate_is_known_by_the_first_reduction() {
    let (mut now, mut arrived_us) = (start(), 0);
    let mut estimate = DelayEstimate::new(Limits { min: kbps(30), max: kbps(9_000) }, kbps(2_500));
    send(&mut estimate, &mut now, &mut arrived_us, 0);
    // The queue is full at once, and what comes through on the whole is not yet what comes through now.
    for n in 0..30 {
        now += Duration::from_millis(10);
        estimate.note_arrival(now, now, arrived_us + 10_000 * (n + 1) + 90_000);
    }
    let sent = Throughput {
        usual: Some(kbps(1_400)),
        of_bursts: kbps(2_100),
        latest: Some(kbps(240)),
        shrunk: Some(kbps(240)),
        is_seldom_full: true,
    };
    assert!(estimate.update(now, sent, None).reduced);
    assert_eq!(estimate.rate(), kbps(204));
    assert!(estimate.queue() > Duration::from_millis(80));
}

#[test]
fn a_rate_that_is_far_above_what_comes_through_comes_down_again_before_the_queue_could_drain() {
    let (mut now, mut arrived_us) = (start(), 0);
    let mut estimate = DelayEstimate::new(Limits { min: kbps(30), max: kbps(9_000) }, kbps(2_500));
    send(&mut estimate, &mut now, &mut arrived_us, 0);
    let sent = Throughput { latest: Some(kbps(500)), ..steady(kbps(1_500)) };
    let mut rates = Vec::new();
    for n in 0..60 {
        now += Duration::from_millis(10);
        estimate.note_arrival(now, now, arrived_us + 10_000 * (n + 1) + 90_000);
        // A trend alone knows what usually comes through.
        let sent = if rates.is_empty() { steady(kbps(1_500)) } else { sent };
        if estimate.update(now, sent, None).reduced {
            rates.push(estimate.rate());
        }
    }
    assert_eq!(rates, [kbps(1_275), kbps(425)]);
}

#[test]
fn a_path_that_takes_far_less_is_answered_by_what_comes_through_while_its_queue_grows() {
    for (shrunk, rate) in [(Some(kbps(600)), kbps(510)), (None, kbps(1_275))] {
        let (mut now, mut arrived_us) = (start(), 0);
        let limits = Limits { min: kbps(30), max: kbps(9_000) };
        let mut estimate = DelayEstimate::new(limits, kbps(1_600));
        for _ in 0..100 {
            now += Duration::from_millis(10);
            arrived_us += 10_000;
            estimate.note_arrival(now, now, arrived_us);
        }
        let sent = Throughput { shrunk, ..steady(kbps(1_500)) };
        for _ in 0..15 {
            now += Duration::from_millis(10);
            arrived_us += 15_000;
            estimate.note_arrival(now, now, arrived_us);
        }
        assert!(estimate.update(now, sent, None).reduced);
        assert_eq!(estimate.rate(), rate);
    }
}

#[test]
fn the_queue_of_a_probe_that_was_too_much_is_no_reason_to_go_down() {
    for (is_refused, rate) in [(true, kbps(1_000)), (false, kbps(765))] {
        let (mut now, mut arrived_us) = (start(), 0);
        let mut estimate =
            DelayEstimate::new(Limits { min: kbps(30), max: kbps(9_000) }, kbps(1_000));
        send(&mut estimate, &mut now, &mut arrived_us, 0);
        estimate.set_rate(now, kbps(1_000));
        for n in 0..20 {
            now += Duration::from_millis(10);
            arrived_us += 11_000;
            estimate.note_arrival(now, now, arrived_us);
            if n == 10 && is_refused {
                estimate.note_refused(now, kbps(1_200), steady(kbps(900)));
            }
        }
        assert_eq!(estimate.usage(), Usage::Over);
        estimate.update(now, steady(kbps(900)), None);
        assert_eq!(estimate.rate(), rate);
    }
}

#[test]
fn a_probe_is_believed_unless_the_path_is_overused() {
    let (mut now, mut arrived_us) = (start(), 0);
    let mut estimate = DelayEstimate::new(Limits { min: kbps(30), max: kbps(9_000) }, kbps(300));
    estimate.update(now, Throughput::default(), Some(kbps(1_800)));
    assert_eq!(estimate.rate(), kbps(1_800));
    send(&mut estimate, &mut now, &mut arrived_us, 1_000);
    estimate.update(now, steady(kbps(900)), Some(kbps(5_000)));
    assert!(estimate.rate() < kbps(1_000));
}

#[test]
fn overuse_before_any_throughput_is_known_halves_the_rate() {
    let (mut now, mut arrived_us) = (start(), 0);
    let mut estimate = DelayEstimate::new(Limits { min: kbps(30), max: kbps(9_000) }, kbps(300));
    for _ in 0..60 {
        now += Duration::from_millis(10);
        arrived_us += 12_000;
        estimate.note_arrival(now, now, arrived_us);
    }
    estimate.update(now, Throughput::default(), None);
    assert_eq!(estimate.rate(), kbps(150));
}
