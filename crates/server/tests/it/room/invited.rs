//! Who watches by WHEP without an offer of its own: the server's, and how long that waits.

use parlor_server::room::Watch;
use parlor_server::room::command::{
    Effect, Heard, Invite, Manner, MediaCommand, Request, Response,
};
use parlor_server::room::liveness::{ANSWER_PATIENCE, MEDIA_PATIENCE};
use parlor_wire::{Kind, Reason, Refusal, Source, TrackId};

use super::{Client, World, millis, secs};

fn ask(world: &mut World, watch: Watch) -> Result<Client, Refusal> {
    let mut join = world.request_to_join("WHEP");
    (join.manner, join.offer) = (Manner::Whep(watch), None);
    join.senders.clear();
    world.take();
    world.try_join(join)
}

/// What the media side was to offer.
fn invited(world: &World) -> &Invite {
    let invite = world.effects.iter().find_map(|effect| match effect {
        Effect::Media(MediaCommand::Invite(invite)) => Some(invite),
        _ => None,
    });
    invite.expect("somebody is invited")
}

fn answer() -> Request {
    Request::Answer { answer: "answer".to_owned() }
}

fn is_in(world: &World, client: &Client) -> bool {
    !world.removed_from_media(client)
}

#[test]
fn who_watches_everything_is_offered_a_section_for_each_track_and_one_of_each_kind_at_least() {
    let mut world = World::new();
    for (people, pairs) in [(0, 1), (1, 1), (3, 3), (40, 24)] {
        while world.room.census().tracks < 2 * people {
            world.connect("Ann");
        }
        let viewer = ask(&mut world, Watch::Everything).unwrap();
        let invite = invited(&world);
        assert_eq!((invite.peer, &invite.pins), (viewer.peer, &None));
        assert_eq!(invite.sections, [Kind::Audio, Kind::Video].repeat(pairs), "{people} people");
        world.request(&viewer, Request::Leave);
    }
}

#[test]
fn who_watches_one_is_offered_what_that_one_has() {
    let mut world = World::new();
    let ann = world.connect("Ann");
    let tracks: Vec<_> = ann.joined.tracks.iter().map(|track| track.id).collect();
    ask(&mut world, Watch::Peer(ann.peer)).unwrap();
    assert_eq!(invited(&world).sections, [Kind::Audio, Kind::Video]);
    assert_eq!(invited(&world).pins, Some(tracks.clone()));
    ask(&mut world, Watch::Track(tracks[1])).unwrap();
    assert_eq!(
        (&invited(&world).sections[..], &invited(&world).pins),
        (&[Kind::Video][..], &Some(vec![tracks[1]]))
    );

    let mut join = world.request_to_join("Silent");
    join.senders.clear();
    let silent = world.try_join(join).unwrap();
    let refusal = ask(&mut world, Watch::Peer(silent.peer)).unwrap_err();
    assert_eq!(refusal.reason, Reason::UnknownTrack);
    assert!(refusal.retry_after_ms.is_some(), "there may be something later");
}

#[test]
fn a_screen_that_nobody_shares_is_not_offered_unless_it_is_asked_for_by_its_name() {
    let mut world = World::new();
    let mut join = world.request_to_join("Ann");
    let mut screen = join.senders[1].clone();
    (screen.track, screen.sender.mid) = (TrackId(4711), "2".to_owned());
    (screen.sender.source, screen.sender.on) = (Source::Screen, false);
    join.senders.push(screen);
    let ann = world.try_join(join).unwrap();
    for watch in [Watch::Everything, Watch::Peer(ann.peer)] {
        ask(&mut world, watch).unwrap();
        assert_eq!(invited(&world).sections, [Kind::Audio, Kind::Video]);
    }
    ask(&mut world, Watch::Track(TrackId(4711))).unwrap();
    assert_eq!(invited(&world).sections, [Kind::Video]);
    let shared = Request::SwitchTrack { track: TrackId(4711), on: true };
    world.request(&ann, shared);
    ask(&mut world, Watch::Peer(ann.peer)).unwrap();
    assert_eq!(invited(&world).sections, [Kind::Audio, Kind::Video, Kind::Video]);
}

#[test]
fn only_who_watches_is_offered_something() {
    let mut world = World::new();
    for manner in [Manner::Parlor, Manner::Whip] {
        let mut join = world.request_to_join("Camera");
        (join.manner, join.offer) = (manner, None);
        assert_eq!(world.try_join(join).unwrap_err().reason, Reason::BadOffer);
    }
}

#[test]
fn an_offer_that_is_not_answered_ends_the_membership_after_its_time() {
    let mut world = World::new();
    let viewer = ask(&mut world, Watch::Everything).unwrap();
    world.hear(&viewer, Heard::Connecting);
    world.pass(ANSWER_PATIENCE - millis(1));
    assert!(is_in(&world, &viewer));
    world.pass(millis(1));
    assert!(!is_in(&world, &viewer));
    assert!(world.room.is_over(), "nobody can come back to it");
}

#[test]
fn who_answers_has_time_to_connect_from_then_on() {
    let mut world = World::new();
    let viewer = ask(&mut world, Watch::Everything).unwrap();
    world.pass(ANSWER_PATIENCE - secs(1));
    let answered = world.reply_to(&viewer, answer());
    assert!(matches!(answered, Ok(Response::Negotiated(_))), "{answered:?}");
    world.take();
    world.pass(MEDIA_PATIENCE - secs(1));
    assert!(is_in(&world, &viewer));
    world.hear(&viewer, Heard::Connected);
    world.pass(secs(3600));
    assert!(is_in(&world, &viewer));
}

#[test]
fn an_answer_that_is_refused_may_be_followed_by_another_and_nothing_else_is_answered() {
    let mut world = World::new();
    let viewer = ask(&mut world, Watch::Everything).unwrap();
    let refusal = Refusal::new(Reason::BadOffer, "answer: line 1: no");
    world.media_refuses = Some(refusal.clone());
    assert_eq!(world.reply_to(&viewer, answer()), Err(refusal));
    world.media_refuses = None;
    assert!(world.reply_to(&viewer, answer()).is_ok());
    let again = world.reply_to(&viewer, answer()).unwrap_err();
    assert_eq!(again.reason, Reason::BadRequest);
    let ann = world.connect("Ann");
    assert_eq!(world.reply_to(&ann, answer()).unwrap_err().reason, Reason::BadRequest);
}
