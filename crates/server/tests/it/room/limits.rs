//! What a room does not take, and what admission turns away before.

use parlor_server::admission::{MAX_NAME_LEN, MAX_SENDERS, check, may_open_room, room_name};
use parlor_server::room::command::Request;
use parlor_server::room::{MAX_VIEWED, Token};
use parlor_wire::{Join, Kind, Reason, Sender, Source, TrackId, ViewedTrack};

use super::{World, secs};

fn join() -> Join {
    Join {
        protocol: "parlor".into(),
        version: 1,
        name: "Ann".into(),
        offer: Some("v=0".into()),
        senders: Vec::new(),
        resume: None,
    }
}

fn sender(mid: &str, source: Source, kind: Option<Kind>) -> Sender {
    Sender { mid: mid.into(), source, kind, on: true }
}

fn refusal(join: Join) -> (Reason, String) {
    let refusal = check("tea".parse().unwrap(), join).unwrap_err();
    (refusal.reason, refusal.message)
}

#[test]
fn a_full_room_says_how_many_it_holds_and_when_to_try_again() {
    let mut world = World::holding(2);
    let ann = world.connect("Ann");
    world.connect("Bo");
    let join = world.request_to_join("Cy");
    let refusal = world.try_join(join).unwrap_err();
    assert_eq!(refusal.reason, Reason::RoomFull);
    assert_eq!(refusal.message, "This room is full: it holds 2 people.");
    assert_eq!(refusal.retry_after_ms, Some(10_000));
    let back = world.resume(&ann, "Ann", false);
    let ann = world.try_join(back).expect("one who is in may resume");
    world.request(&ann, Request::Leave);
    let join = world.request_to_join("Cy");
    assert!(world.try_join(join).is_ok(), "there is room again");
}

#[test]
fn a_busy_server_turns_away_who_is_new_and_nobody_who_was_in() {
    let mut world = World::holding(9);
    let ann = world.connect("Ann");
    let bo = world.connect("Bo");
    world.is_busy = true;
    let join = world.request_to_join("Cy");
    assert_eq!(world.try_join(join).unwrap_err().reason, Reason::ServerBusy);
    let back = world.resume(&ann, "Ann", true);
    assert_eq!(world.try_join(back).unwrap().peer, ann.peer, "with a connection of its own");
    world.vanish(&bo);
    world.pass(secs(30));
    let back = world.resume(&bo, "Bo", true);
    assert_eq!(world.try_join(back).unwrap().peer, bo.peer, "others believe that he has left");
    world.is_busy = false;
    let join = world.request_to_join("Cy");
    assert!(world.try_join(join).is_ok());
}

#[test]
fn a_full_server_opens_no_more_rooms() {
    assert!(may_open_room(9, 10).is_ok());
    assert_eq!(may_open_room(10, 10).unwrap_err().reason, Reason::ServerFull);
}

#[test]
fn hostile_room_ids_are_refused() {
    for id in ["", "..", "a/b", "a b", "<script>", "ü", &"x".repeat(65), "a\u{0}b"] {
        assert_eq!(room_name(id).unwrap_err().reason, Reason::BadRoomId, "{id:?}");
    }
}

#[test]
fn names_are_trimmed_and_hostile_ones_refused() {
    let named = |name: &str| check("tea".parse().unwrap(), Join { name: name.into(), ..join() });
    assert_eq!(named("  Ann Ü. 🎈 ").unwrap().name, "Ann Ü. 🎈");
    assert!(named(&"ü".repeat(MAX_NAME_LEN)).is_ok());
    let long = "x".repeat(MAX_NAME_LEN + 1);
    for hostile in ["", "   ", "\u{7}", "two\nlines", "nul\0", &long] {
        assert_eq!(named(hostile).unwrap_err().reason, Reason::BadName, "{hostile:?}");
    }
}

#[test]
fn a_name_can_be_seen_and_changes_nothing_around_it() {
    let named = |name: &str| check("tea".parse().unwrap(), Join { name: name.into(), ..join() });
    for good in ["Ann", "علی‌رضا", "👩\u{200d}🚀", "❤\u{fe0f}", "日本語", "."] {
        assert_eq!(named(good).unwrap().name, good);
    }
    for hidden in [
        "\u{200b}\u{200b}",
        "\u{2800}",
        "\u{3164}",
        "\u{200d}",
        "\u{202e}nnA",
        "Ann\u{2028}Bo",
        "Ann\u{feff}",
        "A\u{2066}nn",
    ] {
        assert_eq!(named(hidden).unwrap_err().reason, Reason::BadName, "{hidden:?}");
    }
}

#[test]
fn another_protocol_or_version_is_refused() {
    let membrane = Join { protocol: String::new(), ..join() };
    assert_eq!(refusal(membrane).0, Reason::UnsupportedProtocol);
    assert_eq!(refusal(Join { version: 2, ..join() }).0, Reason::UnsupportedProtocol);
}

#[test]
fn a_join_needs_an_offer_or_a_token() {
    let (reason, message) = refusal(Join { offer: None, ..join() });
    assert_eq!(reason, Reason::BadRequest);
    assert!(message.starts_with("offer"), "{message}");
    let token = Token::from_bytes([7; 16]).to_text();
    let resume = Join { offer: None, resume: Some(token), ..join() };
    assert!(check("tea".parse().unwrap(), resume).is_ok());
    for hostile in ["", "zz", "é", &"0".repeat(31), &"0".repeat(33), &"g".repeat(32)] {
        let resume = Join { resume: Some(hostile.into()), ..join() };
        assert_eq!(refusal(resume).0, Reason::ResumeUnknown, "{hostile:?}");
    }
}

#[test]
fn hostile_senders_are_refused_by_the_name_of_the_field() {
    let many = (0..=MAX_SENDERS).map(|i| sender(&i.to_string(), Source::Camera, None)).collect();
    for (senders, field) in [
        (vec![sender("", Source::Camera, None)], "senders[0].mid"),
        (vec![sender("a b", Source::Camera, None)], "senders[0].mid"),
        (vec![sender(&"m".repeat(17), Source::Camera, None)], "senders[0].mid"),
        (vec![sender("0", Source::Camera, None); 2], "senders[1].mid"),
        (vec![sender("0", Source::Custom, None)], "senders[0].kind"),
        (vec![sender("0", Source::Camera, Some(Kind::Audio))], "senders[0].kind"),
        (many, "senders"),
    ] {
        let (reason, message) = refusal(Join { senders, ..join() });
        assert_eq!(reason, Reason::BadRequest);
        assert!(message.starts_with(field), "{message}");
    }
}

#[test]
fn a_view_of_more_than_any_page_shows_is_refused() {
    let mut world = World::new();
    let ann = world.connect("Ann");
    let viewed = ViewedTrack { track: TrackId(1), width: 1, height: 1, priority: 0 };
    let refusal = world.reply_to(&ann, Request::View(vec![viewed; MAX_VIEWED + 1])).unwrap_err();
    assert_eq!(refusal.reason, Reason::BadRequest);
}
