//! The 0.3 generation, which Membrane's tutorial was written with: exchanges written down by hand, since its package is
//! gone.

use parlor_server::dialect::membrane::Effect;
use parlor_server::room::about::Metadata;
use parlor_wire::PeerId;
use parlor_wire::membrane::ClientEvent;
use serde_json::{Value, json};

use super::call::{Call, membrane};

/// What the dialect says to such a client, from a fresh call on.
struct Tutorial {
    call: Call,
    said: Vec<Value>,
}

impl Tutorial {
    fn poll(&mut self) -> &[Value] {
        for effect in self.call.dialect.poll() {
            if let Effect::Say(event) = effect {
                self.said.push(serde_json::to_value(event).unwrap());
            }
        }
        &self.said
    }
}

fn event(text: &str) -> ClientEvent<Metadata> {
    serde_json::from_str(text).unwrap()
}

#[test]
fn its_words_are_read() {
    for text in [
        r#"{"type":"join","data":{"metadata":{"displayName":"Ann"}}}"#,
        r#"{"type":"leave"}"#,
        r#"{"type":"updatePeerMetadata","data":{"metadata":{"displayName":"Ann"}}}"#,
        r#"{"type":"updateTrackMetadata","data":{"trackId":"p1:x","trackMetadata":{"active":false}}}"#,
        r#"{"type":"custom","data":{"type":"renegotiateTracks"}}"#,
        r#"{"type":"custom","data":{"type":"sdpOffer","data":{"sdpOffer":{"type":"offer","sdp":"v=0"},
            "trackIdToTrackMetadata":{"p1:x":{}},"midToTrackId":{"0":"p1:x"}}}}"#,
        r#"{"type":"custom","data":{"type":"candidate","data":{"candidate":"candidate:1","sdpMLineIndex":0}}}"#,
        r#"{"type":"custom","data":{"type":"setTargetTrackVariant","data":{"trackId":"p2:x","variant":"m"}}}"#,
        r#"{"type":"custom","data":{"type":"selectEncoding","data":{"trackId":"p2:x","encoding":"m"}}}"#,
    ] {
        let _understood = event(text);
    }
}

#[test]
fn the_words_of_later_generations_are_read_as_they_come() {
    for text in [
        r#"{"type":"connect","data":{}}"#,
        r#"{"type":"connect","data":{"metadata":{"displayName":"Ann"}}}"#,
        r#"{"type":"disconnect"}"#,
        r#"{"type":"disableTrackEncoding","data":{"trackId":"p1:x","encoding":"h"}}"#,
        r#"{"type":"custom","data":{"type":"trackVariantBitrates","data":{"trackId":"p1:x",
            "variantBitrates":{"m":512000}}}}"#,
        r#"{"type":"custom","data":{"type":"sdpOffer","data":{"sdpOffer":{"type":"offer","sdp":"v=0"},
            "trackIdToTrackMetadata":{},"trackIdToTrackBitrates":{"p1:x":50000},"midToTrackId":null}}}"#,
    ] {
        let _understood = event(text);
    }
    assert!(
        serde_json::from_str::<ClientEvent<Metadata>>(r#"{"type":"muteTrack","data":{}}"#).is_err()
    );
}

#[test]
fn whoever_is_not_let_in_is_denied() {
    let dialect = parlor_server::dialect::membrane::Dialect::new(true);
    let denied = serde_json::to_value(dialect.error("Full.".into())).unwrap();
    assert_eq!(denied, json!({ "type": "peerDenied" }));
}

#[test]
fn a_call_in_its_words_is_as_it_was_written_down() {
    let mut call = Call::with(&[]);
    call.dialect = parlor_server::dialect::membrane::Dialect::new(true);
    let entered = parlor_server::room::about::Entered {
        peer: PeerId(1),
        others: vec![membrane(2, json!({ "displayName": "Bo" }))],
        speakers: Default::default(),
    };
    let now = call.now;
    let mut it = Tutorial { call, said: Vec::new() };
    it.call.dialect.entered(now, entered, Vec::new());
    let expected = [
        json!({"type": "peerAccepted", "data": {"id": "p1", "peersInRoom": [
            {"id": "p2", "metadata": {"displayName": "Bo"}, "trackIdToMetadata": {}}]}}),
        json!({"type": "tracksAdded", "data": {"peerId": "p2", "trackIdToMetadata":
            {"p2:xt20": {"of": 2}, "p2:xt21": {"of": 2}}}}),
        json!({"type": "custom", "data": {"type": "offerData", "data":
            {"tracksTypes": {"audio": 1, "video": 1}, "integratedTurnServers": []}}}),
    ];
    assert_eq!(it.poll(), expected);
    it.said.clear();
    let roster = parlor_server::room::about::Roster {
        present: vec![membrane(3, json!({ "displayName": "Cy" }))],
        left: Vec::new(),
    };
    it.call.dialect.roster(now, &roster);
    let expected = json!({"type": "peerJoined", "data": {"peer":
        {"id": "p3", "metadata": {"displayName": "Cy"}}}});
    assert_eq!(it.poll(), [expected]);
    let error = it.call.dialect.error("Full.".into());
    let expected =
        json!({"type": "custom", "data": {"type": "error", "data": {"message": "Full."}}});
    assert_eq!(serde_json::to_value(error).unwrap(), expected);
}
