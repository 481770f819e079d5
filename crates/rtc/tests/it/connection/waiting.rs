//! Clients that wait for our ClientHello (`a=setup:passive`).

use parlor_rtc::connection::{CloseReason, Event, Received};
use parlor_rtc::dtls::{Failure, Role};
use parlor_rtc::srtp::Profile;

use super::client::{Setup, Version, World, is_dtls, ms, path, rtp};

fn waiting(version: Version) -> Setup {
    Setup { version, role: Role::Client, ..Setup::default() }
}

#[test]
fn a_client_that_waits_for_us_connects_by_dtls_1_2_and_both_can_talk() {
    for version in [Version::Dtls12, Version::Both] {
        let mut world = World::connected(&waiting(version));
        assert_eq!(world.server.profile(), Some(Profile::AeadAes256Gcm), "{version:?}");
        assert_eq!(world.server.path(), Some(world.path), "{version:?}");
        let (mut outbound, mut inbound) = world.client_srtp();
        let (mut packet, len) = rtp(1, 500, b"from the client");
        let sealed = outbound.seal_rtp(&mut packet, len, 500).unwrap();
        assert_eq!(world.receive(world.path, &packet[..sealed]), Received::Rtp { len });
        let (mut packet, len) = rtp(2, 7, b"from the server");
        let sealed = world.server.seal_rtp(&mut packet, len, 7).unwrap();
        assert_eq!(inbound.open_rtp(&mut packet[..sealed]), Ok(len));
    }
}

#[test]
fn nothing_is_said_to_a_client_that_waits_before_a_check_of_its_own_shows_where_it_is() {
    let mut world = World::new(&waiting(Version::Both));
    let now = world.now + ms(5_000);
    world.server.handle_timeout(now, &mut world.out);
    assert!(world.out.0.is_empty());
    world.nominate();
    assert!(world.out.0.iter().any(|(to, bytes)| *to == world.path && is_dtls(bytes)));
}

#[test]
fn one_that_waits_and_has_another_certificate_than_it_said_is_refused() {
    for version in [Version::Dtls12, Version::Both] {
        let mut world = World::new(&Setup { wrong_fingerprint: true, ..waiting(version) });
        world.nominate();
        world.events();
        for _ in 0..4 {
            world.deliver();
            for datagram in world.client_datagrams() {
                world.receive(world.path, &datagram);
            }
        }
        let closed = Event::Closed(CloseReason::FingerprintMismatch);
        assert_eq!(world.events(), [closed], "{version:?}");
    }
}

#[test]
fn one_that_waits_and_finds_nothing_in_common_with_us_is_said_to_have_no_such_certificate() {
    let mut world = World::new(&waiting(Version::Dtls12));
    world.nominate();
    world.events();
    // A fatal alert (RFC 5246 section 7.2), as of a server that has nothing but RSA: handshake_failure.
    let alert = [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40];
    world.receive(world.path, &alert);
    assert_eq!(world.events(), [Event::Closed(CloseReason::Dtls(Failure::NoCommonSuite))]);
}

#[test]
fn our_hello_that_was_lost_is_said_again_and_never_more_than_a_little_to_who_does_not_answer() {
    let mut world = World::new(&waiting(Version::Both));
    world.nominate();
    world.out.0.clear();
    world.now = world.server.deadline().unwrap();
    world.server.handle_timeout(world.now, &mut world.out);
    world.handshake();
    assert!(world.events().contains(&Event::Connected));

    let mut world = World::new(&waiting(Version::Both));
    for port in 1..=4 {
        world.check_along(path(&format!("10.0.0.{port}:5000")), 1000, true);
    }
    while let Some(deadline) = world.server.deadline() {
        world.now = deadline;
        world.server.handle_timeout(deadline, &mut world.out);
    }
    let said = world.out.0.iter().filter(|(_, bytes)| is_dtls(bytes));
    let said: usize = said.map(|(_, bytes)| bytes.len()).sum();
    assert!(said <= 2048, "{said} bytes");
}
