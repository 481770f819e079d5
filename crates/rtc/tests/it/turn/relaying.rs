//! Datagrams from clients to us and back.

use parlor_rtc::path::{AllocationId, DestinationId, RelayedPath};
use parlor_rtc::stun::{Method, attribute};
use parlor_rtc::turn::framing::next_frame;
use parlor_rtc::turn::{Client, DropReason, Flow, Handled, MAX_CHANNELS, Outlet};

use crate::counting::allocations;

use super::world::{
    Add, Config, MEDIA_V4, MEDIA_V6, Phone, UDP, World, address, channel_data, config, destinations,
};

#[test]
fn datagrams_travel_in_indications_where_there_is_a_permission() {
    let mut world = World::new(config());
    for mut phone in [Phone::udp("198.51.100.7:50000"), Phone::stream("[2001:db8::7]:50001")] {
        let relayed = world.allocate(&mut phone);
        let message = phone.send(address(MEDIA_V4), b"hello");
        assert_eq!(world.relay(phone.client, &message), None);
        assert_eq!(world.permit(&mut phone, &[address(MEDIA_V4)]), None);
        let (path, datagram) = world.relay(phone.client, &message).unwrap();
        assert_eq!((path.relayed, path.destination), (relayed, DestinationId(0)));
        assert_eq!((path.allocation.thread, datagram), (2, &b"hello"[..]));

        for answer in [&b""[..], b"a", b"four", b"seven77"] {
            let (client, message) = world.wrap(path, answer).unwrap();
            assert_eq!(client, phone.client);
            let message = super::world::Answer { bytes: message };
            assert_eq!(message.message_type(), 0x0017);
            assert_eq!(message.address(attribute::XOR_PEER_ADDRESS), Some(address(MEDIA_V4)));
            assert_eq!(message.get(attribute::DATA).unwrap(), answer);
            assert_eq!(message.attributes().len(), 2);
        }
        assert_eq!(world.wrap(path, &[0; 65_535]), None);
    }
    let statistics = world.server.statistics();
    assert_eq!(statistics.inward, Flow { datagrams: 2, bytes: 10 });
    assert_eq!(statistics.outward, Flow { datagrams: 8, bytes: 24 });
    assert_eq!(statistics.dropped, 4);
}

#[test]
fn datagrams_travel_in_channels_with_padding_on_streams() {
    let mut world = World::new(config());
    for mut phone in [Phone::udp("198.51.100.7:50000"), Phone::stream("198.51.100.7:50001")] {
        let relayed = world.allocate(&mut phone);
        // The highest number of RFC 5766.
        assert_eq!(world.bind(&mut phone, 0x7FFF, address(MEDIA_V4)), None);
        let mut message = channel_data(0x7FFF, b"hello");
        let (path, datagram) = world.relay(phone.client, &message).unwrap();
        assert_eq!((path.relayed, datagram), (relayed, &b"hello"[..]));
        message.extend([0; 3]);
        assert_eq!(world.relay(phone.client, &message), Some((path, &b"hello"[..])));
        message.truncate(8);
        assert_eq!(world.relay(phone.client, &message), None, "it is cut");

        let (client, message) = world.wrap(path, b"hello").unwrap();
        assert_eq!(client, phone.client);
        assert_eq!(message[..9], *b"\x7f\xff\x00\x05hello");
        assert_eq!(message.len(), if client.is_stream() { 12 } else { 9 });
        if client.is_stream() {
            let frame = next_frame(&message).unwrap().unwrap();
            assert_eq!((frame.datagram, frame.len), (0..9, 12));
        }
        // A channel gives a permission too.
        let message = phone.send(address(MEDIA_V4), b"hello");
        assert_eq!(world.relay(phone.client, &message), Some((path, &b"hello"[..])));
        assert_eq!(world.relay(phone.client, &channel_data(0x4000, b"hello")), None);
    }
}

#[test]
fn a_permission_lasts_five_minutes_and_a_channel_ten() {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    world.allocate(&mut phone);
    world.refresh(&mut phone, 3600);
    world.permit(&mut phone, &[address(MEDIA_V4)]);
    let message = phone.send(address(MEDIA_V4), b"hello");
    let (path, _) = world.relay(phone.client, &message).unwrap();
    world.pass(299);
    assert!(world.relay(phone.client, &message).is_some() && world.wrap(path, b"hi").is_some());
    world.pass(1);
    assert!(world.relay(phone.client, &message).is_none() && world.wrap(path, b"hi").is_none());

    world.bind(&mut phone, 0x4000, address(MEDIA_V4));
    world.pass(599);
    let in_channel = channel_data(0x4000, b"hello");
    assert!(world.relay(phone.client, &in_channel).is_some());
    assert_eq!(world.wrap(path, b"hi").unwrap().1, b"\x40\x00\x00\x02hi");
    assert_eq!(world.bind(&mut phone, 0x4000, address(MEDIA_V4)), None);
    world.pass(599);
    assert!(world.relay(phone.client, &in_channel).is_some());
    world.pass(1);
    assert!(world.relay(phone.client, &in_channel).is_none() && world.wrap(path, b"hi").is_none());
}

#[test]
fn a_channel_is_one_number_for_one_destination() {
    let two = destinations(&[MEDIA_V4, "203.0.113.5:4001"]);
    let mut world = World::new(Config { destinations: two, ..config() });
    let mut phone = Phone::udp("198.51.100.7:50000");
    world.allocate(&mut phone);
    let [first, second] = [address(MEDIA_V4), address("203.0.113.5:4001")];
    for number in [0, 0x3FFF, 0x8000, 0xFFFF] {
        assert_eq!(world.bind(&mut phone, number, first), Some(400));
    }
    assert_eq!(world.bind(&mut phone, 0x4000, first), None);
    assert_eq!(world.bind(&mut phone, 0x4000, first), None);
    assert_eq!(world.bind(&mut phone, 0x4000, second), Some(400));
    assert_eq!(world.bind(&mut phone, 0x4001, first), Some(400));
    assert_eq!(world.bind(&mut phone, 0x4001, second), None);
    let (to_second, _) = world.relay(phone.client, &channel_data(0x4001, b"hello")).unwrap();
    assert_eq!(to_second.destination, DestinationId(1));
    world.refresh(&mut phone, 3600);
    world.pass(600);
    assert_eq!(world.bind(&mut phone, 0x4000, second), None);
    let lacking = [Add::Peer(first)];
    assert_eq!(world.ask(&mut phone, Method::ChannelBind, &lacking).error(), Some(400));
    let lacking = [Add::Raw(attribute::CHANNEL_NUMBER, &[0x40, 5, 0, 0])];
    assert_eq!(world.ask(&mut phone, Method::ChannelBind, &lacking).error(), Some(400));
}

#[test]
fn channels_and_permissions_of_an_allocation_are_bounded() {
    let many: Vec<String> = (0..40).map(|n| format!("203.0.113.{n}:4000")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut world = World::new(Config { destinations: destinations(&many), ..config() });
    let mut phone = Phone::udp("198.51.100.7:50000");
    world.allocate(&mut phone);
    let mut results = Vec::new();
    for (number, peer) in (0x4000..).zip(&many) {
        results.push(world.bind(&mut phone, number, address(peer)));
    }
    let bound = results.iter().take_while(|error| error.is_none()).count();
    assert_eq!(bound, MAX_CHANNELS);
    assert!(results[bound..].iter().all(|error| *error == Some(508)));
    assert_eq!(world.permit(&mut phone, &[address(many[30])]), Some(508));
    // What is refused changes nothing, and what is known is prolonged.
    assert_eq!(world.relay(phone.client, &channel_data(0x4000 + 20, b"hello")), None);
    assert_eq!(world.bind(&mut phone, 0x4003, address(many[3])), None);
    assert_eq!(world.permit(&mut phone, &[address(many[0])]), None);

    // Where no permission fits any more, no channel is bound either.
    let mut full = Phone::udp("198.51.100.7:50002");
    world.allocate(&mut full);
    let peers: Vec<_> = many[..16].iter().map(|peer| address(peer)).collect();
    assert_eq!(world.permit(&mut full, &peers), None);
    assert_eq!(world.bind(&mut full, 0x4000, address(many[16])), Some(508));
    assert_eq!(world.relay(full.client, &channel_data(0x4000, b"hello")), None);

    // For all or for none.
    let mut other = Phone::udp("198.51.100.7:50001");
    world.allocate(&mut other);
    let peers: Vec<_> = many[..17].iter().map(|peer| address(peer)).collect();
    assert_eq!(world.permit(&mut other, &peers), Some(508));
    let message = other.send(peers[0], b"hello");
    assert_eq!(world.relay(other.client, &message), None);
    assert_eq!(world.permit(&mut other, &peers[..16]), None);
    assert!(world.relay(other.client, &message).is_some());
}

#[test]
fn both_families_of_one_allocation_work() {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    let both = [UDP, Add::Raw(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0])];
    let answer = world.ask(&mut phone, Method::Allocate, &both);
    let relayed = answer.addresses(attribute::XOR_RELAYED_ADDRESS);
    for (peer, relayed) in [MEDIA_V4, MEDIA_V6].into_iter().zip(relayed) {
        assert_eq!(world.permit(&mut phone, &[address(peer)]), None);
        let message = phone.send(address(peer), b"hello");
        let (path, _) = world.relay(phone.client, &message).unwrap();
        assert_eq!(path.relayed, relayed);
        let (_, message) = world.wrap(path, b"hi").unwrap();
        let message = super::world::Answer { bytes: message };
        assert_eq!(message.address(attribute::XOR_PEER_ADDRESS), Some(address(peer)));
    }
}

#[test]
fn nothing_is_allocated_for_a_datagram_either_way() {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    let both = [UDP, Add::Raw(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0])];
    world.ask(&mut phone, Method::Allocate, &both);
    world.bind(&mut phone, 0x4000, address(MEDIA_V4));
    world.permit(&mut phone, &[address(MEDIA_V6)]);
    let messages = [channel_data(0x4000, &[7; 500]), phone.send(address(MEDIA_V6), &[7; 500])];
    let stranger = Phone::udp("198.51.100.8:50000").client;
    let before = allocations();
    for message in &messages {
        let Handled::Relay { path, .. } =
            world.server.handle(world.time, phone.client, message, &mut Nowhere)
        else {
            panic!("it is permitted")
        };
        assert!(world.server.wrap(world.time.now, path, 1200).is_some());
        let dropped = world.server.handle(world.time, stranger, message, &mut Nowhere);
        assert_eq!(dropped, Handled::Dropped(DropReason::NotAllowed));
    }
    assert_eq!(allocations() - before, 0);
}

struct Nowhere;

impl Outlet for Nowhere {
    fn send(&mut self, _: Client, _: &[u8]) {
        panic!("datagrams are not answered");
    }
}

#[test]
fn a_path_of_an_allocation_that_is_gone_leads_to_nobody() {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    world.allocate(&mut phone);
    world.bind(&mut phone, 0x4000, address(MEDIA_V4));
    let in_channel = channel_data(0x4000, b"hello");
    let (path, _) = world.relay(phone.client, &in_channel).unwrap();
    world.refresh(&mut phone, 0);
    assert!(world.wrap(path, b"hi").is_none() && world.relay(phone.client, &in_channel).is_none());

    // Another has its place in the table now.
    let mut other = Phone::udp("198.51.100.7:50001").named("bob");
    world.allocate(&mut other);
    world.bind(&mut other, 0x4000, address(MEDIA_V4));
    assert!(world.wrap(path, b"hi").is_none());
    let (fresh, _) = world.relay(other.client, &in_channel).unwrap();
    assert_ne!(fresh.allocation, path.allocation);
    let elsewhere = AllocationId { thread: 1, ..fresh.allocation };
    for wrong in [
        RelayedPath { allocation: elsewhere, ..fresh },
        RelayedPath { destination: DestinationId(1), ..fresh },
        RelayedPath { destination: DestinationId(9), ..fresh },
        RelayedPath { relayed: path.relayed, ..fresh },
    ] {
        assert_eq!(world.wrap(wrong, b"hi"), None);
    }
    assert_eq!(world.wrap(fresh, b"hi").unwrap().0, other.client);
}

#[test]
fn an_allocation_whose_time_is_over_relays_nothing_before_it_is_removed() {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    world.allocate(&mut phone);
    world.pass(300);
    world.bind(&mut phone, 0x4000, address(MEDIA_V4));
    let in_channel = channel_data(0x4000, b"hello");
    let (path, _) = world.relay(phone.client, &in_channel).unwrap();
    world.pass(300);
    assert!(world.wrap(path, b"hi").is_none() && world.relay(phone.client, &in_channel).is_none());
    assert_eq!(world.server.deadline(), Some(world.time.now));
}
