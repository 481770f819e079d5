//! Stories about sending as much as a path takes: senders over a simulated bottleneck, with numbers.

mod control;
mod measure;
mod path;
mod random;
mod sender;
mod stories;
mod table;
mod world;

use std::sync::OnceLock;
use std::time::Instant;

use measure::Outcome;
use path::Conditions;
use sender::Demand;
use world::World;

/// Some instant; nothing depends on which.
#[allow(clippy::disallowed_methods)]
fn start() -> Instant {
    Instant::now()
}

/// A simulation. Its seed, like everything in it, is always the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Story {
    Steady300,
    Steady500,
    Steady1000,
    Steady2000,
    Steady5000,
    LayersOn5000,
    FallsFrom2000To500,
    RisesFrom500To3000,
    LosesTwoPerCent,
    LosesFivePerCent,
    Shakes,
    TwoShare6000,
    EightShare24000,
    WantsLittleThenMuch,
    AudioAlone,
    FeedbackIsLost,
}

impl Story {
    const ALL: [Story; 16] = [
        Story::Steady300,
        Story::Steady500,
        Story::Steady1000,
        Story::Steady2000,
        Story::Steady5000,
        Story::LayersOn5000,
        Story::FallsFrom2000To500,
        Story::RisesFrom500To3000,
        Story::LosesTwoPerCent,
        Story::LosesFivePerCent,
        Story::Shakes,
        Story::TwoShare6000,
        Story::EightShare24000,
        Story::WantsLittleThenMuch,
        Story::AudioAlone,
        Story::FeedbackIsLost,
    ];

    /// What happens in it, which is simulated once, whoever asks.
    fn outcome(self) -> &'static Outcome {
        static OUTCOMES: [OnceLock<Outcome>; Story::ALL.len()] =
            [const { OnceLock::new() }; Story::ALL.len()];
        OUTCOMES[self as usize].get_or_init(|| Outcome::new(self.simulate()))
    }

    fn simulate(self) -> World {
        let steps =
            |kbps: &[(f64, u64)]| Conditions { kbps: kbps.to_vec(), ..Conditions::steady(1) };
        // More than any path here takes.
        let all = || Demand::up_to(6_000);
        match self {
            Story::Steady300 => alone(Conditions::steady(300), all(), 40),
            Story::Steady500 => alone(Conditions::steady(500), all(), 40),
            Story::Steady1000 => alone(Conditions::steady(1_000), all(), 40),
            Story::Steady2000 => alone(Conditions::steady(2_000), all(), 40),
            Story::Steady5000 => alone(Conditions::steady(5_000), all(), 40),
            Story::LayersOn5000 => {
                alone(Conditions::steady(5_000), Demand::Layers(vec![150, 500, 2_900]), 20)
            }
            Story::FallsFrom2000To500 => falling(1),
            Story::RisesFrom500To3000 => alone(steps(&[(0.0, 500), (20.0, 3_000)]), all(), 40),
            Story::LosesTwoPerCent => {
                alone(Conditions { loss: 0.02, ..Conditions::steady(5_000) }, all(), 40)
            }
            Story::LosesFivePerCent => {
                alone(Conditions { loss: 0.05, ..Conditions::steady(5_000) }, all(), 40)
            }
            Story::Shakes => {
                alone(Conditions { jitter_ms: 30, ..Conditions::steady(2_000) }, all(), 40)
            }
            Story::TwoShare6000 => together(2),
            Story::EightShare24000 => together(8),
            Story::WantsLittleThenMuch => {
                let demand = Demand::Encoder(vec![(0.0, 100), (30.0, 2_500)]);
                alone(Conditions::steady(5_000), demand, 40)
            }
            Story::AudioAlone => alone(Conditions::steady(300), Demand::Audio, 40),
            Story::FeedbackIsLost => {
                let mut world = World::new(start(), Conditions::steady(2_000), 1);
                world.no_feedback = 15.0..20.0;
                world.add(0, all());
                world.run(40);
                world
            }
        }
    }
}

/// One sender.
fn alone(conditions: Conditions, demand: Demand, seconds: u64) -> World {
    let mut world = World::new(start(), conditions, 1);
    world.add(0, demand);
    world.run(seconds);
    world
}

/// One sender on a path that loses most of its rate.
fn falling(seed: u64) -> World {
    let kbps = vec![(0.0, 2_000), (20.0, 500)];
    let mut world = World::new(start(), Conditions { kbps, ..Conditions::steady(1) }, seed);
    world.add(0, Demand::up_to(6_000));
    world.run(40);
    world
}

/// One sender, who has less to send than fills a path that loses nearly all of its rate and has it back after 20 s.
fn returning(seed: u64) -> World {
    let kbps = vec![(0.0, 5_000), (10.0, 250), (30.0, 5_000)];
    let conditions = Conditions { kbps, jitter_ms: 3, ..Conditions::steady(1) };
    let mut world = World::new(start(), conditions, seed);
    world.add(0, Demand::Layers(vec![100, 400, 1_500]));
    world.run(50);
    world
}

/// Senders that begin half a second apart and could use twice their part of 3 Mbit/s.
fn together(senders: u64) -> World {
    let mut world = World::new(start(), Conditions::steady(3_000 * senders), 1);
    for sender in 0..senders {
        world.add(sender * 500_000, Demand::up_to(6_000));
    }
    world.run(60);
    world
}
