//! What each command does to a thread's engine and rooms.

use std::time::Instant;

use parlor_engine::{Engine, RoomId, SendArena};

use crate::mailbox::{Command, MediaError, Reply};
use crate::rooms::Rooms;
use crate::streams::Streams;

/// What commands are about.
pub(crate) struct Tables<'a> {
    pub(crate) engine: &'a mut Engine,
    pub(crate) rooms: &'a mut Rooms,
    pub(crate) streams: &'a mut Streams,
}

/// Carries out one command and answers it. Whoever asked may have gone: the command stands. What there
/// is to send goes to `out`.
pub(crate) fn carry_out(now: Instant, command: Command, tables: Tables<'_>, out: &mut SendArena) {
    let Tables { engine, rooms, streams } = tables;
    match command {
        Command::AddRoom { room, board, reply } => {
            let added = rooms.add(room, board);
            if added {
                engine.add_room(room);
            }
            answer(reply, if added { Ok(()) } else { Err(MediaError::RoomExists(room)) });
        }
        Command::AddAnnex { room, board, others, reply } => {
            // Looked up first: another writer of its board, dropped unused, would end the room.
            if !rooms.contains(room) && rooms.add(room, board.writer()) {
                engine.add_annex(room, &others);
            }
            answer(reply, Ok(()));
        }
        Command::RemoveRoom { room, reply } => {
            engine.remove_room(now, room, out);
            let removed = rooms.remove(room);
            answer(reply, if removed { Ok(()) } else { Err(MediaError::NoSuchRoom(room)) });
        }
        Command::Join { join, reply } => {
            let (room, peer) = (join.room, join.peer);
            let result = in_room(rooms, room)
                .and_then(|()| engine.join(now, join).map_err(MediaError::Refused));
            if result.is_ok() {
                rooms.enter(room, peer);
            }
            answer(reply, result);
        }
        Command::Reoffer { room, peer, offer, senders, pins, reply } => {
            let result = in_room(rooms, room).and_then(|()| {
                engine.reoffer(now, peer, &offer, &senders, &pins).map_err(MediaError::Refused)
            });
            answer(reply, result);
        }
        Command::Accept { room, peer, answer: said, reply } => {
            let result = in_room(rooms, room)
                .and_then(|()| engine.accept(now, peer, &said).map_err(MediaError::Refused));
            answer(reply, result);
        }
        Command::SwitchTrack { room, track, on, reply } => {
            answer(reply, in_room(rooms, room).map(|()| engine.switch_track(now, track, on)));
        }
        Command::View { room, peer, tracks, reply } => {
            answer(reply, in_room(rooms, room).map(|()| engine.view(now, peer, tracks)));
        }
        Command::Cap { room, peer, track, up_to, reply } => {
            answer(reply, in_room(rooms, room).map(|()| engine.cap(now, peer, track, up_to)));
        }
        Command::RemovePeer { room, peer, reply } => {
            let result = in_room(rooms, room).map(|()| engine.remove_peer(now, peer, out));
            rooms.leave(peer);
            answer(reply, result);
        }
        Command::AddStream { id, stream, reply } => {
            answer(reply, streams.add(now, id, stream).map_err(|_| MediaError::StreamRefused));
        }
        Command::Panic { reply: _reply } => panic!("asked to panic"),
    }
}

fn in_room(rooms: &Rooms, room: RoomId) -> Result<(), MediaError> {
    if rooms.contains(room) { Ok(()) } else { Err(MediaError::NoSuchRoom(room)) }
}

fn answer<T>(reply: Reply<T>, result: Result<T, MediaError>) {
    // Nobody waits any more: then nobody needs the answer.
    drop(reply.send(result));
}
