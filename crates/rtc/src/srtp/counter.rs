//! Protection by AES counter mode and HMAC-SHA1 (RFC 3711 sections 4.1.1 and 4.2.1).

use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{constant_time, hmac};

use super::kdf::{Labels, MasterKey};
use super::{Position, RTCP_HEADER_LEN, SRTCP_INDEX_LEN};

/// Bytes of the HMAC that go on the wire: 80 bits (RFC 3711 section 5.2).
pub(super) const TAG_LEN: usize = 10;

/// Seals and opens packets of one kind in one direction. Both keys are expanded once.
pub(super) struct Counter {
    encryption: EncryptingKey,
    authentication: hmac::Key,
    salt: [u8; 14],
}

impl Counter {
    pub(super) fn new(master: &MasterKey, labels: Labels) -> Result<Counter, Unspecified> {
        let key = UnboundCipherKey::new(&AES_128, &master.derive::<16>(labels.encryption)?)?;
        Ok(Counter {
            encryption: EncryptingKey::ctr(key)?,
            authentication: hmac::Key::new(
                hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                &master.derive::<20>(labels.authentication)?,
            ),
            salt: master.derive(labels.salt)?,
        })
    }

    pub(super) fn seal_rtp(
        &self,
        at: Position,
        header_len: usize,
        packet: &mut [u8],
        len: usize,
    ) -> Option<usize> {
        let (packet, spare) = packet.split_at_mut_checked(len)?;
        self.crypt(at, packet.get_mut(header_len..)?).ok()?;
        *spare.first_chunk_mut()? = self.tag(packet, &at.rollover());
        Some(len + TAG_LEN)
    }

    pub(super) fn open_rtp(
        &self,
        at: Position,
        header_len: usize,
        packet: &mut [u8],
    ) -> Option<usize> {
        let (packet, tag) = packet.split_last_chunk_mut::<TAG_LEN>()?;
        let expected = self.tag(packet, &at.rollover());
        constant_time::verify_slices_are_equal(&expected, tag).ok()?;
        self.crypt(at, packet.get_mut(header_len..)?).ok()?;
        Some(packet.len())
    }

    /// Header, ciphertext, the E flag and the index, then the tag (RFC 3711 section 3.4).
    pub(super) fn seal_rtcp(&self, at: Position, packet: &mut [u8], len: usize) -> Option<usize> {
        let (packet, spare) = packet.split_at_mut_checked(len)?;
        let (word, spare) = spare.split_first_chunk_mut::<SRTCP_INDEX_LEN>()?;
        self.crypt(at, packet.get_mut(RTCP_HEADER_LEN..)?).ok()?;
        *word = at.srtcp_word();
        *spare.first_chunk_mut()? = self.tag(packet, word);
        Some(len + SRTCP_INDEX_LEN + TAG_LEN)
    }

    pub(super) fn open_rtcp(&self, at: Position, packet: &mut [u8]) -> Option<usize> {
        let (packet, tag) = packet.split_last_chunk_mut::<TAG_LEN>()?;
        let (packet, word) = packet.split_last_chunk_mut::<SRTCP_INDEX_LEN>()?;
        let expected = self.tag(packet, word);
        constant_time::verify_slices_are_equal(&expected, tag).ok()?;
        self.crypt(at, packet.get_mut(RTCP_HEADER_LEN..)?).ok()?;
        Some(packet.len())
    }

    /// Encrypts or decrypts: both are the same XOR.
    fn crypt(&self, at: Position, payload: &mut [u8]) -> Result<(), Unspecified> {
        let mut block = [0; 16];
        block[..14].copy_from_slice(&self.salt);
        xor(&mut block[4..8], &at.ssrc.to_be_bytes());
        xor(&mut block[8..14], &at.index.to_be_bytes()[2..]);
        let first_block = EncryptionContext::Iv128(FixedLength::from(block));
        self.encryption.less_safe_encrypt(payload, first_block)?;
        Ok(())
    }

    fn tag(&self, packet: &[u8], trailer: &[u8; 4]) -> [u8; TAG_LEN] {
        let mut context = hmac::Context::with_key(&self.authentication);
        context.update(packet);
        context.update(trailer);
        let full = context.sign();
        let mut tag = [0; TAG_LEN];
        tag.iter_mut().zip(full.as_ref()).for_each(|(to, from)| *to = *from);
        tag
    }
}

fn xor(bytes: &mut [u8], with: &[u8]) {
    bytes.iter_mut().zip(with).for_each(|(byte, with)| *byte ^= with);
}

#[cfg(test)]
mod tests;
