//! Protection by AES-GCM (RFC 7714): the tag also covers what stays in the clear.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;

use super::kdf::{Labels, MasterKey};
use super::{Position, RTCP_HEADER_LEN, SRTCP_INDEX_LEN};

/// Bytes of a tag (RFC 7714 section 13.2).
const TAG_LEN: usize = 16;

/// Seals and opens packets of one kind in one direction. The key is expanded once.
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: [u8; 12],
}

impl Gcm {
    pub(super) fn aes_256(master: &MasterKey, labels: Labels) -> Result<Gcm, Unspecified> {
        let key = UnboundKey::new(&AES_256_GCM, &master.derive::<32>(labels.encryption)?)?;
        Ok(Gcm { key: LessSafeKey::new(key), salt: master.derive(labels.salt)? })
    }

    pub(super) fn aes_128(master: &MasterKey, labels: Labels) -> Result<Gcm, Unspecified> {
        let key = UnboundKey::new(&AES_128_GCM, &master.derive::<16>(labels.encryption)?)?;
        Ok(Gcm { key: LessSafeKey::new(key), salt: master.derive(labels.salt)? })
    }

    /// Reads what sealing needs first.
    #[inline]
    pub(super) fn touch(&self) -> u64 {
        u64::from(self.salt[0]) ^ self.key.algorithm().key_len() as u64
    }

    /// RFC 7714 section 8.1 and, with the SRTCP index as the index, section 9.1.
    fn nonce(&self, at: Position) -> Nonce {
        let mut nonce = self.salt;
        xor(&mut nonce[2..6], &at.ssrc.to_be_bytes());
        xor(&mut nonce[6..], &at.index.to_be_bytes()[2..]);
        Nonce::assume_unique_for_key(nonce)
    }

    pub(super) fn seal_rtp(
        &self,
        at: Position,
        header_len: usize,
        packet: &mut [u8],
        len: usize,
    ) -> Option<usize> {
        let (header, rest) = packet.split_at_mut_checked(header_len)?;
        let (payload, spare) = rest.split_at_mut_checked(len.checked_sub(header_len)?)?;
        self.seal(at, header, payload, spare.first_chunk_mut()?).ok()?;
        Some(len + TAG_LEN)
    }

    pub(super) fn open_rtp(
        &self,
        at: Position,
        header_len: usize,
        packet: &mut [u8],
    ) -> Option<usize> {
        let (packet, tag) = packet.split_last_chunk_mut::<TAG_LEN>()?;
        let (header, payload) = packet.split_at_mut_checked(header_len)?;
        self.open(at, header, payload, tag).ok()?;
        Some(packet.len())
    }

    /// Header, ciphertext, tag, then the E flag and the index (RFC 7714 section 9.2).
    pub(super) fn seal_rtcp(&self, at: Position, packet: &mut [u8], len: usize) -> Option<usize> {
        let (header, rest) = packet.split_first_chunk_mut::<RTCP_HEADER_LEN>()?;
        let (payload, spare) = rest.split_at_mut_checked(len.checked_sub(RTCP_HEADER_LEN)?)?;
        let (tag, spare) = spare.split_first_chunk_mut::<TAG_LEN>()?;
        let word = spare.first_chunk_mut::<SRTCP_INDEX_LEN>()?;
        *word = at.srtcp_word();
        self.seal(at, &rtcp_clear(header, word), payload, tag).ok()?;
        Some(len + TAG_LEN + SRTCP_INDEX_LEN)
    }

    pub(super) fn open_rtcp(&self, at: Position, packet: &mut [u8]) -> Option<usize> {
        let (packet, word) = packet.split_last_chunk_mut::<SRTCP_INDEX_LEN>()?;
        let (packet, tag) = packet.split_last_chunk_mut::<TAG_LEN>()?;
        let (header, payload) = packet.split_first_chunk_mut::<RTCP_HEADER_LEN>()?;
        self.open(at, &rtcp_clear(header, word), payload, tag).ok()?;
        Some(packet.len())
    }

    fn seal(
        &self,
        at: Position,
        clear: &[u8],
        payload: &mut [u8],
        tag: &mut [u8; TAG_LEN],
    ) -> Result<(), Unspecified> {
        let sealed =
            self.key.seal_in_place_separate_tag(self.nonce(at), Aad::from(clear), payload)?;
        *tag = sealed.as_ref().try_into().map_err(|_| Unspecified)?;
        Ok(())
    }

    fn open(
        &self,
        at: Position,
        clear: &[u8],
        payload: &mut [u8],
        tag: &[u8],
    ) -> Result<(), Unspecified> {
        let clear = Aad::from(clear);
        self.key.open_in_place_separate_tag(self.nonce(at), clear, tag, payload)?;
        Ok(())
    }
}

/// What the tag of an SRTCP packet covers besides the ciphertext (RFC 7714 section 9.2).
fn rtcp_clear(
    header: &[u8; RTCP_HEADER_LEN],
    word: &[u8; SRTCP_INDEX_LEN],
) -> [u8; RTCP_HEADER_LEN + SRTCP_INDEX_LEN] {
    let mut clear = [0; RTCP_HEADER_LEN + SRTCP_INDEX_LEN];
    let (first, last) = clear.split_at_mut(RTCP_HEADER_LEN);
    first.copy_from_slice(header);
    last.copy_from_slice(word);
    clear
}

fn xor(bytes: &mut [u8], with: &[u8]) {
    bytes.iter_mut().zip(with).for_each(|(byte, with)| *byte ^= with);
}

#[cfg(test)]
mod tests;
