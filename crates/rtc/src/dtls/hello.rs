//! Looking at a ClientHello before the handshake begins, to choose the version that gives a fast
//! SRTP profile.
//!
//! `dimpl` picks our preferred profile in DTLS 1.2, but the client's first in DTLS 1.3. Chromium
//! puts AES_CM_128_HMAC_SHA1_80 first, which costs five times as much per packet as AES-GCM, for
//! the whole call; DTLS 1.2 costs one round trip once. So such a client gets DTLS 1.2. Firefox
//! puts AEAD_AES_128_GCM first, which is as fast as our own choice, and gets DTLS 1.3.

use std::ops::Range;

use crate::srtp::Profile;

/// Longest ClientHello that is looked at. With a post-quantum key share and GREASE browsers send
/// 1.5 to 2 KB.
const MAX_HELLO_LEN: usize = 8 * 1024;

/// Most datagrams of one ClientHello that are kept: eight of the smallest that IPv6 lets a client
/// assume fill [`MAX_HELLO_LEN`].
const MAX_DATAGRAMS: usize = 8;

const CONTENT_HANDSHAKE: u8 = 22;
const MESSAGE_CLIENT_HELLO: u8 = 1;
const EXTENSION_USE_SRTP: u16 = 14;
const EXTENSION_SUPPORTED_VERSIONS: u16 = 43;
const DTLS_1_2: u16 = 0xFEFD;
const DTLS_1_3: u16 = 0xFEFC;

/// ECDHE_ECDSA with AES-128-GCM, AES-256-GCM and ChaCha20: what `dimpl` can do in DTLS 1.2.
const SUITES_1_2: [u16; 3] = [0xC02B, 0xC02C, 0xCCA9];

/// The version to answer a ClientHello with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// DTLS 1.3, unless `dimpl` finds that the client has 1.2 alone.
    Newest,
    /// DTLS 1.2: the client offers no more, or it is better so.
    Dtls12,
}

/// Collects the datagrams of a ClientHello until it is whole.
#[derive(Default)]
pub(super) struct HelloAssembly {
    message: Vec<u8>,
    /// Which bytes of the message have come.
    have: Vec<bool>,
    datagrams: Vec<Vec<u8>>,
}

impl HelloAssembly {
    /// Takes one datagram. When the hello is whole: the version to answer with, and the datagrams
    /// to begin the handshake with.
    pub(super) fn take(&mut self, datagram: &[u8]) -> Option<(Version, Vec<Vec<u8>>)> {
        let mut news = false;
        for fragment in fragments(datagram) {
            news |= self.place(&fragment);
        }
        if !news {
            return None;
        }
        if self.datagrams.len() == MAX_DATAGRAMS {
            *self = HelloAssembly::default();
            return None;
        }
        self.datagrams.push(datagram.to_vec());
        if self.have.contains(&false) {
            return None;
        }
        let whole = std::mem::take(self);
        Some((choose(&whole.message).unwrap_or(Version::Newest), whole.datagrams))
    }

    /// Copies a fragment to its place; says whether it brought anything new.
    fn place(&mut self, fragment: &Fragment<'_>) -> bool {
        if fragment.message_len > MAX_HELLO_LEN {
            return false;
        }
        if fragment.message_len != self.message.len() {
            // The first fragment of all, or that of another hello.
            self.message = vec![0; fragment.message_len];
            self.have = vec![false; fragment.message_len];
            self.datagrams.clear();
        }
        let Range { start, end } = fragment.range();
        let (Some(message), Some(have)) =
            (self.message.get_mut(start..end), self.have.get_mut(start..end))
        else {
            return false;
        };
        let news = have.contains(&false);
        message.copy_from_slice(fragment.body);
        have.fill(true);
        news
    }
}

/// One handshake fragment of a ClientHello (RFC 6347 section 4.2.2).
struct Fragment<'a> {
    message_len: usize,
    offset: usize,
    body: &'a [u8],
}

impl Fragment<'_> {
    fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.body.len()
    }
}

/// The ClientHello fragments in the unencrypted records of a datagram.
fn fragments(datagram: &[u8]) -> impl Iterator<Item = Fragment<'_>> {
    let mut records = Reader(datagram);
    std::iter::from_fn(move || {
        let content = records.u8()?;
        records.take(2)?;
        let epoch = records.u16()?;
        records.take(6)?;
        let len = records.u16()?;
        let record = records.take(usize::from(len))?;
        Some((content == CONTENT_HANDSHAKE && epoch == 0).then_some(record))
    })
    .flatten()
    .filter_map(|record| {
        let mut record = Reader(record);
        let message = record.u8()?;
        let message_len = record.u24()?;
        record.take(2)?;
        let offset = record.u24()?;
        let len = record.u24()?;
        let body = record.take(len)?;
        (message == MESSAGE_CLIENT_HELLO).then_some(Fragment { message_len, offset, body })
    })
}

/// The version for a whole ClientHello (RFC 6347 section 4.2.1). None if it cannot be read, which
/// is then for `dimpl` to judge.
fn choose(hello: &[u8]) -> Option<Version> {
    let mut hello = Reader(hello);
    hello.take(2 + 32)?;
    let session_len = hello.u8()?;
    hello.take(session_len.into())?;
    let cookie_len = hello.u8()?;
    hello.take(cookie_len.into())?;
    let suites_len = hello.u16()?;
    let mut suites = Reader(hello.take(suites_len.into())?);
    let compressions_len = hello.u8()?;
    hello.take(compressions_len.into())?;
    let extensions_len = hello.u16()?;
    let mut extensions = Reader(hello.take(extensions_len.into())?);

    let (mut profiles, mut versions) = (Reader(&[]), Reader(&[]));
    while let Some(kind) = extensions.u16() {
        let len = extensions.u16()?;
        let mut value = Reader(extensions.take(len.into())?);
        match kind {
            EXTENSION_USE_SRTP => {
                let len = value.u16()?;
                profiles = Reader(value.take(len.into())?);
            }
            EXTENSION_SUPPORTED_VERSIONS => {
                let len = value.u8()?;
                versions = Reader(value.take(len.into())?);
            }
            _ => {}
        }
    }
    let (mut offers_1_2, mut offers_1_3) = (false, false);
    while let Some(version) = versions.u16() {
        offers_1_2 |= version == DTLS_1_2;
        offers_1_3 |= version == DTLS_1_3;
    }
    let mut can_1_2 = false;
    while let Some(suite) = suites.u16() {
        can_1_2 |= SUITES_1_2.contains(&suite);
    }
    let (mut first, mut has_gcm) = (None, false);
    while let Some(number) = profiles.u16() {
        let known = Profile::ALL.into_iter().find(|profile| profile.number() == number);
        has_gcm |= known.is_some_and(|profile| profile != Profile::AesCm128HmacSha1_80);
        first = first.or(known);
    }
    let would_be_slow = has_gcm && first == Some(Profile::AesCm128HmacSha1_80);
    let downgrade = would_be_slow && offers_1_2 && can_1_2;
    Some(if downgrade || !offers_1_3 { Version::Dtls12 } else { Version::Newest })
}

/// Reads big-endian numbers from the front of bytes.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        let [value] = *self.take(1)?.first_chunk()?;
        Some(value)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(*self.take(2)?.first_chunk()?))
    }

    pub(super) fn u24(&mut self) -> Option<usize> {
        let [a, b, c] = *self.take(3)?.first_chunk()?;
        Some(usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c))
    }
}

#[cfg(test)]
mod tests;
