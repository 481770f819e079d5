//! The file descriptors that the system lets this process have, of which each socket takes one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;
use crate::listen::MAX_CONNECTIONS;

/// What is kept for the listener, media sockets, log, files and the system's own.
const KEPT: usize = 256;

/// Raises the process's limit as far as the system allows, and returns how many of the `wanted`
/// sockets fit beside everything else.
pub(crate) fn make_room_for(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let raised = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit on file descriptors cannot be raised");
            limit.current
        }
    };
    let fit = raised.map_or(wanted, |descriptors| sockets_within(descriptors, wanted));
    let what = "the system's limit on file descriptors allows fewer sockets than max_sockets";
    if fit < wanted && wanted == Config::default().max_sockets {
        // Nobody has asked for so many.
        tracing::info!(max_sockets = fit, wanted, "{what}");
    } else if fit < wanted {
        tracing::warn!(max_sockets = fit, wanted, "{what}");
    }
    fit
}

/// How many of the `wanted` sockets fit into so many descriptors; where there are few, half.
fn sockets_within(descriptors: u64, wanted: usize) -> usize {
    let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
    let rest = descriptors.saturating_sub(MAX_CONNECTIONS + KEPT);
    wanted.min(rest.max(descriptors / 2))
}

#[cfg(test)]
mod tests {
    use super::sockets_within;

    #[test]
    fn sockets_leave_room_for_everything_else() {
        assert_eq!(sockets_within(1 << 20, 20_000), 20_000);
        assert_eq!(sockets_within(4_096, 20_000), 2_840);
        assert_eq!(sockets_within(1_024, 20_000), 512);
    }
}
