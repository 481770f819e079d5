//! Stories about what a receiver keeps track of.

mod overflow;
mod repair;
mod reply;
mod stream;
mod transport;

use std::time::{Duration, Instant};

/// Some instant; nothing depends on which.
#[allow(clippy::disallowed_methods)]
fn start() -> Instant {
    Instant::now()
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
