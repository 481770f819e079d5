//! SRTP in both directions, by every profile.

use parlor_rtc::srtp::{
    Inbound, Keys, MAX_SSRCS, OpenError, Outbound, Profile, SRTCP_OVERHEAD, SRTP_OVERHEAD,
};
use proptest::prelude::*;

use crate::connection::client::{rtcp, rtp};

fn pair(profile: Profile) -> (Outbound, Inbound) {
    let exported: Vec<u8> = (0..2 * (profile.key_len() + profile.salt_len()) as u8).collect();
    let keys = Keys::from_exported(profile, &exported).unwrap();
    (Outbound::new(&keys.client).unwrap(), Inbound::new(&keys.client).unwrap())
}

fn sealed(outbound: &mut Outbound, ssrc: u32, index: u64) -> Vec<u8> {
    let (mut packet, len) = rtp(ssrc, index as u16, &index.to_be_bytes());
    let sealed = outbound.seal_rtp(&mut packet, len, index).unwrap();
    packet.truncate(sealed);
    packet
}

fn sealed_rtcp(outbound: &mut Outbound, ssrc: u32) -> Vec<u8> {
    let (mut packet, len) = rtcp(ssrc);
    let sealed = outbound.seal_rtcp(&mut packet, len).unwrap();
    packet.truncate(sealed);
    packet
}

#[test]
fn three_hours_of_video_wrap_the_sequence_number_many_times() {
    for profile in Profile::ALL {
        let (mut outbound, mut inbound) = pair(profile);
        // 1000 packets per second, of which one in 977 arrives.
        for index in (30_000..3 * 3600 * 1000).step_by(977) {
            let mut packet = sealed(&mut outbound, 1, index);
            let len = inbound.open_rtp(&mut packet).unwrap();
            assert_eq!(packet[12..len], index.to_be_bytes());
        }
    }
}

#[test]
fn packets_around_a_rollover_are_opened_in_any_order() {
    for profile in Profile::ALL {
        let (mut outbound, mut inbound) = pair(profile);
        for index in [65_530, 65_537, 65_535, 65_536, 65_531, 65_600, 65_534] {
            let mut packet = sealed(&mut outbound, 1, index);
            assert!(inbound.open_rtp(&mut packet).is_ok(), "{profile:?} {index}");
        }
    }
}

#[test]
fn a_packet_counts_once() {
    for profile in Profile::ALL {
        let (mut outbound, mut inbound) = pair(profile);
        let packet = sealed(&mut outbound, 1, 5);
        assert!(inbound.open_rtp(&mut packet.clone()).is_ok());
        assert_eq!(inbound.open_rtp(&mut packet.clone()), Err(OpenError::Replayed));
        let report = sealed_rtcp(&mut outbound, 1);
        assert!(inbound.open_rtcp(&mut report.clone()).is_ok());
        assert_eq!(inbound.open_rtcp(&mut report.clone()), Err(OpenError::Replayed));
    }
}

#[test]
fn a_packet_older_than_the_window_is_refused() {
    let (mut outbound, mut inbound) = pair(Profile::AeadAes128Gcm);
    assert!(inbound.open_rtp(&mut sealed(&mut outbound, 1, 5000)).is_ok());
    assert!(inbound.open_rtp(&mut sealed(&mut outbound, 1, 5000 - 1023)).is_ok());
    let old = inbound.open_rtp(&mut sealed(&mut outbound, 1, 5000 - 1024));
    assert_eq!(old, Err(OpenError::Replayed));
}

#[test]
fn a_forged_packet_neither_opens_nor_leaves_a_trace() {
    for profile in Profile::ALL {
        let (mut outbound, mut inbound) = pair(profile);
        assert!(inbound.open_rtp(&mut sealed(&mut outbound, 1, 100)).is_ok());
        // Far ahead, as an attacker would do to move the window.
        let mut forged = sealed(&mut outbound, 1, 20_000);
        *forged.last_mut().unwrap() ^= 1;
        assert_eq!(inbound.open_rtp(&mut forged), Err(OpenError::NotAuthentic));
        assert!(inbound.open_rtp(&mut sealed(&mut outbound, 1, 101)).is_ok());
        for ssrc in 0..1000 {
            let mut forged = sealed(&mut outbound, ssrc + 10, 1);
            forged[20] ^= 1;
            assert_eq!(inbound.open_rtp(&mut forged), Err(OpenError::NotAuthentic));
        }
        assert!(inbound.open_rtp(&mut sealed(&mut outbound, 2, 1)).is_ok(), "there is still room");
    }
}

#[test]
fn a_client_can_have_only_so_many_streams() {
    let (mut outbound, mut inbound) = pair(Profile::AeadAes256Gcm);
    for ssrc in 0..MAX_SSRCS as u32 {
        assert!(inbound.open_rtp(&mut sealed(&mut outbound, ssrc, 1)).is_ok());
    }
    let more = sealed(&mut outbound, 1_000_000, 1);
    assert_eq!(inbound.open_rtp(&mut more.clone()), Err(OpenError::TooManyStreams));
    assert!(inbound.open_rtp(&mut sealed(&mut outbound, 0, 2)).is_ok(), "the others go on");
}

#[test]
fn a_stream_that_is_over_gives_its_place_to_a_new_one_and_not_before() {
    let (mut outbound, mut inbound) = pair(Profile::AeadAes256Gcm);
    let count = MAX_SSRCS as u32;
    let first = sealed(&mut outbound, 0, 1);
    assert!(inbound.open_rtp(&mut first.clone()).is_ok());
    for ssrc in 1..1_000 {
        if ssrc >= count {
            let more = sealed(&mut outbound, ssrc, 1);
            assert_eq!(inbound.open_rtp(&mut more.clone()), Err(OpenError::TooManyStreams));
            inbound.retire(ssrc - 1);
        }
        assert!(inbound.open_rtp(&mut sealed(&mut outbound, ssrc, 2)).is_ok());
    }
    assert_eq!(inbound.open_rtp(&mut first.clone()), Err(OpenError::Replayed));
    inbound.retire(0);
    assert_eq!(
        inbound.open_rtp(&mut first.clone()),
        Err(OpenError::Replayed),
        "none needs the place"
    );
    inbound.resume(0);
    let more = sealed(&mut outbound, 1_000, 1);
    assert_eq!(inbound.open_rtp(&mut more.clone()), Err(OpenError::TooManyStreams));
    assert!(inbound.open_rtp(&mut sealed(&mut outbound, 0, 3)).is_ok());
}

#[test]
fn of_the_streams_that_are_over_the_one_that_ended_first_is_forgotten_first() {
    let (mut outbound, mut inbound) = pair(Profile::AeadAes256Gcm);
    let count = MAX_SSRCS as u32;
    let packets: Vec<_> = (0..count).map(|ssrc| sealed(&mut outbound, ssrc, 1)).collect();
    for packet in &packets {
        assert!(inbound.open_rtp(&mut packet.clone()).is_ok());
    }
    inbound.retire(9);
    inbound.retire(3);
    assert!(inbound.open_rtp(&mut sealed(&mut outbound, 1_000, 1)).is_ok(), "in the place of 9");
    assert_eq!(inbound.open_rtp(&mut packets[3].clone()), Err(OpenError::Replayed));
    assert!(inbound.open_rtp(&mut sealed(&mut outbound, 1_001, 1)).is_ok(), "in the place of 3");
    assert_eq!(
        inbound.open_rtp(&mut sealed(&mut outbound, 1_002, 1)),
        Err(OpenError::TooManyStreams)
    );
}

#[test]
fn rtcp_in_the_clear_is_refused() {
    for profile in Profile::ALL {
        let (mut outbound, mut inbound) = pair(profile);
        let mut report = sealed_rtcp(&mut outbound, 1);
        let word = if profile == Profile::AesCm128HmacSha1_80 { 14 } else { 4 };
        let flag = report.len() - word;
        report[flag] &= 0x7F;
        assert_eq!(inbound.open_rtcp(&mut report), Err(OpenError::NotEncrypted));
    }
}

#[test]
fn headers_with_csrcs_and_extensions_stay_in_the_clear() {
    for profile in Profile::ALL {
        let (mut outbound, mut inbound) = pair(profile);
        let mut packet = vec![0x92, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
        packet.extend([0xC5; 8]);
        packet.extend([0xBE, 0xDE, 0, 1, 0x10, 0x55, 0, 0]);
        let header = packet.clone();
        packet.extend(b"payload");
        let (plain, len) = (packet.clone(), packet.len());
        packet.resize(len + SRTP_OVERHEAD, 0);
        let sealed = outbound.seal_rtp(&mut packet, len, 1).unwrap();
        assert_eq!(packet[..header.len()], header);
        assert_ne!(packet[header.len()..len], plain[header.len()..]);
        assert_eq!(inbound.open_rtp(&mut packet[..sealed]), Ok(len));
        assert_eq!(packet[..len], plain);
    }
}

#[test]
fn what_does_not_fit_or_is_no_packet_is_not_sealed() {
    for profile in Profile::ALL {
        let (mut outbound, _) = pair(profile);
        let (mut packet, len) = rtp(1, 7, b"payload");
        let room = profile.tag_len();
        assert_eq!(outbound.seal_rtp(&mut packet[..len + room - 1], len, 7), None);
        assert_eq!(outbound.seal_rtp(&mut packet, len, 8), None, "another sequence number");
        assert_eq!(outbound.seal_rtp(&mut packet, len, 7 + (1 << 48)), None);
        assert_eq!(outbound.seal_rtp(&mut packet, 11, 7), None);
        assert_eq!(outbound.seal_rtp(&mut packet, 1000, 7), None);
        packet[0] = 0x9F;
        assert_eq!(outbound.seal_rtp(&mut packet, len, 7), None, "a header longer than the packet");
        let (mut report, len) = rtcp(1);
        let room = profile.tag_len() + 4;
        assert!(room <= SRTCP_OVERHEAD);
        assert_eq!(outbound.seal_rtcp(&mut report[..len + room - 1], len), None);
        assert_eq!(outbound.seal_rtcp(&mut report, 7), None);
        assert!(outbound.seal_rtcp(&mut report[..len + room], len).is_some());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        parlor_rtc::fuzzing::srtp(&bytes);
    }
}
