//! Making, keeping and ending allocations.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use parlor_rtc::stun::{Method, attribute};
use parlor_rtc::turn::{Handled, Limits};

use super::world::{
    Add, Config, MEDIA_V4, MEDIA_V6, Phone, UDP, World, address, config, destinations,
};

pub(super) fn family(number: u8) -> [u8; 4] {
    [number, 0, 0, 0]
}

#[test]
fn a_client_is_challenged_and_then_has_a_relayed_address() {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    let request = phone.request(Method::Allocate, &[UDP]);
    let (handled, answer) = world.deliver(phone.client, &request);
    let answer = answer.unwrap();
    assert_eq!((handled, answer.error()), (Handled::Challenged, Some(401)));
    assert_eq!(answer.message_type(), 0x0113);
    assert_eq!(answer.get(attribute::REALM).unwrap(), b"parlor");
    phone.nonce = answer.get(attribute::NONCE);

    let answer = world.ask(&mut phone, Method::Allocate, &[UDP]);
    assert_eq!((answer.message_type(), answer.lifetime()), (0x0103, Some(600)));
    let relayed = answer.address(attribute::XOR_RELAYED_ADDRESS).unwrap();
    assert_eq!(relayed.ip(), address(MEDIA_V4).ip());
    // The third of four shares.
    assert!((49152 + 2 * 4096..49152 + 3 * 4096).contains(&relayed.port()));
    assert_eq!(answer.address(attribute::XOR_MAPPED_ADDRESS), Some(phone.client.remote()));
    assert_eq!(answer.get(attribute::RESERVATION_TOKEN), None);
    let statistics = world.server.statistics();
    assert_eq!((statistics.allocations, statistics.made), (1, 1));
    assert_eq!(statistics.refusals.challenged, 1);
}

#[test]
fn an_allocate_that_comes_again_is_answered_as_before_and_another_is_refused() {
    let mut world = World::new(config());
    for mut phone in [Phone::udp("198.51.100.7:50000"), Phone::stream("198.51.100.7:50001")] {
        let answer = world.ask(&mut phone, Method::Allocate, &[UDP]);
        let again = phone.request_again(Method::Allocate, &[UDP]);
        assert_eq!(world.deliver(phone.client, &again), (Handled::Answered, Some(answer)));
        assert_eq!(world.ask(&mut phone, Method::Allocate, &[UDP]).error(), Some(437));
    }
    assert_eq!(world.server.statistics().allocations, 2);
}

#[test]
fn an_allocation_lasts_as_long_as_it_is_refreshed() {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    world.allocate(&mut phone);
    for _ in 0..10 {
        world.pass(599);
        assert_eq!(world.refresh(&mut phone, 600).error(), None);
    }
    assert_eq!(world.server.deadline(), Some(world.time.now + std::time::Duration::from_secs(600)));
    world.pass(600);
    assert_eq!(world.refresh(&mut phone, 600).error(), Some(437));
    assert_eq!(world.server.deadline(), None);
    assert_eq!((world.server.statistics().allocations, world.server.statistics().lapsed), (0, 1));
    world.allocate(&mut phone);
}

#[test]
fn a_lifetime_is_at_least_ten_minutes_and_at_most_an_hour() {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    for (asked, granted) in [(1u32, 600), (1800, 1800), (777_600, 3600)] {
        let asked = asked.to_be_bytes();
        let lifetime = [UDP, Add::Raw(attribute::LIFETIME, &asked)];
        assert_eq!(world.ask(&mut phone, Method::Allocate, &lifetime).lifetime(), Some(granted));
        let asked = u32::from_be_bytes(asked);
        assert_eq!(world.refresh(&mut phone, asked).lifetime(), Some(granted));
        assert_eq!(world.refresh(&mut phone, 0).lifetime(), Some(0));
        assert_eq!(world.refresh(&mut phone, 0).error(), Some(437));
    }
    assert_eq!(world.server.statistics().allocations, 0);
}

#[test]
fn nothing_but_udp_is_relayed() {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    let tcp = Add::Raw(attribute::REQUESTED_TRANSPORT, &[6, 0, 0, 0]);
    assert_eq!(world.ask(&mut phone, Method::Allocate, &[tcp]).error(), Some(442));
    assert_eq!(world.ask(&mut phone, Method::Allocate, &[]).error(), Some(400));
}

#[test]
fn what_must_be_understood_and_is_not_is_named() {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    // BANDWIDTH of a draft, and ORIGIN, which may be passed over.
    let attributes = [UDP, Add::Raw(0x0010, &[0; 4]), Add::Raw(0x802F, b"https://example.org")];
    let answer = world.ask(&mut phone, Method::Allocate, &attributes);
    assert_eq!(answer.error(), Some(420));
    assert_eq!(answer.get(attribute::UNKNOWN_ATTRIBUTES), Some(vec![0x00, 0x10]));
    let fragment = Add::Raw(attribute::DONT_FRAGMENT, &[]);
    assert_eq!(world.ask(&mut phone, Method::Allocate, &[UDP, fragment]).error(), None);
}

#[test]
fn relayed_addresses_are_of_the_family_that_is_asked_for() {
    let mut world = World::new(config());
    let [v4, v6, other] = [family(1), family(2), family(3)];
    let one = |family| Add::Raw(attribute::REQUESTED_ADDRESS_FAMILY, family);
    let additional = |family| Add::Raw(attribute::ADDITIONAL_ADDRESS_FAMILY, family);
    let both = [address(MEDIA_V4).ip(), address(MEDIA_V6).ip()];
    for (port, (attributes, ips)) in [
        (vec![], &both[..1]),
        (vec![one(&v4)], &both[..1]),
        (vec![one(&v6)], &both[1..]),
        (vec![additional(&v6)], &both),
        (vec![Add::Raw(attribute::PROVISIONAL_ADDITIONAL_FAMILY, &v6)], &both),
    ]
    .into_iter()
    .enumerate()
    {
        let mut phone = Phone::udp(&format!("[2001:db8::77]:{}", 50000 + port));
        let attributes = [vec![UDP], attributes].concat();
        let answer = world.ask(&mut phone, Method::Allocate, &attributes);
        let relayed = answer.addresses(attribute::XOR_RELAYED_ADDRESS);
        assert_eq!(relayed.iter().map(SocketAddr::ip).collect::<Vec<_>>(), ips);
        assert_eq!(answer.address(attribute::XOR_MAPPED_ADDRESS), Some(phone.client.remote()));
    }
    let mut phone = Phone::udp("198.51.100.7:50000");
    for (attributes, error) in [
        (vec![one(&other)], 440),
        (vec![one(&v4), additional(&v6)], 400),
        (vec![additional(&v4)], 400),
        (vec![additional(&v6), Add::Raw(attribute::EVEN_PORT, &[0x80])], 400),
    ] {
        let attributes = [vec![UDP], attributes].concat();
        let answer = world.ask(&mut phone, Method::Allocate, &attributes);
        assert_eq!(answer.error(), Some(error));
    }
}

#[test]
fn a_server_of_one_family_says_that_it_lacks_the_other() {
    for (ours, one, other) in [(MEDIA_V4, 1, 2), (MEDIA_V6, 2, 1)] {
        let mut world = World::new(Config { destinations: destinations(&[ours]), ..config() });
        let mut phone = Phone::udp("198.51.100.7:50000");
        let lacking = family(other);
        let lacking = Add::Raw(attribute::REQUESTED_ADDRESS_FAMILY, &lacking);
        assert_eq!(world.ask(&mut phone, Method::Allocate, &[UDP, lacking]).error(), Some(440));
        // Who asks for no family has what there is.
        assert_eq!(world.allocate(&mut phone).ip(), address(ours).ip());
        assert_eq!(world.refresh(&mut phone, 0).error(), None);

        let v6 = family(2);
        let both = [UDP, Add::Raw(attribute::ADDITIONAL_ADDRESS_FAMILY, &v6)];
        let answer = world.ask(&mut phone, Method::Allocate, &both);
        assert_eq!(answer.addresses(attribute::XOR_RELAYED_ADDRESS).len(), 1);
        let missing = answer.get(attribute::ADDRESS_ERROR_CODE).unwrap();
        assert_eq!(missing[..4], [other, 0, 4, 40]);
        let wrong = family(other);
        let wrong = Add::Raw(attribute::REQUESTED_ADDRESS_FAMILY, &wrong);
        assert_eq!(world.ask(&mut phone, Method::Refresh, &[wrong]).error(), Some(443));
        let right = family(one);
        let right = Add::Raw(attribute::REQUESTED_ADDRESS_FAMILY, &right);
        assert_eq!(world.ask(&mut phone, Method::Refresh, &[right]).lifetime(), Some(600));
    }
    let mut world = World::new(Config { destinations: destinations(&[]), ..config() });
    let mut phone = Phone::udp("198.51.100.7:50000");
    assert_eq!(world.ask(&mut phone, Method::Allocate, &[UDP]).error(), Some(440));
}

#[test]
fn of_two_families_one_can_be_given_up() {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    let [v4, v6, none] = [family(1), family(2), [0; 4]];
    let both = [UDP, Add::Raw(attribute::ADDITIONAL_ADDRESS_FAMILY, &v6)];
    assert_eq!(world.ask(&mut phone, Method::Allocate, &both).error(), None);
    let give_up = |family| {
        [
            Add::Raw(attribute::REQUESTED_ADDRESS_FAMILY, family),
            Add::Raw(attribute::LIFETIME, &none),
        ]
    };
    assert_eq!(world.ask(&mut phone, Method::Refresh, &give_up(&v4)).error(), None);
    assert_eq!(world.permit(&mut phone, &[address(MEDIA_V4)]), Some(443));
    assert_eq!(world.permit(&mut phone, &[address(MEDIA_V6)]), None);
    assert_eq!(world.ask(&mut phone, Method::Refresh, &give_up(&v4)).error(), Some(443));
    assert_eq!(world.ask(&mut phone, Method::Refresh, &give_up(&v6)).error(), None);
    assert_eq!(world.server.statistics().allocations, 0);
}

#[test]
fn a_reserved_port_is_had_once_with_its_token_on_whatever_thread() {
    let mut world = World::new(config());
    let mut elsewhere = World::new(Config { thread: 3, ..config() });
    let mut phone = Phone::udp("198.51.100.7:50000");
    let pair = [UDP, Add::Raw(attribute::EVEN_PORT, &[0x80])];
    for here in [true, false] {
        let answer = world.ask(&mut phone, Method::Allocate, &pair);
        let even = answer.address(attribute::XOR_RELAYED_ADDRESS).unwrap();
        let token = answer.get(attribute::RESERVATION_TOKEN).unwrap();
        assert!(even.port().is_multiple_of(2));

        let other = if here { &mut world } else { &mut elsewhere };
        let reserved = Add::Raw(attribute::RESERVATION_TOKEN, &token);
        let mut stranger = Phone::udp("198.51.100.7:50001").named("bob");
        let refused = other.ask(&mut stranger, Method::Allocate, &[UDP, reserved]);
        assert_eq!(refused.error(), Some(508));
        let mut second = Phone::udp("198.51.100.7:50002");
        let refused = other.ask(&mut second, Method::Allocate, &[pair[0], pair[1], reserved]);
        assert_eq!(refused.error(), Some(400));
        let answer = other.ask(&mut second, Method::Allocate, &[UDP, reserved]);
        let odd = answer.address(attribute::XOR_RELAYED_ADDRESS).unwrap();
        assert_eq!((odd.ip(), odd.port()), (even.ip(), even.port() + 1));
        let mut third = Phone::udp("198.51.100.7:50003");
        let refused = other.ask(&mut third, Method::Allocate, &[UDP, reserved]);
        assert_eq!(refused.error(), Some(508));
        assert_eq!(world.refresh(&mut phone, 0).error(), None);
    }
}

#[test]
fn a_reservation_is_over_after_half_a_minute() {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    let pair = [UDP, Add::Raw(attribute::EVEN_PORT, &[0x80])];
    let answer = world.ask(&mut phone, Method::Allocate, &pair);
    let token = answer.get(attribute::RESERVATION_TOKEN).unwrap();
    world.pass(31);
    let mut second = Phone::udp("198.51.100.7:50001");
    let reserved = [UDP, Add::Raw(attribute::RESERVATION_TOKEN, &token)];
    assert_eq!(world.ask(&mut second, Method::Allocate, &reserved).error(), Some(508));
    let even = [UDP, Add::Raw(attribute::EVEN_PORT, &[0])];
    let answer = world.ask(&mut second, Method::Allocate, &even);
    assert_eq!(answer.get(attribute::RESERVATION_TOKEN), None);
    let relayed = answer.address(attribute::XOR_RELAYED_ADDRESS).unwrap();
    assert!(relayed.port().is_multiple_of(2));
}

#[test]
fn no_two_allocations_have_the_same_address() {
    let mut world = World::new(Config { threads: 255, thread: 254, ..config() });
    let mut relayed = BTreeSet::new();
    let mut phones: Vec<Phone> = (0..65)
        .map(|n| Phone::udp(&format!("198.51.100.{n}:50000")).named(&format!("p{n}")))
        .collect();
    let (last, first) = phones.split_last_mut().unwrap();
    for phone in first {
        assert!(relayed.insert(world.allocate(phone)));
    }
    assert_eq!(relayed.len(), 64, "a 255th of the ports");
    assert_eq!(world.ask(last, Method::Allocate, &[UDP]).error(), Some(508));
    world.pass(600);
    assert!(relayed.contains(&world.allocate(last)));
}

#[test]
fn a_peer_has_its_share_and_old_allocations_make_no_room() {
    let limits = Limits { per_peer: 16, ..Limits::default() };
    let mut world = World::new(Config { limits, ..config() });
    let ports = 50000..50016;
    let mut phones: Vec<Phone> =
        ports.map(|port| Phone::udp(&format!("198.51.100.7:{port}"))).collect();
    for phone in &mut phones {
        world.allocate(phone);
    }
    let mut one_more = Phone::udp("192.0.2.1:50000");
    // Newer credentials are still the same peer's.
    one_more.login = super::world::secret().issue(world.time.unix_seconds + 9000, "ada");
    assert_eq!(world.ask(&mut one_more, Method::Allocate, &[UDP]).error(), Some(486));
    assert_eq!(world.refresh(&mut phones[0], 600).error(), None);
    world.allocate(&mut Phone::udp("192.0.2.2:50000").named("bob"));
    assert_eq!(world.server.statistics().refusals.over_quota, 1);
    assert_eq!(world.refresh(&mut phones[3], 0).error(), None);
    world.allocate(&mut one_more);
    world.pass(600);
    world.server.handle_timeout(world.time.now);
    assert_eq!(world.server.statistics().allocations, 0);
}

#[test]
fn an_address_has_its_share_and_so_has_a_network_of_ipv6() {
    let limits = Limits { per_address: 2, ..Limits::default() };
    for (network, elsewhere) in [
        (["198.51.100.7:1", "198.51.100.7:2", "198.51.100.7:3"], "198.51.100.8:1"),
        (["[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1"], "[2001:db8:0:1::1]:1"),
    ] {
        let mut world = World::new(Config { limits, ..config() });
        let [mut a, mut b, mut c] = network.map(|remote| Phone::udp(remote).named(remote));
        world.allocate(&mut a);
        world.allocate(&mut b);
        assert_eq!(world.ask(&mut c, Method::Allocate, &[UDP]).error(), Some(486));
        world.allocate(&mut Phone::udp(elsewhere).named("bob"));
    }
}

#[test]
fn no_address_takes_what_the_others_need() {
    let limits = Limits { in_all: 16, ..Limits::default() };
    let mut world = World::new(Config { limits, ..config() });
    let mut take_all = |host: u8| {
        let phones = (1..=16).map(|port| {
            let remote = format!("198.51.100.{host}:{port}");
            Phone::udp(&remote).named(&remote)
        });
        let wishes = phones.map(|mut phone| world.ask(&mut phone, Method::Allocate, &[UDP]));
        wishes.filter(|answer| answer.error().is_none()).count()
    };
    let taken: Vec<usize> = (1..=5).map(&mut take_all).collect();
    assert_eq!(taken, [8, 4, 2, 1, 1]);
}

#[test]
fn a_full_server_says_so() {
    let limits = Limits { in_all: 1, ..Limits::default() };
    let mut world = World::new(Config { limits, ..config() });
    let mut phone = Phone::udp("198.51.100.7:50000");
    world.allocate(&mut phone);
    let mut other = Phone::udp("198.51.100.8:50001");
    assert_eq!(world.ask(&mut other, Method::Allocate, &[UDP]).error(), Some(508));
    assert_eq!(world.server.statistics().refusals.out_of_capacity, 1);
    world.refresh(&mut phone, 0);
    world.allocate(&mut other);
}

#[test]
fn a_stream_that_closes_ends_its_allocation_alone() {
    let mut world = World::new(config());
    let mut phone = Phone::stream("198.51.100.7:50000");
    let mut other = Phone::stream("198.51.100.7:50001");
    world.allocate(&mut phone);
    world.allocate(&mut other);
    world.server.drop_client(phone.client);
    world.server.drop_client(phone.client);
    assert_eq!(world.refresh(&mut phone, 600).error(), Some(437));
    assert_eq!(world.refresh(&mut other, 600).error(), None);
    assert_eq!((world.server.statistics().allocations, world.server.statistics().lapsed), (1, 1));
}
