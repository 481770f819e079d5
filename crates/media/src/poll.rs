//! Where a media thread waits: for datagrams, for other threads, or for its next deadline.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::sys;
use crate::udp::Socket;

/// Wakes one media thread from any other. Cheap to clone, and cheap to call again while the
/// thread has not woken yet.
#[derive(Clone, Debug)]
pub struct Waker(Arc<Bell>);

#[derive(Debug)]
struct Bell {
    file: File,
    /// Rung and not yet heard: another ring would change nothing and saves its system call.
    rung: AtomicBool,
}

impl Waker {
    /// Ends the thread's wait, now or when it next begins.
    pub fn wake(&self) {
        if !self.0.rung.swap(true, Ordering::AcqRel) {
            // The counter cannot overflow: it is 0 or 1. A write that fails leaves a thread that
            // wakes at its next deadline or datagram, which is all that can be done here.
            let _ = (&self.0.file).write(&1_u64.to_ne_bytes());
        }
    }
}

/// What a thread waits on.
pub struct Poller {
    waker: Waker,
    fds: Vec<libc::pollfd>,
}

impl Poller {
    /// A poller with a waker of its own.
    ///
    /// # Errors
    /// When the process has too many open files.
    pub fn new() -> io::Result<Poller> {
        let file = File::from(sys::event_fd()?);
        let waker = Waker(Arc::new(Bell { file, rung: AtomicBool::new(false) }));
        Ok(Poller { waker, fds: Vec::new() })
    }

    /// Wakes the thread that waits here.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Waits until one of `sockets` has something, the waker rings, or `timeout` has passed
    /// (`None`: for ever; zero: not at all). Whoever rang had done its work before: what it left
    /// in a queue is visible after this returns.
    ///
    /// # Errors
    /// What the kernel reports.
    pub fn wait(&mut self, sockets: &[Socket], timeout: Option<Duration>) -> io::Result<()> {
        self.wait_for(sockets, None, timeout)
    }

    /// The same for `other`, too: a descriptor that can be read when there is something.
    ///
    /// # Errors
    /// What the kernel reports.
    pub(crate) fn wait_for(
        &mut self,
        sockets: &[Socket],
        other: Option<RawFd>,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        let interest = |fd: i32| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        self.fds.clear();
        self.fds.push(interest(self.waker.0.file.as_raw_fd()));
        self.fds.extend(sockets.iter().map(|socket| interest(socket.as_fd().as_raw_fd())));
        self.fds.extend(other.map(interest));
        sys::wait(&mut self.fds, timeout)?;
        if self.fds.first().is_some_and(|bell| bell.revents != 0) {
            // First the counter, then the flag: a ring in between finds the flag still set, and
            // what it announces is seen by whoever reads the queues after the swap.
            let _ = (&self.waker.0.file).read(&mut [0; 8]);
            self.waker.0.rung.swap(false, Ordering::AcqRel);
        }
        Ok(())
    }
}
