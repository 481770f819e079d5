//! Frames and payloads as clients may send them.

use parlor_server::channel::{Malformed, parse_frame, parse_payload};
use parlor_server::fuzzing::{channel_frame, sdpfrag};
use parlor_wire::{Join, Reason, View};
use proptest::collection::vec;
use proptest::prelude::*;

fn complaint<T: serde::de::DeserializeOwned + std::fmt::Debug>(payload: &str) -> String {
    let frame = format!(r#"["1","1","room:tea","x",{payload}]"#);
    let refusal = parse_payload::<T>(parse_frame(&frame).unwrap().4).unwrap_err();
    assert_eq!(refusal.reason, Reason::BadRequest);
    refusal.message
}

#[test]
fn a_payload_that_cannot_be_read_is_refused_by_the_name_of_the_field() {
    assert_eq!(complaint::<Join>("{}"), "payload: missing field `name`");
    assert_eq!(
        complaint::<Join>(r#"{"name":7}"#),
        "name: invalid type: integer `7`, expected a string"
    );
    let senders = r#"{"name":"Ann","senders":[{"mid":"0","source":"microphone","on":true},{"mid":"1","source":"telescope","on":true}]}"#;
    assert!(complaint::<Join>(senders).starts_with("senders[1].source: unknown variant"));
    let view = r#"{"tracks":[{"track":"q","width":1,"height":1}]}"#;
    assert_eq!(complaint::<View>(view), "tracks[0].track: expected an id such as \"t7\"");
    assert!(complaint::<View>("[]").starts_with("payload: "));
}

#[test]
fn words_that_are_too_long_are_no_frame() {
    let long = "x".repeat(200);
    for frame in [
        format!(r#"["{long}","1","room:tea","view",{{}}]"#),
        format!(r#"["1","{long}","room:tea","view",{{}}]"#),
        format!(r#"["1","1","room:{}","view",{{}}]"#, long.repeat(6)),
        format!(r#"["1","1","room:tea","{long}",{{}}]"#),
    ] {
        assert_eq!(parse_frame(&frame).unwrap_err(), Malformed);
    }
}

#[test]
fn nesting_as_deep_as_a_frame_is_long_is_survived() {
    let deep =
        format!(r#"["1","1","room:tea","view",{}{}]"#, "[".repeat(100_000), "]".repeat(100_000));
    channel_frame(deep.as_bytes());
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..400)) {
        channel_frame(&bytes);
    }

    #[test]
    fn any_fragment_of_a_description_is_survived(
        bytes in vec(any::<u8>(), 0..200),
        ufrag in "[ -~]{0,12}",
        password in "[ -~]{20,30}",
    ) {
        sdpfrag(&bytes);
        sdpfrag(format!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\n").as_bytes());
    }

    #[test]
    fn any_payload_is_survived(topic in ".{0,20}", payload in r#"[\[\]{}",:a-z0-9]{0,80}"#) {
        let topic = serde_json::to_string(&topic).unwrap();
        channel_frame(format!(r#"["1","1",{topic},"phx_join",{payload}]"#).as_bytes());
    }
}
