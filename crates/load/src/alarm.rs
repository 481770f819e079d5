//! A timer that wakes a poller to the microsecond: pollers themselves count milliseconds.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// Shortest time that is waited for: none would switch the timer off.
const SHORTEST: Duration = Duration::from_micros(1);

/// One timer of one poller, which is to be registered there.
pub struct Alarm(OwnedFd);

impl Alarm {
    /// A timer that is off.
    ///
    /// # Errors
    /// When the process has too many open files.
    pub fn new() -> io::Result<Alarm> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Alarm(timerfd_create(TimerfdClockId::Monotonic, flags)?))
    }

    /// Rings after `wait`, once, and not when it was to ring before.
    ///
    /// # Errors
    /// What the kernel reports, which valid times exclude.
    pub fn set(&self, wait: Duration) -> io::Result<()> {
        let wait = wait.max(SHORTEST);
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value =
            Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
        timerfd_settime(
            &self.0,
            TimerfdTimerFlags::empty(),
            &Itimerspec { it_interval: never, it_value: value },
        )?;
        Ok(())
    }
}

impl AsRawFd for Alarm {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
