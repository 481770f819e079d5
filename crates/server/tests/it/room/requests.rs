//! What members ask for, and what the media side has to tell them.

use parlor_server::room::command::{
    Command, Effect, Heard, MediaCommand, MediaNews, NamedSender, Push, Request, Response,
};
use parlor_wire::{
    Empty, Kind, MoreSlots, Reason, Refusal, Sender, Slot, Slots, Source, Speakers, TrackId,
    ViewedTrack,
};

use super::{World, millis, slots};

#[test]
fn an_own_track_is_switched_and_anothers_is_not() {
    let mut world = World::new();
    let (ann, bo) = (world.connect("Ann"), world.connect("Bo"));
    world.pass(millis(100));
    let track = bo.joined.tracks[0].id;
    let off = Request::SwitchTrack { track, on: false };
    assert_eq!(world.reply_to(&ann, off.clone()).unwrap_err().reason, Reason::UnknownTrack);
    assert_eq!(world.reply_to(&bo, off), Ok(Response::Empty(Empty {})));
    let switched = MediaCommand::SwitchTrack { peer: bo.peer, track, on: false };
    assert!(world.effects.contains(&Effect::Media(switched)));
    assert!(!world.told(&ann).changed[0].tracks[0].on);
}

#[test]
fn a_view_reaches_the_media_side_without_tracks_that_are_gone() {
    let mut world = World::new();
    let (ann, bo) = (world.connect("Ann"), world.connect("Bo"));
    let viewed = |track| ViewedTrack { track, width: 640, height: 360, priority: 0 };
    let camera = viewed(bo.joined.tracks[1].id);
    let own = viewed(ann.joined.tracks[1].id);
    let tracks = vec![camera.clone(), viewed(TrackId(u64::MAX)), own];
    assert_eq!(world.reply_to(&ann, Request::View(tracks)), Ok(Response::Empty(Empty {})));
    let view = MediaCommand::View { peer: ann.peer, tracks: vec![camera] };
    assert!(world.effects.contains(&Effect::Media(view)));
}

#[test]
fn a_later_offer_keeps_the_names_of_tracks_and_adds_new_ones() {
    let mut world = World::new();
    let (ann, bo) = (world.connect("Ann"), world.connect("Bo"));
    world.pass(millis(100));
    let sender = |mid: &str, source, track| NamedSender {
        about: Default::default(),
        track: TrackId(track),
        sender: Sender { mid: mid.into(), source, kind: None, on: true },
    };
    let senders = vec![
        sender("0", Source::Microphone, 1001),
        sender("1", Source::Camera, 1002),
        sender("8", Source::Screen, 1003),
    ];
    let offer = Request::Offer { offer: "bigger".into(), senders, pins: Vec::new() };
    let Ok(Response::Negotiated(done)) = world.reply_to(&bo, offer) else { panic!("refused") };
    let ids: Vec<TrackId> = done.tracks.iter().map(|track| track.id).collect();
    assert_eq!(ids, [bo.joined.tracks[0].id, bo.joined.tracks[1].id, TrackId(1003)]);
    assert_eq!(world.told(&ann).changed[0].tracks.len(), 3);
}

#[test]
fn a_section_cannot_become_another_source() {
    let mut world = World::new();
    let ann = world.connect("Ann");
    let sender = Sender { mid: "1".into(), source: Source::Screen, kind: None, on: true };
    let senders = vec![NamedSender { track: TrackId(1001), sender, about: Default::default() }];
    let refusal = world
        .reply_to(&ann, Request::Offer { offer: "x".into(), senders, pins: Vec::new() })
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::BadRequest);
    assert!(refusal.message.starts_with("senders[0].source"), "{}", refusal.message);
}

#[test]
fn a_refused_later_offer_changes_nothing() {
    let mut world = World::new();
    let (ann, bo) = (world.connect("Ann"), world.connect("Bo"));
    world.pass(millis(100));
    world.media_refuses = Some(Refusal::new(Reason::BadOffer, "offer: line 7"));
    let offer = Request::Offer { offer: "x".into(), senders: Vec::new(), pins: Vec::new() };
    assert_eq!(world.reply_to(&bo, offer).unwrap_err().reason, Reason::BadOffer);
    assert_eq!(world.told(&ann), Default::default());
    assert_eq!(world.room.census().tracks, 4);
}

#[test]
fn slots_that_change_are_told_and_the_others_are_not() {
    let mut world = World::new();
    let (ann, bo) = (world.connect("Ann"), world.connect("Bo"));
    let mut now = slots();
    now[0].track = Some(bo.joined.tracks[0].id);
    let wanted = MoreSlots { audio: 1, video: 1 };
    let news = MediaNews { connection: Heard::Connected, slots: now.clone(), wanted };
    world.take();
    world.apply(Command::Media { peer: ann.peer, news: news.clone() });
    let push = Push::Slots(Slots { slots: vec![now[0].clone()] });
    assert!(world.effects.contains(&Effect::Push { session: ann.session, push }));
    world.take();
    world.apply(Command::Media { peer: ann.peer, news });
    assert_eq!(world.effects, [], "told once");
}

#[test]
fn a_client_with_too_few_slots_is_asked_once_for_more() {
    let mut world = World::new();
    let ann = world.connect("Ann");
    let wanted = MoreSlots { audio: 4, video: 4 };
    let mut news = MediaNews { connection: Heard::Connected, slots: slots(), wanted };
    world.take();
    world.apply(Command::Media { peer: ann.peer, news: news.clone() });
    let ask = Effect::Push { session: ann.session, push: Push::MoreSlots(wanted) };
    assert_eq!(world.effects, [ask]);
    world.take();
    world.apply(Command::Media { peer: ann.peer, news: news.clone() });
    assert_eq!(world.effects, []);
    news.wanted = MoreSlots { audio: 8, video: 8 };
    world.apply(Command::Media { peer: ann.peer, news });
    assert_eq!(world.effects.len(), 1, "asked anew when more are wanted");
}

#[test]
fn what_a_closed_socket_missed_is_in_the_reply_that_resumes() {
    let mut world = World::new();
    let (ann, bo) = (world.connect("Ann"), world.connect("Bo"));
    world.close_socket(&ann);
    let carried = Slot { mid: "2".into(), kind: Kind::Audio, track: Some(bo.joined.tracks[0].id) };
    let wanted = MoreSlots { audio: 4, video: 4 };
    let slots = vec![carried.clone()];
    let news = MediaNews { connection: Heard::Connected, slots, wanted };
    world.apply(Command::Media { peer: ann.peer, news });
    world.take();
    let back = world.resume(&ann, "Ann", false);
    let back = world.try_join(back).unwrap();
    assert_eq!(back.joined.slots, [carried]);
    let ask = Effect::Push { session: back.session, push: Push::MoreSlots(wanted) };
    assert!(world.effects.contains(&ask));
}

#[test]
fn speakers_are_told_when_they_change() {
    let mut world = World::new();
    let (ann, bo) = (world.connect("Ann"), world.connect("Bo"));
    world.pass(millis(100));
    world.take();
    let speakers = Speakers { speaking: vec![bo.peer], dominant: Some(ann.peer) };
    world.apply(Command::Speaking(speakers.clone()));
    let push = Push::Speakers(speakers.clone());
    let sessions = vec![ann.session, bo.session];
    assert_eq!(world.effects, [Effect::Broadcast { sessions, push }]);
    world.take();
    world.apply(Command::Speaking(speakers));
    assert_eq!(world.effects, []);
}

#[test]
fn a_session_that_is_over_is_told_so() {
    let mut world = World::new();
    let (_ann, bo) = (world.connect("Ann"), world.connect("Bo"));
    world.request(&bo, Request::Leave);
    let refusal = world.reply_to(&bo, Request::View(Vec::new())).unwrap_err();
    assert_eq!(refusal.reason, Reason::UnmatchedTopic);
}
