//! Stories about telling a sender when its packets arrived.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parlor_rtc::fuzzing;
use parlor_rtc::receive::{LONGEST_INTERVAL, SHORTEST_INTERVAL, TransportArrivals};
use parlor_rtc::rtcp::{self, CompoundWriter, NoRoom, Rtcp, TICK};
use parlor_rtc::rtp::Ssrc;
use proptest::prelude::*;

use super::{ms, start};

/// Everything that is told at `now`: number and time of arrival in ticks, by feedback.
fn told(arrivals: &mut TransportArrivals, now: Instant) -> Vec<Vec<(u16, Option<i64>)>> {
    let mut feedbacks = Vec::new();
    while arrivals.deadline().is_some_and(|at| at <= now) {
        let mut buffer = [0; 1200];
        let mut writer = CompoundWriter::new(&mut buffer);
        arrivals.write(now, Ssrc(1), Ssrc(2), &mut writer).unwrap();
        let len = writer.len();
        let Some(Rtcp::TransportFeedback(feedback)) = rtcp::parse(&buffer[..len]).next() else {
            panic!("no feedback");
        };
        feedbacks.push(feedback.statuses().collect());
    }
    feedbacks
}

fn ticks(time: Duration) -> Option<i64> {
    Some((time.as_micros() / TICK.as_micros()) as i64)
}

#[test]
fn arrivals_and_losses_are_told_within_100_ms() {
    let begin = start();
    let mut arrivals = TransportArrivals::default();
    assert_eq!(arrivals.deadline(), None);
    let times = [(65_534, ms(0)), (65_535, ms(1)), (1, ms(20)), (2, ms(90))];
    for (sequence, time) in times {
        arrivals.handle_packet(begin + time, sequence);
    }
    assert_eq!(arrivals.deadline(), Some(begin + LONGEST_INTERVAL));
    assert!(told(&mut arrivals, begin + ms(99)).is_empty());
    let told = told(&mut arrivals, begin + ms(100));
    let expected = [
        (65_534, ticks(ms(0))),
        (65_535, ticks(ms(1))),
        (0, None),
        (1, ticks(ms(20))),
        (2, ticks(ms(90))),
    ];
    assert_eq!(told, [expected]);
    assert_eq!(arrivals.deadline(), None);
}

#[test]
fn losses_that_are_hidden_are_not_told_and_arrivals_are() {
    let begin = start();
    let mut arrivals = TransportArrivals::default();
    arrivals.hide_losses(true);
    for sequence in [10, 11, 15, 20, 21] {
        arrivals.handle_packet(begin, sequence);
    }
    let told = told(&mut arrivals, begin + LONGEST_INTERVAL);
    let runs: Vec<Vec<u16>> =
        told.iter().map(|feedback| feedback.iter().map(|(number, _)| *number).collect()).collect();
    assert_eq!(runs, [vec![10, 11], vec![15], vec![20, 21]]);
    assert!(told.iter().flatten().all(|(_, arrival)| arrival.is_some()));
    assert_eq!(arrivals.deadline(), None);
}

#[test]
fn a_busy_connection_is_told_every_50_ms() {
    let begin = start();
    let mut arrivals = TransportArrivals::default();
    for sequence in 0..40 {
        arrivals.handle_packet(begin + ms(u64::from(sequence)), sequence);
    }
    assert_eq!(arrivals.deadline(), Some(begin + SHORTEST_INTERVAL));
}

#[test]
fn a_flood_is_told_at_once_in_as_many_feedbacks_as_it_takes() {
    let begin = start();
    let mut arrivals = TransportArrivals::default();
    // Every other one is lost, so 800 numbers pass for 400 arrivals.
    for n in 0..400_u16 {
        arrivals.handle_packet(begin, n * 2);
    }
    let told = told(&mut arrivals, begin);
    assert_eq!(told.len(), 2);
    let statuses: Vec<_> = told.concat();
    assert_eq!(statuses.len(), 799);
    assert!(statuses.iter().all(|&(n, arrival)| arrival.is_some() == (n % 2 == 0)));
}

#[test]
fn a_late_packet_corrects_what_was_told() {
    let begin = start();
    let mut arrivals = TransportArrivals::default();
    arrivals.handle_packet(begin, 1);
    arrivals.handle_packet(begin, 3);
    let now = begin + ms(100);
    assert_eq!(told(&mut arrivals, now), [[(1, Some(0)), (2, None), (3, Some(0))]]);
    arrivals.handle_packet(now, 2);
    let corrected = told(&mut arrivals, now + ms(100));
    assert_eq!(corrected, [[(2, ticks(ms(100))), (3, Some(0))]]);
}

#[test]
fn of_a_duplicate_the_first_arrival_counts_and_is_told_once() {
    let begin = start();
    let mut arrivals = TransportArrivals::default();
    for (sequence, time) in [(1, ms(0)), (2, ms(10)), (2, ms(30))] {
        arrivals.handle_packet(begin + time, sequence);
    }
    let first = told(&mut arrivals, begin + ms(200));
    assert_eq!(first, [[(1, Some(0)), (2, ticks(ms(10)))]]);
    arrivals.handle_packet(begin + ms(210), 1);
    assert_eq!(arrivals.deadline(), None);
}

#[test]
fn a_pause_too_long_for_one_feedback_takes_two() {
    let begin = start();
    let mut arrivals = TransportArrivals::default();
    arrivals.handle_packet(begin, 1);
    arrivals.handle_packet(begin + Duration::from_secs(30), 2);
    let told = told(&mut arrivals, begin + Duration::from_secs(31));
    assert_eq!(told, [[(1, Some(0))], [(2, ticks(Duration::from_secs(30)))]]);
}

#[test]
fn what_found_no_room_is_told_later() {
    let begin = start();
    let mut arrivals = TransportArrivals::default();
    arrivals.handle_packet(begin, 1);
    let now = begin + ms(100);
    let mut buffer = [0; 8];
    let mut writer = CompoundWriter::new(&mut buffer);
    assert_eq!(arrivals.write(now, Ssrc(1), Ssrc(2), &mut writer), Err(NoRoom));
    assert_eq!(told(&mut arrivals, now).len(), 1);
}

#[test]
fn a_packet_far_behind_is_not_told() {
    let begin = start();
    let mut arrivals = TransportArrivals::default();
    arrivals.handle_packet(begin, 1_000);
    told(&mut arrivals, begin + ms(100));
    arrivals.handle_packet(begin + ms(110), 400);
    assert_eq!(arrivals.deadline(), None);
}

#[test]
fn numbers_that_jump_are_followed() {
    let begin = start();
    let mut arrivals = TransportArrivals::default();
    arrivals.handle_packet(begin, 1);
    arrivals.handle_packet(begin, 30_000);
    let told = told(&mut arrivals, begin + ms(100));
    assert_eq!(told.concat().last(), Some(&(30_000, Some(0))));
    assert!(told.concat().len() <= 1_024);
}

proptest! {
    #[test]
    fn any_arrivals_make_good_feedback(data in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzzing::transport_feedback(&data);
    }

    /// A path that loses, reorders and duplicates, across a wrap of the sequence number.
    #[test]
    fn every_arrival_is_told_with_its_time(
        first: u16,
        steps in prop::collection::vec((0_u64..40, 0_u64..10, 0_u64..20_000), 1..400),
    ) {
        let begin = start();
        let mut arrivals = TransportArrivals::default();
        let mut first_arrival = None;
        let (mut now, mut number) = (begin, u64::from(first));
        let mut truth: BTreeMap<u16, i64> = BTreeMap::new();
        let mut seen: BTreeMap<u16, i64> = BTreeMap::new();
        for (skip, back, wait) in steps {
            now += Duration::from_micros(wait);
            number += skip;
            let sequence = number.saturating_sub(back) as u16;
            arrivals.handle_packet(now, sequence);
            let since = now - *first_arrival.get_or_insert(now);
            truth.entry(sequence).or_insert(ticks(since).unwrap());
            let now_told = told(&mut arrivals, now).concat();
            seen.extend(now_told.into_iter().filter_map(|(n, at)| Some((n, at?))));
        }
        let rest = told(&mut arrivals, now + ms(200)).concat();
        seen.extend(rest.into_iter().filter_map(|(n, at)| Some((n, at?))));
        prop_assert_eq!(seen, truth);
    }
}
