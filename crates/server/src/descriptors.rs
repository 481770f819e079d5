//! The file descriptors that the system lets this process have, of which each connection takes one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;
use crate::listen::{MAX_CONNECTIONS, MAX_STREAMS};

/// What is kept for the listener, media sockets, log, files and the system's own.
const KEPT: usize = 256;

/// How many there may be of each sort of connection at once, so that none is accepted for which no descriptor is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Of HTTP, and those of which it is not known yet what they are for.
    pub(crate) connections: usize,
    /// Of ICE and TURN.
    pub(crate) streams: usize,
    /// WebSockets.
    pub(crate) sockets: usize,
}

/// Raises the process's limit as far as the system allows, and returns what fits, with the `wanted` sockets if they do.
pub(crate) fn make_room_for(wanted: usize) -> Room {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let raised = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit on file descriptors cannot be raised");
            limit.current
        }
    };
    let fit = Room::within(raised.unwrap_or(u64::MAX), wanted);
    let what = "the system's limit on file descriptors allows fewer sockets than max_sockets";
    if fit.sockets < wanted && wanted == Config::default().max_sockets {
        // Nobody has asked for so many.
        tracing::info!(max_sockets = fit.sockets, wanted, "{what}");
    } else if fit.sockets < wanted {
        tracing::warn!(max_sockets = fit.sockets, wanted, "{what}");
    }
    fit
}

impl Room {
    /// What fits into so many descriptors with the `wanted` sockets. Where there are few, sockets get half of what is
    /// not kept, since who has none is in no room; connections come and go, and few need streams.
    fn within(descriptors: u64, wanted: usize) -> Room {
        let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
        let rest = descriptors - KEPT.min(descriptors / 4);
        let connections = MAX_CONNECTIONS.min(rest / 4);
        let streams = MAX_STREAMS.min(rest / 4);
        Room { connections, streams, sockets: wanted.min(rest - connections - streams) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(descriptors: u64) -> [usize; 3] {
        let Room { connections, streams, sockets } = Room::within(descriptors, 20_000);
        assert!(connections + streams + sockets < descriptors as usize, "{descriptors}");
        [connections, streams, sockets]
    }

    #[test]
    fn everything_that_is_accepted_has_a_descriptor_and_some_are_left() {
        assert_eq!(room(1 << 20), [MAX_CONNECTIONS, MAX_STREAMS, 20_000]);
        assert_eq!(room(u64::MAX), [MAX_CONNECTIONS, MAX_STREAMS, 20_000]);
        assert_eq!(room(20_000), [MAX_CONNECTIONS, MAX_STREAMS, 14_744]);
        assert_eq!(room(4_096), [960, 960, 1_920]);
        assert_eq!(room(1_024), [192, 192, 384]);
        assert_eq!(room(64), [12, 12, 24]);
    }
}
