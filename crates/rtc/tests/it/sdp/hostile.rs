//! Offers that cannot be used: an error that names the line, and never more than bounded work.

use super::*;
use parlor_rtc::fuzzing;
use parlor_rtc::sdp::limits::{MAX_OFFER_BYTES, MAX_SECTIONS};
use proptest::prelude::*;

const SESSION: &str = "v=0\no=- 1 1 IN IP4 0.0.0.0\ns=-\nt=0 0\na=group:BUNDLE 0\n";
const AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuv
a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF
a=setup:actpass
a=rtcp-mux
a=sendonly
a=rtpmap:111 opus/48000/2
";

/// A small good offer in which `from` is replaced by `to`.
fn with(from: &str, to: &str) -> String {
    let good = format!("{SESSION}{AUDIO}");
    assert!(good.contains(from), "{from}");
    good.replace(from, to)
}

#[test]
fn the_small_offer_is_good() {
    assert_eq!(outline(&decide(&with("v=0", "v=0")).unwrap()), ["audio in"]);
}

#[test]
fn a_malformed_line_is_named_with_what_was_expected() {
    let cases = [
        ("v=0\n", "v=1\n", 1, "expected v=0, found v=\"1\""),
        ("s=-", "s", 3, "expected a line such as a=mid:0, found \"s\""),
        ("m=audio 9", "m=audio x", 6, "expected m=<media> <port> <protocol> <formats>"),
        ("SAVPF 111", "SAVPF 128", 6, "expected m=<media>"),
        ("SAVPF 111", "SAVPF 111 111", 6, "expected m=<media>"),
        ("SAVPF 111", "SAVPF", 6, "expected m=<media>"),
        ("a=mid:0", "a=mid:", 8, "expected a=mid:<1 to 16 characters>"),
        ("a=mid:0", "a=mid:12345678901234567", 8, "expected a=mid:<1 to 16 characters>"),
        ("a=ice-ufrag:abcd", "a=ice-ufrag:a:bc", 9, "expected a=ice-ufrag:<4 to 256"),
        ("a=ice-ufrag:abcd\n", "", 6, "expected a=ice-ufrag in the section that begins here"),
        ("a=ice-pwd:abc", "a=ice-pwd:", 10, "expected a=ice-pwd:<22 to 256 characters"),
        ("a=ice-pwd:abcdefghijklmnopqrstuv\n", "", 6, "expected a=ice-pwd in the section"),
        (" 00:11:22", " 0:11:22", 11, "expected a=fingerprint:sha-256 <32 bytes"),
        (" 00:11:22", " +0:11:22", 11, "expected a=fingerprint:sha-256 <32 bytes"),
        (" 00:11:22", " 00:00:11:22", 11, "expected a=fingerprint:sha-256 <32 bytes"),
        ("sha-256", "sha-512", 6, "expected a=fingerprint:sha-256 in the section"),
        ("setup:actpass", "setup:holdconn", 12, "the DTLS handshake begins at once"),
        ("setup:actpass", "setup:both", 12, "expected a=setup:actpass"),
        ("a=rtcp-mux\n", "", 6, "expected a=rtcp-mux in the section that begins here"),
        ("a=sendonly", "a=ice-lite", 14, "the server is an ICE-lite agent"),
        ("a=rtpmap:111", "a=rtpmap:300", 15, "expected a=rtpmap:<payload type> <codec>"),
        ("opus/48000/2", "opus/0/2", 15, "expected a=rtpmap:<payload type> <codec>"),
        ("opus/48000/2", "opus", 15, "expected a=rtpmap:<payload type> <codec>"),
        ("a=sendonly", "a=extmap:0 x:y", 14, "expected a=extmap:<id>[/<direction>] <uri>"),
        ("a=sendonly", "a=extmap:1/up x:y", 14, "expected a=extmap:<id>[/<direction>] <uri>"),
        ("a=sendonly", "a=rid:a,b send", 14, "expected a=rid:<id> send|recv"),
        ("a=sendonly", "a=rid:a up", 14, "expected a=rid:<id> send|recv"),
        ("a=sendonly", "a=simulcast:send", 14, "expected a=simulcast:send <rid>;<rid>;..."),
        ("a=sendonly", "a=simulcast:send a;;b", 14, "expected a=simulcast:send"),
        ("a=sendonly", "a=ssrc:-1 cname:x", 14, "expected a=ssrc:<number> <attribute>"),
        ("a=sendonly", "a=ssrc-group:FID 1 x", 14, "expected a=ssrc-group:<semantics>"),
        ("a=sendonly", "a=rtcp-fb:x nack", 14, "expected a=rtcp-fb:<payload type or *>"),
        ("a=sendonly", "a=fmtp:111", 14, "expected a=fmtp:<payload type> <parameters>"),
        ("a=sendonly", "a=msid:", 14, "expected a=msid:<stream id> <track id>"),
        ("opus", "speex", 15, "expected at least one usable audio or video section"),
        ("m=audio 9", "m=audio 0", 15, "expected at least one usable audio or video section"),
        ("BUNDLE 0", "BUNDLE", 15, "expected at least one usable audio or video section"),
    ];
    for (from, to, line, what) in cases {
        let error = decide(&with(from, to)).expect_err(to);
        assert_eq!(error.line, line, "{to}: {error}");
        assert!(error.what.starts_with(what), "{to}: {error}");
        assert_eq!(error.to_string(), format!("line {line}: {}", error.what));
    }
}

#[test]
fn nothing_is_not_an_offer() {
    for empty in ["", "\r\n\r\n"] {
        assert_eq!(decide(empty).unwrap_err().what, "expected v=0, found an empty offer");
    }
    let error = decide("v=0\r\ns=-\r\n").unwrap_err();
    assert_eq!(error.line, 2);
    assert!(error.what.starts_with("expected at least one usable"), "{error}");
}

#[test]
fn two_sections_cannot_have_one_name() {
    let error = decide(&format!("{SESSION}{AUDIO}{AUDIO}")).unwrap_err();
    assert_eq!((error.line, error.what.as_str()), (16, "mid 0 is already the section of line 6"));
}

#[test]
fn a_payload_type_cannot_mean_two_things_in_one_offer() {
    let other = AUDIO
        .replace("mid:0", "mid:1")
        .replace("audio", "video")
        .replace("opus/48000/2", "VP8/90000");
    let text = format!("{SESSION}{AUDIO}{other}").replace("BUNDLE 0", "BUNDLE 0 1");
    let error = decide(&text).unwrap_err();
    assert_eq!(error.line, 25);
    assert_eq!(error.what, "payload type 111 means VP8 here, but opus elsewhere");
    let twice = with("a=sendonly", "a=rtpmap:111 PCMU/8000");
    let error = decide(&twice).unwrap_err();
    assert_eq!(error.what, "payload type 111 already has the a=rtpmap of line 14");
}

#[test]
fn an_extension_id_cannot_mean_two_things_in_one_offer() {
    let first = AUDIO.replace("a=sendonly", "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid");
    let other =
        AUDIO.replace("a=sendonly", "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level");
    let text = format!("{SESSION}{first}{}", other.replace("mid:0", "mid:1"));
    let error = decide(&text.replace("BUNDLE 0", "BUNDLE 0 1")).unwrap_err();
    assert_eq!(error.line, 24);
    assert!(error.what.starts_with("extension id 1 means urn:"), "{error}");
}

#[test]
fn payload_types_that_look_like_rtcp_are_not_accepted() {
    let text = with("111", "72");
    assert!(decide(&text).unwrap_err().what.starts_with("expected at least one usable"));
}

#[test]
fn a_huge_offer_is_read_and_one_beyond_the_limits_is_refused() {
    let slots: Vec<String> = (0..MAX_SECTIONS)
        .map(|n| AUDIO.replace("mid:0", &format!("mid:{n}")).replace("sendonly", "recvonly"))
        .collect();
    let mids: Vec<String> = (0..MAX_SECTIONS).map(|n| n.to_string()).collect();
    let session = SESSION.replace("BUNDLE 0", &format!("BUNDLE {}", mids.join(" ")));
    let text = format!("{session}{}", slots.concat());
    assert_eq!(decide(&text).unwrap().sections.len(), MAX_SECTIONS);
    let error = decide(&format!("{text}{AUDIO}")).unwrap_err();
    assert_eq!(error.what, "an offer has at most 256 media sections");
    let long = format!("{text}{}", "a=x\n".repeat(MAX_OFFER_BYTES / 4));
    assert!(decide(&long).unwrap_err().what.starts_with("an offer has at most 524288 bytes"));
}

#[test]
fn lists_inside_a_section_have_an_end() {
    let lines = |make: fn(usize) -> String| (1..100).map(make).collect::<String>();
    let cases = [
        (lines(|n| format!("a=rid:r{n} send\n")), "a section has at most 16 rids"),
        (lines(|n| format!("a=ssrc:{n} cname:x\n")), "a section has at most 32 ssrcs"),
        (
            lines(|n| format!("a=extmap:{n} urn:ietf:params:rtp-hdrext:sdes:mid\n")),
            "a section has at most 64 header extensions",
        ),
    ];
    for (more, what) in cases {
        let error = decide(&with("a=sendonly\n", &more)).unwrap_err();
        assert_eq!(error.what, what);
    }
}

#[test]
fn at_most_four_encodings_are_accepted() {
    let rids: String = (0..9).map(|n| format!("a=rid:r{n} send\n")).collect();
    let all = "a=simulcast:send r0;r1;r2;r3;r4;r5;r6;r7;r8;nobody\n";
    let negotiation = decide(&with("a=sendonly\n", &format!("{rids}{all}"))).unwrap();
    let text = answer(&negotiation, 0);
    assert!(text.contains("a=simulcast:recv r0;r1;r2;r3\r\n"), "{text}");
    assert!(!text.contains("a=rid:r4"));
}

#[test]
fn an_error_repeats_only_the_beginning_of_a_hostile_line() {
    let error = decide(&with("a=sendonly", &format!("a=ssrc:{}", "é".repeat(2000)))).unwrap_err();
    assert!(error.what.len() < 300, "{error}");
}

/// A line of an offer, most of them nearly right.
fn line() -> impl Strategy<Value = String> {
    let lines: Vec<String> = BROWSERS
        .iter()
        .flat_map(|browser| {
            let text = read(&format!("{browser}_call_2_grows"));
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let known = prop::sample::select(lines);
    let broken = (known.clone(), any::<prop::sample::Index>(), ".{0,3}").prop_map(broken_line);
    prop_oneof![8 => known, 2 => broken, 1 => "[a-z]=.{0,40}"]
}

/// Replaces one character by a few others.
fn broken_line((line, at, with): (String, prop::sample::Index, String)) -> String {
    let at = at.index(line.chars().count());
    let head: String = line.chars().take(at).collect();
    let tail: String = line.chars().skip(at + 1).collect();
    format!("{head}{with}{tail}")
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(data in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzzing::sdp(&data);
    }

    #[test]
    fn no_lines_make_the_parser_panic(lines in prop::collection::vec(line(), 0..200)) {
        fuzzing::sdp(format!("v=0\n{}", lines.join("\n")).as_bytes());
    }

    #[test]
    fn a_broken_line_in_an_offer_or_its_reoffer_is_refused_at_a_line_or_still_makes_sense(
        browser in 0..2usize,
        at in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        with in ".{0,3}",
    ) {
        let first = read(&format!("{}_call_1_begins", BROWSERS[browser]));
        let second = read(&format!("{}_call_2_grows", BROWSERS[browser]));
        let text = format!("{first}\0{second}");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let index = at.index(lines.len());
        lines[index] = broken_line((lines[index].clone(), place, with));
        fuzzing::sdp(lines.join("\r\n").as_bytes());
    }
}
