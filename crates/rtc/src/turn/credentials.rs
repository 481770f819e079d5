//! Credentials that one secret makes and checks without remembering any: the user name says until when it is good
//! and whose it is, and the password is its HMAC (draft-uberti-behave-turn-rest-00).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Longest user name that is looked at, in bytes: RFC 8489 section 14.3 allows less than 509.
pub const MAX_USERNAME_LEN: usize = 508;

/// What makes and checks credentials. Its copies share one key.
#[derive(Clone, Debug)]
pub struct Secret {
    key: hmac::Key,
}

/// A user name and its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// `<expiry in seconds since 1970>:<whose>`.
    pub username: String,
    /// Base64 of HMAC-SHA1.
    pub password: String,
}

impl std::fmt::Debug for Login {
    /// Shows the user name alone: the password is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("username", &self.username).finish_non_exhaustive()
    }
}

/// What a user name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    /// Until when it is good, in seconds since 1970.
    pub expires_at: u64,
    /// Whose it is, as [`Secret::issue`] was told.
    pub peer: &'a str,
}

impl Secret {
    /// The secret of these bytes, which only this server knows: 20 or more of them.
    pub fn new(bytes: &[u8]) -> Secret {
        Secret { key: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, bytes) }
    }

    /// A key for another purpose. No user name is one, as they begin with a number.
    pub(super) fn derived(&self, purpose: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&self.key, purpose.as_bytes()).as_ref())
    }

    /// Credentials of `peer`, good until `expires_at` in seconds since 1970.
    pub fn issue(&self, expires_at: u64, peer: &str) -> Login {
        let username = format!("{expires_at}:{peer}");
        let password = self.password_of(&username);
        Login { username, password }
    }

    /// The password that goes with `username`, whether that has expired or not.
    pub fn password_of(&self, username: &str) -> String {
        STANDARD.encode(hmac::sign(&self.key, username.as_bytes()))
    }
}

impl Claim<'_> {
    /// Reads a user name; `None` if it is not of ours.
    pub fn read(username: &str) -> Option<Claim<'_>> {
        if username.len() > MAX_USERNAME_LEN {
            return None;
        }
        let (expires_at, peer) = username.split_once(':')?;
        Some(Claim { expires_at: expires_at.parse().ok()?, peer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_says_whose_it_is_and_until_when() {
        let secret = Secret::new(b"0123456789abcdef0123");
        let login = secret.issue(1_700_000_000, "p7");
        assert_eq!(login.username, "1700000000:p7");
        let claim = Claim::read(&login.username);
        assert_eq!(claim, Some(Claim { expires_at: 1_700_000_000, peer: "p7" }));
        assert_eq!(login.password, secret.password_of("1700000000:p7"));
        assert_ne!(login.password, secret.password_of("1700000001:p7"));
        assert_ne!(login.password, Secret::new(b"another one").password_of("1700000000:p7"));
    }

    #[test]
    fn the_password_is_the_one_that_other_implementations_compute() {
        // printf '%s' 1433895918:fippo | openssl dgst -sha1 -hmac mysecret -binary | base64
        let password = Secret::new(b"mysecret").password_of("1433895918:fippo");
        assert_eq!(password, "4Li8OqMrBkYaAuMBOT0+vxE6apo=");
    }

    #[test]
    fn what_is_not_of_the_form_is_nobodys() {
        let long = format!("1:{}", "x".repeat(MAX_USERNAME_LEN));
        for username in ["", "fippo", "x:fippo", "-1:fippo", ":fippo", long.as_str()] {
            assert_eq!(Claim::read(username), None, "{username}");
        }
    }
}
