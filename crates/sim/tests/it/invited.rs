//! Peers to whom the server offers: what it has said of itself stands, and media flows when they have answered.

use std::net::SocketAddr;
use std::time::Duration;

use parlor_engine::{Change, ConnectionState, Join, JoinError, Joined, Opening, PeerId, Receive};
use parlor_rtc::MediaKind::{self, Audio, Video};
use parlor_rtc::connection::{ANSWER_TIMEOUT, CloseReason};
use parlor_sim::link::LinkConfig;
use parlor_sim::world::ROOM;
use parlor_sim::{Client, World};

use crate::layers::{Call, TOP_BPS, layer, path};
use crate::{connect_all, seconds};

/// The lines of a description that begin so.
fn lines<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.starts_with(name)).collect()
}

/// A client that has not been seated.
fn client(world: &World, number: u32) -> Client {
    Client::new(world.now(), number, SocketAddr::from(([10, 9, 0, 1], 9000)))
}

fn invited(world: &mut World, kinds: &[MediaKind], receive: Receive) -> (usize, Joined, Joined) {
    let client = client(world, 77);
    world.seat_invited(ROOM, client, (kinds.to_vec(), receive), LinkConfig::default())
}

/// Everything that the server has said of itself in its offer, and says again once that is answered.
fn assert_stands(offered: &Joined, accepted: &Joined) {
    for name in [
        "o=",
        "a=group:",
        "a=mid:",
        "a=msid:",
        "a=ssrc",
        "a=candidate:",
        "a=ice-",
        "a=fingerprint:",
    ] {
        let (before, after) = (lines(&offered.answer, name), lines(&accepted.answer, name));
        assert!(!before.is_empty(), "{name}");
        let version = |line: &str| line.replacen(" 1 IN", " 0 IN", 1);
        let after: Vec<String> = after.into_iter().map(version).collect();
        assert_eq!(before, after, "{name}");
    }
    for line in accepted.answer.lines() {
        let is_decided = ["o=", "m=", "a=setup:", "a=fmtp:"].iter().any(|it| line.starts_with(it));
        assert!(is_decided || offered.answer.lines().any(|it| it == line), "{line}");
    }
}

#[test]
fn tracks_that_are_offered_by_the_server_flow_when_they_are_taken() {
    let mut world = World::new(1);
    let ann = world.join(1);
    let tracks = world.seats[ann].tracks();
    let pins = Receive::Pinned(tracks.clone());
    let (bo, offered, accepted) = invited(&mut world, &[Audio, Video], pins);
    assert_stands(&offered, &accepted);
    assert_eq!(lines(&offered.answer, "a=sendonly").len(), 2, "{}", offered.answer);
    for track in &tracks {
        let msid = format!("a=msid:{} {track}", world.seats[ann].peer);
        assert_eq!(lines(&offered.answer, &msid).len(), 1, "{}", offered.answer);
    }
    connect_all(&mut world);
    world.run_for(seconds(2));
    assert!(world.seen(bo, ann, Audio).len() > 50 && world.seen(bo, ann, Video).len() > 30);
    assert!(world.seats[bo].client.is_connected());
}

#[test]
fn sections_that_float_are_offered_before_there_is_anything_to_send() {
    let mut world = World::new(2);
    let (bo, offered, accepted) = invited(&mut world, &[Audio, Video], Receive::Floating);
    assert_stands(&offered, &accepted);
    let ann = world.join(1);
    connect_all(&mut world);
    world.run_for(seconds(2));
    assert!(world.seen(bo, ann, Audio).len() > 50 && world.seen(bo, ann, Video).len() > 30);
}

#[test]
fn who_was_invited_restarts_ice_by_what_it_has_answered() {
    let mut world = World::new(3);
    let ann = world.join(1);
    let mut bo = client(&world, 77);
    let (peer, now) = (PeerId(77), world.now());
    let pins = Receive::Pinned(world.seats[ann].tracks());
    let opening = Opening::Invited(vec![Audio, Video]);
    let join = Join { room: ROOM, peer, opening, senders: Vec::new(), receive: pins };
    let offered = world.engine.join(now, join).unwrap();
    let answer = bo.answer(&offered.answer).unwrap();

    let early = world.engine.reoffer(now, peer, &answer, &[], &[]);
    assert_eq!(early, Err(JoinError::NotAnswered));
    let accepted = world.engine.accept(now, peer, &answer).unwrap();
    let again = world.engine.accept(now, peer, &answer);
    assert_eq!(again, Err(JoinError::NothingToAnswer));

    let fresh = answer.replace("a=ice-ufrag:", "a=ice-ufrag:x");
    let restarted = world.engine.reoffer(now, peer, &fresh, &[], &world.seats[ann].tracks());
    let restarted = restarted.unwrap();
    let ufrag = |joined: &Joined| lines(&joined.answer, "a=ice-ufrag:")[0].to_owned();
    assert_ne!(ufrag(&restarted), ufrag(&accepted));
    let streams = |joined: &Joined| lines(&joined.answer, "a=ssrc").len();
    assert_eq!(streams(&restarted), streams(&offered), "{}", restarted.answer);
}

#[test]
fn an_answer_that_is_none_changes_nothing_and_another_one_may_come() {
    let mut world = World::new(4);
    let peer = PeerId(77);
    let opening = Opening::Invited(vec![Audio, Video]);
    let receive = Receive::Floating;
    let join = Join { room: ROOM, peer, opening, senders: Vec::new(), receive };
    let offered = world.engine.join(world.now(), join).unwrap();
    let mut bo = client(&world, 77);
    let answer = bo.answer(&offered.answer).unwrap();
    for wrong in ["", &offered.answer, &answer.replace("recvonly", "sendonly")] {
        let refused = world.engine.accept(world.now(), peer, wrong);
        assert!(matches!(refused, Err(JoinError::Offer(_))), "{refused:?}");
    }
    assert!(world.engine.accept(world.now(), peer, &answer).is_ok());
    let nobody = world.engine.accept(world.now(), PeerId(4711), &answer);
    assert_eq!(nobody, Err(JoinError::UnknownPeer(PeerId(4711))));
}

#[test]
fn an_offer_that_nobody_answers_is_over_after_its_time() {
    let mut world = World::new(5);
    let peer = PeerId(77);
    let opening = Opening::Invited(vec![Audio, Video]);
    let receive = Receive::Floating;
    let join = Join { room: ROOM, peer, opening, senders: Vec::new(), receive };
    let offered = world.engine.join(world.now(), join).unwrap();
    let over = |world: &World| {
        let mut states = world.changes.iter().filter_map(|(_, change)| match change {
            Change::Peer { peer: it, state } if *it == peer => Some(state.connection),
            _ => None,
        });
        states.next_back() == Some(ConnectionState::Closed(CloseReason::AnswerTimeout))
    };
    world.run_for(ANSWER_TIMEOUT - Duration::from_secs(1));
    assert!(!over(&world));
    world.run_for(seconds(2));
    assert!(over(&world), "{:?}", world.changes);
    let answer = client(&world, 77).answer(&offered.answer).unwrap();
    let late = world.engine.accept(world.now(), peer, &answer);
    assert_eq!(late, Err(JoinError::NothingToAnswer), "it is closed, and stays so");
}

#[test]
fn who_was_invited_is_sent_the_size_that_fits_its_path() {
    let paths = [LinkConfig::default(), path(TOP_BPS / 1000 / 2)];
    let mut call = Call::of(6, |world| {
        let seats = (70..).zip(paths).map(|(number, link)| {
            let address = SocketAddr::from(([10, 9, 0, number], 9000));
            let client = Client::new(world.now(), u32::from(number), address);
            let floats = (vec![Audio, Video], Receive::Floating);
            world.seat_invited(ROOM, client, floats, link).0
        });
        seats.collect()
    });
    call.world.run_for(seconds(10));
    let from = call.world.now();
    call.world.run_for(seconds(10));
    let sizes = |viewer: usize| {
        let frames = call.frames(viewer);
        frames.iter().filter(|seen| seen.at >= from).filter_map(layer).collect::<Vec<u8>>()
    };
    let (wide, narrow) = (sizes(0), sizes(1));
    assert!(wide.len() > 200 && wide.iter().all(|size| *size == 2), "{wide:?}");
    assert!(narrow.len() > 100 && narrow.iter().all(|size| *size < 2), "{narrow:?}");
    assert!(call.missing_sound(1, from) < Duration::from_millis(500));
}
