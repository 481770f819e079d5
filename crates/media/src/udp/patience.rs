//! How long sending may wait for room in a send buffer.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use crate::sys;

/// How long the sending of one tick may wait for room in a send buffer before what finds none is dropped.
/// A link that stays full longer than this loses packets whatever we do, and the thread has other
/// peers to serve.
const FULL_WAIT: Duration = Duration::from_millis(1);

/// One tick's leave to wait for room in a send buffer: once, whatever is sent and through
/// however many sockets.
#[derive(Debug, Default)]
pub struct Patience {
    is_spent: bool,
}

impl Patience {
    /// Waits a moment for room in the send buffer of `fd`, and returns whether it did.
    pub(super) fn wait_for_room(&mut self, fd: BorrowedFd<'_>) -> bool {
        if self.is_spent {
            return false;
        }
        self.is_spent = true;
        let mut fds = [libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLOUT, revents: 0 }];
        // The result does not matter: the next send finds out whether there is room.
        let _ = sys::wait(&mut fds, Some(FULL_WAIT));
        true
    }
}
