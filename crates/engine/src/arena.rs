//! The send arena: outgoing datagrams, written where they are sent from, in runs that one system call can take.

use parlor_rtc::{DatagramSink, Path};

/// Room for one datagram while it is written, in bytes: an Ethernet MTU. What is committed must be
/// no longer than what the path takes; the rest is room for the SRTP tag.
pub const SLOT_LEN: usize = 1500;

/// Most datagrams in one message: the kernel's `UDP_MAX_SEGMENTS` of older releases.
pub const MAX_SEGMENTS: usize = 64;

/// Most bytes in one message: below 65 535 less IP and UDP headers, with room to spare.
pub const MAX_MESSAGE_LEN: usize = 65_000;

/// Bytes of an arena by default: about 350 full packets, and small enough to stay in a core's L2 cache
/// between being written, sealed and sent.
pub const DEFAULT_BYTES: usize = 512 * 1024;

/// Messages of an arena by default: as many as one `sendmmsg` takes (the kernel's `UIO_MAXIOV`).
pub const DEFAULT_MESSAGES: usize = 1024;

/// The part of an arena, as a divisor, that media leaves free, so that a handshake or a report
/// finds room in a batch that fans out to many.
const CONTROL_SHARE: usize = 8;

/// Preallocated room for the datagrams of one batch.
///
/// Consecutive datagrams for one path that have equal sizes become one *message* with
/// `UDP_SEGMENT` semantics: all segments are equal but the last, which may be shorter and then
/// ends the message. Nothing here allocates after [`SendArena::new`].
///
/// Media is written in place ([`reserve`](SendArena::reserve), which says when it is full so that
/// the caller can send and come back); everything rare comes through [`DatagramSink`], which
/// may use the last eighth too and, when even that is full, drops and counts.
#[derive(Debug)]
pub struct SendArena {
    bytes: Box<[u8]>,
    used: usize,
    messages: Vec<Run>,
    max_messages: usize,
    dropped: u64,
}

/// A message before it is looked at: where its bytes are.
#[derive(Clone, Copy, Debug)]
struct Run {
    path: Path,
    start: usize,
    len: usize,
    segment_size: usize,
    segments: usize,
    /// A shorter segment has ended it.
    ended: bool,
}

/// One or more datagrams for one path, as one entry of a `sendmmsg` call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Where the datagrams go.
    pub path: Path,
    /// All datagrams, one after the other.
    pub bytes: &'a [u8],
    /// Length of each datagram but the last, which may be shorter. In bytes, at least 1.
    pub segment_size: usize,
}

impl<'a> Message<'a> {
    /// How many datagrams the message holds: 1 to [`MAX_SEGMENTS`].
    pub fn segment_count(&self) -> usize {
        self.bytes.len().div_ceil(self.segment_size)
    }

    /// The datagrams one by one, for a kernel that refuses to segment.
    pub fn segments(&self) -> impl Iterator<Item = &'a [u8]> {
        self.bytes.chunks(self.segment_size)
    }
}

impl Default for SendArena {
    fn default() -> Self {
        SendArena::new(DEFAULT_BYTES, DEFAULT_MESSAGES)
    }
}

impl SendArena {
    /// Allocates an arena of `bytes` (at least one [`SLOT_LEN`]) and `messages` (at least one).
    pub fn new(bytes: usize, messages: usize) -> SendArena {
        let max_messages = messages.max(1);
        SendArena {
            bytes: vec![0; bytes.max(SLOT_LEN)].into_boxed_slice(),
            used: 0,
            messages: Vec::with_capacity(max_messages),
            max_messages,
            dropped: 0,
        }
    }

    /// Room for one media datagram of at most [`SLOT_LEN`] bytes, or `None` when the arena has to be
    /// sent first. A slot that is dropped without [`Slot::commit`] leaves no trace.
    #[inline]
    pub fn reserve(&mut self, path: Path) -> Option<Slot<'_>> {
        let bytes_end = self.bytes.len() - self.bytes.len() / CONTROL_SHARE;
        let messages_end = self.max_messages - self.max_messages / CONTROL_SHARE;
        let fits =
            self.used + SLOT_LEN <= bytes_end.max(SLOT_LEN) && self.messages.len() < messages_end;
        fits.then_some(Slot { arena: self, path })
    }

    /// Every message written since [`clear`](SendArena::clear), in the order of writing.
    pub fn messages(&self) -> impl ExactSizeIterator<Item = Message<'_>> + Clone {
        self.messages.iter().map(|run| Message {
            path: run.path,
            bytes: self.bytes.get(run.start..run.start + run.len).unwrap_or_default(),
            segment_size: run.segment_size,
        })
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Makes room again after sending.
    pub fn clear(&mut self) {
        self.used = 0;
        self.messages.clear();
    }

    /// Datagrams that came through [`DatagramSink`] and found no room, since the arena was made.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Adds the `len` bytes at the end of what is used, to the last message if they may join it.
    #[inline]
    fn append(&mut self, path: Path, len: usize) {
        let start = self.used;
        self.used += len;
        if let Some(last) = self.messages.last_mut()
            && last.takes(&path, len)
        {
            last.len += len;
            last.segments += 1;
            last.ended = len < last.segment_size;
            return;
        }
        self.messages.push(Run { path, start, len, segment_size: len, segments: 1, ended: false });
    }
}

impl Run {
    fn takes(&self, path: &Path, len: usize) -> bool {
        !self.ended
            && len <= self.segment_size
            && self.segments < MAX_SEGMENTS
            && self.len + len <= MAX_MESSAGE_LEN
            && self.path == *path
    }
}

impl DatagramSink for SendArena {
    fn send(&mut self, path: Path, datagram: &[u8]) {
        let room = self.bytes.get_mut(self.used..self.used + datagram.len());
        match room {
            Some(room) if !datagram.is_empty() && self.messages.len() < self.max_messages => {
                room.copy_from_slice(datagram);
                self.append(path, datagram.len());
            }
            _ => self.dropped += 1,
        }
    }
}

/// Room for one datagram at the end of the arena.
#[derive(Debug)]
pub struct Slot<'a> {
    arena: &'a mut SendArena,
    path: Path,
}

impl Slot<'_> {
    /// The room: [`SLOT_LEN`] bytes with whatever was there before.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let start = self.arena.used;
        self.arena.bytes.get_mut(start..start + SLOT_LEN).unwrap_or_default()
    }

    /// Makes the first `len` bytes of the room a datagram to be sent. A `len` of 0, or beyond the room,
    /// sends nothing.
    #[inline]
    pub fn commit(self, len: usize) {
        if (1..=SLOT_LEN).contains(&len) {
            self.arena.append(self.path, len);
        }
    }
}
