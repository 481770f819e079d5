//! The types of this crate in TypeScript: `web/wire.d.ts`, kept equal by a test.

use std::path::Path;

use ts_rs::{Config, TS};

use crate::{
    Empty, Ended, IceServer, Join, Joined, Kind, LeaveReason, Left, MoreSlots, Negotiated, Network,
    Offer, OwnTrack, PauseReason, Peer, PeerId, PeerState, Presence, Quality, Reason, Refusal,
    Report, Sender, Slot, Slots, Source, Speakers, SwitchTrack, Track, TrackId, TrackQuality,
    TrackState, View, ViewedTrack, Wanted, WantedTrack,
};

const HEADER: &str = "\
// What browser and server say to each other. Made from crates/wire; do not edit.
// UPDATE_GOLDEN=1 cargo test -p parlor-wire
";

fn declare<T: TS>(out: &mut String) {
    let config = Config::default();
    out.push('\n');
    out.push_str(&T::docs().unwrap_or_default());
    out.push_str("export ");
    out.push_str(&T::decl(&config));
    out.push('\n');
}

macro_rules! declarations {
    ($($type:ty),* $(,)?) => {{
        let mut out = String::from(HEADER);
        $(declare::<$type>(&mut out);)*
        out
    }};
}

#[test]
fn the_typescript_declarations_are_those_of_the_types() {
    let made = declarations![
        PeerId,
        TrackId,
        Source,
        Kind,
        Join,
        Sender,
        SwitchTrack,
        View,
        ViewedTrack,
        Offer,
        Report,
        Empty,
        Joined,
        IceServer,
        Negotiated,
        Peer,
        PeerState,
        Track,
        OwnTrack,
        Slot,
        Presence,
        Left,
        LeaveReason,
        Slots,
        MoreSlots,
        Speakers,
        Wanted,
        WantedTrack,
        Quality,
        Network,
        TrackQuality,
        TrackState,
        PauseReason,
        Ended,
        Refusal,
        Reason,
    ];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/wire.d.ts");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "web/wire.d.ts is out of date: UPDATE_GOLDEN=1 cargo test -p parlor-wire"
    );
}
