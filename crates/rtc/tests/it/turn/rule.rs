//! The rule: this server relays to what it announces itself, and to nothing else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use parlor_rtc::path::DestinationId;
use parlor_rtc::stun::{Method, attribute};
use parlor_rtc::turn::Destinations;
use proptest::prelude::*;

use super::world::{
    Add, Config, MEDIA_V4, MEDIA_V6, Phone, UDP, World, address, channel_data, config, destinations,
};

/// Addresses that a TURN server is tricked into reaching: this machine, its network, others' networks,
/// everybody, nobody, neighbours of our own.
fn elsewhere() -> Vec<IpAddr> {
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "8.8.8.8",
        "203.0.113.4",
        "203.0.113.6",
        "198.51.100.7",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "2001:db8::4",
        "2001:db8::6",
        "2001:4860:4860::8888",
        "::203.0.113.5",
        "64:ff9b::203.0.113.5",
        "::ffff:127.0.0.1",
        "2002:cb00:7105::1",
    ]
    .map(|ip| ip.parse().unwrap())
    .to_vec()
}

/// A world with an allocation of both families, which nothing but the rule forbids to send anywhere.
fn world() -> (World, Phone) {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    let both = [UDP, Add::Raw(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0])];
    assert_eq!(world.ask(&mut phone, Method::Allocate, &both).error(), None);
    (world, phone)
}

#[test]
fn permissions_and_channels_to_every_other_address_are_forbidden_and_no_packet_comes_out() {
    let (mut world, mut phone) = world();
    for ip in elsewhere() {
        for port in [0, 1, 22, 53, 80, 443, 3478, 4000, 4001, 49152, 65535] {
            let peer = SocketAddr::new(ip, port);
            assert_eq!(world.permit(&mut phone, &[peer]), Some(403), "{peer}");
            assert_eq!(world.bind(&mut phone, 0x4001, peer), Some(403), "{peer}");
            let message = phone.send(peer, b"hello");
            assert_eq!(world.relay(phone.client, &message), None, "{peer}");
            assert_eq!(world.relay(phone.client, &channel_data(0x4001, b"hello")), None, "{peer}");
        }
    }
    assert_eq!(world.server.statistics().inward.datagrams, 0);
    assert_eq!(world.server.statistics().refusals.forbidden, 25 * 11 * 2);
}

#[test]
fn other_ports_of_our_own_addresses_are_forbidden_too_and_get_no_packet() {
    let (mut world, mut phone) = world();
    let ours = [address(MEDIA_V4), address(MEDIA_V6)];
    assert_eq!(world.permit(&mut phone, &ours), None);
    for ours in ours {
        for port in (0..=u16::MAX).filter(|port| *port != ours.port()) {
            let peer = SocketAddr::new(ours.ip(), port);
            let message = phone.send(peer, b"hello");
            assert_eq!(world.relay(phone.client, &message), None, "{peer}");
            if port % 97 == 0 || ours.port().abs_diff(port) < 100 {
                assert_eq!(world.bind(&mut phone, 0x4001, peer), Some(403), "{peer}");
                let message = channel_data(0x4001, b"hello");
                assert_eq!(world.relay(phone.client, &message), None, "{peer}");
                // Port 0 is what clients write that mean whatever port.
                let error = (port != 0).then_some(403);
                assert_eq!(world.permit(&mut phone, &[peer]), error, "{peer}");
            }
        }
        let message = phone.send(ours, b"hello");
        assert!(world.relay(phone.client, &message).is_some());
    }
}

#[test]
fn a_permission_without_a_port_is_for_our_ports_alone() {
    let (mut world, mut phone) = world();
    let any_port = SocketAddr::new(address(MEDIA_V4).ip(), 0);
    assert_eq!(world.permit(&mut phone, &[any_port]), None);
    assert!(world.relay(phone.client, &phone.send(address(MEDIA_V4), b"hello")).is_some());
    for port in [0, 1, 4001, 65535] {
        let message = phone.send(SocketAddr::new(any_port.ip(), port), b"hello");
        assert_eq!(world.relay(phone.client, &message), None);
    }
}

#[test]
fn relayed_addresses_are_no_destinations_either() {
    let (mut world, mut phone) = world();
    let mut other = Phone::udp("198.51.100.8:50000").named("bob");
    let relayed = world.allocate(&mut other);
    assert_eq!(relayed.ip(), address(MEDIA_V4).ip());
    assert_eq!(world.permit(&mut phone, &[relayed]), Some(403));
    assert_eq!(world.bind(&mut phone, 0x4000, relayed), Some(403));
    let message = phone.send(relayed, b"hello");
    assert_eq!(world.relay(phone.client, &message), None);
}

#[test]
fn a_permission_for_ours_and_others_is_for_none_of_them() {
    let (mut world, mut phone) = world();
    let peers = [address(MEDIA_V4), address("192.0.2.1:4000")];
    assert_eq!(world.permit(&mut phone, &peers), Some(403));
    let message = phone.send(peers[0], b"hello");
    assert_eq!(world.relay(phone.client, &message), None);
    assert_eq!(world.ask(&mut phone, Method::CreatePermission, &[]).error(), Some(400));
}

#[test]
fn a_peer_of_another_family_than_the_relayed_address_is_refused_as_such() {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    world.allocate(&mut phone);
    assert_eq!(world.permit(&mut phone, &[address(MEDIA_V6)]), Some(443));
    assert_eq!(world.bind(&mut phone, 0x4000, address(MEDIA_V6)), Some(443));
    assert_eq!(world.permit(&mut phone, &[address("[2001:db8::99]:1")]), Some(443));
    let message = phone.send(address(MEDIA_V6), b"hello");
    assert_eq!(world.relay(phone.client, &message), None);
}

#[test]
fn a_server_without_destinations_relays_to_nobody() {
    let mut world = World::new(Config { destinations: destinations(&[]), ..config() });
    let mut phone = Phone::udp("198.51.100.7:50000");
    assert_eq!(world.ask(&mut phone, Method::Allocate, &[UDP]).error(), Some(440));
    let message = phone.send(address(MEDIA_V4), b"hello");
    assert_eq!(world.relay(phone.client, &message), None);
}

#[test]
fn destinations_are_kept_once_in_order_without_mapped_addresses() {
    let mapped = SocketAddr::new(Ipv4Addr::new(203, 0, 113, 5).to_ipv6_mapped().into(), 4000);
    let list = [address(MEDIA_V6), mapped, address(MEDIA_V4), address("192.168.0.9:4000")];
    let rule = Destinations::new(list).unwrap();
    assert_eq!(rule.address(DestinationId(1)), Some(address(MEDIA_V4)));
    assert_eq!(rule.address(DestinationId(2)), Some(address("192.168.0.9:4000")));
    assert_eq!(rule.address(DestinationId(3)), None);
    assert_eq!(rule.id_of(mapped), Some(DestinationId(1)));
    assert_eq!(rule.id_of(address("203.0.113.5:4001")), None);
    let many = (0..257).map(|port| SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port));
    assert!(Destinations::new(many.clone().take(256)).is_ok());
    assert!(Destinations::new(many).is_err());
}

proptest! {
    #[test]
    fn any_sequence_of_messages_reaches_nothing_but_destinations(
        script in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        parlor_rtc::fuzzing::turn(&script);
    }
}
