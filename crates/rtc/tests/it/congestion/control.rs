//! Stories about the control as a value: what it does with what it is told.

use std::time::Duration;

use parlor_rtc::congestion::{
    Bitrate, CongestionControl, FeedbackKind, MIN, Reported, START, SentPacket,
};
use parlor_rtc::fuzzing;
use proptest::prelude::*;

use super::start;

fn kbps(kbps: u64) -> Bitrate {
    Bitrate::from_kbps(kbps)
}

#[test]
fn a_connection_begins_with_audio_and_a_small_picture() {
    let control = CongestionControl::new(start(), FeedbackKind::TransportWide, kbps(5_000));
    assert_eq!(control.target(), START);
    assert_eq!(control.deadline(), None);
    assert_eq!(control.pacing(start()), kbps(750));
}

#[test]
fn what_a_connection_is_allowed_bounds_its_start_too() {
    let now = start();
    let mut control = CongestionControl::new(now, FeedbackKind::TransportWide, kbps(100));
    assert_eq!(control.target(), kbps(100));
    control.set_max(now, Bitrate::ZERO);
    assert_eq!(control.target(), MIN);
}

#[test]
fn a_client_that_wants_more_is_probed_at_once() {
    let now = start();
    let mut control = CongestionControl::new(now, FeedbackKind::TransportWide, kbps(5_000));
    assert_eq!(control.poll_probe(now), None);
    control.set_wanted(now, kbps(2_000));
    let cluster = control.poll_probe(now).unwrap();
    assert_eq!(cluster.rate, kbps(900));
    assert!(cluster.padding_bytes() < 400);
}

#[test]
fn video_waits_for_a_probe_that_has_begun_unless_it_is_part_of_it() {
    let now = start();
    let mut control = CongestionControl::new(now, FeedbackKind::TransportWide, kbps(5_000));
    control.set_wanted(now, kbps(2_000));
    assert_eq!(control.wait(now), None);
    let cluster = control.poll_probe(now).map(|cluster| cluster.id);
    control.handle_sent(now, SentPacket { sequence: 0, bytes: 340, cluster });
    assert_eq!(control.wait(now), control.deadline());
    assert!(control.wait(now).is_some_and(|at| at > now));
}

#[test]
fn a_receiver_that_asks_for_less_by_remb_gets_less() {
    for kind in [FeedbackKind::TransportWide, FeedbackKind::Reports] {
        let now = start();
        let mut control = CongestionControl::new(now, kind, kbps(5_000));
        control.handle_remb(now, kbps(120));
        assert_eq!(control.target(), kbps(120), "{kind:?}");
    }
}

#[test]
fn reports_of_loss_bring_the_rate_down_where_they_are_all_there_is() {
    let now = start();
    let half = Reported { expected: 100, lost: 50 };
    let mut control = CongestionControl::new(now, FeedbackKind::Reports, kbps(5_000));
    control.handle_report(now, half, Some(Duration::from_millis(40)));
    assert_eq!(control.target(), kbps(225));
    assert_eq!(control.round_trip(), Some(Duration::from_millis(40)));
    let mut control = CongestionControl::new(now, FeedbackKind::TransportWide, kbps(5_000));
    control.handle_report(now, half, None);
    assert_eq!(control.target(), START);
}

proptest! {
    #[test]
    fn hostile_feedback_makes_no_nonsense(data in prop::collection::vec(any::<u8>(), 0..1_000)) {
        fuzzing::congestion(start(), &data);
    }
}
