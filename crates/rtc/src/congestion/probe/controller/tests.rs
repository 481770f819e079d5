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

fn rates(plan: Plan) -> Vec<u64> {
    plan.rates.into_iter().flatten().map(|rate| rate.bps() / 1_000).collect()
}

fn outlook(now: Moment, target: u64) -> Outlook {
    Outlook {
        now,
        target: kbps(target),
        permission: Permission::Full,
        seen_full: false,
        application_limited: true,
    }
}

/// The same of a path that was seen full.
fn full(now: Moment, target: u64, application_limited: bool) -> Outlook {
    Outlook { seen_full: true, application_limited, ..outlook(now, target) }
}

/// A connection that started at 300 kbit/s, wants this much and has had its first probes.
fn begun(now: Moment, wanted: u64) -> ProbeController {
    let mut controller = ProbeController::new(kbps(20_000), kbps(300));
    controller.set_wanted(outlook(now, 300), kbps(wanted));
    controller
}

#[test]
fn a_connection_begins_with_three_and_six_times_its_start_and_doubles_while_that_pays() {
    let now = start();
    let mut controller = ProbeController::new(kbps(20_000), kbps(300));
    let plan = controller.set_wanted(outlook(now, 300), kbps(3_000));
    assert_eq!(rates(plan), [900, 1_800]);
    assert_eq!(rates(controller.note_target(outlook(now, 890))), []);
    assert_eq!(rates(controller.note_target(outlook(now, 1_790))), [3_580]);
    // Not beyond one and a half of what is wanted, and then no further.
    assert_eq!(rates(controller.note_target(outlook(now, 3_500))), [4_500]);
    assert_eq!(rates(controller.note_target(outlook(now, 4_400))), []);
}

#[test]
fn audio_alone_is_never_disturbed_by_probes() {
    let now = start();
    let mut controller = ProbeController::new(kbps(20_000), kbps(300));
    assert_eq!(rates(controller.set_wanted(outlook(now, 300), kbps(64))), []);
    for second in 1..60 {
        let later = outlook(now + ms(1_000 * second), 300);
        assert_eq!(rates(controller.handle_timeout(later)), []);
    }
    assert_eq!(controller.deadline(), None);
}

#[test]
fn who_wants_little_more_is_probed_for_that_alone() {
    let now = start();
    let mut controller = ProbeController::new(kbps(20_000), kbps(300));
    assert_eq!(rates(controller.set_wanted(outlook(now, 300), kbps(500))), [750]);
}

#[test]
fn more_that_is_wanted_is_looked_for_at_once_and_less_is_not() {
    let now = start();
    let mut controller = begun(now, 200);
    controller.begun = true;
    assert_eq!(rates(controller.set_wanted(outlook(now, 300), kbps(2_500))), [600]);
    assert_eq!(rates(controller.note_target(outlook(now, 590))), [1_180]);
    assert_eq!(rates(controller.set_wanted(outlook(now, 590), kbps(1_000))), []);
}

#[test]
fn wishes_that_change_often_do_not_make_probes_as_often() {
    let now = start();
    let mut controller = begun(now, 200);
    controller.begun = true;
    assert_eq!(rates(controller.set_wanted(outlook(now, 300), kbps(310))), [465]);
    assert_eq!(rates(controller.set_wanted(outlook(now + ms(10), 300), kbps(320))), []);
    assert_eq!(controller.deadline(), Some(now + ms(1_000)));
    assert_eq!(rates(controller.handle_timeout(outlook(now + ms(1_000), 300))), [480]);
}

#[test]
fn a_result_is_waited_for_a_second() {
    let now = start();
    let mut controller = begun(now, 3_000);
    assert_eq!(controller.deadline(), Some(now + ms(1_000)));
    controller.handle_timeout(outlook(now + ms(1_000), 300));
    assert_eq!(rates(controller.note_target(outlook(now + ms(1_100), 1_790))), []);
}

#[test]
fn a_path_that_may_take_more_is_tried_every_five_seconds() {
    let now = start();
    let mut controller = begun(now, 3_000);
    controller.handle_timeout(outlook(now + ms(1_000), 300));
    assert_eq!(controller.deadline(), Some(now + ms(5_000)));
    assert_eq!(rates(controller.handle_timeout(outlook(now + ms(5_000), 300))), [600]);
}

#[test]
fn a_path_that_was_full_is_tried_less_often_by_who_has_most_of_what_is_wanted() {
    for (target, next) in [(300, 4_600), (2_400, 15_800)] {
        let now = start();
        let mut controller = begun(now, 3_000);
        let full = Outlook {
            seen_full: true,
            application_limited: false,
            ..outlook(now + ms(1_000), target)
        };
        controller.note_target(full);
        controller.awaited = None;
        controller.plan(full, [Some(STEP), None]);
        controller.awaited = None;
        assert_eq!(controller.deadline(), Some(now + ms(next)));
    }
}

#[test]
fn a_path_in_trouble_is_not_probed_and_one_after_loss_in_small_steps() {
    let now = start();
    let mut controller = begun(now, 200);
    controller.begun = true;
    let none = Outlook { permission: Permission::None, ..outlook(now, 1_000) };
    assert_eq!(rates(controller.set_wanted(none, kbps(3_000))), []);
    let careful = Outlook { permission: Permission::Careful, ..outlook(now, 1_000) };
    assert_eq!(rates(controller.set_wanted(careful, kbps(4_000))), [1_500]);
    // Each small step that pays is followed by another; what grew by itself does not pay.
    let grown = Outlook { target: kbps(1_200), ..careful };
    assert_eq!(rates(controller.note_target(grown)), []);
    let paid = Outlook { target: kbps(1_500), ..careful };
    assert_eq!(rates(controller.note_target(paid)), [2_250]);
}

#[test]
fn what_was_there_before_a_short_drop_is_looked_for_again() {
    let now = start();
    let mut controller = begun(now, 3_000);
    controller.handle_timeout(outlook(now + ms(1_000), 300));
    controller.note_target(outlook(now + ms(1_000), 2_000));
    controller.note_target(outlook(now + ms(2_000), 600));
    // Step by step, and no further than that.
    let recovered = controller.note_recovered(outlook(now + ms(3_000), 600));
    assert_eq!(rates(recovered), [1_200]);
    controller.awaited = None;
    assert_eq!(rates(controller.note_recovered(outlook(now + ms(4_000), 600))), []);
}

#[test]
fn what_has_just_lost_most_of_its_rate_is_left_to_drain() {
    let now = start();
    let mut controller = begun(now, 3_000);
    controller.handle_timeout(outlook(now + ms(1_000), 300));
    controller.note_target(outlook(now + ms(4_900), 2_000));
    controller.note_target(outlook(now + ms(4_950), 300));
    assert_eq!(controller.deadline(), Some(now + ms(6_950)));
    assert_eq!(rates(controller.handle_timeout(outlook(now + ms(5_000), 300))), []);
    assert_eq!(rates(controller.handle_timeout(outlook(now + ms(6_950), 300))), [600]);
}

#[test]
fn a_drop_of_long_ago_is_how_things_are() {
    let now = start();
    let mut controller = begun(now, 3_000);
    controller.handle_timeout(outlook(now + ms(1_000), 300));
    controller.note_target(outlook(now + ms(1_000), 2_000));
    controller.note_target(outlook(now + ms(2_000), 600));
    assert_eq!(rates(controller.note_recovered(outlook(now + ms(8_000), 600))), []);
}

#[test]
fn a_probe_that_fails_after_one_that_paid_is_tried_once_more() {
    let now = start();
    let mut controller = begun(now, 3_000);
    let later = |millis, target| outlook(now + ms(millis), target);
    assert_eq!(rates(controller.note_target(later(100, 1_790))), [3_580]);
    assert_eq!(rates(controller.handle_timeout(later(1_099, 1_790))), []);
    assert_eq!(rates(controller.handle_timeout(later(1_100, 1_790))), [3_580]);
    assert_eq!(rates(controller.handle_timeout(later(2_100, 1_790))), []);
    assert_eq!(controller.deadline(), Some(now + ms(6_100)), "and then as ever");
}

#[test]
fn a_path_that_was_full_is_tried_often_by_who_sends_little_and_has_little() {
    let now = start();
    let mut controller = begun(now, 4_000);
    let full = |millis, is_limited| full(now + ms(millis), 400, is_limited);
    controller.handle_timeout(full(1_000, false));
    assert_eq!(rates(controller.handle_timeout(full(5_000, true))), [800]);
    assert_eq!(controller.deadline(), Some(now + ms(6_000)), "its result is waited for");
    controller.handle_timeout(full(6_000, true));
    assert_eq!(controller.deadline(), Some(now + ms(5_000 + 3_600)));
}

#[test]
fn who_comes_to_send_little_waits_no_longer_than_who_does() {
    let now = start();
    let mut controller = begun(now, 1_000);
    let full = |millis, is_limited| full(now + ms(millis), 600, is_limited);
    controller.handle_timeout(full(1_000, false));
    assert_eq!(rates(controller.handle_timeout(full(5_000, false))), [900]);
    controller.handle_timeout(full(6_000, false));
    assert_eq!(controller.deadline(), Some(now + ms(5_000 + 11_600)));
    controller.note_target(full(7_000, true));
    assert_eq!(controller.deadline(), Some(now + ms(5_000 + 5_000)));
}
