//! Stories about calls in simulated time, and about the shape of the workspace, in one binary.

mod bandwidth;
mod beginning;
mod codecs;
mod dtx;
mod fallback;
mod feedback;
mod fences;
mod growth;
mod invited;
mod layers;
mod loss;
mod loudest;
mod meeting;
mod nack;
mod network;
mod pinned;
mod publishing;
mod reports;
mod resting;
mod scenes;
mod shedding;
mod stopping;
mod storm;
mod switching;
mod table;
mod telling;
mod uplink;
mod wrap;

use std::time::Duration;

use parlor_engine::ConnectionState;
use parlor_rtc::MediaKind;
use parlor_sim::World;
use parlor_sim::client::SeenFrame;

/// Long enough for ICE and DTLS over any link of these stories.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Runs until everyone in the world is connected.
fn connect_all(world: &mut World) {
    let everyone = |world: &World| world.seats.iter().all(|s| s.client.connected_at.is_some());
    world.run_while(CONNECT_LIMIT, |world| !everyone(world)).expect("everyone connects");
}

/// How long it takes until `viewer` has a new frame of `publisher` that decodes from here on.
fn until_seen(world: &mut World, viewer: usize, publisher: usize, kind: MediaKind) -> Duration {
    let before = world.seen(viewer, publisher, kind).len();
    world
        .run_while(seconds(10), |world| world.seen(viewer, publisher, kind).len() <= before)
        .expect("a frame arrives")
}

/// Share of the frames made between two moments that were seen whole.
fn share_seen(seen: &[SeenFrame], first: u32, end: u32) -> f64 {
    let mut numbers: Vec<u32> = seen.iter().filter_map(|s| s.frame).map(|f| f.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let inside = numbers.iter().filter(|number| (first..end).contains(number)).count();
    inside as f64 / f64::from(end - first)
}

fn assert_connected(world: &World, seat: usize) {
    assert_eq!(world.connection(seat), Some(ConnectionState::Connected));
}
