//! Frames are arrays of five, and nothing else.

use parlor_wire::{Empty, Frame, Reason, Refusal, Reply};
use serde_json::Value;

fn parse(text: &str) -> Result<Frame<'_, Value>, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[test]
fn a_frame_is_read_and_written_as_an_array_of_five() {
    let text = r#"["3","4","room:tea","view",{"tracks":[]}]"#;
    let frame = parse(text).unwrap();
    assert_eq!(frame.0.as_deref(), Some("3"));
    assert_eq!(frame.1.as_deref(), Some("4"));
    assert_eq!(frame.2, "room:tea");
    assert_eq!(frame.3, "view");
    assert_eq!(serde_json::to_string(&frame).unwrap(), text);
}

#[test]
fn a_heartbeat_has_no_join_ref() {
    let frame = parse(r#"[null,"7","phoenix","heartbeat",{}]"#).unwrap();
    assert_eq!((frame.0, frame.1.as_deref()), (None, Some("7")));
}

#[test]
fn escaped_text_is_understood() {
    let frame = parse(r#"["1","1","room:t\u0065a","phx_join",{}]"#).unwrap();
    assert_eq!(frame.2, "room:tea");
}

#[test]
fn what_is_not_an_array_of_five_is_refused() {
    for text in [
        "",
        "{}",
        "[]",
        r#"["1","1","room:tea","view"]"#,
        r#"["1","1","room:tea","view",{},0]"#,
        r#"[1,"1","room:tea","view",{}]"#,
        r#"["1","1",null,"view",{}]"#,
        r#""hello""#,
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_reply_says_its_status_beside_its_response() {
    let done: Reply<Empty, Refusal> = Reply::Ok(Empty {});
    assert_eq!(serde_json::to_string(&done).unwrap(), r#"{"status":"ok","response":{}}"#);
    let refusal = Refusal::for_now(Reason::RoomFull, "This room is full.", 10_000);
    let refused: Reply<Empty, Refusal> = Reply::Error(refusal);
    assert_eq!(
        serde_json::to_string(&refused).unwrap(),
        concat!(
            r#"{"status":"error","response":{"reason":"room_full","#,
            r#""message":"This room is full.","retry_after_ms":10000}}"#
        )
    );
}

#[test]
fn every_reason_is_written_as_its_name() {
    for reason in Reason::ALL {
        let written = serde_json::to_value(reason).unwrap();
        assert_eq!(written, Value::from(reason.as_str()));
    }
}
