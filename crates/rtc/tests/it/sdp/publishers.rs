//! What encoders offer that are no browsers.

use super::*;
use parlor_rtc::dtls::Role;
use parlor_rtc::sdp::Codec;
use parlor_rtc::sdp::limits::MAX_SECTIONS;

#[test]
fn an_offer_that_waits_for_the_handshake_is_answered_by_who_begins_it() {
    let ffmpeg = recorded("ffmpeg_whip");
    assert_eq!(ffmpeg.role, Role::Client);
    let text = answer(&ffmpeg, 0);
    assert_eq!(text.matches("a=setup:active\r\n").count(), 2);
    assert!(!text.contains("a=setup:passive"));
    for name in ["chromium_plain", "firefox_plain", "gstreamer_whip"] {
        assert_eq!(recorded(name).role, Role::Server, "{name}");
    }
    let begins = read("ffmpeg_whip").replace("setup:passive", "setup:active");
    assert!(answer(&decide(&begins).unwrap(), 0).contains("a=setup:passive\r\n"));
}

#[test]
fn who_begins_stays_so_whatever_a_later_offer_says_of_it() {
    let first = recorded("ffmpeg_whip");
    let later = read("ffmpeg_whip").replace("setup:passive", "setup:actpass");
    assert_eq!(decide_again(&later, &first).unwrap().role, Role::Client);
}

#[test]
fn encoders_need_no_candidates_and_no_rids_and_are_told_apart_by_their_ssrcs() {
    for name in ["ffmpeg_whip", "gstreamer_whip"] {
        let offer = read(name);
        assert!(!offer.contains("a=candidate") && !offer.contains("a=rid"), "{name}");
        let negotiation = recorded(name);
        let mut kinds = outline(&negotiation);
        kinds.sort_unstable();
        assert_eq!(kinds, ["audio in", "video in"], "{name}");
        for media in negotiation.media() {
            assert_eq!(media.streams.len(), 1, "{name}");
            assert!(media.encodings.is_empty(), "{name}");
        }
    }
    let ffmpeg = recorded("ffmpeg_whip");
    assert!(section(&ffmpeg, "1").streams[0].rtx_ssrc.is_some(), "a=ssrc-group:FID");
}

#[test]
fn h264_of_an_encoder_keeps_the_profile_that_it_says() {
    let ffmpeg = recorded("ffmpeg_whip");
    let h264 = Codec::H264 { profile_level_id: 0x42_000d, packetization_mode: 1 };
    let video = &section(&ffmpeg, "1").codecs[0];
    assert_eq!((video.codec, video.payload_type, video.rtx_payload_type), (h264, 106, Some(105)));
}

#[test]
fn one_section_needs_no_bundle() {
    let text = read("ffmpeg_whip").replace("a=group:BUNDLE 0 1\r\n", "");
    let audio = text.split("m=video").next().unwrap();
    let negotiation = decide(audio).unwrap();
    assert_eq!(outline(&negotiation), ["audio in"]);
    assert!(!answer(&negotiation, 0).contains("BUNDLE"));
}

#[test]
fn a_section_without_a_name_is_taken_alone_and_answered_without_one() {
    let text = read("ffmpeg_whip").replace("a=group:BUNDLE 0 1\r\n", "").replace("a=mid:0\r\n", "");
    let audio = text.split("m=video").next().unwrap();
    let negotiation = decide(audio).unwrap();
    assert_eq!(outline(&negotiation), ["audio in"]);
    let said = answer(&negotiation, 0);
    assert!(!said.contains("a=mid:") && said.contains("a=candidate:"), "{said}");
    let again = decide_again(audio, &negotiation).unwrap();
    assert!(again.changes_since(&negotiation).sections.is_empty(), "it has the same name again");

    // Another one cannot be in a bundle, and has no transport of its own.
    let both = text.replace("a=mid:1\r\n", "");
    let negotiation = decide(&both).unwrap();
    assert_eq!(outline(&negotiation), ["audio in", "refused"]);
    assert!(!answer(&negotiation, 0).contains("a=mid:"));
}

#[test]
fn a_name_that_is_made_up_is_none_that_another_section_has() {
    let text = read("ffmpeg_whip").replace("a=mid:0\r\n", "").replace("mid:1", "mid:0");
    let negotiation = decide(&text.replace("BUNDLE 0 1", "BUNDLE 0")).unwrap();
    assert_eq!(outline(&negotiation), ["refused", "video in"]);
    assert_eq!(section(&negotiation, "0").kind, MediaKind::Video);
}

#[test]
fn each_of_as_many_sections_as_there_may_be_has_a_name_of_its_own_the_next_number_that_is_free() {
    let text = read("ffmpeg_whip");
    let (session, sections) = text.split_once("m=").unwrap();
    let audio = format!("m={}", sections.split("m=").next().unwrap());
    // Who is named takes numbers that others would have had, before them and after.
    let of_none = |_: usize| None;
    let of_every_other = |place: usize| place.is_multiple_of(2).then_some(place / 2);
    let of_the_last = |place: usize| (place >= 200).then(|| place - 200);
    let of_all = |place: usize| Some(MAX_SECTIONS - place);
    let namings: [&dyn Fn(usize) -> Option<usize>; 4] =
        [&of_none, &of_every_other, &of_the_last, &of_all];
    for naming in namings {
        let mut names: Vec<Option<usize>> = (0..MAX_SECTIONS).map(naming).collect();
        let line = |name: &Option<usize>| name.map_or(String::new(), |n| format!("a=mid:{n}\r\n"));
        let sections: String =
            names.iter().map(|name| audio.replace("a=mid:0\r\n", &line(name))).collect();
        for place in 0..MAX_SECTIONS {
            let free = (place..).find(|number| !names.contains(&Some(*number)));
            names[place] = names[place].or(free);
        }
        let expected: Vec<String> = names.iter().flatten().map(usize::to_string).collect();
        // The group has them all, so that what is taken shows what each is called.
        let session = session.replace("BUNDLE 0 1", &format!("BUNDLE {}", expected.join(" ")));
        let negotiation = decide(&format!("{session}{sections}")).unwrap();
        let found: Vec<String> = negotiation.media().map(|s| s.mid.to_string()).collect();
        assert_eq!(found, expected);
    }
}
