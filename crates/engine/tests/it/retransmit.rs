//! Retransmissions repair what was lost, and cannot be made to flood.

use std::time::Duration;

use parlor_engine::retransmit::{Refusal, Retransmissions, Way};

use parlor_rtc::congestion::Bitrate;

use crate::ring::start;

const ROUND_TRIP: Duration = Duration::from_millis(50);

/// A path that never is what bounds.
fn way(round_trip: Duration) -> Way {
    Way { round_trip, rate: Bitrate::from_kbps(1_000_000) }
}

#[test]
fn a_packet_is_not_sent_twice_within_a_round_trip() {
    let now = start();
    let mut sent = Retransmissions::new(now);
    assert_eq!(sent.take(now, (1, 7), 1200, way(ROUND_TRIP)), Ok(()));
    let soon = now + ROUND_TRIP - Duration::from_millis(1);
    assert_eq!(sent.take(soon, (1, 7), 1200, way(ROUND_TRIP)), Err(Refusal::OnItsWay));
    assert_eq!(sent.take(soon, (2, 7), 1200, way(ROUND_TRIP)), Ok(()));
    assert_eq!(sent.take(soon, (1, 8), 1200, way(ROUND_TRIP)), Ok(()));
    assert_eq!(sent.take(now + ROUND_TRIP, (1, 7), 1200, way(ROUND_TRIP)), Ok(()));
}

#[test]
fn nobody_is_put_off_for_long_whatever_the_round_trip_is_said_to_be() {
    let now = start();
    let mut sent = Retransmissions::new(now);
    let absurd = Duration::from_secs(3600);
    assert_eq!(sent.take(now, (1, 7), 1200, way(absurd)), Ok(()));
    assert_eq!(sent.take(now + Duration::from_millis(300), (1, 7), 1200, way(absurd)), Ok(()));
    let now = now + Duration::from_secs(1);
    assert_eq!(sent.take(now, (1, 9), 1200, way(Duration::ZERO)), Ok(()));
    assert_eq!(sent.take(now, (1, 9), 1200, way(Duration::ZERO)), Err(Refusal::OnItsWay));
}

#[test]
fn a_receiver_that_asks_for_everything_gets_a_third_of_its_media_again() {
    let now = start();
    let mut sent = Retransmissions::new(now);
    let mut again = 0;
    for sequence in 0..30_000 {
        sent.note_media(1200);
        for slot in 0..4 {
            again += u32::from(sent.take(now, (slot, sequence), 1200, way(ROUND_TRIP)).is_ok());
        }
    }
    let burst = 96 * 1024 / 1200;
    assert!((10_000..=10_000 + burst).contains(&again), "{again}");
}

#[test]
fn a_lost_key_frame_can_be_repaired_at_once() {
    let now = start();
    let mut sent = Retransmissions::new(now);
    for sequence in 0..80 {
        assert_eq!(sent.take(now, (0, sequence), 1200, way(ROUND_TRIP)), Ok(()));
    }
}

#[test]
fn days_later_it_still_works() {
    let now = start();
    let mut sent = Retransmissions::new(now);
    let later = now + Duration::from_millis(u64::from(u32::MAX));
    assert_eq!(sent.take(later - ROUND_TRIP / 2, (0, 1), 100, way(ROUND_TRIP)), Ok(()));
    assert_eq!(sent.take(later, (0, 1), 100, way(ROUND_TRIP)), Err(Refusal::OnItsWay));
    assert_eq!(sent.take(later + ROUND_TRIP, (0, 1), 100, way(ROUND_TRIP)), Ok(()));
}

#[test]
fn a_path_that_has_become_thin_is_not_filled_with_what_it_lost() {
    let mut now = start();
    let mut sent = Retransmissions::new(now);
    let thin = Way { round_trip: ROUND_TRIP, rate: Bitrate::from_kbps(240) };
    let mut ask = |now, sequence| sent.take(now, (0, sequence), 1_000, thin);
    // A third of it for half a second at once, and then a third.
    let at_once = (0..80).filter(|sequence| ask(now, *sequence).is_ok()).count();
    assert_eq!(at_once, 5);
    assert_eq!(ask(now, 200), Err(Refusal::PathFull));
    let mut later = 0;
    for sequence in 300..400 {
        now += Duration::from_millis(20);
        later += u32::from(ask(now, sequence).is_ok());
    }
    assert!((19..=21).contains(&later), "{later}");
}
