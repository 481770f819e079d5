//! The lane from a media thread to a room.

use parlor_engine::{Change, ConnectionState, PeerId, PeerState, RoomId, SlotCounts};
use parlor_media::board::board;
use parlor_media::{GoneReason, RoomGone};

use crate::task::block_on;

const ROOM: RoomId = RoomId(1);

fn peer(id: u64, wanted: u16) -> Change {
    let state = PeerState {
        connection: ConnectionState::Connecting,
        slots: Vec::new(),
        wanted_slots: SlotCounts { audio: wanted, video: wanted },
    };
    Change::Peer { peer: PeerId(id), state }
}

fn speaking(ids: &[u64]) -> Change {
    let peers: Vec<_> = ids.iter().copied().map(PeerId).collect();
    Change::Speaking { room: ROOM, dominant: peers.first().copied(), peers }
}

#[test]
fn a_slow_room_finds_the_latest_state_of_each_peer_once() {
    let (mut writer, mut events) = board(ROOM);
    for wanted in 0..1000 {
        writer.note(peer(1, wanted));
        writer.note(peer(2, wanted + 1));
        writer.note(speaking(&[u64::from(wanted)]));
        assert!(writer.publish());
    }
    let changes = block_on(events.changed()).unwrap();
    assert_eq!(changes, [peer(1, 999), peer(2, 1000), speaking(&[999])]);
}

#[test]
fn a_waiting_room_is_woken_by_the_thread() {
    let (mut writer, mut events) = board(ROOM);
    let thread = std::thread::spawn(move || {
        writer.note(peer(1, 7));
        assert!(writer.publish());
        writer
    });
    assert_eq!(block_on(events.changed()).unwrap(), [peer(1, 7)]);
    drop(thread.join().unwrap());
    assert_eq!(block_on(events.changed()), Err(RoomGone { reason: GoneReason::Removed }));
}

#[test]
fn what_was_told_before_the_end_is_heard_before_the_end() {
    let (mut writer, mut events) = board(ROOM);
    writer.note(peer(1, 1));
    assert!(writer.publish());
    writer.end(GoneReason::ThreadDied);
    assert_eq!(block_on(events.changed()).unwrap(), [peer(1, 1)]);
    for _ in 0..2 {
        assert_eq!(block_on(events.changed()), Err(RoomGone { reason: GoneReason::ThreadDied }));
    }
}

#[test]
fn nothing_is_told_of_a_peer_that_left_before_it_was_told() {
    let (mut writer, mut events) = board(ROOM);
    writer.note(peer(1, 1));
    writer.note(peer(2, 2));
    writer.forget(PeerId(1));
    assert!(writer.publish());
    assert_eq!(block_on(events.changed()).unwrap(), [peer(2, 2)]);
}
