//! From the first check to keys.

use parlor_rtc::Path;
use parlor_rtc::connection::{CloseReason, DropReason, Event, Received};
use parlor_rtc::srtp::Profile;

use super::client::{Setup, Version, World, is_dtls, ms, path, rtcp, rtp};

#[test]
fn a_client_of_any_dtls_version_connects_and_both_can_talk() {
    for version in [Version::Dtls12, Version::Dtls13, Version::Both] {
        let mut world = World::new(&Setup { version, ..Setup::default() });
        world.nominate();
        let own = world.path;
        assert_eq!(world.events(), [Event::PathValidated(own), Event::PathSelected(own)]);
        world.handshake();
        assert_eq!(world.events(), [Event::Connected], "{version:?}");
        assert_eq!(world.server.profile(), Some(Profile::AeadAes256Gcm), "{version:?}");
        assert_eq!(world.server.deadline(), None, "{version:?}: an idle client has no timers");
        talk(&mut world);
    }
}

/// One packet of each kind in each direction.
fn talk(world: &mut World) {
    let (mut outbound, mut inbound) = world.client_srtp();
    let (mut packet, len) = rtp(1, 500, b"from the client");
    let plain = packet[..len].to_vec();
    let sealed = outbound.seal_rtp(&mut packet, len, 500).unwrap();
    let received =
        world.server.handle_datagram(world.now, world.path, &mut packet[..sealed], &mut world.out);
    assert_eq!(received, Received::Rtp { len });
    assert_eq!(packet[..len], plain);

    let (mut packet, len) = rtcp(1);
    let sealed = outbound.seal_rtcp(&mut packet, len).unwrap();
    assert_eq!(world.receive(world.path, &packet[..sealed]), Received::Rtcp { len });

    let (mut packet, len) = rtp(2, 7, b"from the server");
    let plain = packet[..len].to_vec();
    let sealed = world.server.seal_rtp(&mut packet, len, (1 << 16) + 7);
    assert!(sealed.is_some_and(|sealed| inbound.open_rtp(&mut packet[..sealed]).is_err()));
    let (mut packet, len) = rtp(2, 7, b"from the server");
    let sealed = world.server.seal_rtp(&mut packet, len, 7).unwrap();
    assert_eq!(inbound.open_rtp(&mut packet[..sealed]), Ok(len));
    assert_eq!(packet[..len], plain);

    let (mut packet, len) = rtcp(2);
    let sealed = world.server.seal_rtcp(&mut packet, len).unwrap();
    assert_eq!(inbound.open_rtcp(&mut packet[..sealed]), Ok(len));
}

/// Cuts a datagram that is one handshake record with one whole message into records of at most
/// `size` bytes of the message each (RFC 6347 section 4.2.3).
fn fragmented(datagram: &[u8], size: usize) -> Vec<Vec<u8>> {
    let (record, message) = (&datagram[..11], &datagram[25..]);
    let kind_length_sequence = &datagram[13..19];
    let fragment = |(place, body): (usize, &[u8])| {
        let u24 = |value: usize| (value as u32).to_be_bytes()[1..].to_vec();
        let length = (12 + body.len() as u16).to_be_bytes();
        let mut bytes = [record, &length, kind_length_sequence].concat();
        // Each record has a sequence number of its own.
        bytes[10] = place as u8;
        bytes.extend(u24(place * size));
        bytes.extend(u24(body.len()));
        bytes.extend(body);
        bytes
    };
    message.chunks(size).enumerate().map(fragment).collect()
}

#[test]
fn a_client_hello_in_several_datagrams_is_put_together() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut world = World::new(&Setup { version, ..Setup::default() });
        world.nominate();
        let [hello] = &world.client_datagrams()[..] else { panic!("a hello is one datagram") };
        let mut fragments = fragmented(hello, hello.len() / 3);
        assert_eq!(fragments.len(), 3, "{version:?}");
        world.out.0.clear();
        // The last fragment overtakes the others, and one comes twice.
        fragments.reverse();
        fragments.insert(1, fragments[0].clone());
        for fragment in &fragments {
            assert!(world.out.0.is_empty(), "{version:?}: answered before it is whole");
            assert_eq!(world.receive(world.path, fragment), Received::Handled);
        }
        world.handshake();
        assert!(world.events().contains(&Event::Connected), "{version:?}");
    }
}

#[test]
fn a_client_whose_certificate_was_not_signalled_is_refused_with_that_reason() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut world = World::new(&Setup { version, wrong_fingerprint: true, ..Setup::default() });
        world.nominate();
        world.events();
        for _ in 0..4 {
            for datagram in world.client_datagrams() {
                world.receive(world.path, &datagram);
            }
            world.deliver();
        }
        let closed = Event::Closed(CloseReason::FingerprintMismatch);
        assert_eq!(world.events(), [closed], "{version:?}");
        assert_eq!(world.server.deadline(), None);
        let check = world.check_along(world.path, 1000, true);
        assert_eq!(check, Received::Dropped(DropReason::Closed));
    }
}

#[test]
fn a_client_hello_that_comes_before_any_check_is_dropped_and_its_repetition_answered() {
    let mut world = World::new(&Setup::default());
    let hello = world.client_datagrams();
    for datagram in &hello {
        let dropped = Received::Dropped(DropReason::PathNotValidated);
        assert_eq!(world.receive(world.path, datagram), dropped);
    }
    assert!(world.out.0.is_empty());
    world.nominate();
    for datagram in &hello {
        assert_eq!(world.receive(world.path, datagram), Received::Handled);
    }
    world.handshake();
    assert!(world.events().contains(&Event::Connected));
}

#[test]
fn a_lost_flight_of_the_server_is_sent_again() {
    let mut world = World::new(&Setup { version: Version::Dtls13, ..Setup::default() });
    world.nominate();
    for datagram in world.client_datagrams() {
        world.receive(world.path, &datagram);
    }
    world.out.0.clear();
    let deadline = world.server.deadline().unwrap();
    assert!(deadline <= world.now + ms(250));
    world.now = deadline;
    world.server.handle_timeout(world.now, &mut world.out);
    assert!(world.out.0.iter().any(|(path, bytes)| *path == world.path && is_dtls(bytes)));
    world.handshake();
    assert!(world.events().contains(&Event::Connected));
}

/// Bytes of DTLS that the server sends while its client says `said` and then nothing for a minute.
fn answered(world: &mut World, said: &[(Path, Vec<u8>)]) -> usize {
    world.out.0.clear();
    for (path, datagram) in said {
        world.receive(*path, datagram);
    }
    while let Some(deadline) = world.server.deadline() {
        world.now = deadline;
        world.server.handle_timeout(deadline, &mut world.out);
    }
    world.out.0.iter().filter(|(_, bytes)| is_dtls(bytes)).map(|(_, bytes)| bytes.len()).sum()
}

#[test]
fn an_address_that_never_answers_gets_little_more_than_three_times_what_came_from_it() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut world = World::new(&Setup { version, ..Setup::default() });
        world.nominate();
        let own = world.path;
        let hello: Vec<_> =
            world.client_datagrams().into_iter().map(|hello| (own, hello)).collect();
        let sent: usize = hello.iter().map(|(_, bytes)| bytes.len()).sum();
        let answered = answered(&mut world, &hello);
        assert!(answered > 0, "{version:?}");
        assert!(answered <= 3 * sent + 2048, "{version:?}: {answered} bytes for {sent}");
    }
}

#[test]
fn many_addresses_that_never_answer_get_no_more_than_one() {
    let mut world = World::new(&Setup { version: Version::Dtls12, ..Setup::default() });
    let hello = world.client_datagrams().remove(0);
    let said: Vec<_> =
        (1..=4).map(|port| (path(&format!("10.0.0.{port}:5000")), hello.clone())).collect();
    for (path, _) in &said {
        assert_eq!(world.check_along(*path, 1000, false), Received::Handled);
    }
    let sent = said.len() * hello.len();
    let answered = answered(&mut world, &said);
    assert!(answered <= 3 * sent + 2048, "{answered} bytes for {sent}");
}

#[test]
fn a_client_with_a_short_hello_connects_though_three_flights_of_the_server_are_lost() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut world = World::new(&Setup { version, ..Setup::default() });
        world.nominate();
        let mut lost = 0;
        for _ in 0..100 {
            for datagram in world.client_datagrams() {
                world.receive(world.path, &datagram);
            }
            let flies = world.out.0.iter().any(|(_, bytes)| is_dtls(bytes));
            if flies && lost < 3 {
                world.out.0.clear();
                lost += 1;
            }
            world.deliver();
            world.now += ms(100);
            world.dtls.handle_timeout(world.now).unwrap();
            world.server.handle_timeout(world.now, &mut world.out);
        }
        assert_eq!(lost, 3, "{version:?}");
        assert!(world.events().contains(&Event::Connected), "{version:?}");
    }
}

#[test]
fn a_client_hello_on_a_live_connection_changes_nothing() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut world = World::connected(&Setup { version, ..Setup::default() });
        let mut other = World::new(&Setup { version, ..Setup::default() });
        for hello in other.client_datagrams() {
            world.receive(world.path, &hello);
        }
        assert_eq!(world.events(), []);
        talk(&mut world);
    }
}

#[test]
fn alerts_that_anybody_could_forge_do_not_end_a_live_connection() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut world = World::connected(&Setup { version, ..Setup::default() });
        for (level, description) in [(2, 40), (1, 0), (2, 0)] {
            for epoch in 0..4 {
                // A record in the clear of DTLS 1.2 (RFC 6347 section 4.1).
                let number = [0, 0, 0, 0, 0, 99];
                let head = [&[21, 0xFE, 0xFD, 0, epoch][..], &number, &[0, 2]].concat();
                world.receive(world.path, &[&head[..], &[level, description]].concat());
                // One that claims to be encrypted, of DTLS 1.3 (RFC 9147 section 4).
                let unified = [0x2C | (epoch & 3), 0, 99, 0, 19];
                world.receive(world.path, &[&unified[..], &[description; 19]].concat());
            }
        }
        assert_eq!(world.events(), [], "{version:?}");
        talk(&mut world);
    }
}

#[test]
fn a_client_that_says_goodbye_closes_the_connection() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut world = World::connected(&Setup { version, ..Setup::default() });
        world.dtls.close().unwrap();
        for datagram in world.client_datagrams() {
            world.receive(world.path, &datagram);
        }
        let reason = CloseReason::Dtls(parlor_rtc::dtls::Failure::ClosedByClient);
        assert_eq!(world.events(), [Event::Closed(reason)], "{version:?}");
    }
}

#[test]
fn a_server_that_closes_says_goodbye() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut world = World::connected(&Setup { version, ..Setup::default() });
        let now = world.now;
        world.server.close(now, &mut world.out);
        assert_eq!(world.events(), [Event::Closed(CloseReason::ClosedByServer)]);
        world.deliver();
        world.client_datagrams();
        assert!(world.closed_by_server, "{version:?}");
    }
}

#[test]
fn a_client_that_never_comes_is_given_up() {
    let mut world = World::new(&Setup::default());
    let deadline = world.server.deadline().unwrap();
    assert_eq!(deadline, world.now + ms(30_000));
    world.server.handle_timeout(deadline, &mut world.out);
    assert_eq!(world.events(), [Event::Closed(CloseReason::SetupTimeout)]);
    assert_eq!(world.server.deadline(), None);
}

#[test]
fn nothing_is_sealed_or_opened_before_the_handshake_is_done() {
    let mut world = World::new(&Setup::default());
    world.nominate();
    let (mut packet, len) = rtp(1, 1, b"early");
    assert_eq!(world.server.seal_rtp(&mut packet, len, 1), None);
    assert_eq!(world.server.seal_rtcp(&mut packet, len), None);
    let dropped = Received::Dropped(DropReason::NotConnected);
    assert_eq!(world.receive(world.path, &packet), dropped);
}

#[test]
fn a_client_on_ipv6_connects() {
    let mut world = World::new(&Setup::default());
    world.path = path("[2001:db8::77]:6000");
    world.nominate();
    world.handshake();
    assert!(world.events().contains(&Event::Connected));
    assert_eq!(world.server.path(), Some(world.path));
}
