//! Whatever happens in whatever order, the page does not fail and ends up with everything.

use proptest::prelude::*;

use parlor_wire::{Kind, PeerId};
use serde_json::{Value, json};

use super::call::{Call, membrane, parlor};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn people_may_come_and_go_at_any_moment_of_a_negotiation(
        script in proptest::collection::vec((0_u8..10, 2_u64..8), 0..60)
    ) {
        let mut call = Call::with(&[parlor(2)]);
        let mut own = Vec::new();
        for (operation, who) in script {
            let id = PeerId(who);
            match operation {
                0 | 1 => call.show(if who % 2 == 0 { parlor(who) } else { membrane(who, json!(who)) }),
                2 => call.leave(id),
                3 => {
                    if let Some(mut person) = call.people.get(&id).cloned() {
                        person.peer.tracks.truncate(1);
                        call.show(person);
                    }
                }
                4 => {
                    if let Some(mut person) = call.people.get(&id).cloned() {
                        person.peer.name.push('!');
                        call.show(person);
                    }
                }
                5 | 6 => drop(call.listen()),
                7 => drop(call.answer()),
                // As the library does: one wish at a time, and none during a negotiation.
                8 if !call.page.is_negotiating && !call.page.is_offering && own.len() < 4 => {
                    call.page.is_negotiating = true;
                    own.push(call.page.add_track(Kind::Video, Value::Null));
                    call.request_round();
                }
                9 if !call.page.is_negotiating && !call.page.is_offering => {
                    if let Some(label) = own.pop() {
                        call.page.is_negotiating = true;
                        call.page.remove_track(&label);
                        call.request_round();
                    }
                }
                _ => {}
            }
        }
        call.settle();
        call.pass(std::time::Duration::from_secs(10));
        call.assert_sees_everything();
    }
}

/// Lines that mean something to the dialect, and some that do not.
fn line() -> impl Strategy<Value = String> {
    let sdp = |direction: &str| {
        let fingerprint = ["AB"; 32].join(":");
        format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=fingerprint:sha-256 {fingerprint}\r\n\
             a=setup:actpass\r\na=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\n\
             a=mid:0\r\na=ice-ufrag:user0\r\na=ice-pwd:password-of-user-00000000\r\na=rtcp-mux\r\n\
             a={direction}\r\na=rtpmap:96 VP8/90000\r\n"
        )
    };
    let offer = move |direction| {
        json!({"type": "custom", "data": {"type": "sdpOffer", "data": {
            "sdpOffer": {"sdp": sdp(direction)}, "midToTrackId": {"0": "p1:x", "1": "p2:y"}}}})
        .to_string()
    };
    let wish = json!({"type": "custom", "data": {"type": "renegotiateTracks"}}).to_string();
    let layer =
        json!({"type": "disableTrackEncoding", "data": {"trackId": "p1:x", "encoding": "h"}});
    prop_oneof![
        Just(offer("sendonly")),
        Just(offer("recvonly")),
        Just(wish),
        Just(layer.to_string()),
        Just("anything".to_owned()),
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn whatever_a_client_says_one_offer_is_answered_at_a_time(
        lines in proptest::collection::vec(line(), 0..40)
    ) {
        parlor_server::fuzzing::media_events(lines.join("\n").as_bytes());
    }
}
