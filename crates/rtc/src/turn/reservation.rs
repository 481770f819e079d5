//! RESERVATION-TOKEN: the right to the port next to an even one (RFC 8656 section 18.6).

use aws_lc_rs::{constant_time, hmac};

use super::destinations::Family;
use super::{RESERVATION_LIFETIME, Secret};

/// A token as it travels. It says everything itself, so that the thread that gets it need not be the one that
/// gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token(pub(super) [u8; 8]);

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reservation {
    pub(super) port: u16,
    pub(super) family: Family,
}

/// Makes and checks tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    key: hmac::Key,
}

impl Tokens {
    pub(super) fn new(secret: &Secret) -> Tokens {
        Tokens { key: secret.derived("reservation") }
    }

    /// A token for the user of this name.
    pub(super) fn issue(&self, reserved: Reservation, username: &[u8], unix_seconds: u64) -> Token {
        let until = unix_seconds.wrapping_add(RESERVATION_LIFETIME.as_secs()) as u16;
        self.token(reserved, username, until)
    }

    /// What a token is for, if it is the user's and not too old.
    pub(super) fn redeem(
        &self,
        token: Token,
        username: &[u8],
        unix_seconds: u64,
    ) -> Option<Reservation> {
        let [p0, p1, family, u0, u1, ..] = token.0;
        let port = u16::from_be_bytes([p0, p1]);
        let until = u16::from_be_bytes([u0, u1]);
        let reserved = Reservation { port, family: Family::from_number(family)? };
        let expected = self.token(reserved, username, until);
        // 16 bits of seconds are enough to tell half a minute from the rest of 18 hours.
        let left = until.wrapping_sub(unix_seconds as u16);
        let good = u64::from(left) <= RESERVATION_LIFETIME.as_secs()
            && constant_time::verify_slices_are_equal(&expected.0, &token.0).is_ok();
        good.then_some(reserved)
    }

    /// Who guesses the three bytes of the HMAC has a port that means nothing.
    fn token(&self, reserved: Reservation, username: &[u8], until: u16) -> Token {
        let [p0, p1] = reserved.port.to_be_bytes();
        let [u0, u1] = until.to_be_bytes();
        let said = [p0, p1, reserved.family as u8, u0, u1];
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&said);
        context.update(username);
        let tag = context.sign();
        let [m0, m1, m2] = tag.as_ref().first_chunk().copied().unwrap_or_default();
        Token([p0, p1, said[2], u0, u1, m0, m1, m2])
    }
}
