//! Long-term credentials (RFC 8489 section 9.2): from a user name to the key of its requests.

use aws_lc_rs::hmac;
use md5::{Digest as _, Md5};

use super::Secret;
use super::credentials::Claim;
use super::limits::MAX_USERNAME_LEN;

/// What the key of requests is made from, and with it who may ask for anything.
#[derive(Debug)]
pub(super) struct Logins {
    secret: Secret,
    realm: String,
}

impl Logins {
    pub(super) fn new(secret: Secret, realm: String) -> Logins {
        Logins { secret, realm }
    }

    pub(super) fn realm(&self) -> &str {
        &self.realm
    }

    /// The key of a user name that is ours and not over at `unix_seconds`.
    pub(super) fn key_of(&self, username: &[u8], unix_seconds: u64) -> Option<hmac::Key> {
        let username = readable(username)?;
        let claim = Claim::read(username)?;
        if claim.expires_at <= unix_seconds {
            return None;
        }
        let key = long_term_key(username, &self.realm, &self.secret.password_of(username));
        Some(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key))
    }
}

/// RFC 8489 section 9.2.2. Our passwords are Base64, so that preparing them (RFC 8265) changes nothing.
fn long_term_key(username: &str, realm: &str, password: &str) -> [u8; 16] {
    let mut hash = Md5::new();
    for part in [username, ":", realm, ":", password] {
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// A user name that is text and not too long.
fn readable(username: &[u8]) -> Option<&str> {
    let fits = username.len() <= MAX_USERNAME_LEN;
    fits.then(|| str::from_utf8(username).ok())?
}

/// Whose a user name is: what all user names of one peer have in common.
pub(super) fn peer_of(username: &[u8]) -> &[u8] {
    let colon = username.iter().position(|byte| *byte == b':');
    colon.and_then(|colon| username.get(colon + 1..)).unwrap_or(username)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_rfc_comes_out() {
        let key = u128::from_be_bytes(long_term_key("user", "realm", "pass"));
        assert_eq!(key, 0x8493_fbc5_3ba5_82fb_4c04_4c45_6bdc_40eb);
    }

    #[test]
    fn all_user_names_of_a_peer_are_the_peers() {
        assert_eq!(peer_of(b"1800000000:ada"), peer_of(b"1800000060:ada"));
        assert_eq!((peer_of(b"1:a:b"), peer_of(b"ada")), (&b"a:b"[..], &b"ada"[..]));
    }
}
