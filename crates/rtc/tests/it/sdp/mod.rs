//! Offers, what they become, and their answers.
//!
//! The `.sdp` files beside this page are offers as browsers made them (Chromium 156, Firefox 153;
//! addresses replaced by documentation ones), and those of `*_whip` as encoders made them (FFmpeg 8.1, GStreamer 1.22), each followed by our answer. The `call_*` ones are
//! one conversation, each offer made after the browser had taken our answer to the one before.

mod golden;
mod hostile;
mod opus;
mod peer;
mod publishers;
mod reoffer;
mod sections;
mod server_offers;

use std::path::PathBuf;

use parlor_rtc::dtls::Fingerprint;
use parlor_rtc::ice::Credentials;
use parlor_rtc::sdp::{
    Candidates, Direction, Local, MediaSection, Negotiation, Offer, SdpError, Section, Slot,
    negotiate,
};
use parlor_rtc::{MediaKind, Mid};

/// The conversation that both browsers had, in order.
const CALL: [&str; 7] = [
    "call_1_begins",
    "call_2_grows",
    "call_3_restarts_ice",
    "call_4_pauses",
    "call_5_resumes",
    "call_6_stops_a_slot",
    "call_7_recycles_it",
];

const BROWSERS: [&str; 2] = ["chromium", "firefox"];

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/sdp").join(format!("{name}.sdp"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(fixture(name)).expect("the fixture is there")
}

fn decide(text: &str) -> Result<Negotiation, SdpError> {
    negotiate(&Offer::parse(text)?, None)
}

fn decide_again(text: &str, previous: &Negotiation) -> Result<Negotiation, SdpError> {
    negotiate(&Offer::parse(text)?, Some(previous))
}

/// What the recorded offer `name` becomes on a new connection.
fn recorded(name: &str) -> Negotiation {
    decide(&read(name)).expect("browsers make good offers")
}

/// The answer to `negotiation`, always from the same server.
fn answer(negotiation: &Negotiation, version: u64) -> String {
    answer_with(negotiation, version, |mid| Some(slot(mid)))
}

fn answer_with(
    negotiation: &Negotiation,
    version: u64,
    slot: impl FnMut(Mid) -> Option<Slot>,
) -> String {
    as_our_side(version, |local| negotiation.answer(local, slot))
}

/// What our side of a connection says, always the same server.
fn as_our_side(version: u64, say: impl FnOnce(&Local<'_>) -> String) -> String {
    let ice = credentials(version);
    let addresses = |texts: &[&str]| texts.iter().map(|a| a.parse().expect("address")).collect();
    let candidates = Candidates {
        udp: addresses(&["192.0.2.1:4000", "[2001:db8::1]:4000"]),
        tcp: addresses(&["192.0.2.1:443"]),
    };
    let fingerprint = Fingerprint::from_bytes(std::array::from_fn(|index| index as u8 * 8));
    let local = Local {
        session_id: 0x1234_5678,
        version,
        ice: &ice,
        fingerprint: &fingerprint,
        candidates: &candidates,
    };
    say(&local)
}

fn credentials(version: u64) -> Credentials {
    let made = Credentials::new(&format!("server{version}"), "passwordpasswordpassword");
    made.expect("they are allowed")
}

fn slot(mid: Mid) -> Slot {
    let number: u32 = mid.as_str().parse().unwrap_or_default();
    Slot {
        ssrc: 1000 + 2 * number,
        rtx_ssrc: Some(1001 + 2 * number),
        cname: "parlor".to_owned(),
        stream: format!("pair{}", number / 2),
        track: format!("slot{number}"),
    }
}

fn mid(text: &str) -> Mid {
    text.parse().expect("a short name")
}

/// The accepted section named `name`.
fn section<'a>(negotiation: &'a Negotiation, name: &str) -> &'a MediaSection {
    negotiation.media().find(|section| section.mid == mid(name)).expect("accepted")
}

/// Every section in short: kind and direction, or that it is refused.
fn outline(negotiation: &Negotiation) -> Vec<&'static str> {
    let words = |section: &Section| match section {
        Section::Rejected(_) => "refused",
        Section::Media(media) => match (media.kind, media.direction) {
            (MediaKind::Audio, Direction::ClientSends) => "audio in",
            (MediaKind::Audio, Direction::ClientReceives) => "audio out",
            (MediaKind::Audio, Direction::Inactive) => "audio off",
            (MediaKind::Video, Direction::ClientSends) => "video in",
            (MediaKind::Video, Direction::ClientReceives) => "video out",
            (MediaKind::Video, Direction::Inactive) => "video off",
        },
    };
    negotiation.sections.iter().map(words).collect()
}
