use super::*;
use crate::congestion::history::Acknowledged;

fn start() -> Moment {
    Moment::after(Duration::from_secs(1_000))
}

fn packet(sequence: u64, sent: Moment, lost: bool) -> PacketResult {
    let outcome = if lost { Outcome::Lost } else { Outcome::Arrived { at_us: 0 } };
    let packet = Acknowledged { sequence, sent, bytes: 1_000, cluster: None, was_lost: false };
    PacketResult { packet, outcome }
}

/// 26 packets 10 ms apart, enough for an observation, the first so many of them lost.
fn span(observations: &mut Observations, next: &mut u64, now: &mut Moment, lost: u64) {
    for n in 0..26 {
        *next += 1;
        *now += Duration::from_millis(10);
        observations.note(&packet(*next, *now, n < lost));
    }
    observations.close_span();
}

#[test]
fn a_quarter_of_a_second_is_an_observation() {
    let begin = start();
    let mut observations = Observations::default();
    for n in 0..=24 {
        observations.note(&packet(n + 1, begin + Duration::from_millis(n * 10), false));
        assert!(!observations.close_span());
    }
    observations.note(&packet(26, begin + Duration::from_millis(250), true));
    assert!(observations.close_span());
    let (weight, seen) = observations.weighted().next().unwrap();
    assert_eq!((weight, seen.sent_bytes, seen.lost_bytes), (1.0, 26_000.0, 1_000.0));
    assert_eq!(seen.rate, Bitrate::from_kbps(832));
}

#[test]
fn the_average_leaves_out_the_best_and_the_worst() {
    let (mut next, mut now) = (0, start());
    let mut observations = Observations::default();
    for lost in [0, 1, 1, 1, 1, 20] {
        span(&mut observations, &mut next, &mut now, lost);
    }
    let loss = observations.average_loss();
    assert!((loss - 0.04).abs() < 0.002, "{loss}");
}

#[test]
fn a_packet_that_was_only_late_is_not_lost() {
    let (mut next, mut now) = (0, start());
    let mut observations = Observations::default();
    span(&mut observations, &mut next, &mut now, 0);
    let late = packet(next + 1, now + Duration::from_millis(10), true);
    observations.note(&late);
    let mut arrived = packet(next + 1, now + Duration::from_millis(10), false);
    arrived.packet.was_lost = true;
    observations.note(&arrived);
    next += 1;
    span(&mut observations, &mut next, &mut now, 0);
    assert!(observations.weighted().all(|(_, seen)| seen.lost_bytes == 0.0));
}

#[test]
fn a_late_packet_corrects_the_last_observation_and_none_before_it() {
    let (mut next, mut now) = (0, start());
    let mut observations = Observations::default();
    span(&mut observations, &mut next, &mut now, 2);
    span(&mut observations, &mut next, &mut now, 2);
    let mut arrive = |sequence| {
        let mut arrived = packet(sequence, now, false);
        arrived.packet.was_lost = true;
        observations.note(&arrived);
        observations.weighted().map(|(_, seen)| seen.lost_bytes as u64).collect::<Vec<_>>()
    };
    assert_eq!(arrive(27), [1_000, 2_000]);
    assert_eq!(arrive(2), [1_000, 2_000]);
}

#[test]
fn old_observations_give_way_to_new_ones() {
    let (mut next, mut now) = (0, start());
    let mut observations = Observations::default();
    for lost in [26; 5].into_iter().chain([0; WINDOW]) {
        span(&mut observations, &mut next, &mut now, lost);
    }
    assert_eq!(observations.average_loss(), 0.0);
    assert_eq!(observations.weighted().count(), WINDOW);
}
