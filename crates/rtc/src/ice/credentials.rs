//! The user name fragment and password of one side of an ICE session.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;

/// Allowed lengths of a ufrag, in characters (RFC 8839 section 5.4).
const UFRAG_LEN: std::ops::RangeInclusive<usize> = 4..=256;

/// Allowed lengths of a password, in characters (RFC 8839 section 5.4).
const PASSWORD_LEN: std::ops::RangeInclusive<usize> = 22..=256;

/// A ufrag and password as signalled in SDP, with the key of their message integrity ready for
/// use.
#[derive(Clone)]
pub struct Credentials {
    ufrag: String,
    password: String,
    /// Shared by all copies: it takes 0.8 KiB, most of it a schedule.
    key: Arc<hmac::Key>,
}

/// A ufrag or password that RFC 8839 section 5.4 does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCredentials {
    /// The ufrag is wrong.
    #[error("an ICE ufrag is 4 to 256 printable ASCII characters without a colon")]
    Ufrag,
    /// The password is wrong.
    #[error("an ICE password is 22 to 256 printable ASCII characters without a colon")]
    Password,
}

impl Credentials {
    /// Checks the form of both and derives the key.
    ///
    /// All printable ASCII except the colon is accepted: the RFC allows letters, digits, `+` and
    /// `/`, but clients are known to use `-`, `_`, `=` and `#` too.
    pub fn new(ufrag: &str, password: &str) -> Result<Credentials, InvalidCredentials> {
        if !UFRAG_LEN.contains(&ufrag.len()) || !ufrag.bytes().all(is_ice_char) {
            return Err(InvalidCredentials::Ufrag);
        }
        if !PASSWORD_LEN.contains(&password.len()) || !password.bytes().all(is_ice_char) {
            return Err(InvalidCredentials::Password);
        }
        Ok(Credentials {
            ufrag: ufrag.to_owned(),
            password: password.to_owned(),
            // The SASLprep of printable ASCII is itself (RFC 8489 section 9.1.1).
            key: Arc::new(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes())),
        })
    }

    /// The user name fragment.
    pub fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// The password.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The key of the short-term credential mechanism (RFC 8489 section 9.1).
    pub fn key(&self) -> &hmac::Key {
        &self.key
    }
}

fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b':'
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        self.ufrag == other.ufrag && self.password == other.password
    }
}

impl Eq for Credentials {}

impl fmt::Debug for Credentials {
    /// Shows the ufrag alone: the password is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}
