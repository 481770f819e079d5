//! What is to be written to one socket: a bounded queue whose fullness closes that socket alone.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::ws::{Message, Utf8Bytes};
use tokio::sync::{mpsc, watch};

use super::memory::OWN_OUTGOING;
use crate::pool::{Pool, Share};

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
    memory: Pool,
    address: IpAddr,
    closing: Arc<watch::Sender<Option<Closing>>>,
}

/// The reading end, held by the socket.
#[derive(Debug)]
pub(super) struct Queue {
    frames: mpsc::Receiver<Queued>,
}

/// A frame that waits, or is being written: until it is dropped, it counts.
#[derive(Debug)]
pub(super) struct Queued {
    frame: Utf8Bytes,
    queued_bytes: Arc<AtomicUsize>,
    /// What it takes of the memory that all sockets share.
    _share: Option<Share>,
}

impl Queued {
    pub(super) fn message(&self) -> Message {
        Message::Text(self.frame.clone())
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.queued_bytes.fetch_sub(self.frame.len(), Ordering::Relaxed);
    }
}

/// An empty queue, and where its closing is announced.
pub(super) fn outbox(
    memory: Pool,
    address: IpAddr,
) -> (Outbox, Queue, watch::Receiver<Option<Closing>>) {
    let (sender, receiver) = mpsc::channel(MAX_QUEUED_FRAMES);
    let (closing, closed) = watch::channel(None);
    let (queued_bytes, closing) = (Arc::new(AtomicUsize::new(0)), Arc::new(closing));
    let outbox = Outbox { frames: sender, queued_bytes, memory, address, closing };
    (outbox, Queue { frames: receiver }, closed)
}

impl Outbox {
    /// Queues one text frame. A queue that is full closes the socket.
    pub fn send(&self, frame: Utf8Bytes) {
        if let Err(why) = self.enqueue(frame) {
            self.close(why);
        }
    }

    /// Whether nothing waits to be written.
    pub fn is_read(&self) -> bool {
        self.queued_bytes.load(Ordering::Relaxed) == 0
    }

    /// Queues one text frame that may be lost: it is when others wait, or when there is no memory for it. The socket
    /// stays open.
    pub fn offer(&self, frame: Utf8Bytes) {
        if self.is_read() {
            let _lost = self.enqueue(frame);
        }
    }

    fn enqueue(&self, frame: Utf8Bytes) -> Result<(), Closing> {
        let len = frame.len();
        let all = self.queued_bytes.fetch_add(len, Ordering::Relaxed) + len;
        let mut queued = Queued { frame, queued_bytes: self.queued_bytes.clone(), _share: None };
        if all > MAX_QUEUED_BYTES {
            return Err(Closing::TooSlow);
        }
        if all > OWN_OUTGOING {
            let share = self.memory.take(self.address, len).map_err(|_| Closing::Crowded)?;
            queued._share = Some(share);
        }
        self.frames.try_send(queued).map_err(|_full| Closing::TooSlow)
    }

    /// Has the socket closed; the first reason counts.
    pub fn close(&self, why: Closing) {
        self.closing.send_if_modified(|closing| closing.replace(closing.unwrap_or(why)).is_none());
    }
}

impl Queue {
    /// The next frame; none when no more can come.
    pub(super) async fn next(&mut self) -> Option<Queued> {
        self.frames.recv().await
    }

    /// The next frame, if one waits.
    pub(super) fn next_now(&mut self) -> Option<Queued> {
        self.frames.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn outbox() -> (Outbox, Queue, watch::Receiver<Option<Closing>>) {
        super::outbox(Pool::new(MAX_QUEUED_BYTES), ADDRESS)
    }

    #[test]
    fn slow_readers_share_what_they_hold_beyond_a_little() {
        let memory = Pool::new(OWN_OUTGOING);
        let (first, mut queue, first_closed) = super::outbox(memory.clone(), ADDRESS);
        let (second, _queue, second_closed) = super::outbox(memory, ADDRESS);
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
    fn what_may_be_lost_waits_for_nobody_and_closes_nothing() {
        let (outbox, mut queue, closed) = outbox();
        outbox.offer(Utf8Bytes::from("x".repeat(MAX_QUEUED_BYTES + 1)));
        assert!(queue.next_now().is_none(), "it was too large");
        outbox.offer(Utf8Bytes::from_static("first"));
        outbox.offer(Utf8Bytes::from_static("lost, for the first one is not read"));
        let first = queue.next_now().unwrap();
        assert_eq!(first.message(), Message::text("first"));
        assert!(queue.next_now().is_none());
        drop(first);
        outbox.offer(Utf8Bytes::from_static("third"));
        assert_eq!(queue.next_now().unwrap().message(), Message::text("third"));
        assert_eq!(*closed.borrow(), None);
    }

    #[test]
    fn a_queue_of_many_small_frames_is_bounded_too() {
        let (outbox, mut queue, closed) = outbox();
        (0..MAX_QUEUED_FRAMES + 1).for_each(|_| outbox.send(Utf8Bytes::from_static("x")));
        assert_eq!(*closed.borrow(), Some(Closing::TooSlow));
        assert_eq!(std::iter::from_fn(|| queue.next_now()).count(), MAX_QUEUED_FRAMES);
    }
}
