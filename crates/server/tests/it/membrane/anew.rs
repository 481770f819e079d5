//! Pages that come back over another socket with what they had before.

use std::collections::BTreeSet;
use std::time::Duration;

use parlor_server::dialect::membrane::Ask;
use parlor_server::dialect::membrane::former::Past;
use parlor_wire::membrane::ClientEvent;
use parlor_wire::{Kind, PeerId};
use serde_json::{Value, json};

use super::call::{Call, OWN, membrane, parlor};
use super::metadata;

const LATER: PeerId = PeerId(50);

/// One whose id is far from those of before.
const FAR: PeerId = PeerId(1000);

/// What is remembered after the server fell.
fn fallen() -> Past {
    Past { is_back: true, ..Past::default() }
}

/// What is remembered of a page that was in the room with these.
fn past(met: &[u64]) -> Past {
    let met = met.iter().copied().map(PeerId).collect();
    Past { own: vec![OWN], met, ..Past::default() }
}

/// A page that publishes a camera, in a room with two more, and loses its socket; one of them leaves meanwhile.
fn after_a_loss() -> (Call, String) {
    let mut call = Call::with(&[parlor(2), membrane(3, json!({}))]);
    call.settle();
    let camera = call.page.add_track(Kind::Video, metadata("camera", true));
    call.request_round();
    call.settle();
    call.people.remove(&PeerId(2));
    (call, camera)
}

/// By which names others know what the page published last.
fn shown(call: &mut Call) -> BTreeSet<String> {
    let senders = call.asked.clone().expect("an offer").0;
    senders.into_iter().filter_map(|(_, about)| about.label).collect()
}

#[test]
fn a_page_that_lost_its_socket_begins_anew_and_publishes_what_it_did_without_being_asked() {
    let (mut call, camera) = after_a_loss();
    call.come_back(LATER, past(&[2, 3]));
    assert!(call.listen(), "it offers by itself");
    assert_eq!(shown(&mut call), BTreeSet::from(["p50:0".to_owned()]));
    call.settle();
    call.assert_sees_everything();
    assert_eq!((call.page.removals, call.page.id.as_str()), (1, "p50"));
    let answer = call.page.told("sdpAnswer").pop().unwrap();
    assert!(answer["midToTrackId"].as_object().unwrap().values().any(|it| *it == *camera));
    call.requests.clear();
    let track_metadata = Some(metadata("camera", false).into());
    call.say(ClientEvent::UpdateTrackMetadata { track_id: camera, track_metadata });
    assert!(matches!(&call.requests[..], [Ask::DescribeTrack { .. }]), "by its own name for it");
}

#[test]
fn a_page_alone_in_its_room_publishes_again_too() {
    let mut call = Call::with(&[]);
    call.page.add_track(Kind::Audio, metadata("audio", true));
    call.request_round();
    call.settle();
    call.come_back(LATER, past(&[]));
    assert!(call.listen());
    assert_eq!(shown(&mut call), BTreeSet::from(["p50:0".to_owned()]));
    call.settle();
    call.assert_sees_everything();
}

#[test]
fn whoever_is_new_passes_over_what_a_page_of_before_is_told() {
    let mut call = Call::with(&[parlor(2)]);
    call.page = super::page::Page::default();
    call.come_back(LATER, past(&[2, 3, 7]));
    call.settle();
    call.assert_sees_everything();
    assert_eq!((call.page.removals, call.page.told("connected").len()), (0, 1));
}

#[test]
fn however_many_there_were_no_more_is_said_than_may_wait_for_a_socket() {
    let mut call = Call::with(&[parlor(2)]);
    call.page = super::page::Page::default();
    let own = (5000..5064).map(PeerId).collect();
    let met = (2..4000).map(PeerId).collect();
    call.come_back(LATER, Past { own, met, ..Past::default() });
    assert_eq!(call.page.told("endpointRemoved").len(), 256 + 64);
    call.settle();
    call.assert_sees_everything();
}

#[test]
fn a_page_of_which_nothing_is_remembered_begins_anew_when_it_goes_on_with_its_connection() {
    let mut call = Call::with(&[parlor(2)]);
    call.settle();
    call.page.add_track(Kind::Video, Value::Null);
    call.request_round();
    call.settle();
    call.come_back(FAR, fallen());
    call.settle();
    call.assert_sees_everything();
    assert_eq!((call.page.removals, call.page.told("connected").len()), (1, 3));
    assert_eq!(call.page.told("sdpAnswer").len(), 3, "two of before, and one");
    let published = call.page.told("sdpAnswer").pop().unwrap();
    assert!(published["midToTrackId"].as_object().unwrap().values().any(|it| *it == "p1:0"));
}

#[test]
fn a_page_that_fails_over_the_sections_of_before_begins_anew_after_fifteen_seconds() {
    let people: Vec<_> = (2..13).map(parlor).collect();
    let mut call = Call::with(&people);
    call.settle();
    (3..13).for_each(|id| call.leave(PeerId(id)));
    call.settle();
    call.page.may_fail = true;
    call.come_back(FAR, fallen());
    call.settle();
    call.pass(Duration::from_secs(14));
    assert_eq!(call.page.removals, 0);
    call.pass(Duration::from_secs(2));
    call.settle();
    call.assert_sees_everything();
    assert_eq!((call.page.removals, &call.failed), (1, &None));
}

#[test]
fn an_offer_that_was_on_its_way_when_its_connection_was_given_up_is_not_taken_for_that_of_the_next()
{
    let mut call = Call::with(&[parlor(2)]);
    call.settle();
    call.come_back(FAR, fallen());
    let late = call.to_server.pop_front().expect("the offer of before");
    call.now += Duration::from_secs(15);
    call.dialect.tick(call.now);
    call.carry();
    assert_eq!((call.page.removals, call.to_server.len()), (1, 1));
    call.to_server.push_front(late);
    assert!(call.listen());
    assert_eq!(call.asked, None, "no answer to that could be of use");
    call.settle();
    call.assert_sees_everything();
    assert_eq!(call.failed, None);
}

#[test]
fn a_page_that_is_back_after_the_server_fell_is_asked_for_an_offer_and_begins_anew() {
    let mut call = Call::with(&[]);
    call.page.add_track(Kind::Audio, metadata("audio", true));
    call.request_round();
    call.settle();
    call.come_back(FAR, fallen());
    call.settle();
    call.assert_sees_everything();
    assert_eq!(call.page.removals, 1);
    let published = call.page.told("sdpAnswer").pop().unwrap();
    assert!(published["midToTrackId"].as_object().unwrap().values().any(|it| *it == "p1:0"));

    call.page = super::page::Page::default();
    call.come_back(FAR, fallen());
    call.settle();
    call.assert_sees_everything();
    assert_eq!(call.page.removals, 0, "one that has made another object is left alone");
}

#[test]
fn after_a_fall_nobody_of_before_is_left_whoever_has_their_ids_now_and_comes_next() {
    // With an id near the former one, it drops its connection before it is in; far from that, with its first offer.
    for (own, is_far) in [(PeerId(2), false), (PeerId(3), false), (FAR, true)] {
        let mut call = Call::with(&[parlor(2), parlor(3), membrane(4, json!({})), parlor(5)]);
        call.settle();
        let camera = call.page.add_track(Kind::Video, metadata("camera", true));
        call.request_round();
        call.settle();
        call.people.clear();
        for id in [4, 7] {
            let mut person = parlor(id);
            person.peer.tracks.iter_mut().for_each(|track| track.id.0 += 500);
            call.people.insert(PeerId(id), person);
        }
        call.come_back(own, fallen());
        if !is_far {
            let mut person = parlor(5);
            person.peer.tracks.iter_mut().for_each(|track| track.id.0 += 500);
            call.show(person);
        }
        call.settle();
        call.assert_sees_everything();
        assert_eq!((call.page.removals, call.page.id.clone()), (1, own.to_string()));
        assert_eq!(call.page.told("connected").len(), if is_far { 3 } else { 2 });
        let published = call.page.told("sdpAnswer").pop().unwrap();
        let map = published["midToTrackId"].as_object().unwrap();
        assert!(map.values().any(|it| *it == *camera));
        assert!(call.page.told("endpointRemoved").len() <= 3 * 256);
    }
}

#[test]
fn after_a_fall_one_who_says_what_others_there_say_is_asked_for_as_many_sections_and_does_not_wait()
{
    let mut call = Call::with(&[parlor(2), parlor(3), parlor(4)]);
    call.settle();
    call.people.retain(|id, _| *id == PeerId(2));
    call.people.insert(PeerId(999), membrane(999, json!({})));
    call.come_back(FAR, Past { own: vec![PeerId(999)], ..fallen() });
    let types = call.page.told("offerData").pop().unwrap()["tracksTypes"].clone();
    assert_eq!(types, json!({ "audio": 8, "video": 8 }));
    let before = call.now;
    call.settle();
    let seen = ["p2:t20", "p2:t21", "p999:xt9990", "p999:xt9991"];
    assert!(seen.iter().all(|label| call.page.ready.contains(*label)), "{:?}", call.page.ready);
    assert_eq!(call.page.removals, 1);
    assert!(call.now - before < Duration::from_secs(5));
}

#[test]
fn a_page_that_said_goodbye_and_goes_elsewhere_or_by_another_name_is_not_removed() {
    for past in [Past::default(), Past { given_up: vec![PeerId(7)], ..Past::default() }] {
        let mut call = Call::with(&[parlor(2)]);
        call.settle();
        let camera = call.page.add_track(Kind::Video, metadata("camera", true));
        call.request_round();
        call.settle();
        call.page.drop_connection();
        call.people = [(PeerId(8), parlor(8))].into();
        call.page.endpoints.clear(); // as its own page does
        call.page.tracks.clear();
        call.page.ready.clear();
        call.come_back(LATER, past);
        assert_eq!(call.page.told("endpointRemoved"), Vec::<Value>::new());
        call.settle();
        call.assert_sees_everything();
        assert_eq!((call.page.removals, call.page.told("connected").len()), (0, 2));
        assert_eq!(call.page.told("tracksAdded").len(), 2, "those of each room, once");
        let published = call.page.told("sdpAnswer").pop().unwrap();
        let map = published["midToTrackId"].as_object().unwrap();
        assert!(map.values().any(|it| *it == *camera), "by the name that it had");
    }
}

#[test]
fn a_page_that_said_goodbye_and_comes_again_is_left_alone_and_may_use_its_former_names() {
    let mut call = Call::with(&[parlor(2)]);
    call.settle();
    call.page.add_track(Kind::Video, Value::Null);
    call.request_round();
    call.settle();
    call.page.drop_connection();
    let past = Past { given_up: vec![OWN], ..Past::default() };
    call.page.endpoints.clear();
    call.page.tracks.clear();
    call.come_back(LATER, past);
    assert!(call.listen());
    assert_eq!(shown(&mut call), BTreeSet::from(["p50:0".to_owned()]));
    call.settle();
    call.assert_sees_everything();
    assert_eq!(call.page.removals, 0);
}

#[test]
fn a_track_that_a_page_added_twice_is_published_once_and_gone_when_it_takes_it_away() {
    let mut call = Call::with(&[]);
    let label = call.page.add_track(Kind::Audio, metadata("audio", true));
    call.page.add_again(&label, Kind::Audio);
    call.request_round();
    assert!(call.listen() && call.listen());
    let mids = |call: &Call| {
        let senders = call.asked.clone().expect("an offer").0;
        senders.into_iter().map(|(sender, _)| sender.mid).collect::<Vec<_>>()
    };
    assert_eq!(mids(&call), ["0"]);
    call.page.sections[1].stopped = true; // it is told of nothing there
    call.settle();
    call.page.sections[1].stopped = false;
    call.page.sections[0].stopped = true;
    call.request_round();
    assert!(call.listen() && call.listen());
    assert!(mids(&call).is_empty(), "it does not go on over the other section");
}
