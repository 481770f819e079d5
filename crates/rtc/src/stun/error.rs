//! Why a request was refused.

/// Error codes (RFC 8489 section 14.8, RFC 8445 section 20.2, RFC 8656 section 19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// The request lacks something it must have.
    BadRequest,
    /// The user name or the message integrity is not the one that was signalled.
    Unauthorized,
    /// Who asks may not have that, whoever they are.
    Forbidden,
    /// The request has attributes that must be understood and are not.
    UnknownAttribute,
    /// There is no allocation for this request, or there is one already.
    AllocationMismatch,
    /// The nonce is too old, or another's.
    StaleNonce,
    /// There are no relayed addresses of that family.
    AddressFamilyNotSupported,
    /// The allocation is that of another user.
    WrongCredentials,
    /// What is to be relayed is something else than UDP.
    UnsupportedTransport,
    /// The peer has an address of a family of which the allocation has none.
    PeerAddressFamilyMismatch,
    /// The user has as many allocations as anybody may have.
    AllocationQuotaReached,
    /// Both agents believe to have the same role.
    RoleConflict,
    /// A table of the server is full.
    InsufficientCapacity,
}

impl ErrorCode {
    /// The number on the wire, 300 to 699.
    pub const fn number(self) -> u16 {
        match self {
            ErrorCode::BadRequest => 400,
            ErrorCode::Unauthorized => 401,
            ErrorCode::Forbidden => 403,
            ErrorCode::UnknownAttribute => 420,
            ErrorCode::AllocationMismatch => 437,
            ErrorCode::StaleNonce => 438,
            ErrorCode::AddressFamilyNotSupported => 440,
            ErrorCode::WrongCredentials => 441,
            ErrorCode::UnsupportedTransport => 442,
            ErrorCode::PeerAddressFamilyMismatch => 443,
            ErrorCode::AllocationQuotaReached => 486,
            ErrorCode::RoleConflict => 487,
            ErrorCode::InsufficientCapacity => 508,
        }
    }

    /// What it says to people.
    pub(super) const fn phrase(self) -> &'static str {
        match self {
            ErrorCode::BadRequest => "Bad Request",
            ErrorCode::Unauthorized => "Unauthorized",
            ErrorCode::Forbidden => "Forbidden",
            ErrorCode::UnknownAttribute => "Unknown Attribute",
            ErrorCode::AllocationMismatch => "Allocation Mismatch",
            ErrorCode::StaleNonce => "Stale Nonce",
            ErrorCode::AddressFamilyNotSupported => "Address Family not Supported",
            ErrorCode::WrongCredentials => "Wrong Credentials",
            ErrorCode::UnsupportedTransport => "Unsupported Transport Protocol",
            ErrorCode::PeerAddressFamilyMismatch => "Peer Address Family Mismatch",
            ErrorCode::AllocationQuotaReached => "Allocation Quota Reached",
            ErrorCode::RoleConflict => "Role Conflict",
            ErrorCode::InsufficientCapacity => "Insufficient Capacity",
        }
    }

    /// How it travels in an attribute: class and number (RFC 8489 section 14.8).
    pub(super) const fn digits(self) -> [u8; 2] {
        let number = self.number();
        [(number / 100) as u8, (number % 100) as u8]
    }
}
