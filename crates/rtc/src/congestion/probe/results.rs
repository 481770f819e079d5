//! How fast a probe came through.

use std::time::Duration;

use super::counts::SHOWS_WITHIN;
use super::{Cluster, ClusterId};
use crate::congestion::Bitrate;
use crate::congestion::feedback::{Outcome, PacketResult};
use crate::congestion::moment::Moment;

/// Of a probe's packets and bytes, what has to arrive, in hundredths.
const ENOUGH_PER_CENT: u64 = 80;

/// The history keeps times to the microsecond: a packet may seem to have left so long before it did.
const RESOLUTION: Duration = Duration::from_micros(1);

/// Longer bursts are none.
const LONGEST_US: i64 = 1_000_000;

/// A probe that arrives more than this much faster than it was sent was held up and let go.
const MOST_FASTER: f64 = 2.0;

/// A probe that arrives slower than this part of its rate has met the path's capacity, of which this
/// part is then taken so as not to fill its queue.
const UNSATURATED: f64 = 0.9;
const UTILIZATION: f64 = 0.95;

/// A probe that shows less than what comes through, less this much, is mistaken.
const DOUBTED_BELOW: f64 = 0.85;

/// Probes whose results can come in at the same time.
const MOST: usize = 4;

/// What has arrived of a probe.
#[derive(Clone, Copy, Debug)]
struct Arrived {
    cluster: Cluster,
    asked: Moment,
    packets: u64,
    bytes: u64,
    sent: Option<Ends<Moment>>,
    received_us: Option<Ends<i64>>,
    /// It has shown a rate.
    measured: bool,
    /// It was counted by what it showed, or for having shown nothing in time.
    counted: bool,
}

/// The first and the last of something, and the bytes that do not count for its rate: of what was
/// sent the last packet's, of what was received the first one's.
#[derive(Clone, Copy, Debug)]
struct Ends<T> {
    first: T,
    last: T,
    bytes: u64,
}

/// What the packets of a probe showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::congestion) struct Measured {
    pub(in crate::congestion) rate: Bitrate,
    /// It came through slower than it was sent: at this rate, which is all that the path takes.
    pub(in crate::congestion) saturated_at: Option<Bitrate>,
    /// The first result of its probe.
    pub(in crate::congestion) is_first: bool,
    /// The probe was not counted before, neither for this nor as unanswered.
    pub(in crate::congestion) is_in_time: bool,
}

impl Measured {
    /// What to believe where the application limits what is sent: a probe is the best that is known of
    /// the path, but for what comes through anyway.
    pub(in crate::congestion) fn alone(
        self,
        rate: Bitrate,
        throughput: Option<Bitrate>,
    ) -> Bitrate {
        self.rate.max(throughput.unwrap_or_default().scaled(DOUBTED_BELOW).min(rate))
    }

    /// What to believe where the flow fills its rate. Less than that is no news: a burst suffers from a
    /// shaky path, and if the path is too slow, the flow itself shows it. And where the path was full
    /// before, what comes through of more than it takes is taken from others on it.
    pub(in crate::congestion) fn beside_flow(
        self,
        rate: Bitrate,
        is_careful: bool,
    ) -> Option<Bitrate> {
        let is_taken = self.saturated_at.is_some() && is_careful;
        Some(self.rate).filter(|&probed| probed > rate && !is_taken)
    }
}

/// The probes whose results may come in.
#[derive(Clone, Debug, Default)]
pub(in crate::congestion) struct ProbeResults {
    probes: [Option<Arrived>; MOST],
    next: usize,
    /// Those that showed nothing.
    unanswered: u32,
}

impl ProbeResults {
    /// A probe is going to be sent; the oldest is forgotten.
    pub(in crate::congestion) fn expect(&mut self, now: Moment, cluster: Cluster) {
        if let Some(place) = self.probes.get_mut(self.next % MOST) {
            self.unanswered += u32::from(place.is_some_and(|forgotten| !forgotten.counted));
            *place = Some(Arrived {
                cluster,
                asked: now,
                packets: 0,
                bytes: 0,
                sent: None,
                received_us: None,
                measured: false,
                counted: false,
            });
        }
        self.next = self.next.wrapping_add(1);
    }

    /// Takes note of a packet; gives the rate when enough of its probe has arrived.
    pub(in crate::congestion) fn note(&mut self, result: &PacketResult) -> Option<Measured> {
        let (id, Outcome::Arrived { at_us }) = (result.packet.cluster?, result.outcome) else {
            return None;
        };
        let probe = self.probe(id, result.packet.sent)?;
        probe.add(result.packet.sent, at_us, u64::from(result.packet.bytes));
        let (rate, saturated_at) = probe.rate()?;
        let is_first = !std::mem::replace(&mut probe.measured, true);
        let is_in_time = !std::mem::replace(&mut probe.counted, true);
        Some(Measured { rate, saturated_at, is_first, is_in_time })
    }

    /// How many have shown nothing in time since this was last called.
    pub(in crate::congestion) fn take_unanswered(&mut self, now: Moment) -> u32 {
        for probe in self.probes.iter_mut().flatten() {
            if now.saturating_duration_since(probe.asked) >= SHOWS_WITHIN {
                self.unanswered += u32::from(!std::mem::replace(&mut probe.counted, true));
            }
        }
        std::mem::take(&mut self.unanswered)
    }

    /// Ids come round again: the probe of a packet is not one that was asked for after it was sent.
    fn probe(&mut self, id: ClusterId, sent: Moment) -> Option<&mut Arrived> {
        let all = self.probes.iter_mut().flatten();
        all.into_iter().find(|probe| probe.cluster.id == id && probe.asked <= sent + RESOLUTION)
    }
}

impl Arrived {
    fn add(&mut self, sent: Moment, at_us: i64, bytes: u64) {
        self.packets += 1;
        self.bytes += bytes;
        let times = self.sent.get_or_insert(Ends { first: sent, last: sent, bytes });
        times.first = times.first.min(sent);
        if sent > times.last {
            *times = Ends { last: sent, bytes, ..*times };
        }
        let times = self.received_us.get_or_insert(Ends { first: at_us, last: at_us, bytes });
        times.last = times.last.max(at_us);
        if at_us < times.first {
            *times = Ends { first: at_us, bytes, ..*times };
        }
    }

    /// What to send after it, and what came through where that was all that could.
    fn rate(&self) -> Option<(Bitrate, Option<Bitrate>)> {
        let has_enough = |arrived: u64, asked: u64| arrived * 100 >= asked * ENOUGH_PER_CENT;
        let enough = has_enough(self.packets, u64::from(self.cluster.min_packets))
            && has_enough(self.bytes, u64::from(self.cluster.min_bytes));
        let (sent, received_us) = (self.sent?, self.received_us?);
        let sent_us = sent.last.saturating_duration_since(sent.first).as_micros() as i64;
        let received_for_us = received_us.last.saturating_sub(received_us.first);
        if !enough || sent_us > LONGEST_US || received_for_us > LONGEST_US {
            return None;
        }
        let rate = |bytes: u64, us: i64| {
            Bitrate::of(self.bytes.saturating_sub(bytes), Duration::from_micros(us.max(0) as u64))
        };
        let send_rate = rate(sent.bytes, sent_us)?;
        let receive_rate = rate(received_us.bytes, received_for_us)?;
        if receive_rate > send_rate.scaled(MOST_FASTER) {
            return None;
        }
        let is_saturated = receive_rate < send_rate.scaled(UNSATURATED);
        Some(match is_saturated {
            true => (receive_rate.scaled(UTILIZATION), Some(receive_rate)),
            false => (send_rate.min(receive_rate), None),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::congestion::history::{Acknowledged, History};
    use crate::congestion::probe::prober::Prober;

    fn start() -> Moment {
        Moment::after(Duration::from_secs(1_000))
    }

    /// The rate of the last result of a probe at 1.2 Mbit/s whose ten packets of 750 bytes leave 5 ms apart and
    /// arrive this far apart; `None` for the lost.
    fn measured(gaps_us: [Option<i64>; 10]) -> Option<Bitrate> {
        result(gaps_us).map(|measured| measured.rate)
    }

    fn result(gaps_us: [Option<i64>; 10]) -> Option<Measured> {
        let begin = start();
        let mut results = ProbeResults::default();
        let cluster =
            Prober::new().ask(begin, Bitrate::from_kbps(1_200), Duration::from_millis(15)).unwrap();
        results.expect(begin, cluster);
        let (mut last, mut at_us) = (None, 0);
        for (n, gap) in (0..).zip(gaps_us) {
            at_us += gap.unwrap_or(0);
            let packet = Acknowledged {
                sequence: n,
                sent: begin + Duration::from_millis(5 * n),
                bytes: 750,
                cluster: Some(cluster.id),
                was_lost: false,
            };
            let outcome = gap.map_or(Outcome::Lost, |_| Outcome::Arrived { at_us });
            last = results.note(&PacketResult { packet, outcome }).or(last);
        }
        last
    }

    #[test]
    fn a_path_that_takes_it_shows_the_rate_it_was_sent_at() {
        assert_eq!(measured([Some(5_000); 10]), Some(Bitrate::from_kbps(1_200)));
    }

    #[test]
    fn a_path_that_does_not_shows_a_little_less_than_its_capacity() {
        let slow = result([Some(10_000); 10]).unwrap();
        assert_eq!(slow.rate, Bitrate::from_kbps(570));
        assert_eq!(slow.saturated_at, Some(Bitrate::from_kbps(600)));
    }

    #[test]
    fn what_arrives_faster_than_it_can_have_been_sent_shows_nothing() {
        assert_eq!(measured([Some(1_000); 10]), None);
        assert_eq!(measured([Some(0); 10]), None);
        assert_eq!(measured([Some(400_000); 10]), None);
    }

    #[test]
    fn a_probe_of_which_too_little_arrives_shows_nothing() {
        let mut gaps = [None; 10];
        gaps[..3].fill(Some(5_000));
        assert_eq!(measured(gaps), None);
    }

    #[test]
    fn a_probe_is_the_best_that_is_known_only_where_nothing_else_is_sent() {
        let kbps = Bitrate::from_kbps;
        let of = |rate, is_saturated: bool| Measured {
            rate: kbps(rate),
            saturated_at: is_saturated.then_some(kbps(rate)),
            is_first: true,
            is_in_time: true,
        };
        assert_eq!(of(400, true).alone(kbps(900), Some(kbps(100))), kbps(400));
        assert_eq!(of(400, true).alone(kbps(900), Some(kbps(800))), kbps(680));
        assert_eq!(of(400, false).beside_flow(kbps(900), false), None);
        assert_eq!(of(1_200, true).beside_flow(kbps(900), false), Some(kbps(1_200)));
        assert_eq!(of(1_200, true).beside_flow(kbps(900), true), None);
        assert_eq!(of(1_200, false).beside_flow(kbps(900), true), Some(kbps(1_200)));
    }

    #[test]
    fn a_probe_that_was_counted_as_unanswered_shows_its_rate_all_the_same() {
        let begin = start();
        let mut results = ProbeResults::default();
        let cluster =
            Prober::new().ask(begin, Bitrate::from_kbps(1_200), Duration::from_millis(15)).unwrap();
        results.expect(begin, cluster);
        assert_eq!(results.take_unanswered(begin + SHOWS_WITHIN), 1);
        let mut found = None;
        for n in 0..10 {
            let packet = Acknowledged {
                sequence: n,
                sent: begin + Duration::from_millis(5 * n),
                bytes: 750,
                cluster: Some(cluster.id),
                was_lost: false,
            };
            let outcome = Outcome::Arrived { at_us: 1_500_000 + 5_000 * n as i64 };
            found = found.or(results.note(&PacketResult { packet, outcome }));
        }
        assert!(found.is_some_and(|found| found.is_first && !found.is_in_time), "{found:?}");
        assert_eq!(results.take_unanswered(begin + 2 * SHOWS_WITHIN), 0);
    }

    #[test]
    fn a_probe_counts_from_its_first_packet_though_that_leaves_the_moment_it_is_asked_for() {
        let (begin, mut results) = (start(), ProbeResults::default());
        let (mut history, asked) = (History::new(), begin + Duration::from_nanos(1_999));
        let cluster =
            Prober::new().ask(asked, Bitrate::from_kbps(1_200), Duration::from_millis(15)).unwrap();
        results.expect(asked, cluster);
        history.note_sent(asked, 1, 750, Some(cluster.id));
        let packet = history.note_fate(1, true).unwrap();
        assert!(packet.sent < asked, "times are kept to the microsecond");
        assert!(results.probe(cluster.id, packet.sent).is_some());
        assert!(results.probe(cluster.id, begin - RESOLUTION).is_none());
    }

    #[test]
    fn packets_of_no_probe_are_passed_over() {
        let packet =
            Acknowledged { sequence: 1, sent: start(), bytes: 100, cluster: None, was_lost: false };
        let result = PacketResult { packet, outcome: Outcome::Arrived { at_us: 1 } };
        assert_eq!(ProbeResults::default().note(&result), None);
    }
}
