//! What is told of allocations that have ended.

use parlor_rtc::path::RelayedPath;
use parlor_rtc::stun::{Method, attribute};
use parlor_rtc::turn::Limits;

use super::allocations::family;
use super::world::{Add, Config, MEDIA_V4, Phone, UDP, World, address, channel_data, config};

/// All paths of allocations that have ended, by allocation.
fn ended(world: &mut World) -> Vec<Vec<RelayedPath>> {
    let mut ended = Vec::new();
    while let Some(allocation) = world.server.poll_ended() {
        ended.push(allocation.into_paths(world.server.destinations()).collect());
    }
    ended
}

#[test]
fn whatever_ends_an_allocation_the_paths_through_it_are_told_once() {
    type End = fn(&mut World, &mut Phone);
    let ends: [End; 3] = [
        |world, phone| assert_eq!(world.refresh(phone, 0).error(), None),
        |world, phone| world.server.drop_client(phone.client),
        |world, _| {
            world.pass(600);
            world.server.handle_timeout(world.time.now);
        },
    ];
    for end in ends {
        let mut world = World::new(config());
        let mut phone = Phone::stream("198.51.100.7:50000");
        world.allocate(&mut phone);
        world.bind(&mut phone, 0x4000, address(MEDIA_V4));
        let (path, _) = world.relay(phone.client, &channel_data(0x4000, b"a check")).unwrap();
        world.pass(60);
        assert_eq!(ended(&mut world), [[]; 0]);
        end(&mut world, &mut phone);
        assert_eq!(ended(&mut world), [[path]], "it has no address of the other family");
        assert_eq!(ended(&mut world), [[]; 0]);
        world.allocate(&mut phone);
        assert_eq!(ended(&mut world), [[]; 0]);
    }
}

#[test]
fn a_family_that_is_given_up_takes_its_paths_with_it_and_leaves_the_others() {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    let both = [UDP, Add::Raw(attribute::ADDITIONAL_ADDRESS_FAMILY, &family(2))];
    assert_eq!(world.ask(&mut phone, Method::Allocate, &both).error(), None);
    for given_up in [1, 2] {
        let family = family(given_up);
        let give_up = [
            Add::Raw(attribute::REQUESTED_ADDRESS_FAMILY, &family),
            Add::Raw(attribute::LIFETIME, &[0; 4]),
        ];
        assert_eq!(world.ask(&mut phone, Method::Refresh, &give_up).error(), None);
        let paths: Vec<RelayedPath> = ended(&mut world).concat();
        let [path] = paths[..] else { panic!("{paths:?}") };
        assert_eq!(path.relayed.is_ipv6(), given_up == 2);
    }
}

#[test]
fn endings_that_nobody_asks_for_do_not_pile_up() {
    let limits = Limits { in_all: 3, ..Limits::default() };
    let mut world = World::new(Config { limits, ..config() });
    let mut phone = Phone::udp("198.51.100.7:50000");
    for _ in 0..10 {
        world.allocate(&mut phone);
        world.refresh(&mut phone, 0);
    }
    assert_eq!(ended(&mut world).len(), 3);
}
