//! Stories about what is missing of a stream, asked for again, and reported.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use parlor_rtc::fuzzing;
use parlor_rtc::receive::{Arrival, MAX_REQUESTS, StreamReceiver, Verdict};
use parlor_rtc::rtcp::SenderInfo;
use parlor_rtc::rtp::{NtpTime, Ssrc};
use proptest::prelude::*;

use super::{ms, start};

const RTT: Duration = Duration::from_millis(50);
const FIRST: u64 = 70_000;
const CLOCK_RATE: u32 = 90_000;

struct Stream {
    start: Instant,
    receiver: StreamReceiver,
}

impl Stream {
    fn new() -> Stream {
        Stream { start: start(), receiver: StreamReceiver::new(CLOCK_RATE) }
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + ms(millis)
    }

    fn packet(&mut self, ms: u64, offset: u64) -> Verdict {
        self.receiver.handle_packet(
            self.at(ms),
            FIRST + offset,
            (ms * 90) as u32,
            Arrival::Original,
        )
    }

    fn repaired(&mut self, ms: u64, offset: u64) -> Verdict {
        self.receiver.handle_packet(self.at(ms), FIRST + offset, (ms * 90) as u32, Arrival::Repair)
    }

    fn asked(&mut self, ms: u64) -> Vec<u64> {
        let requests = self.receiver.requests(self.at(ms), RTT);
        let offset = |sequence: &u16| u64::from(sequence.wrapping_sub(FIRST as u16));
        requests.as_slice().iter().map(offset).collect()
    }
}

#[test]
fn what_is_not_sent_in_silence_is_neither_asked_for_nor_reported_as_lost() {
    let mut stream = Stream::new();
    let (mut now, mut sequence) = (0, 0);
    for turn in 0..20 {
        // Words, then comfort noise every 400 ms for three seconds: numbers go on, time leaps.
        let gaps = [20; 40].into_iter().chain([400; 8]);
        for gap in gaps {
            assert_eq!(stream.packet(now, sequence), Verdict::New);
            assert_eq!(stream.receiver.deadline(), None, "turn {turn}");
            assert!(stream.asked(now + gap - 1).is_empty());
            now += gap;
            sequence += 1;
        }
        let report = stream.receiver.report(stream.at(now), Ssrc(1)).unwrap();
        assert_eq!((report.cumulative_lost, report.fraction_lost), (0, 0));
        assert!(report.jitter < CLOCK_RATE / 1_000, "{} ticks of jitter", report.jitter);
    }
}

#[test]
fn a_lost_packet_is_asked_for_and_again_after_one_round_trip() {
    let mut stream = Stream::new();
    stream.packet(0, 0);
    stream.packet(10, 2);
    assert_eq!(stream.receiver.deadline(), Some(stream.at(15)));
    assert_eq!(stream.asked(15), [1]);
    assert!(stream.asked(40).is_empty(), "the answer may still be under way");
    assert_eq!(stream.asked(80), [1]);
}

#[test]
fn a_packet_that_is_only_late_is_not_asked_for() {
    let mut stream = Stream::new();
    stream.packet(0, 0);
    stream.packet(10, 2);
    assert_eq!(stream.packet(12, 1), Verdict::New);
    assert!(stream.asked(15).is_empty());
    assert_eq!(stream.receiver.deadline(), None);
}

#[test]
fn a_packet_that_never_comes_is_given_up_and_that_is_said_once() {
    let mut stream = Stream::new();
    stream.packet(0, 0);
    stream.packet(10, 2);
    let mut tries = 0;
    for ms in 11..1100 {
        tries += stream.asked(ms).len();
    }
    assert!((5..=10).contains(&tries), "{tries} requests");
    assert!(stream.receiver.take_given_up());
    assert!(!stream.receiver.take_given_up());
    assert_eq!(stream.receiver.deadline(), None);
}

#[test]
fn a_jump_is_not_repaired_packet_by_packet() {
    let mut stream = Stream::new();
    stream.packet(0, 0);
    stream.packet(10, 5_000);
    assert!(stream.asked(100).is_empty());
    assert!(stream.receiver.take_given_up());
}

#[test]
fn a_packet_that_comes_twice_is_taken_once() {
    let mut stream = Stream::new();
    assert_eq!(stream.packet(0, 0), Verdict::New);
    assert_eq!(stream.packet(1, 0), Verdict::Duplicate);
    stream.packet(2, 2);
    assert_eq!(stream.repaired(3, 1), Verdict::New);
    assert_eq!(stream.packet(4, 1), Verdict::Duplicate);
    stream.packet(5, 5_000);
    assert_eq!(stream.packet(6, 3), Verdict::TooOld);
}

#[test]
fn a_report_counts_what_did_not_come_by_itself_as_lost() {
    let mut stream = Stream::new();
    for offset in (0..100).filter(|offset| offset % 10 != 5) {
        stream.packet(offset, offset);
    }
    stream.repaired(101, 5);
    let info =
        SenderInfo { ntp: NtpTime(0x1234_5678_9abc_def0), rtp_timestamp: 0, packets: 0, octets: 0 };
    stream.receiver.handle_sender_report(stream.at(110), &info);
    let report = stream.receiver.report(stream.at(610), Ssrc(7)).expect("packets came");
    assert_eq!(report.cumulative_lost, 10);
    assert_eq!(report.fraction_lost, 25, "a tenth of 256");
    assert_eq!(u64::from(report.highest_sequence), FIRST - 65_536 + 99, "no wrap yet");
    assert_eq!(report.last_sr, 0x5678_9abc);
    assert_eq!(report.delay_since_last_sr, 32_768, "half a second");
    assert_eq!(report.jitter, 0, "every packet came when its timestamp said");
    let next = stream.receiver.report(stream.at(700), Ssrc(7)).expect("packets came");
    assert_eq!((next.fraction_lost, next.cumulative_lost), (0, 10));
}

#[test]
fn duplicates_count_against_losses_in_reports() {
    let mut stream = Stream::new();
    for offset in [0, 1, 1, 1] {
        stream.packet(offset, offset);
    }
    let report = stream.receiver.report(stream.at(10), Ssrc(7)).expect("packets came");
    assert_eq!((report.fraction_lost, report.cumulative_lost), (0, -2));
}

#[test]
fn an_original_that_comes_behind_its_repair_was_not_lost() {
    let mut stream = Stream::new();
    stream.packet(0, 0);
    stream.packet(10, 2);
    stream.repaired(60, 1);
    assert_eq!(stream.packet(61, 1), Verdict::Duplicate);
    let report = stream.receiver.report(stream.at(70), Ssrc(7)).expect("packets came");
    assert_eq!(report.cumulative_lost, 0);
}

#[test]
fn a_report_counts_wraps_from_the_first_packet() {
    let mut receiver = StreamReceiver::new(CLOCK_RATE);
    let now = start();
    receiver.handle_packet(now, (3 << 16) - 2, 0, Arrival::Original);
    receiver.handle_packet(now, (3 << 16) + 1, 0, Arrival::Original);
    let report = receiver.report(now, Ssrc(7)).expect("packets came");
    assert_eq!(report.highest_sequence, 0x0001_0001);
    assert_eq!(report.fraction_lost, 128);
}

#[test]
fn jitter_settles_at_the_deviation_of_an_uneven_path() {
    let begin = start();
    let mut receiver = StreamReceiver::new(CLOCK_RATE);
    for n in 0..1_000_u32 {
        let late = ms(if n % 2 == 0 { 0 } else { 4 });
        let now = begin + ms(20) * n + late;
        receiver.handle_packet(now, FIRST + u64::from(n), n * CLOCK_RATE / 50, Arrival::Original);
    }
    let jitter = receiver.report(begin, Ssrc(7)).expect("packets came").jitter;
    assert!(jitter.abs_diff(4 * CLOCK_RATE / 1_000) <= 2, "{jitter}");
}

#[test]
fn a_sender_that_sets_its_rtp_clock_makes_no_jitter() {
    let begin = start();
    let mut receiver = StreamReceiver::new(CLOCK_RATE);
    receiver.handle_packet(begin, FIRST, 0, Arrival::Original);
    receiver.handle_packet(begin + ms(20), FIRST + 1, 0x7000_0000, Arrival::Original);
    assert_eq!(receiver.report(begin, Ssrc(7)).expect("packets came").jitter, 0);
}

#[test]
fn a_wrong_estimate_of_the_round_trip_does_not_end_the_asking() {
    let mut stream = Stream::new();
    stream.packet(0, 0);
    stream.packet(0, 2);
    for (millis, expected) in [(5, 1), (400, 0), (405, 1), (805, 1)] {
        let requests = stream.receiver.requests(stream.at(millis), Duration::MAX);
        assert_eq!(requests.as_slice().len(), expected, "at {millis} ms");
    }
}

#[test]
fn more_than_one_request_can_ask_for_is_due_still() {
    let mut stream = Stream::new();
    stream.packet(0, 0);
    stream.packet(0, 101);
    assert_eq!(stream.asked(5), (1..=MAX_REQUESTS as u64).collect::<Vec<_>>());
    assert_eq!(stream.receiver.deadline(), Some(stream.at(5)));
    assert_eq!(stream.asked(5), (MAX_REQUESTS as u64 + 1..=100).collect::<Vec<_>>());
    assert!(stream.receiver.deadline() > Some(stream.at(5)));
}

#[test]
fn of_a_stream_without_repair_nothing_is_asked_for() {
    let now = start();
    let mut receiver = StreamReceiver::without_repair(48_000);
    receiver.handle_packet(now, FIRST, 0, Arrival::Original);
    receiver.handle_packet(now, FIRST + 9_000, 0, Arrival::Original);
    assert_eq!(receiver.deadline(), None);
    assert!(receiver.requests(now + ms(100), RTT).as_slice().is_empty());
    assert!(!receiver.take_given_up());
}

proptest! {
    /// One packet in five is lost on its way, and so is one answer in five: the rest arrives.
    #[test]
    fn losses_in_both_directions_are_repaired(dice in prop::collection::vec(0_u8..5, 997)) {
        let mut stream = Stream::new();
        let mut dice = dice.iter().cycle();
        let mut lost = || dice.next() == Some(&0);
        let mut missing = BTreeSet::new();
        let mut answers: Vec<(u64, u64)> = Vec::new();
        // Packets come for 3 s, one in 5 ms; what is missing then has 2 s more.
        for millis in (0..5_000).step_by(5) {
            let offset = millis / 5;
            if offset <= 600 {
                if offset % 600 != 0 && lost() {
                    missing.insert(offset);
                } else {
                    stream.packet(millis, offset);
                }
            }
            let (arrived, under_way) = answers.into_iter().partition(|&(at, _)| at <= millis);
            answers = under_way;
            for (_, offset) in arrived {
                missing.remove(&offset);
                prop_assert_eq!(stream.repaired(millis, offset), Verdict::New, "asked twice");
            }
            for offset in stream.asked(millis) {
                prop_assert!(missing.contains(&offset), "{} is not missing", offset);
                if !lost() {
                    answers.push((millis + 50, offset));
                }
            }
        }
        // The chance that all ten tries for one packet fail is one in ten million.
        prop_assert!(missing.is_empty(), "{missing:?}");
        prop_assert!(!stream.receiver.take_given_up());
        prop_assert_eq!(stream.receiver.deadline(), None);
    }

    #[test]
    fn any_packets_in_any_order_are_survived(data in prop::collection::vec(any::<u8>(), 0..600)) {
        fuzzing::receive(&data);
    }
}
