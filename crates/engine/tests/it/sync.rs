//! Sound and pictures stay together: reports tell when each frame was captured, on one clock.

use std::time::Duration;

use parlor_sim::client::SeenFrame;
use str0m::media::MediaKind;

use crate::world::{CAMERA_AND_MICROPHONE, World};

/// When each frame was captured by its reports, less when it arrived: the same for all frames of a publisher
/// as far as its reports are right, since links here have no delay.
fn offsets(seen: &[SeenFrame], start: std::time::Instant) -> Vec<f64> {
    let reported = seen.iter().filter_map(|seen| Some((seen.captured?, seen.at)));
    reported.map(|(captured, at)| captured - (at - start).as_secs_f64()).collect()
}

#[test]
fn sound_and_pictures_of_one_publisher_are_captured_at_the_same_time() {
    let mut world = World::new();
    let start = world.now;
    let ann = world.join(&CAMERA_AND_MICROPHONE, 1);
    let bo = world.join(&[], 2);
    // The two media clocks have nothing to do with each other.
    world.people[ann].client.senders[0].first_ticks = 4_000_000_000;
    world.people[ann].client.senders[1].first_ticks = 123_456;
    world.run(Duration::from_secs(20));
    let number = world.people[ann].client.number;
    let viewer = &world.people[bo].client;
    let sound = offsets(&viewer.frames_of(number, MediaKind::Audio), start);
    let pictures = offsets(&viewer.frames_of(number, MediaKind::Video), start);
    assert!(sound.len() > 200 && pictures.len() > 200, "{} {}", sound.len(), pictures.len());
    let reference = sound[0];
    for offset in sound.iter().chain(&pictures) {
        assert!((offset - reference).abs() < 0.045, "{offset} is not {reference}");
    }
}
