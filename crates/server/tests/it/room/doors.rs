//! Who comes by WHIP or WHEP: no socket, and viewers are not seen.

use parlor_server::room::Watch;
use parlor_server::room::command::{Effect, Heard, Manner, MediaCommand, Request};
use parlor_wire::{LeaveReason, PeerId, PeerState, Reason, TrackId};

use super::{Client, World, millis, secs};

fn come(world: &mut World, manner: Manner) -> Client {
    let mut join = world.request_to_join("Camera");
    join.manner = manner;
    if !manner.is_seen() {
        join.senders.clear();
    }
    let client = world.try_join(join).unwrap();
    world.hear(&client, Heard::Connected);
    client
}

/// Ann, who has a socket, and one who came by `manner`.
fn two(manner: Manner) -> (World, Client, Client) {
    let mut world = World::new();
    let ann = world.connect("Ann");
    let other = come(&mut world, manner);
    world.pass(secs(1));
    (world, ann, other)
}

/// The pins that the media side was given when `client` joined.
fn pins(world: &World, client: &Client) -> Option<Vec<TrackId>> {
    world.effects.iter().find_map(|effect| match effect {
        Effect::Media(MediaCommand::Join(join)) if join.peer == client.peer => {
            Some(join.pins.clone())
        }
        _ => None,
    })?
}

#[test]
fn a_publisher_without_a_socket_is_seen_as_everybody_is_and_told_nothing() {
    let (mut world, ann, camera) = two(Manner::Whip);
    let joined = &world.told(&ann).joined;
    let seen = joined.iter().find(|peer| peer.id == camera.peer).unwrap();
    assert_eq!((seen.name.as_str(), seen.tracks.len()), ("Camera", 2));
    assert_eq!(world.told(&camera), Default::default());
    world.pass(secs(3600));
    assert_eq!(world.told(&ann).left, [], "it needs no socket to stay");
}

#[test]
fn a_publisher_whose_media_is_silent_is_reconnecting_at_5_s_and_lost_at_30_s_for_good() {
    let (mut world, ann, camera) = two(Manner::Whip);
    world.take();
    world.fall_silent(&camera);
    world.pass(millis(50));
    assert_eq!(world.told(&ann).changed[0].state, PeerState::Reconnecting);
    world.pass(secs(24));
    assert_eq!(world.told(&ann).left, []);
    world.pass(secs(2));
    assert_eq!(world.told(&ann).left[0].reason, LeaveReason::Lost);
    assert!(world.removed_from_media(&camera) && world.closed(&camera));
    world.request(&ann, Request::Leave);
    assert!(world.room.is_over(), "there is no token for which the room would wait");
}

#[test]
fn a_publisher_that_restarts_ice_in_time_stays() {
    let (mut world, ann, camera) = two(Manner::Whip);
    world.take();
    world.fall_silent(&camera);
    world.pass(secs(20));
    world.hear(&camera, Heard::Connected);
    world.pass(secs(60));
    assert_eq!(world.told(&ann).left, []);
    assert_eq!(world.told(&ann).changed.last().unwrap().state, PeerState::Connected);
}

#[test]
fn a_publisher_that_closes_its_connection_has_left_at_once() {
    let (mut world, ann, camera) = two(Manner::Whip);
    world.take();
    world.hear(&camera, Heard::ClosedByClient);
    world.pass(millis(100));
    assert_eq!(world.told(&ann).left[0].reason, LeaveReason::Left);
    assert!(world.removed_from_media(&camera) && world.closed(&camera));
}

#[test]
fn a_publisher_whose_connection_never_comes_up_is_gone_after_30_s() {
    let mut world = World::new();
    let mut join = world.request_to_join("Camera");
    join.manner = Manner::Whip;
    let camera = world.try_join(join).unwrap();
    world.pass(secs(31));
    assert!(world.removed_from_media(&camera) && world.room.is_over());
}

#[test]
fn viewers_are_told_to_nobody_and_take_a_place() {
    let (mut world, ann, viewer) = two(Manner::Whep(Watch::Everything));
    let bo = world.join("Bo");
    assert_eq!(bo.joined.peers.len(), 1);
    assert_eq!(bo.joined.peers_total, 1);
    world.fall_silent(&viewer);
    world.pass(secs(1));
    world.hear(&viewer, Heard::ClosedByClient);
    world.pass(secs(1));
    let told = world.told(&ann);
    let ids = told.joined.iter().chain(&told.changed).map(|peer| peer.id);
    assert!(ids.chain(told.left.iter().map(|left| left.id)).all(|id| id != viewer.peer));

    let mut crowd = World::new();
    while let Ok(viewer) = {
        let mut join = crowd.request_to_join("Viewer");
        join.manner = Manner::Whep(Watch::Everything);
        crowd.try_join(join)
    } {
        crowd.hear(&viewer, Heard::Connected);
    }
    let late = crowd.request_to_join("Ann");
    assert_eq!(crowd.try_join(late).unwrap_err().reason, Reason::RoomFull);
}

#[test]
fn a_viewer_of_one_peer_or_track_has_that_pinned_and_one_of_everything_has_sections_that_float() {
    let mut world = World::new();
    let (ann, bo) = (world.connect("Ann"), world.connect("Bo"));
    let tracks = |client: &Client| -> Vec<TrackId> {
        client.joined.tracks.iter().map(|track| track.id).collect()
    };
    let (of_ann, of_bo) = (tracks(&ann), tracks(&bo));
    let all = come(&mut world, Manner::Whep(Watch::Everything));
    assert_eq!(pins(&world, &all), None);
    let one = come(&mut world, Manner::Whep(Watch::Peer(ann.peer)));
    assert_eq!(pins(&world, &one), Some(of_ann));
    let one = come(&mut world, Manner::Whep(Watch::Track(of_bo[1])));
    assert_eq!(pins(&world, &one), Some(vec![of_bo[1]]));
}

#[test]
fn a_publisher_has_nothing_on_sections_to_receive_on() {
    let mut world = World::new();
    world.connect("Ann");
    let camera = come(&mut world, Manner::Whip);
    assert_eq!(pins(&world, &camera), Some(Vec::new()));
}

#[test]
fn a_viewer_of_somebody_who_is_not_there_is_refused() {
    let mut world = World::new();
    world.connect("Ann");
    let viewer = come(&mut world, Manner::Whep(Watch::Everything));
    for watch in [Watch::Peer(PeerId(4711)), Watch::Peer(viewer.peer), Watch::Track(TrackId(4711))]
    {
        let mut join = world.request_to_join("Viewer");
        join.manner = Manner::Whep(watch);
        assert_eq!(world.try_join(join).unwrap_err().reason, Reason::UnknownTrack, "{watch:?}");
    }
}
