//! People in a room see and hear each other.

use std::time::Duration;

use parlor_engine::{ConnectionState, RoomId, SlotCounts};
use parlor_rtc::MediaKind;

use crate::world::{CAMERA_AND_MICROPHONE, World};

#[test]
fn two_people_see_and_hear_each_other() {
    let mut world = World::new();
    let ann = world.join(&CAMERA_AND_MICROPHONE, 2);
    let bo = world.join(&CAMERA_AND_MICROPHONE, 2);
    world.run(Duration::from_secs(5));
    for (viewer, publisher) in [(ann, bo), (bo, ann)] {
        let state = world.people[viewer].state.as_ref().unwrap();
        assert_eq!(state.connection, ConnectionState::Connected);
        assert!(world.frames(viewer, publisher, MediaKind::Audio) > 200);
        assert!(world.frames(viewer, publisher, MediaKind::Video) > 120);
    }
}
