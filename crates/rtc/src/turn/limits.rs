//! How long things last and how many there may be.

use std::time::Duration;

/// How long an allocation lasts for who asks for nothing else, or for less (RFC 8656 section 3.2).
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(600);

/// The longest that an allocation lasts without another word: what RFC 8656 section 7.2 proposes.
pub const MAX_LIFETIME: Duration = Duration::from_secs(3600);

/// How long a permission lasts (RFC 8656 section 9).
pub const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);

/// How long a channel is bound (RFC 8656 section 12).
pub const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);

/// How long a nonce is good: what RFC 8656 section 5 asks for at most.
pub const NONCE_LIFETIME: Duration = Duration::from_secs(3600);

/// How long a reserved port can be asked for (RFC 8656 section 7.2).
pub const RESERVATION_LIFETIME: Duration = Duration::from_secs(30);

/// Most addresses with a permission in one allocation. Clients ask for those of our candidates: one or two
/// of each family, and those of a server with many interfaces.
pub const MAX_PERMISSIONS: usize = 16;

/// Most channels of one allocation: one for each of our candidates that the client tries.
pub const MAX_CHANNELS: usize = 16;

/// Longest user name that is taken, in bytes. Those that we make are some 50 long; each allocation
/// keeps its own.
pub(super) const MAX_USERNAME_LEN: usize = 128;

/// How many allocations there may be at once. Old ones are never evicted for new ones: they expire, or end when their client says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of one peer, wherever they are counted together: of all user names that say the same behind their colon.
    pub per_peer: u32,
    /// From one address, or one /64 of IPv6, which a single host may have.
    pub per_address: u32,
    /// In one server. No address has more than half of what all that are counted together may have.
    pub in_all: u32,
}

impl Limits {
    /// A browser makes up to six for each start of ICE (UDP, TCP and TLS, from two interfaces), and those that
    /// it forgets last for ten minutes: this is for ten restarts in that time.
    pub const PER_PEER: u32 = 64;

    /// An office behind one address: a hundred people with ten each.
    pub const PER_ADDRESS: u32 = 1024;

    /// With [`MAX_PERMISSIONS`] and [`MAX_CHANNELS`] an allocation takes about 2 KiB, so that all take 8 MiB.
    pub const IN_ALL: u32 = 4096;
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            per_peer: Limits::PER_PEER,
            per_address: Limits::PER_ADDRESS,
            in_all: Limits::IN_ALL,
        }
    }
}
