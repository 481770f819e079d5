//! ICE as the client sees it: checks and their answers, paths, restarts.

use parlor_rtc::Path;
use parlor_rtc::connection::{DropReason, Event, Received};
use parlor_rtc::ice::CheckError;
use parlor_rtc::stun::{Class, ErrorCode, Message, peek_username};

use super::client::{Setup, World, credentials, ms, path, rtp};

#[test]
fn a_check_is_answered_with_the_address_it_came_from() {
    for remote in ["10.0.0.1:5000", "[2001:db8::77]:6000"] {
        let mut world = World::new(&Setup::default());
        assert_eq!(world.check_along(path(remote), 1, false), Received::Handled);
        let (to, answer) = world.answer();
        assert_eq!(to, path(remote));
        let answer = Message::parse(&answer).unwrap();
        assert_eq!(answer.class(), Class::Success);
        assert_eq!(answer.mapped_address(), Some(remote.parse().unwrap()));
        assert!(answer.has_integrity(world.local.key()));
        let (valid, selected) =
            (Event::PathValidated(path(remote)), Event::PathSelected(path(remote)));
        assert_eq!(world.events(), [valid, selected]);
    }
}

#[track_caller]
fn refused(world: &mut World, check: &[u8], code: ErrorCode) -> Vec<u8> {
    let received = world.receive(world.path, check);
    assert_eq!(received, Received::Dropped(DropReason::Stun(CheckError::Refused(code))));
    let (_, answer) = world.answer();
    let read = Message::parse(&answer).unwrap();
    assert_eq!(read.class(), Class::Error);
    assert_eq!(read.error_code(), Some(code.number()));
    assert_eq!(world.events(), []);
    answer
}

#[test]
fn a_check_with_the_wrong_password_is_refused() {
    let mut world = World::new(&Setup::default());
    let other = credentials("else");
    let check = world.check().priority(1).controlling(7);
    let check = check.integrity(other.key()).finish().unwrap().to_vec();
    refused(&mut world, &check, ErrorCode::Unauthorized);
}

#[test]
fn a_check_for_another_user_is_refused() {
    let mut world = World::new(&Setup::default());
    world.remote = credentials("else");
    let check = world.check().priority(1).controlling(7);
    let check = world.finish(check);
    refused(&mut world, &check, ErrorCode::Unauthorized);
}

#[test]
fn a_check_without_integrity_is_a_bad_request() {
    let mut world = World::new(&Setup::default());
    let check = world.check().priority(1).controlling(7).finish().unwrap().to_vec();
    refused(&mut world, &check, ErrorCode::BadRequest);
}

#[test]
fn a_check_with_an_attribute_that_must_be_understood_is_told_which() {
    let mut world = World::new(&Setup::default());
    let check = world.check().priority(1).controlling(7).raw(0x7FF1, b"new").raw(0xFFF1, b"opt");
    let check = world.finish(check);
    let answer = refused(&mut world, &check, ErrorCode::UnknownAttribute);
    assert!(Message::parse(&answer).unwrap().has_integrity(world.local.key()));
    assert!(answer.windows(6).any(|bytes| bytes == [0x00, 0x0A, 0x00, 0x02, 0x7F, 0xF1]));
}

#[test]
fn a_client_that_wants_to_be_controlled_is_told_to_control() {
    let mut world = World::new(&Setup::default());
    let check = world.check().priority(1).controlled(u64::MAX);
    let check = world.finish(check);
    let answer = refused(&mut world, &check, ErrorCode::RoleConflict);
    assert!(Message::parse(&answer).unwrap().has_integrity(world.local.key()));
    world.nominate();
    assert_eq!(world.server.path(), Some(world.path));
}

#[test]
fn a_check_names_the_connection_that_it_is_for() {
    let mut world = World::new(&Setup::default());
    let check = world.check().priority(1).controlling(7);
    let check = world.finish(check);
    assert_eq!(peek_username(&check), Some("srv1"));
    assert_eq!(peek_username(&check[..check.len() - 1]), None);
    world.check_along(world.path, 1, false);
    assert_eq!(peek_username(&world.answer().1), None, "an answer is not a check");
}

#[test]
fn the_first_path_serves_until_one_is_nominated() {
    let mut world = World::new(&Setup::default());
    let (first, nominated) = (path("10.0.0.1:1"), path("10.0.0.2:2"));
    assert_eq!(world.server.path(), None);
    world.check_along(first, 20, false);
    assert_eq!(world.server.path(), Some(first));
    world.check_along(nominated, 10, true);
    assert_eq!(world.server.path(), Some(nominated), "though its priority is lower");
}

#[test]
fn of_paths_nominated_together_the_best_is_taken() {
    let mut world = World::new(&Setup::default());
    let (worse, better) = (path("10.0.0.1:1"), path("10.0.0.2:2"));
    world.check_along(worse, 10, true);
    world.check_along(better, 20, true);
    world.check_along(worse, 10, true);
    assert_eq!(world.server.path(), Some(better));
}

#[test]
fn a_client_that_goes_on_nominating_a_worse_path_gets_it() {
    let mut world = World::new(&Setup::default());
    let (worse, better) = (path("10.0.0.1:1"), path("10.0.0.2:2"));
    world.check_along(better, 20, true);
    world.now += ms(600);
    world.check_along(worse, 10, true);
    assert_eq!(world.server.path(), Some(worse));
}

#[test]
fn a_check_without_nomination_does_not_move_media() {
    let mut world = World::new(&Setup::default());
    world.nominate();
    world.now += ms(5000);
    world.check_along(path("10.0.0.9:9"), 2000, false);
    assert_eq!(world.server.path(), Some(world.path));
}

#[test]
fn a_client_can_hold_only_so_many_paths() {
    let mut world = World::new(&Setup::default());
    world.nominate();
    let mut valid = 0;
    for port in 1..200 {
        world.now += ms(1);
        world.check_along(path(&format!("10.0.0.2:{port}")), 1, false);
    }
    for event in world.events() {
        match event {
            Event::PathValidated(_) => valid += 1,
            Event::PathDropped(dropped) => {
                assert_ne!(dropped, world.path, "the selected one stays");
                valid -= 1;
            }
            _ => {}
        }
    }
    assert_eq!(valid, 16);
    assert_eq!(world.server.path(), Some(world.path));
}

#[test]
fn a_path_that_was_silent_for_half_a_minute_is_dropped() {
    let mut world = World::new(&Setup::default());
    world.nominate();
    let spare = path("10.0.0.2:2");
    world.check_along(spare, 1, false);
    world.events();
    world.now += ms(30_001);
    world.nominate();
    assert_eq!(world.events(), [Event::PathDropped(spare)]);
}

#[test]
fn a_restart_keeps_the_old_credentials_until_the_new_ones_are_used() {
    let mut world = World::connected(&Setup::default());
    let (old_local, old_remote) = (world.local.clone(), world.remote.clone());
    let (new_local, new_remote) = (credentials("srv2"), credentials("cli2"));
    world.server.restart_ice(new_local.clone(), new_remote.clone());
    world.nominate();
    assert_eq!(world.events(), [], "the old ones still work and change nothing");

    // The new network is worse than the old one, and is taken at once all the same.
    (world.local, world.remote) = (new_local, new_remote);
    let moved = path("172.16.0.1:9");
    world.out.0.clear();
    assert_eq!(world.check_along(moved, 5, true), Received::Handled);
    let probe = world.answer().1;
    answer_probe(&mut world, moved, &probe);
    assert_eq!(world.events(), [Event::PathValidated(moved), Event::PathSelected(moved)]);

    (world.local, world.remote) = (old_local, old_remote);
    let refused = CheckError::Refused(ErrorCode::Unauthorized);
    let received = world.check_along(world.path, 1000, true);
    assert_eq!(received, Received::Dropped(DropReason::Stun(refused)));
    assert!(world.server.is_connected(), "DTLS never noticed");
}

#[test]
fn a_restart_before_the_client_used_the_first_credentials_forgets_them() {
    let mut world = World::new(&Setup::default());
    world.server.restart_ice(credentials("srv2"), credentials("cli2"));
    let refused = CheckError::Refused(ErrorCode::Unauthorized);
    let received = world.check_along(world.path, 1000, true);
    assert_eq!(received, Received::Dropped(DropReason::Stun(refused)));
}

#[test]
fn a_check_from_a_new_address_moves_media_there_once_the_client_answers_from_it() {
    let mut world = World::connected(&Setup::default());
    let moved = path("10.0.0.1:5999");
    world.now += ms(100);
    // A NAT gave the client another port: the same candidate, so the same priority.
    assert_eq!(world.check_along(moved, 1000, true), Received::Handled);
    assert_eq!(world.events(), [Event::PathValidated(moved)]);
    let (to, probe) = world.answer();
    assert_eq!(to, moved);
    answer_probe(&mut world, moved, &probe);
    assert_eq!(world.events(), [Event::PathSelected(moved)]);
}

#[test]
fn a_check_with_a_forged_address_does_not_send_media_to_a_stranger() {
    let mut world = World::connected(&Setup::default());
    let stranger = path("203.0.113.66:666");
    world.out.0.clear();
    for _ in 0..100 {
        world.now += ms(600);
        world.check_along(stranger, u32::MAX, true);
        world.check_along(world.path, 1, false);
        assert_eq!(world.server.path(), Some(world.path));
    }
}

#[test]
fn a_client_that_connects_along_one_path_cannot_have_its_media_sent_along_another() {
    let mut world = World::new(&Setup::default());
    let stranger = path("203.0.113.66:666");
    world.check_along(stranger, u32::MAX, true);
    world.check_along(world.path, 1, false);
    assert_eq!(world.server.path(), Some(stranger), "for the handshake one path is as good");
    world.handshake();
    assert!(world.events().contains(&Event::Connected));
    assert_eq!(world.server.path(), Some(world.path));
}

#[test]
fn a_client_that_changes_paths_during_the_handshake_gets_media_once_it_answers() {
    let mut world = World::new(&Setup::default());
    world.nominate();
    let hello = world.client_datagrams();
    for datagram in &hello {
        world.receive(world.path, datagram);
    }
    world.deliver();
    world.path = path("10.0.0.2:2");
    world.nominate();
    let mut probes = Vec::new();
    for _ in 0..5 {
        for datagram in world.client_datagrams() {
            world.receive(world.path, &datagram);
        }
        let stun = |(_, bytes): &&(_, Vec<u8>)| Message::parse(bytes).is_ok();
        probes.extend(world.out.0.iter().filter(stun).cloned());
        world.deliver();
    }
    assert!(world.events().contains(&Event::Connected));
    assert_eq!(world.server.path(), None, "the server's flights went to two places");
    let (to, probe) = probes.pop().unwrap();
    assert_eq!(to, world.path);
    answer_probe(&mut world, to, &probe);
    assert_eq!(world.server.path(), Some(to));
}

#[test]
fn a_probe_is_answered_in_time_over_a_slow_link() {
    let mut world = World::connected(&Setup::default());
    let moved = path("10.0.0.1:5999");
    world.out.0.clear();
    let mut probes = Vec::new();
    for _ in 0..6 {
        world.check_along(moved, 1000, true);
        probes.extend(world.out.0.drain(..).filter(|(_, bytes)| {
            Message::parse(bytes).is_ok_and(|message| message.class() == Class::Request)
        }));
        world.now += ms(110);
    }
    assert_eq!(probes.len(), 6);
    let (_, first) = probes.swap_remove(0);
    answer_probe(&mut world, moved, &first);
    assert_eq!(world.server.path(), Some(moved), "the answer to the first took 660 ms");
}

#[test]
fn a_selected_path_that_is_silent_for_half_a_minute_gets_no_more_media() {
    let mut world = World::connected(&Setup::default());
    let other = path("10.0.0.2:2");
    for _ in 0..31 {
        world.now += ms(1000);
        world.check_along(other, 1, false);
    }
    assert_eq!(world.server.path(), None);
    let probe = world.answer().1;
    answer_probe(&mut world, other, &probe);
    assert_eq!(world.server.path(), Some(other));
}

#[test]
fn media_from_a_new_address_moves_media_there_within_a_second_without_any_check() {
    let mut world = World::connected(&Setup::default());
    let (mut outbound, _) = world.client_srtp();
    let moved = path("10.0.0.1:5999");
    world.out.0.clear();
    let lost_at = world.now;
    for sequence in 1.. {
        world.now += ms(20);
        let (mut packet, len) = rtp(1, sequence, b"media");
        let sealed = outbound.seal_rtp(&mut packet, len, sequence.into()).unwrap();
        assert_eq!(world.receive(moved, &packet[..sealed]), Received::Rtp { len });
        assert_eq!(world.server.last_heard(), world.now);
        for (to, probe) in std::mem::take(&mut world.out.0) {
            assert_eq!(to, moved);
            answer_probe(&mut world, moved, &probe);
        }
        if world.server.path() == Some(moved) {
            break;
        }
        assert!(world.now < lost_at + ms(1000));
    }
    assert_eq!(world.events(), [Event::PathValidated(moved), Event::PathSelected(moved)]);
}

/// Answers as a full agent does, 10 ms later.
fn answer_probe(world: &mut World, path: Path, probe: &[u8]) {
    use parlor_rtc::stun::MessageWriter;
    let request = Message::parse(probe).unwrap();
    let names = (world.remote.ufrag().as_bytes(), world.local.ufrag().as_bytes());
    assert_eq!(request.username(), Some(names));
    assert!(request.has_integrity(world.remote.key()));
    let answer = MessageWriter::new(Class::Success, request.transaction())
        .xor_mapped_address("192.0.2.1:3478".parse().unwrap())
        .integrity(world.remote.key())
        .finish()
        .unwrap()
        .to_vec();
    world.now += ms(10);
    assert_eq!(world.receive(path, &answer), Received::Handled);
    let unsolicited = Received::Dropped(DropReason::Stun(CheckError::Unsolicited));
    assert_eq!(world.receive(path, &answer), unsolicited, "it counts once");
}

#[test]
fn a_captured_packet_sent_from_elsewhere_does_not_move_media() {
    let mut world = World::connected(&Setup::default());
    let (mut outbound, _) = world.client_srtp();
    let thief = path("203.0.113.66:666");
    world.out.0.clear();
    for sequence in 1..200 {
        world.now += ms(20);
        let (mut packet, len) = rtp(1, sequence, b"media");
        let sealed = outbound.seal_rtp(&mut packet, len, sequence.into()).unwrap();
        assert_eq!(world.receive(thief, &packet[..sealed]), Received::Rtp { len });
    }
    assert_eq!(world.server.path(), Some(world.path), "nobody there could answer our checks");
    assert_eq!(world.events(), []);
    let probes = world.out.0.len();
    assert!((30..=40).contains(&probes), "{probes} probes in 4 s: at most ten per second");
}

#[test]
fn answers_that_nobody_asked_for_are_dropped() {
    let mut world = World::connected(&Setup::default());
    let forged = parlor_rtc::stun::MessageWriter::new(
        Class::Success,
        parlor_rtc::stun::TransactionId([9; 12]),
    )
    .integrity(world.remote.key())
    .finish()
    .unwrap()
    .to_vec();
    let unsolicited = Received::Dropped(DropReason::Stun(CheckError::Unsolicited));
    assert_eq!(world.receive(world.path, &forged), unsolicited);
}
