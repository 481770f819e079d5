//! What a TURN server did, in numbers.

use crate::stun::ErrorCode;

/// Datagrams that went one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// How many.
    pub datagrams: u64,
    /// Their bytes, without what TURN adds.
    pub bytes: u64,
}

impl Flow {
    pub(super) fn count(&mut self, bytes: usize) {
        self.datagrams += 1;
        self.bytes += bytes as u64;
    }
}

/// Requests that were refused, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// Without credentials: how every client begins.
    pub challenged: u64,
    /// With a nonce that was too old, or another's (438).
    pub stale: u64,
    /// With wrong or expired credentials (401), or those of another user (441).
    pub unauthorized: u64,
    /// For an address that is not ours (403).
    pub forbidden: u64,
    /// For an allocation too many of one peer or address (486).
    pub over_quota: u64,
    /// Since a table or the ports were full (508).
    pub out_of_capacity: u64,
    /// For everything else: what clients should not have asked.
    pub others: u64,
}

impl Refusals {
    pub(super) fn count(&mut self, code: ErrorCode) {
        *match code {
            ErrorCode::StaleNonce => &mut self.stale,
            ErrorCode::Unauthorized | ErrorCode::WrongCredentials => &mut self.unauthorized,
            ErrorCode::Forbidden => &mut self.forbidden,
            ErrorCode::AllocationQuotaReached => &mut self.over_quota,
            ErrorCode::InsufficientCapacity => &mut self.out_of_capacity,
            _ => &mut self.others,
        } += 1;
    }
}

/// What a server did since it was made, and what it has now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Allocations that there are now.
    pub allocations: u64,
    /// Allocations that were made.
    pub made: u64,
    /// Allocations that ended unasked: their time was over, or their stream closed.
    pub lapsed: u64,
    /// Binding requests of plain STUN clients that were answered.
    pub bindings: u64,
    /// Requests that were refused.
    pub refusals: Refusals,
    /// From clients to us.
    pub inward: Flow,
    /// From us to clients.
    pub outward: Flow,
    /// Messages that were no answer worth, and datagrams that had nowhere to go, either way.
    pub dropped: u64,
}
