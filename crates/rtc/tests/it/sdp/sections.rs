//! What the sections of real offers become.

use super::*;
use parlor_rtc::rtp::ExtensionKind;
use parlor_rtc::sdp::{Codec, RejectReason};

fn codecs(section: &MediaSection) -> Vec<Codec> {
    section.codecs.iter().map(|codec| codec.codec).collect()
}

fn extensions(section: &MediaSection) -> Vec<ExtensionKind> {
    let mut kinds: Vec<_> = section.extensions.iter().map(|extension| extension.kind).collect();
    kinds.sort();
    kinds
}

fn rids(section: &MediaSection) -> Vec<(&str, bool)> {
    section.encodings.iter().map(|e| (e.rid.as_str(), e.paused)).collect()
}

#[test]
fn a_join_offer_becomes_senders_and_pairs_of_slots_in_both_browsers() {
    let senders = ["audio in", "video in", "video in", "audio in"];
    let expected = [&senders[..], &["audio out", "video out"].repeat(4)].concat();
    for browser in BROWSERS {
        let negotiation = recorded(&format!("{browser}_join"));
        assert_eq!(outline(&negotiation), expected, "{browser}");
        assert!(negotiation.extmap_allow_mixed, "{browser}");
    }
}

#[test]
fn firefox_sections_with_port_zero_and_bundle_only_are_not_refused() {
    let text = read("firefox_join");
    assert!(text.contains("m=video 0 ") && text.contains("a=bundle-only"));
    let refused = |section: &&Section| matches!(section, Section::Rejected(_));
    assert_eq!(recorded("firefox_join").sections.iter().filter(refused).count(), 0);
}

#[test]
fn opus_comes_before_red_and_keeps_its_parameters() {
    let chromium = recorded("chromium_join");
    let audio = section(&chromium, "0");
    assert_eq!(codecs(audio), [Codec::Opus, Codec::Red]);
    assert_eq!(audio.codecs[0].fmtp, "minptime=10;useinbandfec=1");
    assert_eq!(audio.codecs[1].fmtp, "111/111");
    assert_eq!(codecs(section(&recorded("firefox_join"), "0")), [Codec::Opus]);
}

#[test]
fn red_comes_first_for_who_offers_it_first_and_so_is_sent() {
    let text = read("chromium_join").replace("SAVPF 111 63 ", "SAVPF 63 111 ");
    let negotiation = decide(&text).unwrap();
    assert_eq!(codecs(section(&negotiation, "0")), [Codec::Red, Codec::Opus]);
    assert!(answer(&negotiation, 0).contains("m=audio 9 UDP/TLS/RTP/SAVPF 63 111\r\n"));
}

#[test]
fn red_that_does_not_repeat_the_opus_of_its_section_is_left_out() {
    let text = read("chromium_join").replace("a=fmtp:63 111/111", "a=fmtp:63 9/9");
    assert_eq!(codecs(section(&decide(&text).unwrap(), "0")), [Codec::Opus]);
}

#[test]
fn video_codecs_follow_one_preference_list_whatever_order_the_browser_has() {
    let chromium = recorded("chromium_join");
    let h264 =
        |profile_level_id, packetization_mode| Codec::H264 { profile_level_id, packetization_mode };
    let expected = [
        Codec::Vp8,
        Codec::Vp9 { profile: 0 },
        Codec::Vp9 { profile: 2 },
        h264(0x42e01f, 1),
        h264(0x42001f, 1),
        h264(0x4d001f, 1),
        h264(0x42e01f, 0),
        h264(0x42001f, 0),
        h264(0x4d001f, 0),
        Codec::Av1 { profile: 0 },
    ];
    assert_eq!(codecs(section(&chromium, "1")), expected);
    assert!(section(&chromium, "1").codecs.iter().all(|codec| codec.rtx_payload_type.is_some()));
    let firefox = recorded("firefox_join");
    let expected = [Codec::Vp8, Codec::Vp9 { profile: 0 }, Codec::Av1 { profile: 0 }];
    assert_eq!(codecs(section(&firefox, "1")), expected);
    let vp8 = &section(&firefox, "1").codecs[0];
    assert_eq!((vp8.payload_type, vp8.rtx_payload_type), (120, Some(124)));
}

#[test]
fn feedback_is_what_was_offered_without_the_estimate_that_nobody_needs() {
    for browser in BROWSERS {
        let negotiation = recorded(&format!("{browser}_join"));
        let video = section(&negotiation, "1").codecs[0].feedback;
        assert!(video.nack && video.nack_pli && video.ccm_fir && video.transport_cc, "{browser}");
        assert!(!video.goog_remb, "{browser}");
        let audio = section(&negotiation, "0").codecs[0].feedback;
        assert!(audio.transport_cc && !audio.nack && !audio.nack_pli, "{browser}");
    }
}

#[test]
fn without_transport_wide_reports_the_older_estimate_is_agreed() {
    let text = read("chromium_join").replace("transport-cc", "other").replace(
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        "urn:example:other",
    );
    let negotiation = decide(&text).unwrap();
    let video = section(&negotiation, "5");
    assert!(video.codecs[0].feedback.goog_remb);
    let agreed = [
        ExtensionKind::Mid,
        ExtensionKind::Rid,
        ExtensionKind::RepairedRid,
        ExtensionKind::AbsSendTime,
        ExtensionKind::DependencyDescriptor,
        ExtensionKind::ColorSpace,
    ];
    assert_eq!(extensions(video), agreed);
}

#[test]
fn feedback_offered_for_every_payload_type_counts_for_each() {
    let text = read("firefox_plain").replace("a=rtcp-fb:120 nack pli", "a=rtcp-fb:* nack pli");
    let negotiation = decide(&text).unwrap();
    assert!(section(&negotiation, "1").codecs[0].feedback.nack_pli);
}

#[test]
fn each_direction_agrees_on_the_extensions_that_it_uses() {
    use ExtensionKind::*;
    for browser in BROWSERS {
        let negotiation = recorded(&format!("{browser}_join"));
        let of = |name| extensions(section(&negotiation, name));
        assert_eq!(of("0"), [Mid, AudioLevel, TransportSequence], "{browser}");
        let chromium = browser == "chromium";
        // Firefox knows no color spaces.
        let video = [Mid, Rid, RepairedRid, TransportSequence, DependencyDescriptor, ColorSpace];
        assert_eq!(of("1"), if chromium { &video[..] } else { &video[..5] }, "{browser}");
        assert_eq!(of("4"), [Mid, AudioLevel, TransportSequence], "{browser}");
        // Who has not switched on layers in what it sends does not offer to receive their descriptor.
        let firefox = [Mid, TransportSequence];
        assert_eq!(of("5"), if chromium { &video[..] } else { &firefox[..] }, "{browser}");
    }
}

#[test]
fn senders_turn_their_pictures_themselves_since_not_every_viewer_could() {
    let uri = ExtensionKind::VideoOrientation.uri();
    assert!(read("chromium_join").contains(uri));
    assert!(!read("firefox_join").contains(uri), "Firefox knows it by now: agree on it");
    let negotiation = recorded("chromium_join");
    let mut agreed = negotiation.media().flat_map(extensions);
    assert!(!agreed.any(|kind| kind == ExtensionKind::VideoOrientation));
}

#[test]
fn a_one_way_extension_is_answered_the_other_way() {
    let text = answer(&recorded("firefox_join"), 0);
    assert!(text.contains("a=extmap:9/recvonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"));
    assert!(!text.contains("csrc-audio-level"));
}

#[test]
fn simulcast_encodings_keep_their_order_and_pauses() {
    let chromium = recorded("chromium_simulcast_paused");
    assert_eq!(rids(section(&chromium, "1")), [("l", false), ("m", true), ("h", false)]);
    assert!(answer(&chromium, 0).contains("a=simulcast:recv l;~m;h\r\n"));
    let firefox = recorded("firefox_join");
    assert_eq!(rids(section(&firefox, "1")), [("l", false), ("m", false), ("h", false)]);
}

#[test]
fn announced_streams_are_paired_with_their_retransmissions() {
    let firefox = recorded("firefox_join");
    let camera = section(&firefox, "1");
    assert_eq!(camera.streams.len(), 3);
    assert!(camera.streams.iter().all(|stream| stream.rtx_ssrc.is_some()));
    assert!(section(&firefox, "5").streams.is_empty(), "a slot's own RTCP ssrc is not a stream");
    assert!(section(&recorded("chromium_join"), "1").streams.is_empty());
}

#[test]
fn streams_of_an_ssrc_group_come_in_its_order() {
    let text = read("chromium_plain");
    let line = text.lines().find(|line| line.starts_with("a=ssrc-group:FID ")).unwrap();
    let more = "a=ssrc-group:SIM 31 21\r\na=ssrc:21 cname:x\r\na=ssrc:31 cname:x\r\n";
    let negotiation = decide(&text.replace(line, &format!("{more}{line}"))).unwrap();
    let ssrcs: Vec<u32> = section(&negotiation, "1").streams.iter().map(|s| s.ssrc).collect();
    assert_eq!(ssrcs[..2], [31, 21]);
    assert_eq!(ssrcs.len(), 3);
}

#[test]
fn a_section_that_goes_both_ways_is_one_that_we_only_receive_on() {
    for browser in BROWSERS {
        let name = format!("{browser}_plain");
        assert!(read(&name).contains("a=sendrecv"));
        let negotiation = recorded(&name);
        assert_eq!(outline(&negotiation), ["audio in", "video in"]);
        assert_eq!(answer(&negotiation, 0).matches("a=recvonly\r\n").count(), 2);
    }
}

#[test]
fn data_channels_are_refused_politely() {
    for browser in BROWSERS {
        let negotiation = recorded(&format!("{browser}_data_channel"));
        assert_eq!(outline(&negotiation), ["audio out", "refused"]);
        let Section::Rejected(refused) = &negotiation.sections[1] else { panic!("refused") };
        assert_eq!((refused.mid, refused.reason), (Some(mid("1")), RejectReason::NotMedia));
        let text = answer(&negotiation, 0);
        assert!(text.contains("a=group:BUNDLE 0\r\n"));
        assert!(text.contains("m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
    }
}

#[test]
fn the_first_accepted_section_carries_the_candidates_when_the_first_one_is_refused() {
    let text = answer(&recorded("chromium_data_channel_first"), 0);
    let sections: Vec<&str> = text.split("m=").collect();
    assert_eq!(text.matches("a=end-of-candidates").count(), 1);
    let tagged = text.lines().find_map(|line| line.strip_prefix("a=group:BUNDLE ")).unwrap();
    let first = tagged.split(' ').next().unwrap();
    let carrier = sections.iter().find(|section| section.contains("a=candidate:")).unwrap();
    assert!(carrier.contains(&format!("a=mid:{first}\r\n")));
    assert!(carrier.contains(" 192.0.2.1 4000 typ host") && carrier.contains(" 2001:db8::1 4000 "));
}

#[test]
fn sections_outside_the_bundle_are_refused() {
    let text = read("chromium_plain").replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 1");
    let negotiation = decide(&text).unwrap();
    assert_eq!(outline(&negotiation), ["refused", "video in"]);
    let text = read("chromium_plain").replace("a=group:BUNDLE 0 1\r\n", "");
    let negotiation = decide(&text).unwrap();
    assert_eq!(outline(&negotiation), ["audio in", "refused"]);
    assert!(!answer(&negotiation, 0).contains("a=group"));
}

#[test]
fn a_section_without_a_codec_of_ours_is_refused() {
    let text = read("chromium_plain").replace("opus/48000/2", "speex/48000/2");
    assert_eq!(outline(&decide(&text).unwrap()), ["refused", "video in"]);
}

#[test]
fn credentials_and_fingerprint_may_stand_above_all_sections() {
    let text = read("chromium_plain");
    let expected = decide(&text).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let moved = |line: &&&str| {
        ["a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup"].iter().any(|a| line.starts_with(a))
    };
    let own: Vec<&str> = lines.iter().filter(moved).take(4).copied().collect();
    let rest: Vec<&str> = lines.iter().filter(|line| !moved(line)).copied().collect();
    let (session, media) = rest.split_at(rest.iter().position(|l| l.starts_with("m=")).unwrap());
    let hoisted = [session, &own[..], media].concat().join("\r\n");
    let negotiation = decide(&hoisted).unwrap();
    assert_eq!(negotiation.ice, expected.ice);
    assert_eq!(negotiation.fingerprint, expected.fingerprint);
}

#[test]
fn of_several_fingerprints_the_sha_256_one_counts() {
    let text = read("chromium_plain");
    let several = text
        .replace("a=fingerprint:sha-256 ", "a=fingerprint:sha-1 AB:CD\r\na=fingerprint:SHA-256 ");
    assert_eq!(decide(&several).unwrap().fingerprint, decide(&text).unwrap().fingerprint);
}

#[test]
fn every_slot_declares_its_streams_and_a_slot_that_sends_nothing_is_inactive() {
    let negotiation = recorded("chromium_join");
    let text = answer(&negotiation, 0);
    assert!(text.contains("a=ssrc-group:FID 1010 1011\r\na=ssrc:1010 cname:parlor\r\n"));
    assert!(text.contains("a=msid:pair2 slot5\r\n"));
    assert!(!text.contains("a=ssrc:1009"), "audio has no retransmission stream");
    let text = answer_with(&negotiation, 0, |_| None);
    assert_eq!(text.matches("a=inactive\r\n").count(), 8);
    assert!(!text.contains("a=ssrc") && !text.contains("a=msid"));
}

#[test]
fn a_name_from_another_client_cannot_add_lines_to_an_answer() {
    let negotiation = recorded("chromium_join");
    let hostile = "a b\r\na=setup:active";
    let text = answer_with(&negotiation, 0, |mid| {
        let names = hostile.to_owned();
        Some(Slot { cname: names.clone(), stream: names, track: String::new(), ..slot(mid) })
    });
    assert!(!text.contains("\na=setup:active"));
    assert!(text.contains("a=msid:a_b__a=setup:active -\r\n"));
}
