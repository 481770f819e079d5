//! Whole conversations, as clients that people have lead them.

use parlor_rtc::stun::{Method, attribute};
use parlor_rtc::turn::framing::next_frame;

use super::world::{Add, Answer, MEDIA_V4, Phone, UDP, World, address, channel_data, config};

/// TURN-LOGGING-ID, which libwebrtc adds if it is told one.
const LOGGING_ID: Add<'static> = Add::Raw(0xFF05, b"4711");

#[test]
fn a_client_as_in_chromium_talks_through_a_channel_and_begins_with_indications() {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    let peer = address(MEDIA_V4);
    let answer = world.ask(&mut phone, Method::Allocate, &[UDP, LOGGING_ID]);
    for needed in [
        attribute::XOR_MAPPED_ADDRESS,
        attribute::XOR_RELAYED_ADDRESS,
        attribute::LIFETIME,
        attribute::MESSAGE_INTEGRITY,
    ] {
        assert!(answer.get(needed).is_some());
    }
    assert_eq!(world.permit(&mut phone, &[peer]), None);
    // Checks go in indications until the channel is bound, and answers come as the server likes.
    let check = phone.send(peer, b"check");
    let (path, _) = world.relay(phone.client, &check).unwrap();
    assert!(world.wrap(path, b"answer").is_some());
    assert_eq!(world.bind(&mut phone, 0x4000, peer), None);
    for minute in 1..60 {
        world.pass(60);
        let media = channel_data(0x4000, b"media");
        assert_eq!(world.relay(phone.client, &media), Some((path, &b"media"[..])));
        assert_eq!(world.wrap(path, b"media").unwrap().1, channel_data(0x4000, b"media"));
        // It refreshes each a minute before it is over, without saying for how long.
        if minute % 4 == 0 {
            assert_eq!(world.permit(&mut phone, &[peer]), None);
        }
        if minute % 9 == 0 {
            assert_eq!(world.bind(&mut phone, 0x4000, peer), None);
            assert_eq!(world.ask(&mut phone, Method::Refresh, &[]).lifetime(), Some(600));
        }
    }
    assert_eq!(world.refresh(&mut phone, 0).lifetime(), Some(0));
    assert_eq!(world.server.statistics().allocations, 0);
}

#[test]
fn a_client_as_in_firefox_talks_in_indications_over_tcp() {
    let mut world = World::new(config());
    let mut phone = Phone::stream("198.51.100.7:50000");
    let peer = address(MEDIA_V4);
    let hour = 3600u32.to_be_bytes();
    let lifetime = Add::Raw(attribute::LIFETIME, &hour);
    assert_eq!(world.ask(&mut phone, Method::Allocate, &[UDP, lifetime]).lifetime(), Some(3600));
    for minute in 0..70 {
        if minute % 4 == 0 {
            assert_eq!(world.permit(&mut phone, &[peer]), None);
        }
        if minute % 59 == 0 {
            assert_eq!(world.refresh(&mut phone, 3600).lifetime(), Some(3600));
        }
        let message = phone.send(peer, b"media");
        let frame = next_frame(&message).unwrap().unwrap();
        assert_eq!(frame.datagram, 0..message.len());
        let (path, datagram) = world.relay(phone.client, &message).unwrap();
        assert_eq!(datagram, b"media");
        let (_, answer) = world.wrap(path, b"answer").unwrap();
        assert_eq!(next_frame(&answer).unwrap().unwrap().len, answer.len());
        assert_eq!(Answer { bytes: answer }.get(attribute::DATA).unwrap(), b"answer");
        world.pass(60);
    }
    // It never says goodbye.
    world.server.drop_client(phone.client);
    assert_eq!(world.server.statistics().allocations, 0);
}

#[test]
fn a_client_that_restarts_ice_again_and_again_always_has_an_allocation() {
    let mut world = World::new(config());
    for restart in 0..200 {
        let mut phone = Phone::udp(&format!("198.51.100.7:{}", 40_000 + restart));
        assert_eq!(world.ask(&mut phone, Method::Allocate, &[UDP]).error(), None, "{restart}");
        world.pass(15);
    }
    assert_eq!(world.server.statistics().refusals.over_quota, 0);
}
