//! Coming and going.

use parlor_server::room::PEERS_PER_PAGE;
use parlor_server::room::command::{Command, Effect, Heard, Push, Request, Response};
use parlor_wire::{Empty, LeaveReason, PeerState, Reason, Refusal, Source, Speakers};

use super::{World, millis};

#[test]
fn a_join_is_answered_with_the_answer_the_tracks_the_peers_and_the_slots() {
    let mut world = World::new();
    let ann = world.connect("Ann");
    let bo = world.join("Bo");
    assert_eq!(bo.joined.answer.as_deref(), Some("answer"));
    let sources: Vec<_> =
        bo.joined.tracks.iter().map(|track| (&*track.mid, track.source)).collect();
    assert_eq!(sources, [("0", Source::Microphone), ("1", Source::Camera)]);
    assert_eq!(bo.joined.peers.len(), 1);
    let seen = &bo.joined.peers[0];
    assert_eq!((seen.id, &*seen.name, seen.state), (ann.peer, "Ann", PeerState::Connected));
    assert_eq!(seen.tracks.len(), 2);
    assert_eq!((bo.joined.peers_total, bo.joined.slots.len()), (1, 2));
    assert_eq!(bo.joined.ice_servers.len(), 1);
    assert_eq!(bo.joined.ice_servers[0].username, format!("9:{}", bo.peer));
}

#[test]
fn the_others_are_told_who_comes_and_when_media_is_up() {
    let mut world = World::new();
    let ann = world.connect("Ann");
    world.pass(millis(100));
    world.take();
    let bo = world.join("Bo");
    let told = world.told(&ann);
    assert_eq!((told.joined[0].id, told.joined[0].state), (bo.peer, PeerState::Connecting));
    world.take();
    world.hear(&bo, Heard::Connected);
    world.pass(millis(50));
    let told = world.told(&ann);
    assert_eq!((told.changed[0].id, told.changed[0].state), (bo.peer, PeerState::Connected));
}

#[test]
fn nothing_is_pushed_to_a_client_before_its_join_is_answered() {
    let mut world = World::new();
    world.connect("Ann");
    for _ in 0..10 {
        let join = world.request_to_join("Bo");
        let session = join.session;
        world.take();
        world.try_join(join).unwrap();
        let about_session = world.effects.iter().find(|effect| match effect {
            Effect::Reply { session: to, .. } | Effect::Push { session: to, .. } => *to == session,
            Effect::Broadcast { sessions, .. } => sessions.contains(&session),
            _ => false,
        });
        assert!(matches!(about_session, Some(Effect::Reply { .. })), "{about_session:?}");
    }
}

#[test]
fn one_who_leaves_is_gone_at_once_and_the_token_is_void() {
    let mut world = World::new();
    let ann = world.connect("Ann");
    let bo = world.connect("Bo");
    world.pass(millis(100));
    assert_eq!(world.reply_to(&bo, Request::Leave), Ok(Response::Empty(Empty {})));
    assert!(world.closed(&bo) && world.removed_from_media(&bo));
    let told = world.told(&ann);
    assert_eq!((told.left[0].id, told.left[0].reason), (bo.peer, LeaveReason::Left));
    let again = world.resume(&bo, "Bo", true);
    assert_eq!(world.try_join(again).unwrap_err().reason, Reason::ResumeUnknown);
}

#[test]
fn the_last_one_out_ends_the_room() {
    let mut world = World::new();
    let ann = world.connect("Ann");
    let bo = world.connect("Bo");
    world.request(&ann, Request::Leave);
    assert!(!world.room.is_over());
    world.request(&bo, Request::Leave);
    assert!(world.room.is_over());
    assert_eq!(world.room.deadline(world.now), None);
}

#[test]
fn a_refused_offer_leaves_nothing_behind() {
    let mut world = World::new();
    let ann = world.connect("Ann");
    world.pass(millis(100));
    world.media_refuses = Some(Refusal::new(Reason::BadOffer, "offer: line 3: expected m="));
    let join = world.request_to_join("Bo");
    world.take();
    assert_eq!(world.try_join(join).unwrap_err().reason, Reason::BadOffer);
    assert_eq!(world.told(&ann), Default::default());
    assert_eq!(world.room.census().peers, 1);
}

#[test]
fn a_socket_that_closes_during_its_join_leaves_nothing_behind() {
    let mut world = World::new();
    let join = world.request_to_join("Ann");
    let (peer, session) = (join.peer, join.session);
    let now = world.now;
    world.room.apply(Command::Join(Box::new(join)), now);
    world.room.apply(Command::SocketClosed { session }, now);
    assert!(world.room.is_over());
    let result = Err(Refusal::new(Reason::MediaFailed, "too late"));
    assert_eq!(world.room.apply(Command::Answered { peer, attempt: 1, result }, now), []);
}

#[test]
fn a_newcomer_to_a_crowd_gets_the_peers_in_pages() {
    let mut world = World::holding(1000);
    for index in 0..120 {
        world.join(&format!("Peer {index}"));
    }
    world.pass(millis(1000));
    world.take();
    let late = world.join("Late");
    assert_eq!((late.joined.peers.len(), late.joined.peers_total), (PEERS_PER_PAGE, 120));
    let pages: Vec<usize> = world
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Push { push: Push::Presence(page), .. } => Some(page.joined.len()),
            _ => None,
        })
        .collect();
    assert_eq!(pages, [50, 20]);
}

#[test]
fn a_newcomer_is_told_who_is_speaking() {
    let mut world = World::new();
    let ann = world.connect("Ann");
    let speakers = Speakers { speaking: vec![ann.peer], dominant: Some(ann.peer) };
    world.apply(Command::Speaking(speakers.clone()));
    world.take();
    let bo = world.join("Bo");
    let push = Push::Speakers(speakers);
    assert!(world.effects.contains(&Effect::Push { session: bo.session, push }));
}

#[test]
fn a_newcomer_is_told_who_has_the_floor_in_silence_and_nothing_when_nobody_has() {
    let mut world = World::new();
    let ann = world.connect("Ann");
    let bo = world.join("Bo");
    let told = |world: &World, session| {
        let pushes = world.effects.iter().filter_map(|effect| match effect {
            Effect::Push { session: to, push: Push::Speakers(told) } if *to == session => {
                Some(told)
            }
            _ => None,
        });
        pushes.cloned().collect::<Vec<_>>()
    };
    assert_eq!(told(&world, bo.session), []);
    let speakers = Speakers { speaking: Vec::new(), dominant: Some(ann.peer) };
    world.apply(Command::Speaking(speakers.clone()));
    world.take();
    let cy = world.join("Cy");
    assert_eq!(told(&world, cy.session), [speakers]);
}

#[test]
fn a_second_join_of_the_same_topic_closes_the_first() {
    let mut world = World::new();
    let first = world.connect("Ann");
    let mut join = world.request_to_join("Ann");
    join.replaces = Some(first.session);
    world.take();
    let second = world.try_join(join).unwrap();
    let close = world.effects.iter().position(|e| *e == Effect::Close { session: first.session });
    let reply = world.effects.iter().position(
        |effect| matches!(effect, Effect::Reply { session, .. } if *session == second.session),
    );
    assert!(
        close.unwrap() < reply.unwrap(),
        "the old one is closed before the new one is answered"
    );
    assert_ne!(first.peer, second.peer);
    assert_eq!(world.room.census().peers, 1);
}

#[test]
fn when_the_server_stops_everyone_is_told_and_closed() {
    let mut world = World::new();
    let (ann, bo) = (world.connect("Ann"), world.connect("Bo"));
    world.close_socket(&bo);
    let reason = Reason::ServerStopping;
    let ended = parlor_wire::Ended { reason, message: "The server is restarting.".into() };
    world.apply(Command::End(ended.clone()));
    assert_eq!(world.ended(&ann), Some(ended));
    assert!(world.closed(&ann) && !world.closed(&bo));
    assert!(world.room.is_over());
}
