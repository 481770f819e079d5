//! Messages look as docs/protocol.md shows them, and errors name the field.

use std::fmt::Debug;

use parlor_wire::{
    Ended, InvalidRoomName, Join, Joined, MoreSlots, Offer, PeerId, Presence, RoomName, Slots,
    Speakers, SwitchTrack, TrackId, View,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads `text`, writes it again, and expects the same text.
fn survives<T: Serialize + DeserializeOwned + Debug>(text: &str) -> T {
    let message: T = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&message).unwrap(), text);
    message
}

#[test]
fn each_message_of_the_protocol_page_is_read_and_written_alike() {
    survives::<Join>(concat!(
        r#"{"protocol":"parlor","version":1,"name":"Ann","offer":"v=0","senders":["#,
        r#"{"mid":"0","source":"microphone","on":true},"#,
        r#"{"mid":"7","source":"custom","kind":"video","on":false}]}"#
    ));
    survives::<Joined>(concat!(
        r#"{"peer":"p7","resume":"kJ2","answer":"v=0","#,
        r#""tracks":[{"id":"t21","source":"microphone","kind":"audio","on":true,"mid":"0"}],"#,
        r#""peers":[{"id":"p3","name":"Bo","state":"connected","#,
        r#""tracks":[{"id":"t9","source":"screen_audio","kind":"audio","on":true}]}],"#,
        r#""peers_total":1,"slots":[{"mid":"4","kind":"audio","track":"t9"},"#,
        r#"{"mid":"5","kind":"video","track":null}],"#,
        r#""ice_servers":[{"urls":["turn:203.0.113.5:4000?transport=udp"],"#,
        r#""username":"1767225600:p7","credential":"4Li8"}]}"#
    ));
    survives::<View>(r#"{"tracks":[{"track":"t10","width":640,"height":360,"priority":0}]}"#);
    survives::<SwitchTrack>(r#"{"track":"t22","on":false}"#);
    survives::<Offer>(r#"{"offer":"v=0","senders":[]}"#);
    survives::<Presence>(concat!(
        r#"{"joined":[{"id":"p8","name":"Cy","state":"connecting","tracks":[]}],"#,
        r#""changed":[],"left":[{"id":"p3","reason":"left"}]}"#
    ));
    survives::<Slots>(r#"{"slots":[{"mid":"6","kind":"audio","track":"t31"}]}"#);
    survives::<MoreSlots>(r#"{"audio":8,"video":8}"#);
    survives::<Speakers>(r#"{"speaking":["p3"],"dominant":"p3"}"#);
    survives::<Speakers>(r#"{"speaking":[],"dominant":null}"#);
    survives::<Ended>(r#"{"reason":"server_stopping","message":"The server is restarting."}"#);
}

#[test]
fn a_missing_field_is_named() {
    let error = serde_json::from_str::<SwitchTrack>(r#"{"on":true}"#).unwrap_err();
    assert!(error.to_string().contains("missing field `track`"), "{error}");
}

#[test]
fn an_id_has_one_spelling() {
    assert_eq!("p7".parse(), Ok(PeerId(7)));
    assert_eq!(TrackId(u64::MAX).to_string().parse(), Ok(TrackId(u64::MAX)));
    for hostile in ["", "p", "7", "t7", "p07", "p+7", "p-1", "p18446744073709551616", "p7 "] {
        assert!(hostile.parse::<PeerId>().is_err(), "{hostile:?}");
    }
}

#[test]
fn a_room_name_is_one_path_segment_that_needs_no_escaping() {
    for good in ["a", "tea-time_2.0~x", "...", &"x".repeat(64)] {
        assert_eq!(good.parse::<RoomName>().unwrap().as_str(), good);
    }
    for hostile in ["", ".", "..", "a/b", "a b", "a%20b", "ä", "a\0", &"x".repeat(65)] {
        assert_eq!(hostile.parse::<RoomName>(), Err(InvalidRoomName), "{hostile:?}");
    }
}
