//! A server that is offered twice what it can do, in simulated time: the engine, the judgement of its thread and the order
//! of a turn are the real ones; what work costs is made up.

use std::time::{Duration, Instant};

use parlor_engine::{ConnectionState, Shedding};
use parlor_media::strain::{Level, Strain, Turn};
use parlor_rtc::MediaKind::{Audio, Video};
use parlor_sim::world::{Costs, ROOM, ServerTurn};
use parlor_sim::{LinkConfig, World};

/// A server that can do so little that few people are too many.
const SLOW: Costs = Costs {
    datagram_in: Duration::from_micros(40),
    datagram_out: Duration::from_micros(230),
    turn: Duration::from_micros(50),
    timer: Duration::from_micros(50),
};
/// As many datagrams as it sends in 4 ms.
const ARENA: usize = 16;
/// The judgement comes at the end of each turn; here a little later.
const SLICE: Duration = Duration::from_millis(1);

const RIDS: [&str; 2] = ["l", "h"];

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A meeting on a slow server.
struct Meeting {
    world: World,
    strain: Strain,
    /// How long the server has worked in all.
    worked: Duration,
    levels: Vec<(Instant, Level)>,
}

impl Meeting {
    /// People with microphone and camera, of whom the first speaks.
    fn of(people: usize) -> Meeting {
        let mut world = World::new(7);
        let link = LinkConfig::with_round_trip(ms(20));
        for seat in 0..people {
            world.join_with_simulcast(&RIDS, people, link);
            let senders = &mut world.seats[seat].client.senders;
            senders[0].voice = seat == 0;
            senders[1].bitrate_bps = 1_500_000;
        }
        let all = |world: &World| world.seats.iter().all(|it| it.client.connected_at.is_some());
        world.run_while(seconds(10), |world| !all(world)).expect("everyone connects");
        world.run_for(seconds(12));
        let strain = Strain::new(Shedding::MOST);
        Meeting { world, strain, worked: Duration::ZERO, levels: Vec::new() }
    }

    /// Lets time pass on a server whose work costs so much, which sheds what it cannot do or does not.
    fn run(&mut self, length: Duration, sheds: bool) {
        let end = self.world.now() + length;
        while self.world.now() < end {
            self.world.run_for(SLICE);
            for ServerTurn { began, ended, is_done } in self.world.take_turns() {
                self.worked += ended - began;
                let turn = Turn { began, ended, worked: self.worked, is_done };
                let level = self.strain.note(turn).filter(|_| sheds);
                if let Some(level) = level {
                    let shedding = Shedding::of_steps(level.steps());
                    self.world.engine.set_shedding(self.world.now(), shedding);
                    self.levels.push((ended, level));
                }
            }
        }
    }

    /// How late each voice was that everybody has heard since `from`, in milliseconds, sorted.
    fn voices_late_by(&self, from: Instant) -> Vec<u64> {
        let mut late = Vec::new();
        for listener in 0..self.world.seats.len() {
            for speaker in (0..self.world.seats.len()).filter(|it| *it != listener) {
                let seen = self.world.seen(listener, speaker, Audio);
                // The frames of a microphone are made one every 20 ms; the one that was fastest was hardly late.
                let numbered = seen.iter().filter_map(|it| Some((it.at, it.frame?.number)));
                let made = |(at, number): (Instant, u32)| at - ms(20) * number;
                let Some(first) = numbered.clone().map(made).min() else { continue };
                let recent = numbered.filter(|(at, _)| *at >= from);
                let by = recent.map(|it| (made(it) - first).as_millis() as u64);
                late.extend(by);
            }
        }
        late.sort_unstable();
        late
    }

    /// How many people see the camera of the seat now.
    fn viewers_of(&mut self, seat: usize) -> usize {
        let count = |world: &World, viewer| world.seen(viewer, seat, Video).len();
        let people = self.world.seats.len();
        let before: Vec<_> = (0..people).map(|viewer| count(&self.world, viewer)).collect();
        self.run(seconds(1), true);
        let sees = |viewer: &usize| count(&self.world, *viewer) > before[*viewer] + 5;
        (0..people).filter(sees).count()
    }

    fn assert_nobody_is_lost(&self) {
        for seat in 0..self.world.seats.len() {
            assert_eq!(self.world.connection(seat), Some(ConnectionState::Connected));
        }
    }
}

fn percentile(sorted: &[u64], percent: usize) -> u64 {
    sorted[(sorted.len() - 1) * percent / 100]
}

#[test]
fn who_is_offered_twice_what_it_can_do_lets_every_voice_through_in_time_and_loses_nobody() {
    let mut meeting = Meeting::of(7);
    // What is offered, in work a second.
    let sent = meeting.world.engine.counters().packets_out;
    meeting.world.run_for(seconds(2));
    let a_second = (meeting.world.engine.counters().packets_out - sent) / 2;
    let offered = SLOW.datagram_out * a_second as u32;
    assert!(offered > seconds(2), "{offered:?} of work comes a second");

    let from = meeting.world.now();
    meeting.world.set_costs(SLOW, ARENA);
    meeting.run(seconds(10), true);
    let late = meeting.voices_late_by(from);
    let counts = (late.len(), percentile(&late, 50), percentile(&late, 99));
    assert!(counts.0 > 42 * 480, "{counts:?}: every word of ten seconds is heard");
    assert!(counts.2 < 50, "{counts:?}");
    meeting.assert_nobody_is_lost();
    assert_eq!(meeting.world.lost_unread(), 0);
    assert!(meeting.strain.level().steps() > 0, "{:?}", meeting.levels);
    assert!(meeting.world.engine.counters().pictures_shed > 0);
    assert_eq!(meeting.viewers_of(0), 6, "who speaks is seen by all");

    // A server that can do it all again shows it all again.
    meeting.world.set_costs(Costs { datagram_out: ms(0), ..SLOW }, ARENA);
    meeting.run(seconds(40), true);
    assert_eq!(meeting.strain.level(), Level::Easy, "{:?}", meeting.levels);
    let seen: Vec<usize> = (0..7).map(|seat| meeting.viewers_of(seat)).collect();
    assert_eq!(seen, [6; 7], "everybody sees everybody");
}

#[test]
fn who_sheds_nothing_lets_pictures_wait_and_still_no_voice() {
    let mut meeting = Meeting::of(7);
    meeting.world.set_costs(SLOW, ARENA);
    let from = meeting.world.now();
    meeting.run(seconds(4), false);
    let late = meeting.voices_late_by(from);
    assert!(percentile(&late, 99) < 50, "sound goes first: {}", percentile(&late, 99));
    meeting.assert_nobody_is_lost();
    assert!(meeting.world.engine.counters().readers_overtaken > 0, "pictures do not get through");
}

#[test]
fn a_choice_that_is_due_for_a_crowd_at_once_makes_no_voice_late() {
    // What everybody gets is decided for all of them when a camera is switched on: 80 ms of work in one piece.
    const VIEWERS: usize = 400;
    let dear = Costs {
        timer: Duration::from_micros(200),
        datagram_in: ms(0),
        datagram_out: ms(0),
        ..SLOW
    };
    let mut meeting = Meeting::of(1);
    for _ in 0..VIEWERS {
        meeting.world.join_as(ROOM, &[], 1, LinkConfig::with_round_trip(ms(20)));
    }
    meeting.world.run_for(seconds(3));
    meeting.world.switch(0, 1, false);
    meeting.world.run_for(seconds(1));
    meeting.world.set_costs(dear, ARENA);
    let from = meeting.world.now();
    meeting.world.switch(0, 1, true);
    meeting.run(seconds(1), false);
    let late = meeting.voices_late_by(from);
    assert!(late.len() > VIEWERS * 45, "{}", late.len());
    assert!(*late.last().unwrap() < 50, "{:?}", late.last());
}

#[test]
fn who_can_do_what_is_offered_sheds_nothing() {
    let mut meeting = Meeting::of(3);
    meeting.world.set_costs(SLOW, ARENA);
    meeting.run(seconds(10), true);
    assert_eq!(meeting.levels, []);
    assert_eq!(meeting.viewers_of(2), 2);
}
