//! One room's board: the latest state of whatever has changed, from its media threads to its room.
//!
//! The thread writes what is now true over what was there; the room takes all of it whenever it
//! gets to it. However slow the room is, the board holds at most one entry of each kind per peer and
//! one list of speakers, nothing is lost but states that are no longer true, and the thread never waits:
//! when the room, or another thread that has people of it, has the board in its hands, the thread keeps its
//! changes for the next tick.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use event_listener::Event;
use parlor_engine::{Change, PeerId, PeerQuality, PeerState, RoomId, WantedLayers};

/// The room has no media any more, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the room's media has ended: {reason}")]
pub struct RoomGone {
    /// Why.
    pub reason: GoneReason,
}

/// Why a room's media has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GoneReason {
    /// The server removed it.
    #[error("it was removed")]
    Removed,
    /// Its media thread failed; its peers have to join again.
    #[error("its media thread failed")]
    ThreadDied,
    /// The media threads were asked to stop.
    #[error("the server is stopping")]
    Stopped,
}

/// The latest state of what has changed since it was last taken.
#[derive(Debug, Default)]
struct Latest {
    peers: BTreeMap<PeerId, PeerState>,
    wanted: BTreeMap<PeerId, Vec<WantedLayers>>,
    qualities: BTreeMap<PeerId, PeerQuality>,
    speaking: Option<Speakers>,
}

/// Who is speaking, and who has the floor.
#[derive(Debug)]
struct Speakers {
    peers: Vec<PeerId>,
    dominant: Option<PeerId>,
}

#[derive(Debug)]
struct Board {
    room: RoomId,
    latest: Mutex<Latest>,
    /// 0 while there may be changes, else a [`GoneReason`]; beside the lock, so that an end can
    /// be written without waiting.
    gone: AtomicU8,
    changed: Event,
}

/// Makes more writers of a board. Those who hold it do not keep the room from ending, and do not end it.
#[derive(Clone, Debug)]
pub(crate) struct BoardRoot(Arc<Board>);

impl BoardRoot {
    /// A writer for one more media thread, which tells of other peers than those there are.
    pub(crate) fn writer(&self) -> BoardWriter {
        BoardWriter { board: Arc::clone(&self.0), kept: Latest::default() }
    }
}

/// A board with its two ends.
pub fn board(room: RoomId) -> (BoardWriter, RoomEvents) {
    let board = Arc::new(Board {
        room,
        latest: Mutex::default(),
        gone: AtomicU8::new(0),
        changed: Event::new(),
    });
    let writer = BoardWriter { board: Arc::clone(&board), kept: Latest::default() };
    (writer, RoomEvents { board })
}

/// The media thread's end; one for each that has people of the room. Dropping it ends the room as removed.
#[derive(Debug)]
pub struct BoardWriter {
    board: Arc<Board>,
    /// What has not got onto the board yet.
    kept: Latest,
}

impl BoardWriter {
    pub(crate) fn root(&self) -> BoardRoot {
        BoardRoot(Arc::clone(&self.board))
    }

    /// Notes a change, to be written by the next [`BoardWriter::publish`].
    pub fn note(&mut self, change: Change) {
        match change {
            Change::Peer { peer, state } => {
                self.kept.peers.insert(peer, state);
            }
            Change::Wanted { peer, tracks } => {
                self.kept.wanted.insert(peer, tracks);
            }
            Change::Quality { peer, quality } => {
                self.kept.qualities.insert(peer, quality);
            }
            Change::Speaking { peers, dominant, .. } => {
                self.kept.speaking = Some(Speakers { peers, dominant });
            }
        }
    }

    /// Nothing noted about a peer that has been removed matters any more.
    pub fn forget(&mut self, peer: PeerId) {
        self.kept.peers.remove(&peer);
        self.kept.wanted.remove(&peer);
        self.kept.qualities.remove(&peer);
    }

    /// Writes what was noted onto the board and tells the room. Returns false when the room has
    /// the board in its hands right now: then it is to be called again soon.
    pub fn publish(&mut self) -> bool {
        if self.kept.is_empty() {
            return true;
        }
        let mut latest = match self.board.latest.try_lock() {
            Ok(latest) => latest,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        latest.peers.append(&mut self.kept.peers);
        latest.wanted.append(&mut self.kept.wanted);
        latest.qualities.append(&mut self.kept.qualities);
        if let Some(speaking) = self.kept.speaking.take() {
            latest.speaking = Some(speaking);
        }
        drop(latest);
        self.board.changed.notify(1);
        true
    }

    /// Ends the room. What was written and not yet read can still be read.
    pub fn end(self, reason: GoneReason) {
        self.board.end(reason);
    }
}

impl Drop for BoardWriter {
    fn drop(&mut self) {
        self.board.end(GoneReason::Removed);
    }
}

/// The room's end.
#[derive(Debug)]
pub struct RoomEvents {
    board: Arc<Board>,
}

impl RoomEvents {
    /// Waits until something has changed since the last call and returns the latest state of all
    /// of it, at least one change. May be dropped at any time without losing anything.
    ///
    /// A state may be about a peer that the caller has removed meanwhile.
    ///
    /// # Errors
    /// [`RoomGone`] when there will never be another change.
    pub async fn changed(&mut self) -> Result<Vec<Change>, RoomGone> {
        loop {
            let next = self.board.changed.listen();
            // Read before the changes: what was written before the end is not to be lost.
            let gone = self.board.gone();
            let changes = self.board.take();
            if !changes.is_empty() {
                return Ok(changes);
            }
            if let Some(reason) = gone {
                return Err(RoomGone { reason });
            }
            next.await;
        }
    }
}

impl Latest {
    fn is_empty(&self) -> bool {
        self.peers.is_empty()
            && self.wanted.is_empty()
            && self.qualities.is_empty()
            && self.speaking.is_none()
    }
}

impl Board {
    fn take(&self) -> Vec<Change> {
        let latest =
            std::mem::take(&mut *self.latest.lock().unwrap_or_else(PoisonError::into_inner));
        let room = self.room;
        let peers = latest.peers.into_iter().map(|(peer, state)| Change::Peer { peer, state });
        let wanted =
            latest.wanted.into_iter().map(|(peer, tracks)| Change::Wanted { peer, tracks });
        let qualities = latest.qualities.into_iter();
        let qualities = qualities.map(|(peer, quality)| Change::Quality { peer, quality });
        let speaking = latest.speaking.map(|Speakers { peers, dominant }| Change::Speaking {
            room,
            peers,
            dominant,
        });
        peers.chain(wanted).chain(qualities).chain(speaking).collect()
    }

    fn gone(&self) -> Option<GoneReason> {
        match self.gone.load(Ordering::Acquire) {
            0 => None,
            1 => Some(GoneReason::Removed),
            2 => Some(GoneReason::ThreadDied),
            _ => Some(GoneReason::Stopped),
        }
    }

    /// Only the first end counts.
    fn end(&self, reason: GoneReason) {
        let code = match reason {
            GoneReason::Removed => 1,
            GoneReason::ThreadDied => 2,
            GoneReason::Stopped => 3,
        };
        let first = self.gone.compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire);
        if first.is_ok() {
            self.changed.notify(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_in_the_rooms_hands_is_not_waited_for() {
        let (mut writer, events) = board(RoomId(1));
        let speaking = |id| Change::Speaking {
            room: RoomId(1),
            peers: vec![PeerId(id)],
            dominant: Some(PeerId(id)),
        };
        writer.note(speaking(1));
        let in_hands = events.board.latest.lock().unwrap();
        assert!(!writer.publish());
        writer.note(speaking(2));
        drop(in_hands);
        assert!(writer.publish());
        assert_eq!(events.board.take(), [speaking(2)]);
    }
}
