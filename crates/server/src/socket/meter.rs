//! How much of an unfinished frame has come over a connection, and the memory that is set aside for it.

use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::memory::{OWN_INCOMING, STEP};
use crate::pool::{Pool, Refused, Share};

/// Bytes of a client's control frame around its payload: two of head and four of mask (RFC 6455 section 5.2).
const CONTROL_FRAME_OVERHEAD: usize = 6;

/// Counts what comes while the connection is a WebSocket. Shared by the connection, which reports
/// bytes, and by its socket, which reports frames.
#[derive(Debug)]
pub struct Meter {
    pool: Pool,
    address: IpAddr,
    is_socket: AtomicBool,
    unfinished: AtomicUsize,
    /// What the largest frame so far has taken: the buffer that it was read into is kept.
    share: Mutex<Option<Share>>,
    is_crowded: AtomicBool,
}

/// There is no memory for a frame as large as this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many large frames at once")]
pub struct Crowded;

impl Meter {
    /// A meter of a connection from `address` that is no socket yet.
    pub fn new(pool: Pool, address: IpAddr) -> Meter {
        Meter {
            pool,
            address,
            is_socket: AtomicBool::new(false),
            unfinished: AtomicUsize::new(0),
            share: Mutex::new(None),
            is_crowded: AtomicBool::new(false),
        }
    }

    /// The connection is a WebSocket from now on.
    pub(super) fn begin(&self) {
        self.is_socket.store(true, Ordering::Relaxed);
    }

    /// `len` more bytes have come.
    ///
    /// # Errors
    /// When they belong to a large frame, and there is no memory for it.
    pub fn received(&self, len: usize) -> Result<(), Crowded> {
        if !self.is_socket.load(Ordering::Relaxed) {
            return Ok(());
        }
        let unfinished = self.unfinished.fetch_add(len, Ordering::Relaxed) + len;
        if unfinished <= OWN_INCOMING {
            return Ok(());
        }
        self.reserve((unfinished - OWN_INCOMING).next_multiple_of(STEP)).map_err(|_| {
            self.is_crowded.store(true, Ordering::Relaxed);
            Crowded
        })
    }

    fn reserve(&self, needed: usize) -> Result<(), Refused> {
        let mut share = self.share.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match &mut *share {
            Some(share) => share.grow(needed.saturating_sub(share.amount())),
            None => {
                *share = Some(self.pool.take(self.address, needed)?);
                Ok(())
            }
        }
    }

    /// A frame of text is there whole, and handled.
    pub(super) fn finished(&self) {
        self.unfinished.store(0, Ordering::Relaxed);
    }

    /// A control frame with a payload of `len` has come, perhaps between the parts of another frame.
    pub(super) fn finished_control(&self, len: usize) {
        let less =
            |unfinished: usize| Some(unfinished.saturating_sub(len + CONTROL_FRAME_OVERHEAD));
        let _always = self.unfinished.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Whether the connection was broken off for want of memory.
    pub(super) fn is_crowded(&self) -> bool {
        self.is_crowded.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket of a client of its own.
    fn socket(pool: &Pool, host: u8) -> Meter {
        let meter = Meter::new(pool.clone(), IpAddr::from([192, 0, 2, host]));
        meter.begin();
        meter
    }

    #[test]
    fn small_frames_ask_for_nothing_and_large_ones_share() {
        let pool = Pool::new(3 * STEP);
        let (small, first, second) = (socket(&pool, 1), socket(&pool, 2), socket(&pool, 3));
        assert_eq!(first.received(OWN_INCOMING + 1), Ok(()));
        assert_eq!(first.received(STEP), Ok(()), "two steps of three");
        assert_eq!(second.received(OWN_INCOMING + STEP), Ok(()));
        assert_eq!(second.received(1), Err(Crowded));
        assert!(second.is_crowded() && !first.is_crowded());
        for _ in 0..100 {
            assert_eq!(small.received(OWN_INCOMING), Ok(()), "others go on");
            small.finished();
        }
    }

    #[test]
    fn what_was_read_once_is_set_aside_until_the_socket_closes() {
        let pool = Pool::new(STEP);
        let meter = socket(&pool, 1);
        for _ in 0..10 {
            assert_eq!(meter.received(OWN_INCOMING + STEP), Ok(()), "its own buffer serves again");
            meter.finished();
        }
        assert_eq!(socket(&pool, 2).received(OWN_INCOMING + 1), Err(Crowded));
        drop(meter);
        assert_eq!(socket(&pool, 2).received(OWN_INCOMING + 1), Ok(()));
    }

    #[test]
    fn one_address_cannot_take_it_all() {
        let pool = Pool::new(100 * STEP);
        let greedy: Vec<Meter> = (0..100).map(|_| socket(&pool, 1)).collect();
        let taken = greedy.iter().filter(|meter| meter.received(OWN_INCOMING + 1).is_ok()).count();
        assert_eq!(taken, 50);
        assert_eq!(socket(&pool, 2).received(OWN_INCOMING + STEP), Ok(()));
    }

    #[test]
    fn pings_are_no_frame_that_does_not_end() {
        let pool = Pool::new(0);
        let meter = socket(&pool, 1);
        for _ in 0..1_000 {
            assert_eq!(meter.received(125 + CONTROL_FRAME_OVERHEAD), Ok(()));
            meter.finished_control(125);
        }
        // Between the parts of a frame they take nothing off it.
        let part = OWN_INCOMING / 4;
        let parts = (0..5).map(|_| {
            meter.received(CONTROL_FRAME_OVERHEAD)?;
            meter.finished_control(0);
            meter.received(part)
        });
        assert_eq!(parts.filter(Result::is_err).count(), 1, "the fifth is too much");
    }

    #[test]
    fn what_comes_before_the_socket_is_not_counted() {
        let meter = Meter::new(Pool::new(0), IpAddr::from([192, 0, 2, 1]));
        assert_eq!(meter.received(1 << 20), Ok(()));
        meter.begin();
        assert_eq!(meter.received(OWN_INCOMING), Ok(()));
        assert_eq!(meter.received(1), Err(Crowded));
    }
}
