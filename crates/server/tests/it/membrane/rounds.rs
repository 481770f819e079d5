//! When negotiations begin and end, and how many sections they are about.

use std::time::Duration;

use parlor_server::dialect::membrane::REST;
use parlor_wire::{PeerId, Reason, Refusal, TrackId};
use serde_json::json;

use super::call::{Call, membrane, parlor};

#[test]
fn an_offer_that_is_refused_is_the_end_and_says_why() {
    let mut call = Call::with(&[parlor(2)]);
    assert!(call.listen());
    call.refuse(Refusal::new(Reason::BadOffer, "offer: line 3"));
    assert_eq!(call.failed.as_deref(), Some("offer: line 3"));
}

#[test]
fn a_track_on_its_way_from_another_thread_is_tried_again() {
    let mut call = Call::with(&[]);
    call.unknown_to_media.insert(TrackId(21));
    call.show(parlor(2));
    call.settle();
    assert!(!call.page.ready.contains("p2:t21"));
    call.unknown_to_media.clear();
    call.pass(Duration::from_secs(1));
    call.assert_sees_everything();
    call.pass(Duration::from_secs(60));
    assert_eq!(call.page.rounds, 2, "and then there is rest");
}

#[test]
fn a_track_that_was_gone_while_it_was_looked_for_and_is_back_has_a_section() {
    let mut call = Call::with(&[parlor(2)]);
    assert!(call.listen());
    call.leave(PeerId(2));
    assert!(call.answer());
    call.show(parlor(2));
    call.settle();
    call.assert_sees_everything();
    call.pass(Duration::from_secs(60));
    assert_eq!(call.page.rounds, 2, "and then there is rest");
}

#[test]
fn a_track_that_never_has_a_section_is_not_tried_for_ever() {
    let mut call = Call::with(&[]);
    call.unknown_to_media.insert(TrackId(21));
    call.show(parlor(2));
    call.settle();
    call.pass(Duration::from_secs(60));
    assert!((2..10).contains(&call.page.rounds));
    call.leave(PeerId(2));
    call.settle();
    call.assert_sees_everything();
}

#[test]
fn a_client_that_offers_no_more_is_put_out_after_half_a_minute() {
    let mut call = Call::with(&[parlor(2)]);
    call.settle();
    call.show(parlor(3));
    call.pass(REST);
    assert_eq!(call.page.rounds, 2);
    call.to_server.clear();
    call.pass(Duration::from_secs(29));
    assert_eq!((call.page.rounds, &call.failed), (2, &None));
    call.pass(Duration::from_secs(2));
    assert_eq!(call.page.rounds, 2, "two offers at a time would fail");
    assert!(call.failed.is_some());
}

#[test]
fn a_client_that_never_offers_begins_anew_once_and_is_put_out_half_a_minute_later() {
    let mut call = Call::with(&[parlor(2)]);
    let never = |call: &mut Call, span| {
        let end = call.now + span;
        while let Some(at) =
            call.dialect.deadline().filter(|at| *at <= end && call.failed.is_none())
        {
            call.now = at;
            call.dialect.tick(at);
            call.carry();
            call.to_server.clear();
        }
        call.now = end;
    };
    call.to_server.clear();
    never(&mut call, Duration::from_secs(14));
    assert_eq!((call.page.rounds, call.page.removals), (1, 0));
    never(&mut call, Duration::from_secs(2));
    assert_eq!((call.page.rounds, call.page.removals), (2, 1));
    never(&mut call, Duration::from_secs(28));
    assert_eq!((call.page.rounds, &call.failed), (2, &None));
    never(&mut call, Duration::from_secs(2));
    assert_eq!((call.page.rounds, call.page.removals), (2, 1));
    assert!(call.failed.is_some());
}

#[test]
fn a_negotiation_begins_a_quarter_of_a_second_after_the_last_one_at_the_soonest() {
    let mut call = Call::with(&[parlor(2)]);
    assert!(call.listen() && call.answer());
    call.show(parlor(3));
    call.request_round();
    call.listen();
    assert_eq!(call.page.rounds, 1);
    call.pass(Duration::from_millis(249));
    assert_eq!(call.page.rounds, 1);
    call.pass(Duration::from_millis(1));
    assert_eq!(call.page.rounds, 2);
    call.assert_sees_everything();
}

#[test]
fn every_offer_that_was_asked_for_is_answered() {
    let mut call = Call::with(&[]);
    for id in 2..200 {
        call.show(parlor(id));
        call.settle();
        call.leave(PeerId(id));
        call.settle();
    }
    assert_eq!(call.page.told("sdpAnswer").len(), call.page.rounds);
}

#[test]
fn nobody_is_told_of_more_tracks_than_an_offer_has_room_for() {
    let people: Vec<_> = (2..70).map(parlor).collect();
    let mut call = Call::with(&people);
    call.settle();
    assert_eq!(call.page.ready.len(), 2 * 48);
    assert_eq!(call.page.endpoints.len(), 68);
    call.leave(PeerId(2));
    call.settle();
    assert_eq!(call.page.ready.len(), 2 * 48, "there is room for one more");
}

#[test]
fn however_many_come_and_go_at_once_nobody_is_asked_for_more_sections_than_a_frame_holds() {
    let people: Vec<_> = (2..60).map(parlor).collect();
    let mut call = Call::with(&people);
    call.settle();
    for first in [100, 200, 300] {
        call.replace_all((first..first + 48).map(parlor).collect());
        call.settle();
        call.assert_sees_everything();
    }
    for told in call.page.told("offerData") {
        let sections = told["tracksTypes"]["video"].as_u64().unwrap();
        assert!(sections <= 56, "{sections}");
    }
}

#[test]
fn a_name_that_another_track_has_now_is_that_tracks() {
    let mut call = Call::with(&[membrane(2, json!({}))]);
    call.settle();
    let mut person = membrane(2, json!({}));
    let camera = person.peer.tracks[1].id;
    person.peer.tracks[1].id = TrackId(29);
    let about = std::sync::Arc::make_mut(&mut person.about);
    let said = about.tracks.remove(&camera).unwrap();
    about.tracks.insert(TrackId(29), said);
    call.show(person);
    call.settle();
    call.assert_sees_everything();
    assert!(call.has_section(TrackId(29)));
    assert_eq!(call.page.told("tracksRemoved").len(), 1);
}
