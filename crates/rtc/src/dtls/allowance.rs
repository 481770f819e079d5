//! How much may be sent to a client that has not yet proved to receive: the limit of QUIC
//! (RFC 9000 section 8.1), for a handshake without cookies.

/// Bytes that may be sent for each byte that came.
const FACTOR: usize = 3;

/// What may be sent beyond that, once: our first flight of some 700 bytes and two repetitions, to a
/// client whose hello has no more than 120. Less than the offer that got it so far.
const FIRST_FLIGHTS: usize = 2048;

/// What one association may still send, in bytes of DTLS.
///
/// Counted over all its paths together: whoever has a client's credentials can name as many
/// addresses as they like.
pub(super) enum Allowance {
    /// The client may be anybody who knows the credentials, and its address anybody's.
    Bytes(usize),
    /// It has answered what we sent.
    Unlimited,
}

impl Default for Allowance {
    fn default() -> Allowance {
        Allowance::Bytes(FIRST_FLIGHTS)
    }
}

impl Allowance {
    pub(super) fn received(&mut self, len: usize) {
        if let Allowance::Bytes(left) = self {
            *left = left.saturating_add(FACTOR * len);
        }
    }

    /// Whether a datagram of `len` bytes may be sent; it counts as sent then.
    pub(super) fn take(&mut self, len: usize) -> bool {
        match self {
            Allowance::Unlimited => true,
            Allowance::Bytes(left) => match left.checked_sub(len) {
                Some(rest) => {
                    *left = rest;
                    true
                }
                None => false,
            },
        }
    }
}
