//! The membership of one who may be gone without a word to the room.

use super::command::{Command, Request, SessionId};
use super::registry::RoomHandle;

/// A membership without a socket whose end the room would see, from when its join is in the mailbox. Dropping it is
/// leaving: a client may hang up while the room decides, and nobody would know of the member that comes of it.
#[derive(Debug)]
pub struct Seat {
    session: SessionId,
    room: RoomHandle,
}

impl Seat {
    /// The seat that a join has been given.
    pub fn new(session: SessionId, room: RoomHandle) -> Seat {
        Seat { session, room }
    }

    /// Asks the room something. False when it has ended.
    pub async fn ask(&self, request: Request) -> bool {
        let reference = Some("1".to_owned());
        self.room.send(Command::Request { session: self.session, reference, request }).await
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // The room knows no such session if it is out already, and there is nobody to be answered.
        let (session, reference, request) = (self.session, None, Request::Leave);
        self.room.tell(Command::Request { session, reference, request });
    }
}
