//! Who neither sends nor is sent anything costs next to nothing.

use std::time::Duration;

use crate::world::World;

#[test]
fn an_idle_peer_has_one_timer_and_wakes_the_engine_for_nothing_but_to_see_whether_it_is_there() {
    const PEOPLE: usize = 20;
    let mut world = World::new();
    for _ in 0..PEOPLE {
        world.join(&[], 4);
    }
    world.run(Duration::from_secs(10));
    assert_eq!(world.engine.census().timers, PEOPLE);
    let before = world.wakes;
    world.run(Duration::from_secs(60));
    // Five seconds after something was last heard; browsers check their paths twice in that time.
    let wakes = world.wakes - before;
    let most = PEOPLE as u64 * 60 * 2 / 5;
    assert!(wakes <= most, "{wakes} times in a minute, for {PEOPLE} people");
    assert_eq!(world.engine.census().timers, PEOPLE);
}
