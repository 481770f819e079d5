//! What travels between two threads: datagrams, confirmations and packets of shared rooms, in memory that is used again and again.

use std::sync::mpsc::SyncSender;

use parlor_engine::Relayed;
use parlor_rtc::Path;

use super::packets::Packets;

/// Bytes in one parcel: a batch of 32 single full-size datagrams, or most of a GRO run.
pub(super) const PARCEL_BYTES: usize = 48 * 1024;
/// Datagrams and confirmations in one parcel.
const PARCEL_ENTRIES: usize = 128;

/// Datagrams and confirmations on their way from one thread to another.
#[derive(Default)]
pub(super) struct Parcel {
    from: usize,
    to: usize,
    bytes: Vec<u8>,
    datagrams: Vec<Entry>,
    confirmed: Vec<Path>,
    packets: Packets,
}

struct Entry {
    path: Path,
    len: usize,
    cause: Cause,
}

/// Why a datagram is given to another thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is a check whose username names that thread.
    Named,
    /// That thread has confirmed its path to be its own.
    Home,
    /// It is to leave through an allocation that that thread has.
    Outgoing,
    /// It is none: what that thread's engine sends along the path waits for too long, or no longer does.
    Backlog {
        /// Whether it does.
        is_slow: bool,
    },
    /// It is none: the path is no more, since its allocation has ended.
    Lost,
    /// Nobody knows its path. It is shown to all threads, one of which may know its stream.
    Stray,
}

/// One datagram out of a parcel.
pub struct HandedOver<'a> {
    /// The way it took.
    pub path: Path,
    /// Its payload.
    pub datagram: &'a mut [u8],
    /// Why it was given to this thread.
    pub cause: Cause,
}

impl Parcel {
    pub(super) fn new(from: usize, to: usize) -> Parcel {
        Parcel {
            from,
            to,
            bytes: Vec::with_capacity(PARCEL_BYTES),
            datagrams: Vec::with_capacity(PARCEL_ENTRIES),
            confirmed: Vec::with_capacity(PARCEL_ENTRIES),
            packets: Packets::default(),
        }
    }

    /// The thread it comes from.
    pub(super) fn from(&self) -> usize {
        self.from
    }

    /// The thread it goes to.
    pub(super) fn to(&self) -> usize {
        self.to
    }

    /// How many datagrams are in it.
    pub(super) fn datagram_count(&self) -> u64 {
        self.datagrams.len() as u64
    }

    /// The paths that its sender's thread confirms to be its own.
    pub(super) fn confirmed(&self) -> &[Path] {
        &self.confirmed
    }

    pub(super) fn add(&mut self, path: Path, datagram: &[u8], cause: Cause) {
        self.bytes.extend_from_slice(datagram);
        self.datagrams.push(Entry { path, len: datagram.len(), cause });
    }

    pub(super) fn confirm(&mut self, path: Path) {
        self.confirmed.push(path);
    }

    pub(super) fn relay(&mut self, packet: &Relayed<'_>) {
        self.packets.add(packet);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.datagrams.is_empty() && self.confirmed.is_empty() && self.packets.is_empty()
    }

    /// Whether one more datagram or packet of `len` bytes, or one more confirmation, fits.
    pub(super) fn has_room(&self, len: usize) -> bool {
        self.bytes.len() + self.packets.bytes() + len <= PARCEL_BYTES
            && self.packets.len() < PARCEL_ENTRIES
            && self.datagrams.len() < PARCEL_ENTRIES
            && self.confirmed.len() < PARCEL_ENTRIES
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.datagrams.clear();
        self.confirmed.clear();
        self.packets.clear();
    }
}

/// A parcel in the hands of the thread that it went to.
///
/// Dropping it, as a panic does too, empties it and sends it back to be filled again: there are only
/// a few for each pair of threads.
pub struct Taken {
    parcel: Parcel,
    returns: SyncSender<Parcel>,
}

impl Taken {
    pub(super) fn new(parcel: Parcel, returns: SyncSender<Parcel>) -> Taken {
        Taken { parcel, returns }
    }

    /// The thread it comes from.
    pub fn from(&self) -> usize {
        self.parcel.from
    }

    /// Its packets of rooms that both threads share.
    pub fn relayed(&self) -> impl Iterator<Item = Relayed<'_>> {
        self.parcel.packets.iter()
    }

    /// Its datagrams in the order of their arrival.
    pub fn datagrams(&mut self) -> impl Iterator<Item = HandedOver<'_>> {
        let mut rest = self.parcel.bytes.as_mut_slice();
        self.parcel.datagrams.iter().map_while(move |entry| {
            let (datagram, after) = std::mem::take(&mut rest).split_at_mut_checked(entry.len)?;
            rest = after;
            Some(HandedOver { path: entry.path, datagram, cause: entry.cause })
        })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut parcel = std::mem::take(&mut self.parcel);
        parcel.clear();
        // The queue has room for every parcel there is; a thread that is gone needs none.
        let _ = self.returns.try_send(parcel);
    }
}
