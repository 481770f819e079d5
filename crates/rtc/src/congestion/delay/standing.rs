//! A queue that stays: delay that grows no more, and is there all the same.
//!
//! A short queue fills before a trend shows, and a full one has no trend at all. What it has is a
//! delay that even the luckiest packet does not escape.

use std::time::Duration;

use crate::congestion::moment::Moment;

/// How much later than ever lately the luckiest packet may be; or so many times as much as an average packet
/// is later than the luckiest, if that is more: a path that shakes is no queue.
const TOLERATED_US: i64 = 20_000;
const SHAKES: i64 = 2;
const SHAKES_IF_SHAKY: i64 = 3;

/// A queue that is so much longer than a fifth of a second before takes clearly less than is sent.
const FAST_US: i64 = 40_000;

/// A path that shakes more does so by itself: it makes trends of its own, and even the luckiest packet is late at times.
const CALM_US: i64 = 15_000;

/// Packets that the average is taken over, by and large: a few seconds, so that a queue that comes or
/// goes is not taken for a path that shakes.
const AVERAGED: i64 = 512;

/// A packet that was sent so soon after another may have waited for that one: it does not count for the average.
const ALONE: Duration = Duration::from_millis(5);

/// Packets that the luckiest is found among: several pictures.
const RECENT: Duration = Duration::from_millis(200);

/// How long the shortest delay is remembered. Clocks drift apart by a millisecond in that time.
const REMEMBERED: Duration = Duration::from_secs(10);

/// A reduction has to show in this time: a queue of 100 ms drains in two thirds of a second when 15 %
/// less is sent.
const PATIENCE: Duration = Duration::from_secs(1);

/// After so many reductions that did not shorten the delay, it is the path's own: another route,
/// or a queue that others fill.
const ATTEMPTS: u32 = 3;

/// The shortest of something in a window of time, kept as two halves.
#[derive(Clone, Copy, Debug)]
struct Shortest {
    half: Duration,
    begun: Option<Moment>,
    current_us: i64,
    previous_us: i64,
}

impl Shortest {
    fn within(window: Duration) -> Shortest {
        Shortest { half: window / 2, begun: None, current_us: i64::MAX, previous_us: i64::MAX }
    }

    fn note(&mut self, now: Moment, us: i64) {
        let begun = *self.begun.get_or_insert(now);
        let passed = now.saturating_duration_since(begun);
        if passed >= self.half {
            let is_recent = passed < self.half * 2;
            self.previous_us = if is_recent { self.current_us } else { i64::MAX };
            self.current_us = i64::MAX;
            self.begun = Some(now);
        }
        self.current_us = self.current_us.min(us);
    }

    fn us(&self) -> i64 {
        self.current_us.min(self.previous_us)
    }
}

/// Watches for a queue that stays.
#[derive(Clone, Debug)]
pub(super) struct StandingQueue {
    start: Option<Moment>,
    last_sent: Option<Moment>,
    recent: Shortest,
    base: Shortest,
    /// How much later than the luckiest the average packet is.
    shake_us: i64,
    /// How much later than the luckiest of late the last one is.
    later_us: i64,
    /// Packets that this is the average of, [`AVERAGED`] at most.
    averaged: i64,
    /// Reductions so far against the queue that stands now, and the last of them.
    attempts: u32,
    reduced: Option<Moment>,
    /// The last one was not waited for.
    hurried: bool,
}

impl StandingQueue {
    pub(super) fn new() -> StandingQueue {
        StandingQueue {
            start: None,
            last_sent: None,
            recent: Shortest::within(RECENT),
            base: Shortest::within(REMEMBERED),
            shake_us: 0,
            later_us: 0,
            averaged: 0,
            attempts: 0,
            reduced: None,
            hurried: false,
        }
    }

    pub(super) fn note_arrival(&mut self, sent: Moment, arrived_us: i64) {
        let start = *self.start.get_or_insert(sent);
        let sent_us = sent.saturating_duration_since(start).as_micros() as i64;
        let delay_us = arrived_us.saturating_sub(sent_us);
        self.recent.note(sent, delay_us);
        self.base.note(sent, delay_us);
        let later_us = delay_us.saturating_sub(self.recent.us());
        self.later_us = later_us;
        let before = self.last_sent.replace(sent);
        if before.is_some_and(|before| sent.saturating_duration_since(before) < ALONE) {
            return;
        }
        self.averaged = (self.averaged + 1).min(AVERAGED);
        self.shake_us += later_us.saturating_sub(self.shake_us) / self.averaged;
    }

    /// Whether there may be a queue at all: on a path that shakes, the luckiest packet tells.
    pub(super) fn may_be_there(&self) -> bool {
        self.shake_us <= CALM_US || self.standing_us() >= self.shake_us / 3
    }

    /// How much later than the luckiest the average packet is, queues of a moment counted.
    pub(super) fn shake(&self) -> Duration {
        Duration::from_micros(self.shake_us.max(0) as u64)
    }

    fn standing_us(&self) -> i64 {
        self.recent.us().saturating_sub(self.base.us())
    }

    /// How long the luckiest packet of late waits.
    pub(super) fn length(&self) -> Duration {
        Duration::from_micros(self.standing_us().max(0) as u64)
    }

    /// Whether even the luckiest packet is late.
    pub(super) fn is_there(&self) -> bool {
        let shakes = if self.shake_us > CALM_US { SHAKES_IF_SHAKY } else { SHAKES };
        self.standing_us() >= (self.shake_us * shakes).max(TOLERATED_US)
    }

    /// Whether a queue has grown fast: the last packet came much later than one shortly before it.
    pub(super) fn grows_fast(&self) -> bool {
        self.later_us >= FAST_US.max(self.shake_us * SHAKES_IF_SHAKY)
    }

    /// Whether the rate has to come down for a queue to drain. Where it `cannot_drain`, since clearly less comes through
    /// than the rate, a reduction is not given the time to show, but followed by one more at once.
    pub(super) fn has_to_drain(&mut self, now: Moment, cannot_drain: bool) -> bool {
        if !self.is_there() {
            self.attempts = 0;
            return false;
        }
        if self.has_just_reduced(now) {
            let is_next = !self.hurried && self.attempts < ATTEMPTS;
            return cannot_drain && is_next && !self.has_reduced_within(now, RECENT);
        }
        let is_own = self.attempts >= ATTEMPTS;
        if is_own {
            self.base = Shortest { half: REMEMBERED / 2, ..self.recent };
            self.attempts = 0;
        }
        !is_own
    }

    /// The rate came down, for a queue that stays or one that grows.
    pub(super) fn note_reduced(&mut self, now: Moment, for_standing: bool) {
        self.hurried = for_standing && self.has_just_reduced(now);
        self.attempts += u32::from(for_standing);
        self.reduced = Some(now);
    }

    /// Whether the rate came down so lately that this may not have shown yet.
    pub(super) fn has_just_reduced(&self, now: Moment) -> bool {
        self.has_reduced_within(now, PATIENCE)
    }

    fn has_reduced_within(&self, now: Moment, within: Duration) -> bool {
        self.reduced.is_some_and(|at| now.saturating_duration_since(at) < within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Moment {
        Moment::after(Duration::from_secs(1_000))
    }

    /// One packet 10 ms later.
    fn send_one(queue: &mut StandingQueue, now: &mut Moment, delay_us: i64) {
        let begin = *queue.start.get_or_insert(*now);
        *now += Duration::from_millis(10);
        let sent_us = (*now - begin).as_micros() as i64;
        queue.note_arrival(*now, sent_us + delay_us);
    }

    /// A packet each 10 ms with this delay; counts the reductions that are asked for.
    fn send(queue: &mut StandingQueue, now: &mut Moment, seconds: u64, delay_us: i64) -> u32 {
        let mut reductions = 0;
        for _ in 0..seconds * 100 {
            send_one(queue, now, delay_us);
            if queue.has_to_drain(*now, false) {
                queue.note_reduced(*now, true);
                reductions += 1;
            }
        }
        reductions
    }

    #[test]
    fn a_delay_that_does_not_change_is_no_queue_however_long_it_is() {
        assert_eq!(send(&mut StandingQueue::new(), &mut start(), 30, 400_000), 0);
    }

    #[test]
    fn a_queue_that_stays_has_to_drain_and_is_given_time_to() {
        let (mut queue, mut now) = (StandingQueue::new(), start());
        send(&mut queue, &mut now, 5, 20_000);
        assert_eq!(send(&mut queue, &mut now, 1, 90_000), 1);
        assert_eq!(send(&mut queue, &mut now, 5, 25_000), 0);
    }

    #[test]
    fn a_queue_that_cannot_drain_gets_one_more_reduction_at_once_and_no_more_than_others_all_in_all()
     {
        let (mut queue, mut now) = (StandingQueue::new(), start());
        let begin = now;
        send(&mut queue, &mut now, 5, 20_000);
        let mut reduced_after = Vec::new();
        for n in 0..600 {
            now += Duration::from_millis(10);
            queue.note_arrival(now, (now - begin).as_micros() as i64 + 100_000);
            if queue.has_to_drain(now, true) {
                queue.note_reduced(now, true);
                reduced_after.push(10 * n);
            }
        }
        let gaps: Vec<_> = reduced_after.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(gaps[..2], [200, 1_000], "{reduced_after:?}");
        assert_eq!(reduced_after.iter().filter(|at| **at < 3_000).count() as u32, ATTEMPTS);
    }

    #[test]
    fn a_queue_grows_fast_that_was_not_there_a_fifth_of_a_second_ago() {
        for (late_us, is_fast) in [(100, false), (3_000, true)] {
            let (mut queue, mut now) = (StandingQueue::new(), start());
            send(&mut queue, &mut now, 5, 20_000);
            assert!(!queue.grows_fast());
            for n in 1..=20 {
                send_one(&mut queue, &mut now, 20_000 + n * late_us);
            }
            assert_eq!(queue.grows_fast(), is_fast);
            send(&mut queue, &mut now, 1, 20_000 + 20 * late_us);
            assert!(!queue.grows_fast(), "it stands now");
        }
    }

    #[test]
    fn one_lucky_packet_in_a_fifth_of_a_second_shows_that_there_is_none() {
        let (mut queue, mut now) = (StandingQueue::new(), start());
        let mut reductions = 0;
        for n in 0..1_000 {
            let delay_us = if n % 8 == 0 { 20_000 } else { 80_000 };
            queue.note_arrival(now, 10_000 * n + delay_us);
            reductions += u32::from(queue.has_to_drain(now, false));
            now += Duration::from_millis(10);
        }
        assert_eq!(reductions, 0);
    }

    #[test]
    fn a_path_that_shakes_is_known_by_what_its_average_packet_waits() {
        let (mut queue, mut now) = (StandingQueue::new(), start());
        for n in 0..10_000 {
            queue.note_arrival(now, 10_000 * n + (n * 7 % 61) * 1_000);
            now += Duration::from_millis(10);
            assert!(!queue.has_to_drain(now, false));
        }
        assert!((25_000..32_000).contains(&queue.shake_us), "{}", queue.shake_us);
        assert!(!queue.may_be_there());
    }

    #[test]
    fn a_path_that_shakes_is_known_within_a_second() {
        let (mut queue, mut now) = (StandingQueue::new(), start());
        for n in 0..100 {
            queue.note_arrival(now, 10_000 * n + (n * 7 % 61) * 1_000);
            now += Duration::from_millis(10);
        }
        assert!((20_000..35_000).contains(&queue.shake_us), "{}", queue.shake_us);
    }

    #[test]
    fn pictures_that_wait_for_their_own_packets_do_not_make_a_path_shake() {
        let (mut queue, mut now) = (StandingQueue::new(), start());
        for n in 0..100 {
            // Four packets at once, each of which takes 10 ms of the path.
            for packet in 0..4 {
                queue.note_arrival(now, 50_000 * n + 10_000 * packet);
            }
            now += Duration::from_millis(50);
        }
        assert_eq!(queue.shake_us, 0);
    }

    #[test]
    fn another_route_is_taken_for_a_queue_three_times_and_then_believed() {
        let (mut queue, mut now) = (StandingQueue::new(), start());
        send(&mut queue, &mut now, 5, 20_000);
        assert_eq!(send(&mut queue, &mut now, 30, 120_000), ATTEMPTS);
    }
}
