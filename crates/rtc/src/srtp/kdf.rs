//! From the master key that DTLS exports to the keys of one direction (RFC 3711 section 4.3).

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::iv::FixedLength;

use super::Profile;

/// What the session keys of one direction are derived from.
#[derive(Clone)]
pub struct MasterKey {
    profile: Profile,
    key: [u8; 32],
    /// 112 bits; a salt of 96 bits has zeros behind it (RFC 7714 section 11).
    salt: [u8; 14],
}

/// What each session key is for: the label of RFC 3711 section 4.3.2.
#[derive(Clone, Copy)]
pub(super) enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// Which keys one cipher takes.
#[derive(Clone, Copy)]
pub(super) struct Labels {
    pub(super) encryption: Label,
    pub(super) authentication: Label,
    pub(super) salt: Label,
}

impl Labels {
    pub(super) const RTP: Labels = Labels {
        encryption: Label::RtpEncryption,
        authentication: Label::RtpAuthentication,
        salt: Label::RtpSalt,
    };

    pub(super) const RTCP: Labels = Labels {
        encryption: Label::RtcpEncryption,
        authentication: Label::RtcpAuthentication,
        salt: Label::RtcpSalt,
    };
}

impl MasterKey {
    /// A master key and salt. None if one does not have the length that `profile` wants.
    pub fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Option<MasterKey> {
        if key.len() != profile.key_len() || salt.len() != profile.salt_len() {
            return None;
        }
        let mut master = MasterKey { profile, key: [0; 32], salt: [0; 14] };
        master.key.get_mut(..key.len())?.copy_from_slice(key);
        master.salt.get_mut(..salt.len())?.copy_from_slice(salt);
        Some(master)
    }

    /// The profile that the key is for.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// `N` bytes for `label`, by AES counter mode as the pseudo-random function (RFC 3711 section
    /// 4.3.3; with 256-bit keys RFC 6188 section 3). The key derivation rate is zero, as DTLS-SRTP
    /// has it.
    pub(super) fn derive<const N: usize>(&self, label: Label) -> Result<[u8; N], Unspecified> {
        let algorithm = if self.profile.key_len() == 32 { &AES_256 } else { &AES_128 };
        let key = self.key.get(..self.profile.key_len()).ok_or(Unspecified)?;
        let prf = EncryptingKey::ctr(UnboundCipherKey::new(algorithm, key)?)?;
        let mut counter = [0; 16];
        counter[..14].copy_from_slice(&self.salt);
        counter[7] ^= label as u8;
        let mut bytes = [0; N];
        prf.less_safe_encrypt(&mut bytes, EncryptionContext::Iv128(FixedLength::from(counter)))?;
        Ok(bytes)
    }
}

/// The master keys of both directions of a connection.
#[derive(Clone)]
pub struct Keys {
    /// What the client seals with.
    pub client: MasterKey,
    /// What the server seals with.
    pub server: MasterKey,
}

impl Keys {
    /// Splits what DTLS exported under the label `EXTRACTOR-dtls_srtp`: both keys, then both
    /// salts, the client's first (RFC 5764 section 4.2). None if it is not of the right length.
    pub fn from_exported(profile: Profile, exported: &[u8]) -> Option<Keys> {
        let (keys, salts) = exported.split_at_checked(2 * profile.key_len())?;
        let (client_key, server_key) = keys.split_at_checked(profile.key_len())?;
        let (client_salt, server_salt) = salts.split_at_checked(profile.salt_len())?;
        Some(Keys {
            client: MasterKey::new(profile, client_key, client_salt)?,
            server: MasterKey::new(profile, server_key, server_salt)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        let bytes: Vec<u8> = (0..text.len() / 2)
            .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
            .collect();
        bytes.try_into().unwrap()
    }

    #[test]
    fn session_keys_are_those_of_rfc_3711_appendix_b_3() {
        let key: [u8; 16] = hex("E1F97A0D3E018BE0D64FA32C06DE4139");
        let salt: [u8; 14] = hex("0EC675AD498AFEEBB6960B3AABE6");
        let master = MasterKey::new(Profile::AesCm128HmacSha1_80, &key, &salt).unwrap();
        let encryption: [u8; 16] = master.derive(Label::RtpEncryption).unwrap();
        assert_eq!(encryption, hex("C61E7A93744F39EE10734AFE3FF7A087"));
        let salt: [u8; 14] = master.derive(Label::RtpSalt).unwrap();
        assert_eq!(salt, hex("30CBBC08863D8C85D49DB34A9AE1"));
        let authentication: [u8; 20] = master.derive(Label::RtpAuthentication).unwrap();
        assert_eq!(authentication, hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
    }
}
