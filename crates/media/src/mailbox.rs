//! Commands from the server to a media thread: a bounded queue whose sender waits, a bell that
//! wakes the thread, and an answer to every command.

use std::time::Duration;

use async_channel::{Receiver, Sender};
use futures_channel::oneshot;
use parlor_engine::{Join, JoinError, Joined, Sender as Publication, View};
use parlor_engine::{Neighbour, PeerId, RoomId, TrackId};
use parlor_rtc::Rid;
use parlor_rtc::path::StreamId;

use crate::board::{BoardRoot, BoardWriter};
use crate::poll::Waker;
use crate::streams::NewStream;

/// Commands that may wait for a thread. A tick takes a few of them, so a sender that finds this
/// many ahead waits some hundred milliseconds: a storm of joins is slowed down where it comes from.
pub(crate) const CAPACITY: usize = 256;

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// The offer, or what came with it, was refused; nothing has changed.
    #[error(transparent)]
    Refused(#[from] JoinError),
    /// There is no such room: it was removed, or ended with its media thread.
    #[error("there is no media room {0}")]
    NoSuchRoom(RoomId),
    /// There is a room of that name already.
    #[error("media room {0} exists already")]
    RoomExists(RoomId),
    /// The thread, or every thread for a new room, has too much to do to take anybody in.
    #[error("the media threads are busy; in {retry_after:?} there may be room")]
    Busy {
        /// When trying again can help.
        retry_after: Duration,
    },
    /// The stream does not begin with a check for anybody here, or the system refuses to wait for it.
    #[error("the stream cannot be taken over")]
    StreamRefused,
    /// The media thread failed while it carried out the command; its rooms have ended.
    #[error("the media thread failed")]
    ThreadDied,
    /// The media threads have been stopped.
    #[error("the media threads have been stopped")]
    Stopped,
}

/// Where the answer to a command goes. Dropped unused, as by a panic, it answers
/// [`MediaError::ThreadDied`].
pub(crate) type Reply<T> = oneshot::Sender<Result<T, MediaError>>;

/// What the server asks of a media thread.
pub(crate) enum Command {
    AddRoom {
        room: RoomId,
        board: BoardWriter,
        reply: Reply<()>,
    },
    /// Makes a part of a room that lives on other threads; one that is there already stays as it is.
    AddAnnex {
        room: RoomId,
        board: BoardRoot,
        others: Vec<Neighbour>,
        reply: Reply<()>,
    },
    RemoveRoom {
        room: RoomId,
        reply: Reply<()>,
    },
    Join {
        join: Join,
        reply: Reply<Joined>,
    },
    Reoffer {
        room: RoomId,
        peer: PeerId,
        offer: String,
        senders: Vec<Publication>,
        pins: Vec<TrackId>,
        reply: Reply<Joined>,
    },
    Accept {
        room: RoomId,
        peer: PeerId,
        answer: String,
        reply: Reply<Joined>,
    },
    SwitchTrack {
        room: RoomId,
        track: TrackId,
        on: bool,
        reply: Reply<()>,
    },
    View {
        room: RoomId,
        peer: PeerId,
        tracks: Vec<View>,
        reply: Reply<()>,
    },
    Cap {
        room: RoomId,
        peer: PeerId,
        track: TrackId,
        up_to: Option<Rid>,
        reply: Reply<()>,
    },
    RemovePeer {
        room: RoomId,
        peer: PeerId,
        reply: Reply<()>,
    },
    /// Takes over a byte stream.
    AddStream {
        id: StreamId,
        stream: NewStream,
        reply: Reply<()>,
    },
    /// Makes the thread panic, so that a test can see what becomes of it.
    Panic {
        reply: Reply<()>,
    },
}

/// The sending end; one per thread, shared by all handles.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox {
    commands: Sender<Command>,
    waker: Waker,
}

/// The thread's end.
pub(crate) struct Inbox(Receiver<Command>);

pub(crate) fn mailbox(waker: Waker) -> (Mailbox, Inbox) {
    let (commands, inbox) = async_channel::bounded(CAPACITY);
    (Mailbox { commands, waker }, Inbox(inbox))
}

impl Mailbox {
    /// Sends the command that `make` builds around a reply, waiting for room and for the answer.
    pub(crate) async fn ask<T>(
        &self,
        make: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<T, MediaError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(make(reply)).await.map_err(|_| MediaError::Stopped)?;
        self.waker.wake();
        answer.await.unwrap_or(Err(MediaError::ThreadDied))
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }
}

impl Inbox {
    /// The next command, if one waits.
    pub(crate) fn next(&self) -> Option<Command> {
        self.0.try_recv().ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses further commands and answers those that wait.
    pub(crate) fn close(&self) {
        self.0.close();
        while let Some(command) = self.next() {
            command.refuse(MediaError::Stopped);
        }
    }
}

impl Command {
    /// Answers without doing anything.
    fn refuse(self, error: MediaError) {
        // An answer that nobody waits for any more is no loss.
        match self {
            Command::AddRoom { reply, .. }
            | Command::AddAnnex { reply, .. }
            | Command::RemoveRoom { reply, .. }
            | Command::SwitchTrack { reply, .. }
            | Command::View { reply, .. }
            | Command::Cap { reply, .. }
            | Command::RemovePeer { reply, .. }
            | Command::AddStream { reply, .. }
            | Command::Panic { reply } => drop(reply.send(Err(error))),
            Command::Join { reply, .. }
            | Command::Reoffer { reply, .. }
            | Command::Accept { reply, .. } => {
                drop(reply.send(Err(error)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker as TaskWaker};

    use super::*;
    use crate::poll::Poller;

    fn remove(room: u64) -> impl FnOnce(Reply<()>) -> Command {
        move |reply| Command::RemoveRoom { room: RoomId(room), reply }
    }

    /// Sends `count` commands and waits for none of their answers.
    fn fill(mailbox: &Mailbox, count: usize) {
        let mut context = Context::from_waker(TaskWaker::noop());
        for room in 0..count {
            let asking = pin!(mailbox.ask(remove(room as u64)));
            assert!(asking.poll(&mut context).is_pending());
        }
    }

    #[test]
    fn a_full_mailbox_makes_its_sender_wait_and_loses_nothing() {
        let (mailbox, inbox) = mailbox(Poller::new().unwrap().waker());
        fill(&mailbox, CAPACITY);
        let mut context = Context::from_waker(TaskWaker::noop());
        let mut late = pin!(mailbox.ask(remove(9999)));
        assert!(late.as_mut().poll(&mut context).is_pending());
        let mut rooms = Vec::new();
        while let Some(Command::RemoveRoom { room, reply }) = inbox.next() {
            rooms.push(room.0);
            drop(reply);
            // The sender that waits gets the place that has become free.
            drop(late.as_mut().poll(&mut context));
            if room.0 == 9999 {
                break;
            }
        }
        assert_eq!(rooms.len(), CAPACITY + 1);
        assert_eq!(rooms.last(), Some(&9999));
    }

    #[test]
    fn a_closed_mailbox_answers_those_who_wait_and_those_who_come() {
        let (mailbox, inbox) = mailbox(Poller::new().unwrap().waker());
        let mut context = Context::from_waker(TaskWaker::noop());
        let mut waiting = pin!(mailbox.ask(remove(1)));
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        inbox.close();
        assert_eq!(waiting.poll(&mut context), Poll::Ready(Err(MediaError::Stopped)));
        let coming = pin!(mailbox.ask(remove(2)));
        assert_eq!(coming.poll(&mut context), Poll::Ready(Err(MediaError::Stopped)));
    }

    #[test]
    fn a_command_that_nobody_answers_says_that_the_thread_died() {
        let (mailbox, inbox) = mailbox(Poller::new().unwrap().waker());
        let mut context = Context::from_waker(TaskWaker::noop());
        let mut waiting = pin!(mailbox.ask(remove(1)));
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        drop(inbox.next());
        assert_eq!(waiting.poll(&mut context), Poll::Ready(Err(MediaError::ThreadDied)));
    }
}
