//! Offers on a live connection.

use super::*;
use parlor_rtc::sdp::{Changes, SectionChange};

/// What each offer of the recorded call changed.
fn call(browser: &str) -> Vec<Changes> {
    let mut offers: Vec<Negotiation> = Vec::new();
    for name in CALL {
        let offer = Offer::parse(&read(&format!("{browser}_{name}"))).expect("a good offer");
        offers.push(negotiate(&offer, offers.last()).expect("a good re-offer"));
    }
    offers.windows(2).map(|pair| pair[1].changes_since(&pair[0])).collect()
}

#[test]
fn a_call_grows_restarts_pauses_resumes_and_shrinks_in_both_browsers() {
    use Direction::*;
    let turned = |from| SectionChange::Turned { from };
    let only = |sections: Vec<(Mid, SectionChange)>| Changes { ice_restarted: false, sections };
    for browser in BROWSERS {
        // Chromium's offers to receive descriptors come and go; and it was recorded with a server that did not agree on
        // color spaces, which it then offers no more.
        let altered = |name| (browser == "chromium").then(|| (mid(name), SectionChange::Altered));
        let added = [mid("4"), mid("5")].map(|mid| (mid, SectionChange::Added));
        let expected = [
            only(altered("1").into_iter().chain(altered("3")).chain(added).collect()),
            Changes { ice_restarted: true, sections: altered("5").into_iter().collect() },
            only(vec![(mid("1"), turned(ClientSends)), (mid("3"), turned(ClientReceives))]),
            only(vec![(mid("1"), turned(Inactive)), (mid("3"), turned(Inactive))]),
            only(vec![(mid("2"), SectionChange::Removed)]),
            only(vec![(mid("6"), SectionChange::Added)]),
        ];
        assert_eq!(call(browser), expected, "{browser}");
    }
}

#[test]
fn a_recycled_section_takes_the_place_of_the_stopped_one() {
    for browser in BROWSERS {
        let before = recorded(&format!("{browser}_call_6_stops_a_slot"));
        assert_eq!(before.sections[2].mid(), Some(mid("2")));
        let after = decide_again(&read(&format!("{browser}_call_7_recycles_it")), &before).unwrap();
        assert_eq!(after.sections[2].mid(), Some(mid("6")));
        assert_eq!(after.sections.len(), before.sections.len());
    }
}

#[test]
fn sections_keep_payload_types_and_extension_ids_over_a_whole_call() {
    for browser in BROWSERS {
        let first = recorded(&format!("{browser}_call_1_begins"));
        for name in &CALL[1..] {
            let later = recorded(&format!("{browser}_{name}"));
            for old in first.media() {
                let Some(new) = later.media().find(|section| section.mid == old.mid) else {
                    continue;
                };
                let numbers = |section: &MediaSection| -> Vec<_> {
                    let codecs = section.codecs.iter();
                    codecs.map(|c| (c.codec, c.payload_type, c.rtx_payload_type)).collect()
                };
                assert_eq!(numbers(new), numbers(old), "{browser} {name} {}", old.mid);
                for extension in &new.extensions {
                    let before = old.extensions.iter().find(|e| e.kind == extension.kind);
                    assert!(before.is_none_or(|e| e.id == extension.id), "{browser} {name}");
                }
            }
        }
    }
}

#[test]
fn the_same_offer_again_changes_nothing() {
    for browser in BROWSERS {
        let text = read(&format!("{browser}_join"));
        let first = decide(&text).unwrap();
        let again = decide_again(&text, &first).unwrap();
        let nothing = Changes { ice_restarted: false, sections: vec![] };
        assert_eq!(again.changes_since(&first), nothing);
        assert_eq!(again, first);
    }
}

#[test]
fn other_codecs_or_encodings_alter_a_section() {
    let text = read("chromium_join");
    let first = decide(&text).unwrap();
    let fewer =
        decide_again(&text.replace("a=simulcast:send l;m;h", "a=simulcast:send l;m"), &first);
    let altered = vec![(mid("1"), SectionChange::Altered)];
    assert_eq!(fewer.unwrap().changes_since(&first).sections, altered);
}

#[test]
fn a_changed_password_alone_is_an_ice_restart() {
    let text = read("chromium_plain");
    let first = decide(&text).unwrap();
    let pwd = text.lines().find(|line| line.starts_with("a=ice-pwd:")).unwrap();
    let fresh = text.replace(pwd, "a=ice-pwd:anotherpasswordanotherpass");
    assert!(decide_again(&fresh, &first).unwrap().changes_since(&first).ice_restarted);
}

#[test]
fn another_certificate_on_a_live_connection_is_refused_at_its_line() {
    let text = read("chromium_plain");
    let first = decide(&text).unwrap();
    let line = text.lines().position(|line| line.starts_with("a=fingerprint:")).unwrap();
    let other = text.replace("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 00:");
    let cut = |line: &str| match line.strip_prefix("a=fingerprint:sha-256 ") {
        Some(hex) => format!("a=fingerprint:sha-256 {}", &hex[..95]),
        None => line.to_owned(),
    };
    let other: Vec<String> = other.lines().map(cut).collect();
    let error = decide_again(&other.join("\r\n"), &first).unwrap_err();
    assert_eq!(error.line, line + 1);
    assert!(error.what.contains("a live connection keeps its certificate"), "{error}");
}

#[test]
fn sections_must_stay_where_they_were() {
    let text = read("chromium_plain");
    let first = decide(&text).unwrap();
    let swapped = text.replace("a=mid:0", "a=mid:x").replace("a=mid:1", "a=mid:0");
    let swapped = swapped.replace("a=mid:x", "a=mid:1");
    let error = decide_again(&swapped, &first).unwrap_err();
    assert!(error.what.starts_with("expected the section of mid 0 here"), "{error}");
    let gone = &text[..text.find("m=video").unwrap()];
    let error = decide_again(gone, &first).unwrap_err();
    assert_eq!(error.line, gone.lines().count());
    assert_eq!(error.what, "expected all 2 sections of the last offer again");
}

#[test]
fn a_section_cannot_change_its_kind() {
    let text = read("chromium_data_channel");
    let first = decide(&text).unwrap();
    let turned = text.replace("m=audio", "m=video").replace("111 opus/48000/2", "112 VP8/90000");
    let turned = turned.replace("SAVPF 111", "SAVPF 112");
    let error = decide_again(&turned, &first).unwrap_err();
    assert_eq!(error.what, "expected mid 0 to stay audio");
}

#[test]
fn a_payload_type_cannot_get_a_new_meaning_while_its_section_lives() {
    let text = read("chromium_plain");
    let first = decide(&text).unwrap();
    let line = text.lines().position(|line| line == "a=rtpmap:96 VP8/90000").unwrap();
    let moved = text.replace("a=rtpmap:96 VP8/90000", "a=rtpmap:96 AV1/90000");
    let error = decide_again(&moved, &first).unwrap_err();
    assert_eq!(error.line, line + 1);
    assert_eq!(error.what, "payload type 96 means AV1 profile 0 here, but VP8 elsewhere");
}

#[test]
fn an_extension_id_cannot_get_a_new_meaning_while_its_section_lives() {
    let text = read("chromium_plain");
    let first = decide(&text).unwrap();
    let moved = text.replace("a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid", "a=extmap:9 x:y");
    let moved = moved.replace("a=extmap:1 ", "a=extmap:4 ");
    let error = decide_again(&moved, &first).unwrap_err();
    assert!(
        error.what.starts_with("extension id 4 means urn:ietf:params:rtp-hdrext:ssrc"),
        "{error}"
    );
}

#[test]
fn a_paused_camera_keeps_its_encodings() {
    let paused = recorded("chromium_call_4_pauses");
    let camera = section(&paused, "1");
    assert_eq!((camera.direction, camera.encodings.len()), (Direction::Inactive, 3));
    assert!(answer(&paused, 0).contains("a=simulcast:recv l;m;h\r\n"));
    let resumed = recorded("chromium_call_5_resumes");
    assert!(section(&resumed, "1").encodings.iter().all(|encoding| !encoding.paused));
}
