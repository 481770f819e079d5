use super::*;

fn start() -> Moment {
    Moment::after(Duration::from_secs(1_000))
}

fn kbps(kbps: u64) -> Bitrate {
    Bitrate::from_kbps(kbps)
}

fn estimate() -> ReportEstimate {
    ReportEstimate::new(Limits { min: kbps(30), max: kbps(5_000) }, kbps(1_000))
}

/// Of 256 packets so many.
fn lost(lost: u32) -> Reported {
    Reported { expected: 256, lost }
}

/// A report a second for a while, of a megabit that was sent in it.
fn report(estimate: &mut ReportEstimate, now: &mut Moment, seconds: u64, of_256: u32) {
    for _ in 0..seconds {
        estimate.note_sent(*now, 125_000);
        *now += Duration::from_secs(1);
        estimate.handle_report(*now, lost(of_256), Some(Duration::from_millis(50)));
    }
}

#[test]
fn little_loss_lets_it_grow_some_loss_stays_and_much_brings_it_down() {
    let (mut now, mut estimate) = (start(), estimate());
    report(&mut estimate, &mut now, 1, 2);
    assert_eq!(estimate.target(), kbps(1_081));
    report(&mut estimate, &mut now, 10, 13);
    assert_eq!(estimate.target(), kbps(1_081));
    report(&mut estimate, &mut now, 1, 128);
    assert_eq!(estimate.target(), Bitrate::from_bps(810_750));
}

#[test]
fn reports_in_quick_succession_count_once() {
    let (now, mut estimate) = (start(), estimate());
    estimate.note_sent(now, 125_000);
    for n in 0..10 {
        estimate.handle_report(now + Duration::from_millis(1_000 + 10 * n), lost(0), None);
    }
    assert_eq!(estimate.target(), kbps(1_081));
}

#[test]
fn what_the_client_asks_for_is_a_ceiling_and_a_reason_to_grow() {
    let (mut now, mut estimate) = (start(), estimate());
    estimate.handle_estimate(start(), kbps(400));
    assert_eq!(estimate.target(), kbps(400));
    estimate.handle_estimate(start(), kbps(2_000));
    assert_eq!(estimate.target(), kbps(2_000));
    report(&mut estimate, &mut now, 30, 0);
    assert_eq!(estimate.target(), kbps(2_000));
}

#[test]
fn a_client_that_reports_no_more_gets_less() {
    let (now, mut estimate) = (start(), estimate());
    estimate.note_sent(now, 1_200);
    let at = estimate.deadline().unwrap();
    assert_eq!(at, now + Duration::from_secs(15));
    estimate.handle_timeout(at);
    assert_eq!(estimate.target(), kbps(800));
}

#[test]
fn a_rate_that_is_not_used_does_not_grow() {
    let (mut now, mut estimate) = (start(), estimate());
    for _ in 0..60 {
        estimate.note_sent(now, 5_000);
        now += Duration::from_secs(1);
        estimate.handle_report(now, lost(0), None);
    }
    assert_eq!(estimate.target(), kbps(1_000));
}

#[test]
fn limits_hold_whatever_is_reported() {
    let (mut now, mut estimate) = (start(), estimate());
    estimate.handle_estimate(start(), Bitrate::MAX);
    assert_eq!(estimate.target(), kbps(5_000));
    report(&mut estimate, &mut now, 60, 255);
    assert_eq!(estimate.target(), kbps(30));
    estimate.handle_estimate(start(), Bitrate::ZERO);
    assert_eq!(estimate.target(), kbps(30));
}

/// A second of a client that is sent so much, with its estimate and a report at the end.
fn second(estimate: &mut ReportEstimate, now: &mut Moment, sent: Bitrate, asked: Option<u64>) {
    estimate.note_sent(*now, sent.bytes_in(Duration::from_secs(1)) as usize);
    *now += Duration::from_secs(1);
    estimate.handle_timeout(*now);
    if let Some(asked) = asked {
        estimate.handle_estimate(*now, kbps(asked));
    }
    estimate.handle_report(*now, lost(0), Some(Duration::from_millis(50)));
}

#[test]
fn what_is_missing_to_what_the_client_asks_for_is_padded_until_it_has_seen_a_queue() {
    let (mut now, mut estimate) = (start(), estimate());
    estimate.set_wanted(now, kbps(2_000));
    assert_eq!(estimate.padding(), Bitrate::ZERO, "pictures come first");
    for asked in [400, 410, 420, 430, 440, 450] {
        second(&mut estimate, &mut now, kbps(300), Some(asked));
    }
    assert_eq!(estimate.padding(), kbps(345), "a step more than came through");
    for sent in [345, 396] {
        second(&mut estimate, &mut now, kbps(sent), Some(450));
    }
    assert_eq!(estimate.padding(), kbps(450), "and no more than it asks for");
    second(&mut estimate, &mut now, kbps(450), Some(380));
    assert_eq!(estimate.padding(), Bitrate::ZERO);
    assert_eq!(estimate.deadline(), Some(now + Duration::from_secs(10)));
}

#[test]
fn nothing_is_padded_where_all_that_is_wanted_may_be_sent() {
    let (mut now, mut estimate) = (start(), estimate());
    estimate.set_wanted(now, kbps(900));
    for _ in 0..10 {
        second(&mut estimate, &mut now, kbps(300), None);
    }
    assert_eq!(estimate.padding(), Bitrate::ZERO);
    estimate.set_wanted(now, kbps(2_000));
    for _ in 0..6 {
        second(&mut estimate, &mut now, kbps(300), None);
    }
    assert_eq!(estimate.padding(), kbps(312), "a step more than came through");
}

#[test]
fn a_client_that_says_nothing_of_queues_is_sent_more_step_by_step_until_its_reports_take_longer() {
    let (mut now, mut estimate) = (start(), estimate());
    estimate.set_wanted(now, kbps(2_000));
    for _ in 0..6 {
        second(&mut estimate, &mut now, kbps(800), None);
    }
    let steps: Vec<Bitrate> = (0..3)
        .map(|_| {
            let padding = estimate.padding();
            second(&mut estimate, &mut now, padding, None);
            padding
        })
        .collect();
    assert!(steps.is_sorted_by(|a, b| a < b), "{steps:?}");
    estimate.handle_report(now, lost(0), Some(Duration::from_millis(90)));
    assert_eq!(estimate.padding(), Bitrate::ZERO);
}

#[test]
fn what_was_looked_for_and_lost_is_given_back_and_the_rests_become_longer() {
    let (mut now, mut estimate) = (start(), estimate());
    estimate.set_wanted(now, kbps(5_000));
    let mut rests = Vec::new();
    for _ in 0..6 {
        let rested = now;
        while estimate.padding() == Bitrate::ZERO {
            second(&mut estimate, &mut now, kbps(300), None);
        }
        rests.push((now - rested).as_secs());
        let before = estimate.target();
        second(&mut estimate, &mut now, kbps(320), None);
        estimate.handle_report(now, lost(10), None);
        assert!(estimate.target() <= before, "{:?}", estimate.target());
    }
    assert_eq!(rests, [5, 10, 20, 40, 80, 160]);
}

#[test]
fn who_loses_a_little_all_the_time_keeps_what_it_had() {
    let (mut now, mut estimate) = (start(), estimate());
    estimate.set_wanted(now, kbps(5_000));
    for _ in 0..100 {
        second(&mut estimate, &mut now, kbps(300), None);
        estimate.handle_report(now, lost(8), None);
    }
    assert!(estimate.target() >= kbps(1_000), "{:?}", estimate.target());
}

#[test]
fn what_was_sent_again_was_lost_though_a_client_does_not_say_so() {
    let (now, mut estimate) = (start(), estimate());
    estimate.handle_report(now, lost(0).with_repaired(64), None);
    assert_eq!(estimate.target(), kbps(875));
    estimate.handle_report(now + Duration::from_secs(1), lost(0), None);
    assert_eq!(estimate.fraction_lost, 0, "it counts once");
}

#[test]
fn a_part_of_few_packets_is_not_judged_before_more_have_come() {
    let (now, mut estimate) = (start(), estimate());
    let few = Reported { expected: 4, lost: 1 };
    estimate.handle_report(now, few, None);
    assert_eq!(estimate.target(), kbps(1_000));
    estimate.handle_report(now, Reported { expected: 96, lost: 0 }, None);
    assert_eq!(estimate.fraction_lost, 2, "of all together");
}
