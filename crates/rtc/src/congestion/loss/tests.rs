use super::*;
use crate::congestion::feedback::Outcome;
use crate::congestion::history::Acknowledged;

fn start() -> Moment {
    Moment::after(Duration::from_secs(1_000))
}

fn kbps(kbps: u64) -> Bitrate {
    Bitrate::from_kbps(kbps)
}

/// A sender of 1,000-byte packets over a path that loses every so-many-th of them, and what it
/// cannot take.
struct Path {
    estimate: LossEstimate,
    now: Moment,
    sequence: u64,
    credit: f64,
    /// The application sends less than it may.
    in_alr: bool,
}

impl Path {
    fn new(rate: Bitrate) -> Path {
        let limits = Limits { min: kbps(30), max: kbps(10_000) };
        let estimate = LossEstimate::new(limits, rate);
        Path { estimate, now: start(), sequence: 0, credit: 0.0, in_alr: false }
    }

    /// Sends for a while in steps of 50 ms, each told at once.
    fn send(&mut self, seconds: u64, rate: Bitrate, capacity: Bitrate, one_in: u64) {
        for _ in 0..seconds * 20 {
            let packets = (rate.bytes_in(Duration::from_millis(50)) / 1_000).max(1);
            let through = capacity.as_f64() / rate.as_f64();
            for _ in 0..packets {
                self.sequence += 1;
                self.now += Duration::from_micros(50_000 / packets);
                self.credit = (self.credit + through).min(1.0);
                let fits = self.credit >= 1.0 - 1e-9;
                self.credit -= if fits { 1.0 } else { 0.0 };
                let lost = !fits || self.sequence.is_multiple_of(one_in);
                let packet = Acknowledged {
                    sequence: self.sequence,
                    sent: self.now,
                    bytes: 1_000,
                    cluster: None,
                    was_lost: false,
                };
                let outcome = if lost { Outcome::Lost } else { Outcome::Arrived { at_us: 0 } };
                self.estimate.note(&PacketResult { packet, outcome });
            }
            self.estimate.set_acknowledged(Some(rate.min(capacity)));
            self.estimate.update(kbps(4_000), self.in_alr);
        }
    }

    fn send_little(&mut self, seconds: u64, rate: Bitrate, capacity: Bitrate, one_in: u64) {
        self.in_alr = true;
        self.send(seconds, rate, capacity, one_in);
    }
}

const NEVER: u64 = u64::MAX;

#[test]
fn a_path_without_loss_is_not_limited() {
    let mut path = Path::new(kbps(300));
    path.send(5, kbps(1_000), kbps(5_000), NEVER);
    assert_eq!((path.estimate.state(), path.estimate.limit()), (LossState::Unlimited, None));
}

#[test]
fn two_per_cent_that_do_not_depend_on_the_rate_limit_nothing() {
    let mut path = Path::new(kbps(2_000));
    path.send(10, kbps(2_000), kbps(5_000), 50);
    assert!(path.estimate.limit().is_none_or(|limit| limit >= kbps(2_400)));
    assert!((path.estimate.average_loss() - 0.02).abs() < 0.01);
}

#[test]
fn what_a_probe_has_shown_is_not_grown_to_from_the_first_guess_on_a_path_that_loses_a_little() {
    let after = |probed: Option<Bitrate>| {
        let mut path = Path::new(kbps(300));
        probed.into_iter().for_each(|rate| path.estimate.note_probed(rate));
        path.send(1, kbps(300), kbps(5_000), 5);
        path.estimate.limit()
    };
    assert!(after(None).is_some_and(|limit| limit < kbps(400)), "{:?}", after(None));
    let probed = after(Some(kbps(3_000)));
    assert!(probed.is_none_or(|limit| limit > kbps(600)), "{probed:?}");
}

#[test]
fn what_the_path_cannot_take_brings_the_rate_to_what_it_can() {
    let mut path = Path::new(kbps(2_000));
    path.send(5, kbps(2_000), kbps(1_000), NEVER);
    let limit = path.estimate.limit().unwrap();
    assert!(limit >= kbps(990) && limit < kbps(1_200), "{limit:?}");
}

#[test]
fn when_loss_ends_the_rate_grows_until_delay_limits_it() {
    let mut path = Path::new(kbps(2_000));
    path.send(5, kbps(2_000), kbps(1_000), NEVER);
    let mut states = Vec::new();
    for _ in 0..15 {
        let rate = path.estimate.limit().unwrap_or(kbps(4_000));
        path.send(1, rate, kbps(8_000), NEVER);
        states.push(path.estimate.state());
    }
    assert!(states.contains(&LossState::Recovering), "{states:?}");
    assert_eq!(path.estimate.limit(), None);
}

#[test]
fn once_nothing_has_been_lost_for_a_while_a_probe_ends_what_loss_has_limited() {
    let mut path = Path::new(kbps(300));
    path.send(5, kbps(600), kbps(300), NEVER);
    assert_ne!(path.estimate.state(), LossState::Unlimited);
    assert!(!path.estimate.may_be_over());
    path.estimate.note_probed(kbps(900));
    assert_ne!(path.estimate.state(), LossState::Unlimited, "losses are too fresh");
    path.send(2, kbps(100), kbps(300), NEVER);
    assert!(path.estimate.may_be_over());
    path.estimate.note_probed(kbps(900));
    path.send(1, kbps(300), kbps(900), NEVER);
    assert_eq!(path.estimate.state(), LossState::Unlimited);
}

#[test]
fn what_loss_limits_again_soon_after_a_probe_had_ended_it_is_no_more_ended_by_one() {
    let mut path = Path::new(kbps(300));
    let lose_and_rest = |path: &mut Path| {
        path.send(5, kbps(600), kbps(300), NEVER);
        path.send(3, kbps(100), kbps(300), NEVER);
        assert_ne!(path.estimate.state(), LossState::Unlimited);
    };
    lose_and_rest(&mut path);
    path.estimate.note_probed(kbps(900));
    assert_eq!(path.estimate.state(), LossState::Unlimited);
    lose_and_rest(&mut path);
    assert!(!path.estimate.may_be_over());
    path.estimate.note_probed(kbps(900));
    assert_ne!(path.estimate.state(), LossState::Unlimited);
}

#[test]
fn what_is_lost_while_little_is_sent_does_not_keep_the_rate_below_what_a_probe_has_shown() {
    let mut path = Path::new(kbps(300));
    path.send(5, kbps(600), kbps(300), NEVER);
    assert_eq!(path.estimate.state(), LossState::Limited);
    path.estimate.note_probed(kbps(900));
    assert!(path.estimate.rate < kbps(600), "too soon: {:?}", path.estimate.rate);
    path.send_little(5, kbps(100), kbps(5_000), 20);
    assert_ne!(path.estimate.state(), LossState::Unlimited);
    path.estimate.note_probed(kbps(900));
    assert_eq!(path.estimate.rate, kbps(900));
    path.send_little(1, kbps(100), kbps(5_000), 20);
    let limit = path.estimate.limit();
    assert!(limit.is_none_or(|limit| limit >= kbps(800)), "it was taken back: {limit:?}");
}

#[test]
fn a_path_that_lets_bursts_pass_and_loses_what_flows_is_not_believed_again_soon() {
    let mut path = Path::new(kbps(300));
    path.send(5, kbps(600), kbps(300), NEVER);
    path.send_little(2, kbps(100), kbps(5_000), 20);
    path.estimate.note_probed(kbps(900));
    path.in_alr = false;
    path.send(3, kbps(900), kbps(300), NEVER);
    let limited = path.estimate.rate;
    assert!(limited < kbps(600), "{limited:?}");
    path.send_little(3, kbps(100), kbps(5_000), 20);
    let before = path.estimate.rate;
    path.estimate.note_probed(kbps(900));
    assert_eq!(path.estimate.rate, before);
}

#[test]
fn three_quarters_of_a_second_decide_nothing() {
    let mut path = Path::new(kbps(2_000));
    for _ in 0..14 {
        path.send(1, kbps(2_000), kbps(100), NEVER);
        if path.estimate.seen.count() >= ENOUGH {
            break;
        }
        assert_eq!(path.estimate.limit(), None);
    }
    assert!(path.estimate.limit().is_some());
}

#[test]
fn the_rate_never_falls_below_what_comes_through() {
    let mut path = Path::new(kbps(2_000));
    path.send(10, kbps(2_000), kbps(500), 3);
    assert!(path.estimate.limit().is_none_or(|limit| limit >= kbps(500)));
}
