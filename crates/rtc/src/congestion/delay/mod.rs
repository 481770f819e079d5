//! The rate that the delay allows: a queue that fills somewhere on the path delays packets before
//! it loses them (draft-ietf-rmcat-gcc-02 section 5, with a trend line for the filter).

mod capacity;
mod inter_arrival;
mod overuse;
mod rate_control;
mod standing;
mod trend;

use std::time::{Duration, Instant};

pub use overuse::Usage;

use super::{Bitrate, Limits};
use inter_arrival::{InterArrival, Timing};
use overuse::Detector;
use rate_control::RateControl;
use standing::StandingQueue;
use trend::Trend;

/// After so long without arrivals, groups say nothing of each other any more.
const INTERRUPTED: Duration = Duration::from_secs(2);

/// What comes through in a fifth of a second is off by a few packets. Where a queue stands and it is less than this
/// part of what usually does, it is another path all the same.
const LESS: f64 = 0.9;

/// Of the rate, what comes through of a flow that fills it.
const NEARLY_ALL: f64 = 0.85;

/// The delay-based estimate.
#[derive(Clone, Debug)]
pub(super) struct DelayEstimate {
    inter_arrival: InterArrival,
    trend: Trend,
    detector: Detector,
    standing: StandingQueue,
    control: RateControl,
    last_told: Option<Instant>,
    /// A queue drained since the last update.
    drained: bool,
}

/// What is sent and comes through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Throughput {
    /// Over some time; `None` while that is not known.
    pub(super) usual: Option<Bitrate>,
    /// The most that lately came through for a moment; zero while nothing did.
    pub(super) of_bursts: Bitrate,
    /// In the last fifth of a second, if something came all the time.
    pub(super) latest: Option<Bitrate>,
    /// Mostly clearly less is sent than might be.
    pub(super) is_seldom_full: bool,
}

impl Throughput {
    /// What came through when there was overuse. Of who mostly has little to send, a burst that filled a queue
    /// says what the path takes; and of who has just begun, nothing else does. But a queue that no packet escapes
    /// lets through all that the path takes; when that is less, it is another path than it was. When it is more
    /// than usual, what is usual has not been enough to fill the path.
    fn when_full(self, stands: bool, rate: Bitrate) -> Option<Bitrate> {
        let is_less =
            |usual: Bitrate| self.latest.is_some_and(|latest| latest < usual.scaled(LESS));
        match self.usual {
            Some(usual) if stands && is_less(usual) => self.latest,
            Some(usual) if !stands && self.is_seldom_full => Some(usual.max(self.of_bursts)),
            Some(usual) if !stands && usual < rate.scaled(NEARLY_ALL) => {
                Some(usual.max(self.of_bursts))
            }
            Some(usual) => Some(usual).max(self.latest),
            None => Some(self.of_bursts).filter(|bursts| *bursts > Bitrate::ZERO),
        }
    }
}

/// What an update found, besides the rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// A queue had filled, and has drained.
    pub(super) recovered: bool,
    /// More comes through than the path was thought to take.
    pub(super) outgrew_capacity: bool,
    /// The rate came down for a queue: what comes through is about to change, or has.
    pub(super) reduced: bool,
}

impl DelayEstimate {
    pub(super) fn new(limits: Limits, start: Bitrate) -> DelayEstimate {
        DelayEstimate {
            inter_arrival: InterArrival::default(),
            trend: Trend::default(),
            detector: Detector::new(),
            standing: StandingQueue::new(),
            control: RateControl::new(limits, start),
            last_told: None,
            drained: false,
        }
    }

    pub(super) fn rate(&self) -> Bitrate {
        self.control.rate()
    }

    /// Whether a queue is there that no packet escapes.
    pub(super) fn has_queue(&self) -> bool {
        self.standing.is_there()
    }

    /// How long the luckiest packet of late waits.
    pub(super) fn queue(&self) -> Duration {
        self.standing.length()
    }

    /// How much later than the luckiest packet the average one arrives.
    pub(super) fn shake(&self) -> Duration {
        self.standing.shake()
    }

    pub(super) fn usage(&self) -> Usage {
        self.detector.usage()
    }

    /// Whether the path was ever seen full.
    pub(super) fn seen_full(&self) -> bool {
        self.control.seen_full()
    }

    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.control.set_limits(limits);
    }

    pub(super) fn set_round_trip(&mut self, round_trip: Duration) {
        self.control.set_round_trip(round_trip);
    }

    /// What came through when the path was full, if that was lately.
    pub(super) fn capacity(&self, now: Instant) -> Option<Bitrate> {
        self.control.capacity(now)
    }

    /// What is left of the rate when the path is found full again.
    pub(super) fn assured(&self, now: Instant) -> Option<Bitrate> {
        self.control.assured(now)
    }

    /// A probe was slowed down to more than the rate, and is no reason to send more.
    pub(super) fn note_refused(&mut self, now: Instant) {
        self.control.note_refused(now);
    }

    pub(super) fn set_rate(&mut self, now: Instant, rate: Bitrate) {
        self.control.set_rate(now, rate);
    }

    /// Takes note of an arrival that feedback tells of at `now`, in order of arrival.
    pub(super) fn note_arrival(&mut self, now: Instant, sent: Instant, arrived_us: i64) {
        let interrupted = |at| now.saturating_duration_since(at) > INTERRUPTED;
        if self.last_told.replace(now).is_some_and(interrupted) {
            self.inter_arrival = InterArrival::default();
            self.trend = Trend::default();
            self.detector = Detector::new();
        }
        self.standing.note_arrival(sent, arrived_us);
        let packet = Timing { sent, arrived_us, told: now };
        let Some(deltas) = self.inter_arrival.note(packet) else { return };
        let before = self.detector.usage();
        let slope = self.trend.note(deltas, arrived_us);
        self.detector.note(slope, self.trend.noted(), deltas.sent_ms, arrived_us);
        self.drained |= before == Usage::Under && self.detector.usage() == Usage::Normal;
    }

    /// Once for each feedback, after its arrivals: what comes through, and what a probe measured.
    pub(super) fn update(
        &mut self,
        now: Instant,
        throughput: Throughput,
        probed: Option<Bitrate>,
    ) -> Found {
        let recovered = std::mem::take(&mut self.drained);
        let usage = self.detector.usage();
        let stands = self.standing.has_to_drain(now);
        if usage == Usage::Over || stands {
            // A burst of who mostly has little to send fills a queue for a moment, and drains; so does a probe.
            let is_own = throughput.is_seldom_full || self.control.may_be_of_probe(now);
            let may_stay = !is_own && self.standing.may_be_there();
            let is_real = stands || may_stay;
            let reduced =
                is_real && self.reduce(now, throughput.when_full(stands, self.control.rate()));
            if reduced {
                self.standing.note_reduced(now, stands);
            }
            return Found { reduced, ..Found::default() };
        }
        if let Some(probed) = probed {
            self.control.set_probed(now, probed);
            return Found::default();
        }
        let change = self.control.update(now, usage, throughput.usual);
        Found { recovered, outgrew_capacity: change.outgrew_capacity, reduced: false }
    }

    /// Answers overuse; before anything is known of what comes through, by half. False when it is
    /// too soon after the last answer.
    fn reduce(&mut self, now: Instant, acknowledged: Option<Bitrate>) -> bool {
        if !self.control.may_reduce(now, acknowledged) {
            return false;
        }
        if acknowledged.is_some() {
            self.control.update(now, Usage::Over, acknowledged);
        } else {
            self.control.set_rate(now, self.control.rate().scaled(0.5));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods)]
    fn start() -> Instant {
        Instant::now()
    }

    fn kbps(kbps: u64) -> Bitrate {
        Bitrate::from_kbps(kbps)
    }

    fn steady(rate: Bitrate) -> Throughput {
        Throughput { usual: Some(rate), of_bursts: rate, latest: Some(rate), is_seldom_full: false }
    }

    /// Packets 10 ms apart for a while, each of which arrives `late_us` later than the one before.
    fn send(estimate: &mut DelayEstimate, now: &mut Instant, arrived_us: &mut i64, late_us: i64) {
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
        let mut estimate =
            DelayEstimate::new(Limits { min: kbps(30), max: kbps(9_000) }, kbps(1_000));
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
        let mut estimate =
            DelayEstimate::new(Limits { min: kbps(30), max: kbps(9_000) }, kbps(1_000));
        for _ in 0..100 {
            now += Duration::from_millis(10);
            arrived_us += 11_000;
            estimate.note_arrival(now, now, arrived_us);
        }
        let sent = Throughput { latest: Some(kbps(980)), ..steady(kbps(860)) };
        assert!(estimate.update(now, sent, None).reduced);
        assert_eq!(estimate.rate(), kbps(833));
        assert_eq!(
            (estimate.capacity(now), estimate.assured(now)),
            (Some(kbps(980)), Some(kbps(833)))
        );
    }

    #[test]
    fn a_path_that_has_lost_most_of_its_rate_is_known_by_the_first_reduction() {
        let (mut now, mut arrived_us) = (start(), 0);
        let mut estimate =
            DelayEstimate::new(Limits { min: kbps(30), max: kbps(9_000) }, kbps(2_500));
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
            is_seldom_full: true,
        };
        assert!(estimate.update(now, sent, None).reduced);
        assert_eq!(estimate.rate(), kbps(204));
        assert!(estimate.queue() > Duration::from_millis(80));
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
                    estimate.note_refused(now);
                }
            }
            assert_eq!(estimate.usage(), Usage::Over);
            estimate.update(now, steady(kbps(900)), None);
            assert_eq!(estimate.rate(), rate);
        }
    }

    #[test]
    fn a_burst_of_who_sends_less_than_it_may_says_what_the_path_takes() {
        let sent = Throughput {
            usual: Some(kbps(1_100)),
            of_bursts: kbps(1_950),
            latest: Some(kbps(1_300)),
            is_seldom_full: false,
        };
        assert_eq!(sent.when_full(false, kbps(1_700)), Some(kbps(1_950)));
        assert_eq!(sent.when_full(true, kbps(1_700)), Some(kbps(1_300)));
        assert_eq!(sent.when_full(false, kbps(1_200)), Some(kbps(1_300)));
    }

    #[test]
    fn a_probe_is_believed_unless_the_path_is_overused() {
        let (mut now, mut arrived_us) = (start(), 0);
        let mut estimate =
            DelayEstimate::new(Limits { min: kbps(30), max: kbps(9_000) }, kbps(300));
        estimate.update(now, Throughput::default(), Some(kbps(1_800)));
        assert_eq!(estimate.rate(), kbps(1_800));
        send(&mut estimate, &mut now, &mut arrived_us, 1_000);
        estimate.update(now, steady(kbps(900)), Some(kbps(5_000)));
        assert!(estimate.rate() < kbps(1_000));
    }

    #[test]
    fn overuse_before_any_throughput_is_known_halves_the_rate() {
        let (mut now, mut arrived_us) = (start(), 0);
        let mut estimate =
            DelayEstimate::new(Limits { min: kbps(30), max: kbps(9_000) }, kbps(300));
        for _ in 0..60 {
            now += Duration::from_millis(10);
            arrived_us += 12_000;
            estimate.note_arrival(now, now, arrived_us);
        }
        estimate.update(now, Throughput::default(), None);
        assert_eq!(estimate.rate(), kbps(150));
    }
}
