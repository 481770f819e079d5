//! Packets that left together, and how far apart such groups left and arrived.

use std::time::Duration;

use crate::congestion::moment::Moment;

/// Packets sent within this time are one group: a pacer's burst.
const GROUP: Duration = Duration::from_millis(5);

/// Packets that arrive this soon after the last, and sooner than they were sent after it, belong to
/// its group too: something on the path held them up and let them go together.
const BURST_GAP_US: i64 = 5_000;

/// How long such a burst can be.
const LONGEST_BURST_US: i64 = 100_000;

/// When the receiver's clock runs ahead of ours this far between two groups, it was set.
const CLOCK_JUMP_US: i64 = 3_000_000;

/// After so many groups in a row that arrived before the group sent before them, all starts anew.
const REORDERED_GROUPS: u32 = 3;

/// Time between two groups, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Deltas {
    pub(super) sent_ms: f64,
    pub(super) arrived_ms: f64,
}

/// Packets that left together.
#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent: Moment,
    last_sent: Moment,
    first_arrival_us: i64,
    last_arrival_us: i64,
    /// When we learnt of the last packet.
    told: Moment,
}

/// A packet's times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    pub(super) sent: Moment,
    pub(super) arrived_us: i64,
    /// When feedback told us.
    pub(super) told: Moment,
}

impl Group {
    fn of(packet: Timing) -> Group {
        Group {
            first_sent: packet.sent,
            last_sent: packet.sent,
            first_arrival_us: packet.arrived_us,
            last_arrival_us: packet.arrived_us,
            told: packet.told,
        }
    }

    fn add(&mut self, packet: Timing) {
        self.last_sent = self.last_sent.max(packet.sent);
        self.last_arrival_us = packet.arrived_us;
        self.told = packet.told;
    }

    /// Whether a packet that was not sent before this group belongs to it.
    fn holds(&self, packet: Timing) -> bool {
        self.is_burst(packet) || packet.sent.saturating_duration_since(self.first_sent) <= GROUP
    }

    fn is_burst(&self, packet: Timing) -> bool {
        let sent_us = signed_us(self.last_sent, packet.sent);
        let arrived_us = packet.arrived_us.saturating_sub(self.last_arrival_us);
        let so_far_us = packet.arrived_us.saturating_sub(self.first_arrival_us);
        sent_us == 0
            || (arrived_us < sent_us && arrived_us <= BURST_GAP_US && so_far_us < LONGEST_BURST_US)
    }
}

/// Microseconds from one instant to another; negative when it is earlier.
fn signed_us(from: Moment, to: Moment) -> i64 {
    let us = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    us(to.saturating_duration_since(from)) - us(from.saturating_duration_since(to))
}

/// Groups packets and compares each group with the one before.
#[derive(Clone, Debug, Default)]
pub(super) struct InterArrival {
    current: Option<Group>,
    previous: Option<Group>,
    reordered: u32,
}

impl InterArrival {
    /// Takes note of a packet; when it begins a group, compares the two groups before it.
    pub(super) fn note(&mut self, packet: Timing) -> Option<Deltas> {
        let Some(current) = &mut self.current else {
            self.current = Some(Group::of(packet));
            return None;
        };
        if packet.sent < current.first_sent {
            return None;
        }
        if current.holds(packet) {
            current.add(packet);
            return None;
        }
        let complete = *current;
        let deltas = match self.previous {
            None => None,
            Some(previous) => Some(self.compare(&previous, &complete)?),
        };
        self.previous = Some(complete);
        self.current = Some(Group::of(packet));
        deltas
    }

    /// What lies between two groups; `None` when they cannot be compared.
    fn compare(&mut self, previous: &Group, complete: &Group) -> Option<Deltas> {
        let arrived_us = complete.last_arrival_us.saturating_sub(previous.last_arrival_us);
        let told_us = signed_us(previous.told, complete.told);
        if arrived_us.saturating_sub(told_us) >= CLOCK_JUMP_US {
            *self = InterArrival::default();
            return None;
        }
        if arrived_us < 0 {
            self.reordered += 1;
            if self.reordered >= REORDERED_GROUPS {
                *self = InterArrival::default();
            }
            return None;
        }
        self.reordered = 0;
        let sent_us = signed_us(previous.last_sent, complete.last_sent);
        Some(Deltas { sent_ms: sent_us as f64 / 1e3, arrived_ms: arrived_us as f64 / 1e3 })
    }
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

    /// Notes packets sent and arrived at these milliseconds, each told when it was sent.
    fn deltas(packets: &[(u64, i64)]) -> Vec<(f64, f64)> {
        let begin = start();
        let mut inter_arrival = InterArrival::default();
        let noted = packets.iter().filter_map(|&(sent_ms, arrived_ms)| {
            let sent = begin + ms(sent_ms);
            let timing = Timing { sent, arrived_us: arrived_ms * 1_000, told: sent };
            inter_arrival.note(timing)
        });
        noted.map(|deltas| (deltas.sent_ms, deltas.arrived_ms)).collect()
    }

    #[test]
    fn groups_are_compared_by_their_last_packets() {
        let packets = [(0, 100), (3, 104), (20, 120), (22, 125), (40, 141)];
        assert_eq!(deltas(&packets), [(19.0, 21.0)]);
    }

    #[test]
    fn what_a_path_held_up_and_let_go_together_is_one_group() {
        // The packet of 20 arrives 1 ms behind that of 10: a burst, not a gain of 9 ms.
        let packets = [(0, 100), (10, 150), (20, 151), (40, 180), (60, 200)];
        assert_eq!(deltas(&packets), [(20.0, 51.0), (20.0, 29.0)]);
    }

    #[test]
    fn a_packet_sent_before_its_group_is_passed_over() {
        let packets = [(0, 100), (20, 120), (10, 125), (40, 140), (60, 160)];
        assert_eq!(deltas(&packets), [(20.0, 20.0), (20.0, 20.0)]);
    }

    #[test]
    fn a_clock_that_was_set_starts_anew() {
        let before = [(0, 100), (20, 120), (40, 9_000)];
        let after = [(60, 9_020), (80, 9_040), (100, 9_060), (120, 9_080)];
        // One pair before, one after, and nothing of the 8.9 s between.
        assert_eq!(deltas(&[before.to_vec(), after.to_vec()].concat()), [(20.0, 20.0); 2]);
    }

    #[test]
    fn a_group_that_seems_to_arrive_before_the_one_before_it_is_not_waited_out_for_long() {
        // The second group ends with a packet that arrived before the first group did.
        let packets = [(0, 100), (20, 130), (22, 90), (40, 160), (60, 180), (80, 200)];
        assert_eq!(deltas(&packets), []);
        let longer = [packets.to_vec(), vec![(100, 220), (120, 240), (140, 260)]].concat();
        assert_eq!(deltas(&longer), [(20.0, 20.0)]);
    }
}
