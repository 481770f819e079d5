//! Who may ask for anything.

use aws_lc_rs::hmac;
use parlor_rtc::stun::{Class, MessageWriter, Method, TransactionId, attribute, peek_username};
use parlor_rtc::turn::{DropReason, Handled, is_turn};

use super::world::{Add, Phone, UDP, World, config, secret};

#[test]
fn credentials_that_are_over_or_wrong_are_worth_nothing() {
    let mut world = World::new(config());
    let mut expired = Phone::udp("198.51.100.7:50000");
    expired.login = secret().issue(world.time.unix_seconds, "ada");
    let mut wrong = Phone::udp("198.51.100.7:50001");
    wrong.login.password.push('x');
    let mut free_form = Phone::udp("198.51.100.7:50002");
    free_form.login.username = "ada".into();
    free_form.login.password = secret().password_of("ada");
    for phone in [&mut expired, &mut wrong, &mut free_form] {
        let answer = world.ask(phone, Method::Allocate, &[UDP]);
        assert_eq!(answer.error(), Some(401));
        assert!(answer.get(attribute::NONCE).is_some() && answer.get(attribute::REALM).is_some());
    }
    let statistics = world.server.statistics();
    assert_eq!((statistics.allocations, statistics.refusals.unauthorized), (0, 3));
}

#[test]
fn a_call_may_last_longer_than_its_credentials() {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    phone.login = secret().issue(world.time.unix_seconds + 60, "ada");
    world.allocate(&mut phone);
    world.pass(300);
    assert_eq!(world.refresh(&mut phone, 600).error(), None);
    assert_eq!(world.refresh(&mut phone, 0).error(), None);
    assert_eq!(world.ask(&mut phone, Method::Allocate, &[UDP]).error(), Some(401));
}

#[test]
fn trap_16_the_credentials_that_a_page_reads_first_are_good_for_every_restart_of_a_long_session() {
    let mut world = World::new(config());
    let first = secret().issue(world.time.unix_seconds + 30 * 24 * 3600, "ada");
    // Two days of a negotiation every ten minutes, each of which restarts ICE from two new ports: Firefox makes two
    // allocations, and says goodbye to neither.
    for round in 0..288_u16 {
        let mut phones = [0, 1].map(|nth| {
            let mut phone = Phone::udp(&format!("198.51.100.7:{}", 10_000 + 2 * round + nth));
            phone.login = first.clone();
            phone
        });
        for phone in &mut phones {
            world.allocate(phone);
            assert_eq!(world.permit(phone, &["203.0.113.5:4000".parse().unwrap()]), None);
        }
        world.pass(300);
        assert!(phones.iter_mut().all(|phone| world.refresh(phone, 600).error().is_none()));
        world.pass(300);
    }
    assert_eq!(world.server.statistics().refusals.unauthorized, 0);
}

#[test]
fn a_nonce_is_good_for_an_hour_at_one_address() {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    world.allocate(&mut phone);
    let old = phone.nonce.clone();
    for _ in 0..6 {
        world.pass(599);
        world.refresh(&mut phone, 600);
    }
    assert_eq!(phone.nonce, old);
    world.pass(7);
    let (handled, answer) = world.deliver(phone.client, &phone.request(Method::Refresh, &[]));
    assert_eq!(answer.unwrap().error(), Some(438));
    assert!(matches!(handled, Handled::Refused(_)));
    assert_eq!(world.refresh(&mut phone, 600).error(), None);
    assert_ne!(phone.nonce, old);

    let mut elsewhere = Phone::udp("198.51.100.7:50001");
    elsewhere.nonce = phone.nonce.clone();
    let (_, answer) = world.deliver(elsewhere.client, &elsewhere.request(Method::Allocate, &[UDP]));
    assert_eq!(answer.unwrap().error(), Some(438));
    assert_eq!(world.server.statistics().refusals.stale, 3);
}

#[test]
fn a_nonce_of_one_thread_is_good_for_all() {
    let mut world = World::new(config());
    let mut elsewhere = World::new(parlor_rtc::turn::Config { thread: 0, ..config() });
    let mut phone = Phone::udp("198.51.100.7:50000");
    world.allocate(&mut phone);
    let nonce = phone.nonce.clone();
    elsewhere.allocate(&mut phone);
    assert_eq!(phone.nonce, nonce);
}

#[test]
fn an_allocation_is_its_makers_alone() {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    world.allocate(&mut phone);
    let mut other = Phone::udp("198.51.100.7:50000").named("bob");
    assert_eq!(world.refresh(&mut other, 0).error(), Some(441));
    assert_eq!(world.bind(&mut other, 0x4000, "203.0.113.5:4000".parse().unwrap()), Some(441));
    assert_eq!(world.ask(&mut other, Method::Allocate, &[UDP]).error(), Some(437));
    assert_eq!(world.refresh(&mut phone, 600).error(), None);
}

#[test]
fn a_request_that_is_signed_but_not_named_is_bad() {
    let mut world = World::new(config());
    let phone = Phone::udp("198.51.100.7:50000");
    let mut request =
        MessageWriter::of_method(Method::Allocate, Class::Request, TransactionId([1; 12]))
            .raw(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
            .integrity(&phone.key());
    let request = request.finish_without_fingerprint().unwrap();
    let (_, answer) = world.deliver(phone.client, request);
    assert_eq!(answer.unwrap().error(), Some(400));
}

#[test]
fn who_has_proved_nothing_is_sent_less_than_three_times_what_it_sends() {
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    let shortest = phone.request(Method::Allocate, &[UDP]);
    let (_, challenge) = world.deliver(phone.client, &shortest);
    assert!(challenge.unwrap().bytes.len() < 3 * shortest.len());
    for method in [Method::Refresh, Method::CreatePermission, Method::ChannelBind, Method::Binding]
    {
        let request = phone.request(method, &[]);
        let (_, answer) = world.deliver(phone.client, &request);
        assert!(answer.unwrap().bytes.len() <= 4 * request.len());
    }
}

#[test]
fn who_sends_a_fingerprint_gets_one() {
    let mut world = World::new(config());
    for fingerprint in [true, false] {
        let mut phone = Phone::stream("198.51.100.7:50000");
        phone.fingerprint = fingerprint;
        let answer = world.ask(&mut phone, Method::Allocate, &[UDP]);
        assert_eq!(answer.attributes().last().unwrap().1 == attribute::FINGERPRINT, fingerprint);
        let mut broken = phone.request(Method::Refresh, &[]);
        *broken.last_mut().unwrap() ^= 1;
        let (handled, _) = world.deliver(phone.client, &broken);
        assert_eq!(handled == Handled::Dropped(DropReason::Malformed), fingerprint);
        world.server.drop_client(phone.client);
    }
}

#[test]
fn plain_stun_clients_learn_their_address() {
    let mut world = World::new(config());
    for mut phone in [Phone::udp("198.51.100.7:50000"), Phone::stream("[2001:db8::7]:50000")] {
        let request = phone.request(Method::Binding, &[]);
        assert!(is_turn(&request));
        let (handled, answer) = world.deliver(phone.client, &request);
        assert_eq!(handled, Handled::Answered);
        let answer = answer.unwrap();
        assert_eq!(answer.message_type(), 0x0101);
        assert_eq!(answer.address(attribute::XOR_MAPPED_ADDRESS), Some(phone.client.remote()));
        // CHANGE-REQUEST of RFC 5780, for which a server needs two addresses.
        let request = phone.request(Method::Binding, &[Add::Raw(0x0003, &[0, 0, 0, 6])]);
        assert_eq!(world.deliver(phone.client, &request).1.unwrap().error(), Some(420));
    }
    assert_eq!(world.server.statistics().bindings, 2);
}

#[test]
fn checks_of_ice_and_media_are_not_for_the_turn_server() {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"password");
    let check = |class| {
        MessageWriter::new(class, TransactionId([1; 12]))
            .username("ours", "theirs")
            .integrity(&key)
            .finish()
            .unwrap()
            .to_vec()
    };
    let bare = |class| MessageWriter::new(class, TransactionId([1; 12])).finish().unwrap().to_vec();
    let check_request = check(Class::Request);
    assert_eq!(peek_username(&check_request), Some("ours"));
    for datagram in [
        &check_request[..],
        &check(Class::Indication),
        &bare(Class::Success),
        &bare(Class::Error),
        &bare(Class::Indication),
        &[0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
        &[22, 254, 253, 0, 0],
        &[0, 1, 0, 0],
        &[],
    ] {
        assert!(!is_turn(datagram), "{datagram:?}");
    }
    let mut world = World::new(config());
    let mut phone = Phone::udp("198.51.100.7:50000");
    let (handled, answer) = world.deliver(phone.client, &check_request);
    assert_eq!((handled, answer), (Handled::Dropped(DropReason::Unexpected), None));
    for method in [Method::Allocate, Method::Send, Method::ChannelBind] {
        assert!(is_turn(&phone.request(method, &[])));
    }
    assert!(is_turn(&[0x40, 0, 0, 0]) && is_turn(&[0x7F, 0xFF, 0, 0]));
}
