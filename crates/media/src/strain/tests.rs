use super::*;

/// A thread in simulated time.
struct Thread {
    start: Instant,
    now: Instant,
    worked: Duration,
    strain: Strain,
    /// Each level that it came to, with the millisecond.
    levels: Vec<(u64, Level)>,
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Thread {
    fn new() -> Thread {
        let now = Instant::now();
        let (strain, levels) = (Strain::new(48), Vec::new());
        Thread { start: now, now, worked: Duration::ZERO, strain, levels }
    }

    /// A turn of so much work, of which others take as much time again as `stolen`.
    fn turn(&mut self, work: Duration, stolen: Duration, is_done: bool) {
        let began = self.now;
        self.now += work + stolen;
        self.worked += work;
        let turn = Turn { began, ended: self.now, worked: self.worked, is_done };
        if let Some(level) = self.strain.note(turn) {
            let at = self.now - self.start;
            self.levels.push((at.as_millis() as u64, level));
        }
    }

    /// For so long, so much work comes every 33 ms, as pictures do; turns are short and there is rest between.
    fn pictures(&mut self, work: Duration, length: Duration) {
        let end = self.now + length;
        let (mut comes_at, mut left) = (self.now, Duration::ZERO);
        while self.now < end {
            while comes_at <= self.now {
                left += work;
                comes_at += ms(33);
            }
            if left.is_zero() {
                self.now = comes_at.min(end);
                continue;
            }
            let part = left.min(ms(1));
            left -= part;
            self.turn(part, Duration::ZERO, left.is_zero());
        }
    }
}

#[test]
fn a_thread_that_keeps_up_is_at_ease_however_busy_it_is() {
    let mut thread = Thread::new();
    for _ in 0..20_000 {
        // Never a rest, but nothing is ever left either.
        thread.turn(ms(1), Duration::ZERO, true);
    }
    assert_eq!(thread.levels, []);
}

#[test]
fn a_burst_that_is_over_is_no_news() {
    let mut thread = Thread::new();
    thread.pictures(ms(5), ms(1000));
    for _ in 0..25 {
        thread.turn(ms(1), Duration::ZERO, false);
    }
    thread.turn(ms(1), Duration::ZERO, true);
    thread.pictures(ms(5), ms(1000));
    assert_eq!(thread.levels, []);
}

#[test]
fn a_key_frame_for_a_thousand_sheds_nothing_whenever_it_comes() {
    for offset in 0..20 {
        let mut thread = Thread::new();
        thread.pictures(ms(5), ms(1000 + 5 * offset));
        for _ in 0..60 {
            thread.turn(ms(1), Duration::ZERO, false);
        }
        thread.pictures(ms(5), ms(1000));
        assert!(thread.levels.iter().all(|(_, level)| level.steps() == 0), "{:?}", thread.levels);
    }
}

#[test]
fn all_that_was_shed_is_back_within_half_a_minute_though_a_step_on_the_way_was_too_much() {
    let mut thread = Thread::new();
    for _ in 0..1400 {
        thread.turn(ms(1), Duration::ZERO, false);
    }
    assert_eq!(thread.strain.level(), Level::Over(39));
    thread.pictures(ms(5), ms(3000));
    for _ in 0..100 {
        thread.turn(ms(1), Duration::ZERO, false);
    }
    thread.pictures(ms(5), ms(30_000));
    assert_eq!(thread.strain.level(), Level::Easy, "{:?}", thread.levels);
}

#[test]
fn what_others_do_with_the_processor_keeps_no_picture_away() {
    let mut thread = Thread::new();
    for _ in 0..410 {
        thread.turn(ms(1), Duration::ZERO, false);
    }
    thread.turn(ms(1), Duration::ZERO, true);
    for _ in 0..100 {
        thread.turn(ms(2), ms(90), true);
        thread.pictures(ms(1), ms(8));
    }
    assert_eq!(thread.strain.level(), Level::Near);
}

#[test]
fn half_full_with_bursts_takes_nobody_new_and_sheds_nothing() {
    let mut thread = Thread::new();
    thread.pictures(ms(21), ms(3000));
    assert_eq!(thread.levels.len(), 1, "{:?}", thread.levels);
    assert_eq!(thread.strain.level(), Level::Near);
    thread.pictures(ms(5), ms(3000));
    assert_eq!(thread.strain.level(), Level::Easy);
}

#[test]
fn what_is_too_much_is_shed_within_a_fifth_of_a_second_and_by_more_and_more() {
    let mut thread = Thread::new();
    for _ in 0..1400 {
        thread.turn(ms(1), Duration::ZERO, false);
    }
    let steps: Vec<_> = thread.levels.iter().map(|(at, level)| (*at, level.steps())).collect();
    assert_eq!(
        steps,
        [(100, 0), (200, 1), (400, 3), (600, 7), (800, 15), (1000, 23), (1200, 31), (1400, 39)]
    );
    for _ in 0..1000 {
        thread.turn(ms(1), Duration::ZERO, false);
    }
    assert_eq!(thread.strain.level(), Level::Over(48), "there is no more to shed");
}

#[test]
fn what_was_shed_comes_back_step_by_step_and_the_last_is_somebody_new() {
    let mut thread = Thread::new();
    for _ in 0..410 {
        thread.turn(ms(1), Duration::ZERO, false);
    }
    assert_eq!(thread.strain.level(), Level::Over(3));
    thread.levels.clear();
    thread.pictures(ms(2), ms(10_000));
    let levels: Vec<_> = thread.levels.iter().map(|(_, level)| *level).collect();
    assert_eq!(levels, [Level::Over(2), Level::Over(1), Level::Near, Level::Easy]);
    let at: Vec<_> = thread.levels.iter().map(|(at, _)| *at).collect();
    assert!(at[2] < 2500 && at[3] > at[2] + 1900, "{at:?}");
}

#[test]
fn what_is_too_much_again_as_soon_as_it_is_given_back_is_waited_for_longer_and_longer() {
    let mut thread = Thread::new();
    let mut given_back = Vec::new();
    while thread.now < thread.start + ms(60_000) {
        // With a step it keeps up, without it does not.
        match thread.strain.level() {
            Level::Over(_) => thread.pictures(ms(10), ms(33)),
            _ => {
                given_back.push(thread.now);
                while thread.strain.level().steps() == 0 {
                    thread.turn(ms(1), Duration::ZERO, false);
                }
            }
        }
    }
    let waits: Vec<_> = given_back.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
    assert!(waits.is_sorted() && waits.last() >= Some(&15), "{waits:?}");
    assert!(given_back.len() < 12, "{waits:?}");
}

#[test]
fn a_processor_that_others_have_makes_it_late_and_is_no_reason_to_shed() {
    let mut thread = Thread::new();
    for _ in 0..100 {
        // Ten milliseconds out of a hundred are its own, and they are enough.
        thread.turn(ms(2), ms(90), true);
        thread.pictures(ms(1), ms(8));
    }
    assert_eq!(thread.strain.level(), Level::Near, "but who comes now would be heard late");
    assert!(thread.levels[0].0 >= 900, "{:?}", thread.levels);
    assert!(thread.levels.iter().all(|(_, level)| level.steps() == 0));
    assert!(thread.strain.take_worst() > LATE);
    thread.pictures(ms(1), ms(5000));
    assert_eq!(thread.strain.level(), Level::Easy);
}

#[test]
fn a_thread_that_gets_too_little_of_the_processor_for_what_it_has_sheds() {
    let mut thread = Thread::new();
    for _ in 0..200 {
        thread.turn(ms(1), ms(2), false);
    }
    assert!(thread.strain.level().steps() > 0);
}

#[test]
fn a_level_that_is_up_comes_down_though_nothing_happens() {
    let mut thread = Thread::new();
    assert_eq!(thread.strain.deadline(), None);
    for _ in 0..110 {
        thread.turn(ms(1), Duration::ZERO, false);
    }
    thread.turn(ms(1), Duration::ZERO, true);
    while let Some(deadline) = thread.strain.deadline() {
        assert!(deadline > thread.now - ms(1) && deadline <= thread.now + WINDOW);
        thread.now = deadline.max(thread.now);
        thread.turn(Duration::from_micros(5), Duration::ZERO, true);
        assert!(thread.now < thread.start + ms(10_000));
    }
    assert_eq!(thread.strain.level(), Level::Easy);
}

#[test]
fn levels_are_numbers_and_back() {
    for level in [Level::Easy, Level::Near, Level::Over(1), Level::Over(48)] {
        assert_eq!(Level::from_number(level.to_number()), level);
        assert_eq!(level.retry_after().is_some(), level > Level::Easy);
    }
}
