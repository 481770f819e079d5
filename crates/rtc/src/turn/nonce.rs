//! Nonces that prove that a client gets what we send to its address, without remembering any.

use std::fmt::Write as _;
use std::net::IpAddr;

use arrayvec::ArrayString;
use aws_lc_rs::{constant_time, hmac};

use super::{Client, NONCE_LIFETIME, Secret};

/// Characters of a nonce: when it ends and a part of an HMAC, both in hexadecimal. Answers to who has
/// proved nothing are to be short.
const NONCE_LEN: usize = 8 + 2 * MAC_LEN;

/// Bytes of the HMAC that a nonce has: who guesses 2^63 times may use one nonce from another address.
const MAC_LEN: usize = 8;

/// A nonce as it travels.
pub(super) type Nonce = ArrayString<NONCE_LEN>;

/// Makes and checks nonces. Those of one secret are good for all servers that have it.
#[derive(Debug)]
pub(super) struct Nonces {
    key: hmac::Key,
}

impl Nonces {
    pub(super) fn new(secret: &Secret) -> Nonces {
        Nonces { key: secret.derived("nonce") }
    }

    /// A nonce for a client, good for [`NONCE_LIFETIME`] from now on.
    pub(super) fn issue(&self, unix_seconds: u64, client: Client) -> Nonce {
        let until = unix_seconds.wrapping_add(NONCE_LIFETIME.as_secs()) as u32;
        let mut nonce = Nonce::new();
        let mac = self.mac(until, client);
        let written = write!(nonce, "{until:08x}")
            .and_then(|()| mac.iter().try_for_each(|byte| write!(nonce, "{byte:02x}")));
        debug_assert!(written.is_ok(), "a nonce has room for what it is made of");
        nonce
    }

    /// Whether a nonce is one that this client was given, and not too old.
    pub(super) fn is_good(&self, nonce: &[u8], unix_seconds: u64, client: Client) -> bool {
        let until = nonce
            .get(..8)
            .and_then(|digits| str::from_utf8(digits).ok())
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let Some(until) = until else { return false };
        // The difference, so that it holds when 32 bits of seconds are over.
        let left = until.wrapping_sub(unix_seconds as u32);
        let expected = self.issue(u64::from(until).wrapping_sub(NONCE_LIFETIME.as_secs()), client);
        u64::from(left) <= NONCE_LIFETIME.as_secs()
            && constant_time::verify_slices_are_equal(expected.as_bytes(), nonce).is_ok()
    }

    fn mac(&self, until: u32, client: Client) -> [u8; MAC_LEN] {
        let remote = client.remote();
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&until.to_be_bytes());
        match remote.ip() {
            IpAddr::V4(v4) => context.update(&v4.octets()),
            IpAddr::V6(v6) => context.update(&v6.octets()),
        }
        context.update(&remote.port().to_be_bytes());
        context.update(&[u8::from(client.is_stream())]);
        let tag = context.sign();
        tag.as_ref().first_chunk().copied().unwrap_or_default()
    }
}
