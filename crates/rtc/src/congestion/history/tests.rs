use super::*;

fn start() -> Moment {
    Moment::after(Duration::from_secs(1_000))
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn an_entry_takes_eight_bytes() {
    assert_eq!(size_of::<Entry>(), 8);
}

#[test]
fn what_was_sent_is_known_by_its_number() {
    let begin = start();
    let mut history = History::new();
    for n in 65_530..65_546_u32 {
        history.note_sent(begin + ms(u64::from(n - 65_530)), n as u16, 1_000, None);
    }
    let packet = history.note_fate(3, true).unwrap();
    assert_eq!((packet.sent, packet.bytes), (begin + ms(9), 1_000));
    assert_eq!(history.note_fate(65_530, true).map(|packet| packet.sent), Some(begin));
}

#[test]
fn each_fate_is_news_once_and_the_lost_can_still_arrive() {
    let begin = start();
    let mut history = History::new();
    history.note_sent(begin, 7, 100, None);
    assert!(!history.note_fate(7, false).unwrap().was_lost);
    assert_eq!(history.note_fate(7, false), None);
    assert!(history.note_fate(7, true).unwrap().was_lost);
    assert_eq!(history.note_fate(7, true), None);
    assert_eq!(history.note_fate(7, false), None);
}

#[test]
fn what_was_never_sent_is_unknown() {
    let begin = start();
    let mut history = History::new();
    assert_eq!(history.note_fate(0, true), None);
    history.note_sent(begin, 10, 100, None);
    history.note_sent(begin, 14, 100, None);
    for never_sent in [9, 11, 13, 15, 40_000] {
        assert_eq!(history.note_fate(never_sent, true), None, "{never_sent}");
    }
}

#[test]
fn a_fast_connection_gets_room_for_two_seconds() {
    let begin = start();
    let mut history = History::new();
    for n in 0..2_000_u16 {
        history.note_sent(begin + ms(u64::from(n)), n, 1_200, None);
    }
    assert_eq!(history.entries.len(), 2_048);
    assert!(history.note_fate(0, true).is_some());
}

#[test]
fn a_flood_overwrites_the_oldest() {
    let begin = start();
    let mut history = History::new();
    for n in 0..10_000_u16 {
        history.note_sent(begin, n, 1_200, None);
    }
    assert_eq!(history.entries.len(), LARGEST);
    assert_eq!(history.note_fate(10_000 - LARGEST as u16 - 1, true), None);
    assert!(history.note_fate(10_000 - LARGEST as u16, true).is_some());
}

#[test]
fn a_slow_connection_stays_small() {
    let begin = start();
    let mut history = History::new();
    for n in 0..5_000_u16 {
        history.note_sent(begin + ms(20 * u64::from(n)), n, 100, None);
    }
    assert_eq!(history.entries.len(), SMALLEST);
}

#[test]
fn after_ten_seconds_a_packet_is_forgotten() {
    let begin = start();
    let mut history = History::new();
    history.note_sent(begin, 1, 100, None);
    history.note_sent(begin + Duration::from_secs(11), 2, 100, None);
    history.note_sent(begin + Duration::from_secs(11), 3, 100, None);
    assert_eq!(history.note_fate(1, true), None);
    assert!(history.note_fate(2, true).is_some());
}

#[test]
fn numbers_that_jump_forget_what_was_and_go_on() {
    let begin = start();
    let mut history = History::new();
    history.note_sent(begin, 1, 100, None);
    history.note_sent(begin, 20_000, 100, None);
    assert_eq!(history.note_fate(1, true), None);
    assert!(history.note_fate(20_000, true).is_some());
    // A number that goes back is not taken for a new one.
    history.note_sent(begin, 19_999, 100, None);
    assert_eq!(history.note_fate(19_999, true), None);
}
