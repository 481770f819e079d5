//! Stories about what a receiver keeps track of.
#![allow(clippy::disallowed_methods, reason = "simulated time begins somewhere")]

use std::time::{Duration, Instant};

use parlor_rtc::receive::{Arrival, StreamReceiver, TransportArrivals, Verdict};
use parlor_rtc::rtcp::{self, CompoundWriter, Rtcp, SenderInfo};
use parlor_rtc::rtp::{NtpTime, Ssrc};

const RTT: Duration = Duration::from_millis(50);
const FIRST: u64 = 70_000;

struct Stream {
    start: Instant,
    receiver: StreamReceiver,
}

impl Stream {
    fn new() -> Stream {
        Stream { start: Instant::now(), receiver: StreamReceiver::new(90_000) }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
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
    assert_eq!(u64::from(report.highest_sequence), FIRST + 99);
    assert_eq!(report.last_sr, 0x5678_9abc);
    assert_eq!(report.delay_since_last_sr, 32_768, "half a second");
    assert_eq!(report.jitter, 0, "every packet came when its timestamp said");
    let next = stream.receiver.report(stream.at(700), Ssrc(7)).expect("packets came");
    assert_eq!((next.fraction_lost, next.cumulative_lost), (0, 10));
}

/// What one feedback says: sequence numbers with the milliseconds since the first arrival.
fn feedback(arrivals: &mut TransportArrivals, now: Instant) -> Vec<(u16, Option<i64>)> {
    let mut bytes = [0; 1500];
    let mut writer = CompoundWriter::new(&mut bytes);
    arrivals.write(now, Ssrc(1), Ssrc(2), &mut writer).expect("there is room");
    let len = writer.len();
    assert!(len <= 1200, "{len} bytes");
    let mut said = Vec::new();
    for packet in rtcp::parse(&bytes[..len]) {
        let Rtcp::TransportFeedback(feedback) = packet else { panic!("{packet:?}") };
        let arrivals = feedback.statuses();
        said.extend(
            arrivals.map(|(sequence, ticks)| (sequence, ticks.map(|ticks| (ticks - 1) / 4))),
        );
    }
    said
}

#[test]
fn feedback_says_when_packets_arrived_and_which_did_not() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut arrivals = TransportArrivals::default();
    assert_eq!(arrivals.deadline(), None);
    for (ms, sequence) in [(0, 65_534), (5, 65_535), (9, 1), (30, 2)] {
        arrivals.handle_packet(at(ms), sequence);
    }
    assert_eq!(arrivals.deadline(), Some(at(50)));
    assert!(feedback(&mut arrivals, at(49)).is_empty());
    let said = feedback(&mut arrivals, at(50));
    assert_eq!(
        said,
        [(65_534, Some(0)), (65_535, Some(5)), (0, None), (1, Some(9)), (2, Some(30))]
    );
    assert_eq!(arrivals.deadline(), None, "a silent connection wakes nobody");
}

#[test]
fn a_gap_between_two_feedbacks_is_reported_and_a_late_packet_corrects_it() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut arrivals = TransportArrivals::default();
    arrivals.handle_packet(at(0), 10);
    feedback(&mut arrivals, at(50));
    arrivals.handle_packet(at(60), 13);
    assert_eq!(feedback(&mut arrivals, at(110)), [(11, None), (12, None), (13, Some(60))]);
    arrivals.handle_packet(at(120), 12);
    assert_eq!(feedback(&mut arrivals, at(170)), [(12, Some(120)), (13, Some(60))]);
}

#[test]
fn much_that_arrived_takes_several_feedbacks_and_a_long_pause_its_own_reference() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut arrivals = TransportArrivals::default();
    for sequence in 0..1200 {
        arrivals.handle_packet(at(u64::from(sequence) / 40), sequence);
    }
    let mut said = Vec::new();
    while arrivals.deadline().is_some() {
        said.extend(feedback(&mut arrivals, at(60)));
    }
    assert_eq!(said.len(), 1200);
    assert!(said.iter().all(|(sequence, time)| *time == Some(i64::from(sequence / 40))));
    arrivals.handle_packet(at(20_000), 1200);
    arrivals.handle_packet(at(20_010), 1201);
    assert_eq!(feedback(&mut arrivals, at(20_050)), [(1200, Some(20_000)), (1201, Some(20_010))]);
}
