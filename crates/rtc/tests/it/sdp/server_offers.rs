//! What we offer to a client that only receives, and what becomes of its answers. `server_offer.sdp` is the offer, and
//! `*_takes_server_offer.sdp` what browsers answered to it.

use super::golden::assert_is_file;
use super::*;
use parlor_rtc::dtls::Role;
use parlor_rtc::fuzzing;
use parlor_rtc::sdp::{Codec, RejectReason};
use proptest::prelude::*;

fn proposed(kinds: &[MediaKind]) -> Negotiation {
    Negotiation::propose(kinds, credentials(99))
}

fn both() -> Negotiation {
    proposed(&[MediaKind::Audio, MediaKind::Video])
}

fn offer(negotiation: &Negotiation) -> String {
    as_our_side(0, |local| negotiation.offer(local, |mid| Some(slot(mid))))
}

fn accept(text: &str) -> Result<Negotiation, SdpError> {
    both().accept(Offer::parse(text)?)
}

/// What a plain client answers that takes Opus and VP8.
const ANSWER: &str = "v=0
o=- 1 1 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE 0 1
a=ice-ufrag:user
a=ice-pwd:password-of-user-00000000
a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F
a=setup:active
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:0
a=recvonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
a=mid:1
a=recvonly
a=rtcp-mux
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=rtpmap:96 VP8/90000
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
";

#[test]
fn what_we_offer_is_as_in_the_file() {
    assert_is_file("server_offer", &offer(&both()));
}

#[test]
fn an_offer_has_one_transport_which_nothing_but_its_first_section_can_have_alone() {
    let kinds = [MediaKind::Video, MediaKind::Audio, MediaKind::Video];
    let text = offer(&proposed(&kinds));
    let (session, sections) = text.split_once("m=").unwrap();
    assert!(session.contains("a=group:BUNDLE 0 1 2\r\n") && session.contains("a=ice-lite\r\n"));
    for (index, section) in sections.split("m=").enumerate() {
        let has = |line: &str| section.contains(line);
        let is_first = index == 0;
        assert_eq!(has("a=bundle-only\r\n"), !is_first, "{section}");
        assert_eq!(has(" 0 UDP/TLS"), !is_first, "{section}");
        assert_eq!(has("a=candidate:"), is_first, "{section}");
        assert!(has("a=ice-ufrag:server0\r\n") && has("a=setup:actpass\r\n"), "{section}");
        assert!(has("a=rtcp-mux\r\na=rtcp-mux-only\r\n") && has("a=fingerprint:"), "{section}");
        assert!(has("a=sendonly\r\n") && has(&format!("a=mid:{index}\r\n")), "{section}");
        assert!(has("a=msid:") && has("a=ssrc:"), "{section}");
    }
}

#[test]
fn the_numbers_of_an_offer_are_none_that_rtcp_is_taken_for_and_mean_one_thing_each() {
    let kinds = [MediaKind::Audio, MediaKind::Video];
    let mut seen = std::collections::BTreeSet::new();
    for section in proposed(&kinds).media() {
        for codec in &section.codecs {
            for number in [Some(codec.payload_type), codec.rtx_payload_type].into_iter().flatten() {
                assert!(matches!(number, 35..=63 | 96..=127), "{number} is not dynamic");
                assert!(seen.insert(number), "{number} is there twice");
            }
        }
    }
}

#[test]
fn browsers_take_everything_that_they_know_and_their_answers_are_offers_of_the_same() {
    for browser in BROWSERS {
        let text = read(&format!("{browser}_takes_server_offer"));
        let accepted = accept(&text).unwrap();
        assert_eq!(outline(&accepted), ["audio out", "video out"], "{browser}");
        assert_eq!(accepted.role, Role::Server, "{browser} begins the handshake");
        let video: Vec<Codec> = section(&accepted, "1").codecs.iter().map(|c| c.codec).collect();
        assert!(video.contains(&Codec::Vp8) && video.contains(&Codec::Vp9 { profile: 0 }));
        let vp8 = &section(&accepted, "1").codecs[0];
        assert!(vp8.feedback.transport_cc && vp8.feedback.nack && !vp8.feedback.goog_remb);
        assert_eq!((vp8.payload_type, vp8.rtx_payload_type), (96, Some(97)), "{browser}");

        // Everything that is said of a later offer is said of the answer.
        let again = decide_again(&text, &accepted).unwrap();
        assert!(!again.changes_since(&accepted).ice_restarted, "{browser}");
        let restarted = text.replace("a=ice-ufrag:", "a=ice-ufrag:x");
        let restarted = decide_again(&restarted, &accepted).unwrap();
        let changes = restarted.changes_since(&accepted);
        assert!(changes.ice_restarted && changes.sections.is_empty(), "{browser}: {changes:?}");
    }
}

#[test]
fn what_is_said_after_the_answer_is_what_was_offered() {
    for browser in BROWSERS {
        let accepted = accept(&read(&format!("{browser}_takes_server_offer"))).unwrap();
        let (offer, said) = (offer(&both()), answer(&accepted, 0));
        for name in
            ["o=", "a=group:", "a=mid:", "a=msid:", "a=ssrc", "a=candidate:", "a=extmap-allow"]
        {
            let of = |text: &str| -> Vec<String> {
                text.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect()
            };
            assert_eq!(of(&offer), of(&said), "{browser} {name}");
        }
        for line in said.lines() {
            // Each section of an answer tells of the transport, and who begins is decided.
            let is_news = ["m=", "a=setup:", "a=fmtp:"].iter().any(|name| line.starts_with(name));
            assert!(is_news || offer.lines().any(|offered| offered == line), "{browser}: {line}");
        }
    }
}

#[test]
fn a_client_may_take_less_than_it_was_offered() {
    let accepted = accept(ANSWER).unwrap();
    let codecs = |name| section(&accepted, name).codecs.iter().map(|c| c.payload_type).collect();
    let (audio, video): (Vec<u8>, Vec<u8>) = (codecs("0"), codecs("1"));
    assert_eq!((audio, video), (vec![111], vec![96]));
    assert_eq!(section(&accepted, "0").extensions, []);
    let without_video = ANSWER.replace("m=video 9", "m=video 0").replace("BUNDLE 0 1", "BUNDLE 0");
    let accepted = accept(&without_video).unwrap();
    assert_eq!(outline(&accepted), ["audio out", "refused"]);
    assert!(
        matches!(&accepted.sections[1], Section::Rejected(r) if r.reason == RejectReason::Offered)
    );
    let paused = ANSWER.replacen("a=recvonly", "a=inactive", 1);
    assert_eq!(outline(&accept(&paused).unwrap()), ["audio off", "video out"]);
}

#[test]
fn a_client_that_waits_for_the_handshake_has_it_begun_by_us() {
    let text = ANSWER.replace("setup:active", "setup:passive");
    assert_eq!(accept(&text).unwrap().role, Role::Client);
}

#[test]
fn an_answer_says_who_begins_the_handshake_once_for_all_or_where_its_transport_is() {
    let silent = ANSWER.replace("a=setup:active\n", "");
    let error = accept(&silent).unwrap_err();
    assert!(error.what.starts_with("expected a=setup:active or a=setup:passive"), "{error}");
    assert_eq!(error.line, 9, "where the transport is");
    let first = silent.replace("a=mid:0\n", "a=mid:0\na=setup:passive\n");
    assert_eq!(accept(&first).unwrap().role, Role::Client);
    let second = silent.replace("a=mid:1\n", "a=mid:1\na=setup:passive\n");
    assert_eq!(accept(&second).unwrap_err().line, 9, "the transport of another is not taken");
    let refused = second.replace("m=audio 9", "m=audio 0").replace("BUNDLE 0 1", "BUNDLE 1");
    assert_eq!(accept(&refused).unwrap().role, Role::Client, "the first that is taken has it");
}

#[test]
fn h264_of_another_level_is_the_same_and_of_another_profile_or_mode_is_not() {
    let with = |fmtp: &str| {
        let h264 = format!("a=rtpmap:106 H264/90000\na=fmtp:106 {fmtp}\n");
        let text = ANSWER.replace("SAVPF 96 97", "SAVPF 106");
        accept(&text.replace("a=rtpmap:96 VP8/90000\n", &h264))
    };
    let accepted = with("profile-level-id=42e034;packetization-mode=1").unwrap();
    assert_eq!(section(&accepted, "1").codecs[0].payload_type, 106);
    for other in [
        "profile-level-id=4d001f;packetization-mode=1",
        "profile-level-id=42e01f;packetization-mode=0",
        "profile-level-id=42e01f",
    ] {
        let error = with(other).expect_err(other);
        assert!(error.what.starts_with("payload type 106 has other parameters"), "{error}");
    }
}

#[test]
fn what_is_no_answer_to_the_offer_is_refused_at_its_line() {
    let cases = [
        ("m=video 9", "m=audio 9", 16, "expected the section 1 of the offer here, with video"),
        ("a=mid:1", "a=mid:7", 16, "expected the section 1 of the offer here"),
        ("a=mid:0\na=recvonly", "a=mid:0\na=sendonly", 10, "expected a=recvonly"),
        ("a=mid:0\na=recvonly", "a=mid:0", 10, "expected a=recvonly"),
        ("a=setup:active", "a=setup:actpass", 9, "expected a=setup:active or a=setup:passive"),
        ("SAVPF 111", "SAVPF 111 0", 10, "payload type 0 is none of those in the offer"),
        ("111 opus/48000/2", "111 PCMU/8000", 15, "payload type 111 is opus in the offer"),
        ("BUNDLE 0 1", "BUNDLE 0", 16, "expected the mid of this section in a=group:BUNDLE"),
        ("a=extmap:3", "a=extmap:9", 21, "the offer does not have header extension 9"),
        ("a=rtpmap:111 opus/48000/2\n", "", 10, "expected a payload type of the offer"),
        ("a=ice-pwd:password-of-user-00000000\n", "", 9, "expected a=ice-pwd"),
        ("t=0 0", "a=ice-lite", 4, "the server is an ICE-lite agent"),
        ("UDP/TLS/RTP/SAVPF 111", "RTP/AVP 111", 10, "expected UDP/TLS/RTP/SAVPF"),
    ];
    for (from, to, line, what) in cases {
        let text = ANSWER.replacen(from, to, 1);
        let error = accept(&text).expect_err(to);
        assert!(error.what.starts_with(what), "{to}: {error}");
        assert_eq!(error.line, line, "{to}: {error}");
    }
    let one = ANSWER.split("m=video").next().unwrap();
    assert!(accept(one).unwrap_err().what.starts_with("expected the 2 sections"));
    let none = ANSWER.replace("m=audio 9", "m=audio 0").replace("m=video 9", "m=video 0");
    assert!(accept(&none).unwrap_err().what.starts_with("expected at least one section"));
    assert!(accept(&offer(&both())).is_err(), "an offer is no answer");
    assert!(accept("").is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_of_answers_panic(data in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzzing::sdp_answer(&data);
    }

    #[test]
    fn an_answer_with_a_line_changed_is_refused_at_a_line_or_takes_only_what_was_offered(
        browser in 0..2usize,
        at in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        with in ".{0,3}",
    ) {
        let text = read(&format!("{}_takes_server_offer", BROWSERS[browser]));
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let (at, other) = (at.index(lines.len()), other.index(lines.len()));
        match with.is_empty() {
            true => lines.swap(at, other),
            false => lines[at] = format!("{}{with}", lines[other]),
        }
        fuzzing::sdp_answer(lines.join("\r\n").as_bytes());
    }
}
