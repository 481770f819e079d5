//! Which packet of which probe is due when.

use std::time::Duration;

use super::{Cluster, ClusterId};
use crate::congestion::Bitrate;
use crate::congestion::moment::Moment;

/// Packets that are due within this time leave together: a sender cannot wake more often.
const TOGETHER_US: u128 = 2_000;

/// A probe that is this late is given up: its rate would be another one.
const TOO_LATE: Duration = Duration::from_millis(20);

/// A probe that nothing was sent of for so long is given up: nobody has anything to send.
const UNANSWERED: Duration = Duration::from_secs(1);

/// A packet that was asked for and did not come is asked for again so late: nobody spins for it.
const OFFERED_AGAIN: Duration = Duration::from_millis(5);

/// Probes that wait; the two of a start, and one more.
const MOST_WAITING: usize = 3;

/// One probe that is to be sent.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    cluster: Cluster,
    asked: Moment,
}

/// How far the first of the waiting probes is.
#[derive(Clone, Copy, Debug)]
struct Progress {
    started: Moment,
    bytes: u64,
    packets: u32,
}

/// The probes that are to be sent, one after the other.
#[derive(Clone, Debug)]
pub(in crate::congestion) struct Prober {
    waiting: [Option<Waiting>; MOST_WAITING],
    progress: Option<Progress>,
    /// A packet was asked for then, and none has been sent since.
    offered: Option<Moment>,
    next_id: ClusterId,
}

impl Prober {
    pub(in crate::congestion) fn new() -> Prober {
        Prober {
            waiting: [None; MOST_WAITING],
            progress: None,
            offered: None,
            next_id: ClusterId::FIRST,
        }
    }

    #[inline]
    pub(in crate::congestion) fn touch(&self) -> u64 {
        u64::from(self.progress.is_some()) ^ u64::from(self.waiting[0].is_some()) << 1
    }

    /// Asks for a probe; gives it, or `None` when too many are waiting.
    pub(in crate::congestion) fn ask(
        &mut self,
        now: Moment,
        rate: Bitrate,
        length: Duration,
    ) -> Option<Cluster> {
        let place = self.waiting.iter_mut().find(|place| place.is_none())?;
        let cluster = Cluster::new(self.next_id, rate, length);
        *place = Some(Waiting { cluster, asked: now });
        self.next_id = self.next_id.next();
        Some(cluster)
    }

    /// The probe of which a packet is due at `now`.
    pub(in crate::congestion) fn due(&mut self, now: Moment) -> Option<Cluster> {
        loop {
            let waiting = self.waiting[0]?;
            let at = self.next_packet(&waiting);
            let given_up = match self.progress {
                None => now.saturating_duration_since(at) > UNANSWERED,
                Some(_) => now.saturating_duration_since(at) > TOO_LATE,
            };
            if !given_up {
                if at > now {
                    return None;
                }
                self.offered = Some(now);
                return Some(waiting.cluster);
            }
            self.drop_first();
        }
    }

    /// When to ask [`Prober::due`].
    #[inline]
    pub(in crate::congestion) fn deadline(&self) -> Option<Moment> {
        let at = self.next_packet(self.waiting[0].as_ref()?);
        Some(self.offered.map_or(at, |offered| at.max(offered + OFFERED_AGAIN)))
    }

    /// Until when a probe that has begun is not to be disturbed; `None` when there is none, or when it
    /// was left alone for so long that it will be given up.
    pub(in crate::congestion) fn undisturbed_until(&self, now: Moment) -> Option<Moment> {
        self.progress?;
        let at = self.next_packet(self.waiting[0].as_ref()?);
        (now.saturating_duration_since(at) <= TOO_LATE).then_some(at)
    }

    fn next_packet(&self, waiting: &Waiting) -> Moment {
        let Some(progress) = self.progress else { return waiting.asked };
        let passed_us = waiting.cluster.rate.time_for(progress.bytes).as_micros();
        let step_us = passed_us - passed_us % TOGETHER_US;
        progress.started + Duration::from_micros(step_us as u64)
    }

    /// Takes note of a packet that was sent for a probe.
    pub(in crate::congestion) fn note_sent(&mut self, now: Moment, id: ClusterId, bytes: usize) {
        let Some(waiting) = self.waiting[0].filter(|waiting| waiting.cluster.id == id) else {
            return;
        };
        let progress = self.progress.get_or_insert(Progress { started: now, bytes: 0, packets: 0 });
        self.offered = None;
        progress.bytes += bytes as u64;
        progress.packets += 1;
        let cluster = waiting.cluster;
        let is_complete = progress.bytes >= u64::from(cluster.min_bytes)
            && progress.packets >= u32::from(cluster.min_packets);
        if is_complete {
            self.drop_first();
            // The next begins when it is due, not when it was asked for.
            if let Some(next) = &mut self.waiting[0] {
                next.asked = now + cluster.rate.time_for(bytes as u64);
            }
        }
    }

    /// Gives up all that wait.
    pub(in crate::congestion) fn clear(&mut self) {
        self.waiting = [None; MOST_WAITING];
        self.progress = None;
        self.offered = None;
    }

    fn drop_first(&mut self) {
        self.waiting.rotate_left(1);
        self.waiting[MOST_WAITING - 1] = None;
        self.progress = None;
        self.offered = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Moment {
        Moment::after(Duration::from_secs(1_000))
    }

    const SHORT: Duration = Duration::from_millis(15);

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Sends what is due until nothing is asked for; says when, and with how much, each probe was sent.
    fn send_all(prober: &mut Prober, begin: Moment) -> Vec<(ClusterId, Duration, usize)> {
        let mut sent = Vec::new();
        while let Some(at) = prober.deadline() {
            while let Some(cluster) = prober.due(at) {
                let bytes = usize::from(cluster.padding_bytes());
                prober.note_sent(at, cluster.id, bytes);
                sent.push((cluster.id, at - begin, bytes));
            }
        }
        sent
    }

    #[test]
    fn a_probe_leaves_at_its_rate() {
        let begin = start();
        let mut prober = Prober::new();
        prober.ask(begin, Bitrate::from_kbps(6_400), SHORT).unwrap();
        let sent = send_all(&mut prober, begin);
        let bytes: usize = sent.iter().map(|&(_, _, bytes)| bytes).sum();
        assert_eq!(bytes, 12_000);
        // Of 15 ms, the last packet leaves 1.5 ms before the end, with those of its two.
        assert_eq!(sent.last().unwrap().1, ms(12));
        assert!(sent.len() >= 5);
    }

    #[test]
    fn two_probes_leave_one_behind_the_other() {
        let begin = start();
        let mut prober = Prober::new();
        let first = prober.ask(begin, Bitrate::from_kbps(900), SHORT).unwrap();
        let second = prober.ask(begin, Bitrate::from_kbps(1_800), SHORT).unwrap();
        assert_ne!(first.id, second.id);
        let sent = send_all(&mut prober, begin);
        let of = |id| sent.iter().filter(move |packet| packet.0 == id).map(|packet| packet.1);
        assert!(of(first.id).max() <= of(second.id).min());
        assert_eq!(of(second.id).count(), 5);
    }

    #[test]
    fn a_probe_that_is_too_late_is_given_up() {
        let begin = start();
        let mut prober = Prober::new();
        let cluster = prober.ask(begin, Bitrate::from_kbps(1_000), SHORT).unwrap();
        prober.note_sent(begin, cluster.id, 500);
        assert_eq!(prober.undisturbed_until(begin), Some(begin + ms(4)));
        assert_eq!(prober.undisturbed_until(begin + ms(60)), None);
        assert_eq!(prober.due(begin + ms(60)), None);
        assert_eq!(prober.deadline(), None);
    }

    #[test]
    fn a_probe_that_nobody_sends_is_given_up_after_a_second() {
        let begin = start();
        let mut prober = Prober::new();
        prober.ask(begin, Bitrate::from_kbps(1_000), SHORT).unwrap();
        assert!(prober.due(begin + ms(900)).is_some());
        assert_eq!(prober.deadline(), Some(begin + ms(905)));
        assert_eq!(prober.due(begin + ms(1_100)), None);
    }

    #[test]
    fn only_so_many_wait() {
        let begin = start();
        let mut prober = Prober::new();
        let asked = (0..9).filter(|_| prober.ask(begin, Bitrate::from_kbps(900), SHORT).is_some());
        assert_eq!(asked.count(), MOST_WAITING);
    }
}
