//! When the next packet may leave: a leaky bucket that evens out pictures, and lets them out in bursts.

use std::time::Duration;

use super::Bitrate;
use super::moment::Moment;

/// What a picture leaves at, in target rates: libwebrtc's factor. A key frame is several times an
/// average picture and would be late at the target rate; a path that has room drains such a burst. Where one was
/// lately seen full, no faster than what came through then.
const FACTOR: f64 = 2.5;

/// What may leave at once: packet by packet, each would cost the sender a wake-up and a call to the kernel.
const BURST: Duration = Duration::from_millis(5);

/// The same at low rates, on top of the packet that is sent: a small picture. And what may be left of a burst when the
/// next one leaves, so that at low rates each packet leaves as soon as it may.
const BURST_BYTES: u64 = 1_200;

/// What waits longer is of no use: a ring holds about a second, and who falls behind it starts anew
/// at the next key frame. So a queue this long leaves as fast as it takes.
const LONGEST_QUEUE: Duration = Duration::from_secs(1);

/// What leaves while a queue on the path is about to be full, in target rates: the target is so far below what the
/// path takes that this takes nothing from the room in which the queue drains. Where the path was found
/// full of less than the target, that is outdated, and it is no less either: pictures of a target's worth have to leave.
const GENTLE_FACTOR: f64 = 1.15;

/// So long after a queue was last seen that was about to be full, pictures that waited have left.
const UNCLOGGED_AFTER: Duration = Duration::from_secs(1);

/// What was sent without asking holds up the rest no longer than this.
const MOST_DEBT: Duration = Duration::from_millis(500);

/// A leaky bucket: what is sent fills it, time empties it.
#[derive(Clone, Debug)]
pub(super) struct Pacer {
    target: Bitrate,
    /// What the path takes, where it was lately seen full: a queue of what leaves faster would be the path's.
    capacity: Option<Bitrate>,
    /// Until when nothing leaves faster than the path takes it.
    gentle_until: Moment,
    /// What waits to be sent.
    queued_bytes: u64,
    /// When all that was sent would have left at the pacing rate.
    empty_at: Moment,
    /// A burst has left: nothing more does until little is left of it.
    is_spent: bool,
    /// The rate to fill up to with padding, and when it is due.
    padding: Bitrate,
    padding_at: Moment,
}

impl Pacer {
    pub(super) fn new(now: Moment, target: Bitrate) -> Pacer {
        Pacer {
            target,
            capacity: None,
            gentle_until: now,
            queued_bytes: 0,
            empty_at: now,
            is_spent: false,
            padding: Bitrate::ZERO,
            padding_at: now,
        }
    }

    /// The `capacity` is what the path takes, where that is known.
    pub(super) fn set_target(&mut self, now: Moment, target: Bitrate, capacity: Option<Bitrate>) {
        if (target, capacity) == (self.target, self.capacity) {
            return;
        }
        let debt = self.rate(now).bytes_in(self.debt(now));
        (self.target, self.capacity) = (target, capacity);
        self.empty_at = now + self.rate(now).time_for(debt).min(MOST_DEBT);
    }

    /// A queue on the path is about to be full. For a while nothing leaves faster than the path takes it: what waits
    /// does so here, where the sound passes it.
    pub(super) fn note_clogged(&mut self, now: Moment) {
        self.gentle_until = now + UNCLOGGED_AFTER;
    }

    pub(super) fn set_padding(&mut self, now: Moment, rate: Bitrate) {
        if self.padding == Bitrate::ZERO {
            self.padding_at = now;
        }
        self.padding = rate;
    }

    /// How much waits to be sent now, which makes it leave faster when it is much.
    pub(super) fn set_queued(&mut self, bytes: u64) {
        self.queued_bytes = bytes;
    }

    /// The rate at which packets leave.
    pub(super) fn rate(&self, now: Moment) -> Bitrate {
        let gentle = self.target.scaled(GENTLE_FACTOR);
        if now < self.gentle_until {
            return gentle;
        }
        let fast = self.target.scaled(FACTOR);
        let bearable = match self.capacity {
            Some(capacity) if capacity >= self.target => fast.min(capacity),
            Some(_outdated) => gentle,
            None => fast,
        };
        let needed = Bitrate::of(self.queued_bytes, LONGEST_QUEUE).unwrap_or_default();
        bearable.max(needed)
    }

    /// When the next packet may leave; `None` when it may at `now`. Audio never has to ask.
    #[inline]
    pub(super) fn wait(&self, now: Moment) -> Option<Moment> {
        if !self.is_spent {
            return None;
        }
        let rest = rest_of_burst(self.rate(now));
        (self.debt(now) > rest).then(|| self.empty_at - rest)
    }

    /// How long what was sent takes to leave at the pacing rate.
    #[inline]
    fn debt(&self, now: Moment) -> Duration {
        self.empty_at.saturating_duration_since(now)
    }

    /// When padding is due to find out what the path takes; `None` when none is wanted. It is for
    /// when nothing waits to be sent.
    pub(super) fn padding_due(&self) -> Option<Moment> {
        (self.padding > Bitrate::ZERO).then_some(self.padding_at)
    }

    #[inline]
    pub(super) fn note_sent(&mut self, now: Moment, bytes: usize) {
        let after = |rate: Bitrate, from: Moment| {
            (from.max(now) + rate.time_for(bytes as u64).min(MOST_DEBT)).min(now + MOST_DEBT)
        };
        let rate = self.rate(now);
        let rest = rest_of_burst(rate);
        let was_spent = self.is_spent && self.debt(now) > rest;
        self.empty_at = after(rate, self.empty_at);
        self.is_spent = was_spent || self.debt(now) > BURST.max(rest);
        if self.padding > Bitrate::ZERO {
            self.padding_at = after(self.padding, self.padding_at);
        }
    }
}

/// What may be left of a burst that leaves at this rate when the next one does.
#[inline]
fn rest_of_burst(rate: Bitrate) -> Duration {
    rate.time_for(BURST_BYTES).min(MOST_DEBT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Moment {
        Moment::after(Duration::from_secs(1_000))
    }

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// When each of `packets` of 1,200 bytes leaves.
    fn departures(pacer: &mut Pacer, begin: Moment, packets: usize) -> Vec<Moment> {
        let mut now = begin;
        let leave = |_| {
            now = pacer.wait(now).unwrap_or(now);
            pacer.note_sent(now, 1_200);
            now
        };
        (0..packets).map(leave).collect()
    }

    /// How long `packets` of 1,200 bytes take.
    fn send(pacer: &mut Pacer, begin: Moment, packets: usize) -> Duration {
        departures(pacer, begin, packets).last().map_or(Duration::ZERO, |last| *last - begin)
    }

    /// How many of `packets` of 1,200 bytes leave together, each time.
    fn runs(target_kbps: u64, packets: usize) -> Vec<usize> {
        let begin = start();
        let mut pacer = Pacer::new(begin, Bitrate::from_kbps(target_kbps));
        let departures = departures(&mut pacer, begin, packets);
        departures.chunk_by(|one, next| one == next).map(<[_]>::len).collect()
    }

    #[test]
    fn a_picture_leaves_at_two_and_a_half_times_the_target() {
        let begin = start();
        let mut pacer = Pacer::new(begin, Bitrate::from_kbps(960));
        // 2.4 Mbit/s are 4 ms a packet, of which one more leaves at once.
        assert_eq!(send(&mut pacer, begin, 11), ms(36));
    }

    #[test]
    fn after_a_burst_the_next_to_leave_is_a_burst_too() {
        // 10 Mbit/s: five packets take 4.8 ms.
        assert_eq!(runs(4_000, 21), [6, 5, 5, 5]);
        assert_eq!(runs(8_000, 41), [11, 10, 10, 10]);
    }

    #[test]
    fn at_low_rates_packets_leave_one_by_one_after_the_first_burst() {
        assert_eq!(runs(600, 6), [2, 1, 1, 1, 1]);
    }

    #[test]
    fn where_a_path_was_lately_full_a_picture_leaves_as_fast_as_it_came_through_then() {
        let begin = start();
        let target = Bitrate::from_kbps(960);
        let mut pacer = Pacer::new(begin, target);
        pacer.set_target(begin, target, Some(Bitrate::from_kbps(1_200)));
        // 8 ms a packet, of which one more leaves at once.
        assert_eq!(send(&mut pacer, begin, 11), ms(72));
        // The target itself may be what the path takes but for a little.
        pacer.set_target(begin, target, Some(Bitrate::from_kbps(1_000)));
        assert_eq!(pacer.rate(begin), Bitrate::from_kbps(1_000));
        // More than a target's worth always leaves: what is believed of the path now counts more.
        pacer.set_target(begin, target, Some(Bitrate::from_kbps(100)));
        assert!(pacer.rate(begin) > target);
    }

    #[test]
    fn a_small_picture_leaves_at_once_at_any_rate() {
        let begin = start();
        let mut pacer = Pacer::new(begin, Bitrate::from_kbps(150));
        assert_eq!(send(&mut pacer, begin, 2), Duration::ZERO);
        assert!(pacer.wait(begin).is_some());
    }

    #[test]
    fn audio_is_accounted_for_and_holds_up_video_for_half_a_second_at_most() {
        let begin = start();
        let mut pacer = Pacer::new(begin, Bitrate::from_kbps(30));
        for _ in 0..100 {
            pacer.note_sent(begin, 200);
        }
        assert!(pacer.wait(begin).is_some_and(|at| at <= begin + MOST_DEBT));
    }

    #[test]
    fn a_long_queue_leaves_within_a_second() {
        let begin = start();
        let mut pacer = Pacer::new(begin, Bitrate::from_kbps(100));
        pacer.set_queued(120_000);
        let took = send(&mut pacer, begin, 100);
        assert!(took <= ms(1_000) && took > ms(900), "{took:?}");
    }

    #[test]
    fn on_a_path_that_is_about_to_overflow_pictures_wait_here_for_a_second() {
        let begin = start();
        let mut pacer = Pacer::new(begin, Bitrate::from_kbps(960));
        pacer.set_queued(1_000_000);
        pacer.note_clogged(begin);
        let gently = send(&mut pacer, begin, 11);
        assert!((ms(70)..ms(90)).contains(&gently), "{gently:?}");
        let later = begin + UNCLOGGED_AFTER;
        assert!(send(&mut pacer, later, 11) < ms(20));
    }

    #[test]
    fn a_new_target_changes_what_is_waited_for() {
        let begin = start();
        let mut pacer = Pacer::new(begin, Bitrate::from_kbps(480));
        for _ in 0..10 {
            pacer.note_sent(begin, 1_200);
        }
        let before = pacer.wait(begin).unwrap() - begin;
        pacer.set_target(begin, Bitrate::from_kbps(4_800), None);
        let after = pacer.wait(begin).unwrap() - begin;
        assert!(after < before / 8, "{before:?} {after:?}");
    }

    #[test]
    fn padding_is_due_when_less_than_its_rate_is_sent() {
        let begin = start();
        let mut pacer = Pacer::new(begin, Bitrate::from_kbps(1_000));
        assert_eq!(pacer.padding_due(), None);
        pacer.set_padding(begin, Bitrate::from_kbps(960));
        pacer.note_sent(begin, 1_200);
        assert_eq!(pacer.padding_due(), Some(begin + ms(10)));
        pacer.note_sent(begin, 1_200);
        assert_eq!(pacer.padding_due(), Some(begin + ms(20)));
        // What was not used is not made up for.
        pacer.note_sent(begin + ms(500), 1_200);
        assert_eq!(pacer.padding_due(), Some(begin + ms(510)));
    }
}
