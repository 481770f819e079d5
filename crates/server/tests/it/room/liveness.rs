//! The table of docs/protocol.md section 6, row by row.

use parlor_server::room::command::{Command, Heard, Request, SessionId};
use parlor_server::room::liveness::{End, Link, Media, SOCKET_PATIENCE, judge};
use parlor_wire::{LeaveReason, PeerState, Reason, Refusal};

use super::{Client, World, millis, secs};

fn two() -> (World, Client, Client) {
    let mut world = World::new();
    let (ann, bo) = (world.connect("Ann"), world.connect("Bo"));
    world.pass(secs(1));
    world.take();
    (world, ann, bo)
}

/// What Ann was last told of Bo's state, if anything.
fn shown(world: &World, ann: &Client, bo: &Client) -> Option<PeerState> {
    world.told(ann).changed.iter().rfind(|peer| peer.id == bo.peer).map(|peer| peer.state)
}

fn gone(world: &World, ann: &Client, bo: &Client) -> Option<LeaveReason> {
    world.told(ann).left.iter().find(|left| left.id == bo.peer).map(|left| left.reason)
}

#[test]
fn socket_open_and_media_arriving_stays_for_ever() {
    let (mut world, ann, _) = two();
    assert_eq!(world.room.deadline(world.now), None);
    world.pass(secs(3600));
    assert_eq!(world.told(&ann), Default::default());
}

#[test]
fn socket_open_and_media_silent_is_reconnecting_at_5_s_and_ended_at_30_s() {
    let (mut world, ann, bo) = two();
    world.fall_silent(&bo);
    world.pass(millis(50));
    assert_eq!(shown(&world, &ann, &bo), Some(PeerState::Reconnecting));
    world.pass(secs(24));
    assert_eq!(gone(&world, &ann, &bo), None);
    world.pass(secs(2));
    assert_eq!(gone(&world, &ann, &bo), Some(LeaveReason::Lost));
    assert_eq!(world.ended(&bo).unwrap().reason, Reason::ConnectionFailed);
    assert!(world.closed(&bo) && world.removed_from_media(&bo));
    world.pass(secs(55));
    let back = world.resume(&bo, "Bo", true);
    assert_eq!(world.try_join(back).unwrap().peer, bo.peer, "the token is good for 60 s more");
}

#[test]
fn media_that_comes_back_is_connected_again() {
    let (mut world, ann, bo) = two();
    world.fall_silent(&bo);
    world.pass(secs(10));
    world.hear(&bo, Heard::Connected);
    world.pass(secs(60));
    assert_eq!(shown(&world, &ann, &bo), Some(PeerState::Connected));
    assert_eq!(gone(&world, &ann, &bo), None);
}

#[test]
fn socket_closed_and_media_arriving_stays_connected_and_may_resume_for_30_s() {
    let (mut world, ann, bo) = two();
    world.close_socket(&bo);
    world.pass(secs(29));
    assert_eq!(world.told(&ann), Default::default(), "nobody notices");
    let back = world.resume(&bo, "Bo", false);
    let back = world.try_join(back).unwrap();
    assert_eq!((back.peer, back.joined.answer), (bo.peer, None));
    assert_eq!(back.joined.tracks, bo.joined.tracks);
    assert!(!world.removed_from_media(&bo), "media never stopped");
    world.pass(secs(60));
    assert_eq!(gone(&world, &ann, &bo), None);
}

#[test]
fn socket_closed_and_media_arriving_is_gone_after_30_s_and_the_token_void() {
    let (mut world, ann, bo) = two();
    world.close_socket(&bo);
    world.pass(secs(31));
    assert_eq!(gone(&world, &ann, &bo), Some(LeaveReason::Lost));
    assert!(world.removed_from_media(&bo));
    let back = world.resume(&bo, "Bo", true);
    assert_eq!(world.try_join(back).unwrap_err().reason, Reason::ResumeUnknown);
}

#[test]
fn socket_closed_and_media_silent_is_reconnecting_at_5_s_and_gone_within_8_s() {
    let (mut world, ann, bo) = two();
    world.vanish(&bo);
    world.pass(millis(2400));
    assert_eq!(shown(&world, &ann, &bo), Some(PeerState::Reconnecting));
    assert_eq!(gone(&world, &ann, &bo), None);
    world.pass(millis(600));
    assert_eq!(gone(&world, &ann, &bo), Some(LeaveReason::Lost));
    assert!(world.removed_from_media(&bo));
}

#[test]
fn others_are_told_within_8_s_in_a_crowd_too_where_presence_is_rare() {
    let mut world = World::holding(1000);
    let crowd: Vec<_> = (0..60).map(|index| world.connect(&format!("Peer {index}"))).collect();
    let [ann, bo, ..] = &crowd[..] else { panic!("60 are more than two") };
    world.pass(secs(1));
    world.close_socket(bo);
    world.fall_silent(bo);
    world.pass(millis(2490));
    let track = ann.joined.tracks[0].id;
    world.request(ann, Request::SwitchTrack { track, on: false });
    assert_eq!(world.told(ann).changed.last().map(|peer| peer.id), Some(ann.peer));
    assert_eq!(gone(&world, ann, bo), None);
    world.pass(millis(510));
    assert_eq!(gone(&world, ann, bo), Some(LeaveReason::Lost));
}

#[test]
fn socket_open_but_quiet_and_media_silent_is_gone_within_8_s_too() {
    let (mut world, ann, bo) = two();
    let (since, session) = (world.now, bo.session);
    world.fall_silent(&bo);
    world.pass(millis(2500));
    assert_eq!(gone(&world, &ann, &bo), None);
    world.apply(Command::SocketQuiet { session, since });
    world.pass(millis(500));
    assert_eq!(gone(&world, &ann, &bo), Some(LeaveReason::Lost));
    assert!(world.closed(&bo) && world.removed_from_media(&bo));
    assert_eq!(world.ended(&bo).unwrap().reason, Reason::ConnectionFailed);
    let back = world.resume(&bo, "Bo", true);
    assert_eq!(world.try_join(back).unwrap().peer, bo.peer, "the token lives on");
}

#[test]
fn a_quiet_socket_that_is_heard_again_or_whose_media_arrives_is_waited_for() {
    let (mut world, ann, bo) = two();
    let (since, session) = (world.now, bo.session);
    world.apply(Command::SocketQuiet { session, since });
    world.pass(secs(60));
    assert_eq!(gone(&world, &ann, &bo), None, "media arrives");
    world.fall_silent(&bo);
    world.apply(Command::SocketHeard { session });
    world.pass(secs(20));
    assert_eq!(gone(&world, &ann, &bo), None, "it may yet restart its connection");
    world.hear(&bo, Heard::Connected);
    let elsewhere = world.resume(&bo, "Bo", false);
    world.try_join(elsewhere).unwrap();
    world.apply(Command::SocketQuiet { session, since });
    world.fall_silent(&bo);
    world.pass(secs(20));
    assert_eq!(gone(&world, &ann, &bo), None, "an old socket's quiet means nothing");
}

#[test]
fn one_who_was_lost_gets_the_same_id_back_for_60_s() {
    for (waited, expected) in [(59, true), (61, false)] {
        let (mut world, ann, bo) = two();
        world.vanish(&bo);
        world.pass(millis(2500) + secs(waited));
        world.take();
        let back = world.resume(&bo, "Bo", true);
        match world.try_join(back) {
            Ok(back) => {
                assert!(expected, "{waited} s");
                assert_eq!((back.peer, &back.token), (bo.peer, &bo.token));
                world.pass(millis(50));
                assert_eq!(world.told(&ann).joined[0].id, bo.peer);
            }
            Err(refusal) => {
                assert!(!expected, "{waited} s");
                assert_eq!(refusal.reason, Reason::ResumeUnknown);
            }
        }
    }
}

#[test]
fn one_who_was_lost_cannot_resume_without_an_offer_and_can_try_again_with_one() {
    let (mut world, _, bo) = two();
    world.vanish(&bo);
    world.pass(secs(10));
    let without = world.resume(&bo, "Bo", false);
    assert_eq!(world.try_join(without).unwrap_err().reason, Reason::BadOffer);
    let with = world.resume(&bo, "Bo", true);
    assert_eq!(world.try_join(with).unwrap().peer, bo.peer);
}

#[test]
fn a_room_waits_for_the_lost_and_no_longer() {
    let mut world = World::new();
    let ann = world.connect("Ann");
    world.vanish(&ann);
    world.pass(secs(10));
    assert!(!world.room.is_over());
    world.pass(secs(60));
    assert!(world.room.is_over());
}

#[test]
fn a_member_that_never_connected_is_gone_within_8_s_after_its_socket() {
    let mut world = World::new();
    let ann = world.connect("Ann");
    let bo = world.join("Bo");
    world.pass(secs(1));
    world.close_socket(&bo);
    world.take();
    world.pass(secs(8));
    assert_eq!(gone(&world, &ann, &bo), Some(LeaveReason::Lost));
}

#[test]
fn one_who_comes_back_to_a_silent_connection_has_time_to_restart_it() {
    let (mut world, ann, bo) = two();
    world.fall_silent(&bo);
    world.pass(secs(23));
    world.close_socket(&bo);
    world.pass(secs(7));
    let back = world.resume(&bo, "Bo", false);
    let back = world.try_join(back).unwrap();
    world.pass(secs(10));
    assert_eq!(gone(&world, &ann, &bo), None);
    world.hear(&back, Heard::Connected);
    world.pass(secs(60));
    assert_eq!(gone(&world, &ann, &bo), None);
}

#[test]
fn one_who_keeps_coming_back_to_a_silent_connection_is_given_time_only_once() {
    let (mut world, ann, mut bo) = two();
    let since = world.now;
    world.fall_silent(&bo);
    for _ in 0..2 {
        world.pass(secs(20));
        let back = world.resume(&bo, "Bo", false);
        bo = world.try_join(back).unwrap();
        world.hear(&bo, Heard::Silent { since });
        assert_eq!(gone(&world, &ann, &bo), None);
    }
    world.pass(secs(15));
    assert_eq!(gone(&world, &ann, &bo), Some(LeaveReason::Lost));
    let back = world.resume(&bo, "Bo", true);
    bo = world.try_join(back).unwrap();
    world.hear(&bo, Heard::Connected);
    world.take();
    world.fall_silent(&bo);
    world.pass(secs(20));
    let back = world.resume(&bo, "Bo", false);
    world.try_join(back).unwrap();
    world.pass(secs(20));
    assert_eq!(gone(&world, &ann, &bo), None, "another silence, and time for it");
}

#[test]
fn no_session_of_a_lost_socket_is_kept() {
    let (mut world, ann, bo) = two();
    for _ in 0..5 {
        let guest = world.connect("Guest");
        world.close_socket(&guest);
    }
    let replaced = bo.session;
    let back = world.resume(&bo, "Bo", false);
    let back = world.try_join(back).unwrap();
    world.apply(Command::SocketClosed { session: replaced });
    assert_eq!(world.held, [ann.session, back.session].into());
    world.close_socket(&ann);
    world.close_socket(&back);
    assert!(world.held.is_empty(), "{:?}", world.held);
}

#[test]
fn a_failed_connection_ends_the_membership_with_the_reason() {
    let (mut world, ann, bo) = two();
    world.hear(&bo, Heard::Failed("Your certificate is another one.".into()));
    let ended = world.ended(&bo).unwrap();
    assert_eq!(ended.reason, Reason::ConnectionFailed);
    assert_eq!(ended.message, "Your certificate is another one.");
    assert_eq!(gone(&world, &ann, &bo), Some(LeaveReason::Lost));
}

#[test]
fn a_client_that_closed_its_connection_may_bring_another() {
    let (mut world, ann, bo) = two();
    world.hear(&bo, Heard::ClosedByClient);
    world.pass(secs(20));
    assert_eq!(shown(&world, &ann, &bo), Some(PeerState::Reconnecting));
    let mut back = world.resume(&bo, "Bo", true);
    back.replaces = Some(bo.session);
    let back = world.try_join(back).unwrap();
    assert_eq!(back.peer, bo.peer);
    world.hear(&back, Heard::Connected);
    world.pass(secs(60));
    assert_eq!(shown(&world, &ann, &bo), Some(PeerState::Connected));
    assert_eq!(gone(&world, &ann, &bo), None);
}

#[test]
fn a_membership_that_is_resumed_elsewhere_is_over_here() {
    let (mut world, ann, bo) = two();
    let elsewhere = world.resume(&bo, "Bo", false);
    let elsewhere = world.try_join(elsewhere).unwrap();
    assert_eq!(world.ended(&bo).unwrap().reason, Reason::Replaced);
    assert!(world.closed(&bo));
    world.close_socket(&bo);
    world.pass(secs(60));
    assert_eq!(gone(&world, &ann, &bo), None, "the old socket's end means nothing");
    world.request(&elsewhere, Request::Leave);
    world.pass(millis(50));
    assert_eq!(gone(&world, &ann, &bo), Some(LeaveReason::Left));
}

#[test]
fn a_refused_fresh_connection_can_be_tried_again_within_the_tokens_life() {
    let (mut world, ann, bo) = two();
    world.hear(&bo, Heard::ClosedByClient);
    world.media_refuses = Some(Refusal::new(Reason::BadOffer, "offer: line 1"));
    let mut bad = world.resume(&bo, "Bo", true);
    bad.replaces = Some(bo.session);
    assert_eq!(world.try_join(bad).unwrap_err().reason, Reason::BadOffer);
    world.media_refuses = None;
    world.pass(secs(20));
    assert_eq!(gone(&world, &ann, &bo), Some(LeaveReason::Lost));
    let good = world.resume(&bo, "Bo", true);
    assert_eq!(world.try_join(good).unwrap().peer, bo.peer);
}

#[test]
fn a_token_of_one_who_was_lost_outlives_tries_to_come_back_that_are_refused() {
    let (mut world, _ann, bo) = two();
    world.vanish(&bo);
    world.pass(secs(10));
    for reason in [Reason::BadOffer, Reason::ServerFull, Reason::MediaFailed] {
        world.media_refuses = Some(Refusal::new(reason, "not now"));
        let refused = world.resume(&bo, "Bo", true);
        assert_eq!(world.try_join(refused).unwrap_err().reason, reason);
        world.pass(secs(10));
    }
    world.media_refuses = None;
    let back = world.resume(&bo, "Bo", true);
    assert_eq!(world.try_join(back).unwrap().peer, bo.peer);
}

#[test]
fn tries_that_are_refused_do_not_make_a_token_live_longer() {
    let (mut world, _ann, bo) = two();
    world.vanish(&bo);
    world.media_refuses = Some(Refusal::new(Reason::ServerFull, "not now"));
    for _ in 0..6 {
        world.pass(secs(10));
        let refused = world.resume(&bo, "Bo", true);
        assert_eq!(world.try_join(refused).unwrap_err().reason, Reason::ServerFull);
    }
    world.media_refuses = None;
    world.pass(secs(10));
    let late = world.resume(&bo, "Bo", true);
    assert_eq!(world.try_join(late).unwrap_err().reason, Reason::ResumeUnknown);
}

#[test]
fn a_member_without_media_stays_while_its_socket_is_heard_and_no_longer() {
    let since = std::time::Instant::now();
    let session = SessionId(1);
    assert_eq!(judge(Link::Open(session), Media::Absent).end, None);
    let quiet = judge(Link::Quiet { session, since }, Media::Absent);
    assert_eq!(quiet.end, Some((since + SOCKET_PATIENCE, End::BothSilent)));
    let closed = judge(Link::Closed { since }, Media::Absent);
    assert_eq!(closed.end, Some((since + SOCKET_PATIENCE, End::NotResumed)));
}
