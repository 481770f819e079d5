//! The send arena merges what one system call can take, and nothing else.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use parlor_engine::arena::{MAX_MESSAGE_LEN, MAX_SEGMENTS, SLOT_LEN, SendArena};
use parlor_rtc::{DatagramSink, Path};
use proptest::prelude::*;

fn path(port: u16) -> Path {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Path::udp(SocketAddr::new(local, port), local)
}

fn write(arena: &mut SendArena, path: Path, len: usize, fill: u8) -> bool {
    let Some(mut slot) = arena.reserve(path) else { return false };
    slot.bytes_mut()[..len].fill(fill);
    slot.commit(len);
    true
}

fn shapes(arena: &SendArena) -> Vec<(usize, usize)> {
    arena.messages().map(|m| (m.segment_size, m.segment_count())).collect()
}

#[test]
fn equal_datagrams_in_a_row_for_one_path_become_one_message() {
    let mut arena = SendArena::default();
    for fill in 0..5 {
        assert!(write(&mut arena, path(1), 1200, fill));
    }
    assert_eq!(shapes(&arena), [(1200, 5)]);
    let message = arena.messages().next().unwrap();
    for (fill, segment) in message.segments().enumerate() {
        assert_eq!(segment, [fill as u8; 1200]);
    }
}

#[test]
fn a_shorter_datagram_ends_its_message_and_a_longer_one_begins_another() {
    let mut arena = SendArena::default();
    for len in [1200, 1200, 700, 700, 900] {
        write(&mut arena, path(1), len, 0);
    }
    assert_eq!(shapes(&arena), [(1200, 3), (700, 1), (900, 1)]);
}

#[test]
fn another_path_begins_another_message() {
    let mut arena = SendArena::default();
    for port in [1, 1, 2, 1] {
        write(&mut arena, path(port), 100, 0);
    }
    assert_eq!(shapes(&arena), [(100, 2), (100, 1), (100, 1)]);
}

#[test]
fn a_message_holds_no_more_than_the_kernel_takes() {
    let mut arena = SendArena::default();
    for _ in 0..MAX_SEGMENTS + 1 {
        write(&mut arena, path(1), 100, 0);
    }
    assert_eq!(shapes(&arena), [(100, MAX_SEGMENTS), (100, 1)]);
    arena.clear();
    for _ in 0..MAX_MESSAGE_LEN / 1400 + 1 {
        write(&mut arena, path(1), 1400, 0);
    }
    assert_eq!(shapes(&arena), [(1400, MAX_MESSAGE_LEN / 1400), (1400, 1)]);
}

#[test]
fn a_slot_that_is_not_committed_leaves_no_trace() {
    let mut arena = SendArena::default();
    arena.reserve(path(1)).unwrap().bytes_mut().fill(9);
    arena.reserve(path(1)).unwrap().commit(0);
    arena.reserve(path(1)).unwrap().commit(SLOT_LEN + 1);
    assert!(arena.is_empty());
    write(&mut arena, path(1), 10, 1);
    assert_eq!(arena.messages().next().unwrap().bytes, [1; 10]);
}

#[test]
fn media_says_when_it_is_full_and_leaves_room_for_control() {
    let mut arena = SendArena::new(16 * SLOT_LEN, 1024);
    let mut written = 0;
    while write(&mut arena, path(1), SLOT_LEN, 0) {
        written += 1;
    }
    assert_eq!(written, 14);
    arena.send(path(2), &[7; 1000]);
    assert_eq!(arena.messages().last().unwrap().bytes, [7; 1000]);
    assert_eq!(arena.dropped(), 0);
    for _ in 0..3 {
        arena.send(path(2), &[7; SLOT_LEN]);
    }
    assert_eq!(arena.dropped(), 2);
    arena.clear();
    assert!(arena.is_empty());
    assert!(write(&mut arena, path(1), SLOT_LEN, 0));
}

#[test]
fn messages_are_bounded_too() {
    let mut arena = SendArena::new(1 << 20, 8);
    let taken = (0..20).filter(|&port| write(&mut arena, path(port), 10, 0)).count();
    assert_eq!(taken, 7);
    for port in 20..22 {
        arena.send(path(port), b"control");
    }
    assert_eq!(arena.messages().len(), 8);
    assert_eq!(arena.dropped(), 1);
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_sent(
        datagrams in prop::collection::vec((0u16..3, prop_oneof![Just(1200usize), 1usize..1500], any::<bool>()), 1..300)
    ) {
        let mut arena = SendArena::default();
        let mut expected = Vec::new();
        for (n, &(port, len, through_sink)) in datagrams.iter().enumerate() {
            let bytes = vec![n as u8; len];
            if through_sink {
                let before = arena.dropped();
                arena.send(path(port), &bytes);
                if arena.dropped() > before { continue }
            } else if !write(&mut arena, path(port), len, n as u8) {
                continue;
            }
            expected.push((path(port), bytes));
        }
        let mut sent = Vec::new();
        for message in arena.messages() {
            prop_assert!(message.bytes.len() <= MAX_MESSAGE_LEN);
            prop_assert!((1..=MAX_SEGMENTS).contains(&message.segment_count()));
            sent.extend(message.segments().map(|segment| (message.path, segment.to_vec())));
        }
        prop_assert_eq!(sent, expected);
    }
}
