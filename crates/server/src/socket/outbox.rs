//! What is to be written to one socket: a bounded queue whose fullness closes that socket alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::{mpsc, watch};

use super::memory::{Budget, OWN_OUTGOING, Reserved};

/// Most frames that wait for a slow reader.
pub const MAX_QUEUED_FRAMES: usize = 1024;

/// Most bytes that wait for a slow reader: several full answers, and minutes of ordinary talk.
pub const MAX_QUEUED_BYTES: usize = 2 << 20;

/// Why the server closes a socket, with the status of RFC 6455 section 7.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// The client reads too slowly.
    TooSlow,
    /// The server goes down; Phoenix clients reconnect after this status.
    Stopping,
    /// The client sent a binary frame.
    Binary,
    /// The client sent what is no frame of Phoenix Channels V2.
    Malformed,
    /// The client sent more than a frame may hold.
    TooLarge,
    /// There was no memory for another large frame.
    Crowded,
    /// Nothing was heard for too long.
    Idle,
    /// The client closed it, or it broke.
    ByClient,
}

impl Closing {
    /// The status and the sentence of the close frame.
    pub const fn status(self) -> (u16, &'static str) {
        match self {
            Closing::TooSlow => (1008, "this client reads too slowly"),
            Closing::Stopping => (1012, "the server is stopping"),
            Closing::Binary => (1003, "binary frames are not understood here"),
            Closing::Malformed => (1002, "expected [join_ref, ref, topic, event, payload]"),
            Closing::TooLarge => (1009, "the frame is too large"),
            Closing::Crowded => (1013, "too many large frames at once, try again later"),
            Closing::Idle => (1001, "nothing was heard for 60 seconds"),
            Closing::ByClient => (1000, ""),
        }
    }
}

/// The writing end, held by the socket's channels and by rooms. Sending never waits.
#[derive(Clone, Debug)]
pub struct Outbox {
    frames: mpsc::Sender<Queued>,
    queued_bytes: Arc<AtomicUsize>,
    budget: Budget,
    closing: Arc<watch::Sender<Option<Closing>>>,
}

/// The reading end, held by the socket.
#[derive(Debug)]
pub(super) struct Queue {
    frames: mpsc::Receiver<Queued>,
    queued_bytes: Arc<AtomicUsize>,
}

/// A frame, and what it takes of the memory that all sockets share.
#[derive(Debug)]
struct Queued {
    frame: Utf8Bytes,
    _reserved: Option<Reserved>,
}

/// An empty queue, and where its closing is announced.
pub(super) fn outbox(budget: Budget) -> (Outbox, Queue, watch::Receiver<Option<Closing>>) {
    let (sender, receiver) = mpsc::channel(MAX_QUEUED_FRAMES);
    let (closing, closed) = watch::channel(None);
    let queued_bytes = Arc::new(AtomicUsize::new(0));
    let (bytes, closing) = (queued_bytes.clone(), Arc::new(closing));
    let outbox = Outbox { frames: sender, queued_bytes: bytes, budget, closing };
    (outbox, Queue { frames: receiver, queued_bytes }, closed)
}

impl Outbox {
    /// Queues one text frame. A queue that is full closes the socket.
    pub fn send(&self, frame: Utf8Bytes) {
        let len = frame.len();
        let queued = self.queued_bytes.fetch_add(len, Ordering::Relaxed) + len;
        if let Err(why) = self.enqueue(frame, queued) {
            self.queued_bytes.fetch_sub(len, Ordering::Relaxed);
            self.close(why);
        }
    }

    fn enqueue(&self, frame: Utf8Bytes, queued: usize) -> Result<(), Closing> {
        if queued > MAX_QUEUED_BYTES {
            return Err(Closing::TooSlow);
        }
        let reserved = if queued > OWN_OUTGOING {
            Some(self.budget.reserve(frame.len()).ok_or(Closing::Crowded)?)
        } else {
            None
        };
        self.frames
            .try_send(Queued { frame, _reserved: reserved })
            .map_err(|_full| Closing::TooSlow)
    }

    /// Has the socket closed; the first reason counts.
    pub fn close(&self, why: Closing) {
        self.closing.send_if_modified(|closing| closing.replace(closing.unwrap_or(why)).is_none());
    }
}

impl Queue {
    /// The next frame; none when no more can come.
    pub(super) async fn next(&mut self) -> Option<Utf8Bytes> {
        let Queued { frame, .. } = self.frames.recv().await?;
        self.queued_bytes.fetch_sub(frame.len(), Ordering::Relaxed);
        Some(frame)
    }

    /// The next frame, if one waits.
    pub(super) fn next_now(&mut self) -> Option<Utf8Bytes> {
        let Queued { frame, .. } = self.frames.try_recv().ok()?;
        self.queued_bytes.fetch_sub(frame.len(), Ordering::Relaxed);
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox() -> (Outbox, Queue, watch::Receiver<Option<Closing>>) {
        super::outbox(Budget::new(MAX_QUEUED_BYTES))
    }

    #[test]
    fn slow_readers_share_what_they_hold_beyond_a_little() {
        let budget = Budget::new(OWN_OUTGOING);
        let (first, mut queue, first_closed) = super::outbox(budget.clone());
        let (second, _queue, second_closed) = super::outbox(budget);
        let frame = Utf8Bytes::from("x".repeat(OWN_OUTGOING));
        first.send(frame.clone());
        first.send(frame.clone());
        second.send(frame.clone());
        assert_eq!((*first_closed.borrow(), *second_closed.borrow()), (None, None));
        assert!(queue.next_now().is_some() && queue.next_now().is_some());
        second.send(frame.clone());
        assert_eq!(*second_closed.borrow(), None, "what is written counts no longer");
        first.send(frame.clone());
        first.send(frame);
        assert_eq!(*first_closed.borrow(), Some(Closing::Crowded));
        assert_eq!(*second_closed.borrow(), None, "nobody else is closed");
    }

    #[test]
    fn a_full_queue_closes_the_socket_and_holds_no_more() {
        let (outbox, mut queue, closed) = outbox();
        let frame = Utf8Bytes::from("x".repeat(MAX_QUEUED_BYTES / 4));
        for _ in 0..4 {
            outbox.send(frame.clone());
            assert_eq!(*closed.borrow(), None);
        }
        outbox.send(frame.clone());
        outbox.close(Closing::Stopping);
        assert_eq!(*closed.borrow(), Some(Closing::TooSlow), "the first reason counts");
        assert_eq!(std::iter::from_fn(|| queue.next_now()).count(), 4);
    }

    #[test]
    fn a_queue_of_many_small_frames_is_bounded_too() {
        let (outbox, mut queue, closed) = outbox();
        (0..MAX_QUEUED_FRAMES + 1).for_each(|_| outbox.send(Utf8Bytes::from_static("x")));
        assert_eq!(*closed.borrow(), Some(Closing::TooSlow));
        assert_eq!(std::iter::from_fn(|| queue.next_now()).count(), MAX_QUEUED_FRAMES);
    }
}
