//! Asking a client of DTLS 1.2 for a certificate of RSA too, which `dimpl` cannot do.
//!
//! Its CertificateRequest (RFC 5246 section 7.4.4) names ECDSA alone, and a client that has nothing but an RSA key, such as
//! GStreamer, then sends no certificate. `dimpl` lets others check signatures, but not change this message. So it is
//! changed on its way out, and wherever the handshake is hashed or signed, for both ends must have seen the same:
//! [`Hashes`] and [`Signatures`] put into the transcript what the client was sent. A change of `dimpl` that makes this
//! fail breaks the handshake, never its security: then the ends do not agree on what was said.

use dimpl::crypto::{
    Buf, HashContext, HashProvider, SignatureVerifier, aws_lc_rs::default_provider,
};
use dimpl::{CryptoError, HashAlgorithm, SignatureAlgorithm};

use super::hello::Reader;
use super::keys::Verifier;

const CONTENT_HANDSHAKE: u8 = 22;
const CERTIFICATE_REQUEST: u8 = 13;
/// What comes before the length of a record (RFC 6347 section 4.1).
const RECORD_HEADER: usize = 11;

/// `rsa_sign` (RFC 5246 section 7.4.4).
const RSA_SIGN: u8 = 1;
/// RSA by PKCS #1 v1.5 with SHA-256, SHA-384 and SHA-512: a hash and a signature each (RFC 5246 section 7.4.1.4.1).
const RSA_SIGNATURES: [u8; 6] = [4, 1, 5, 1, 6, 1];

/// What the CertificateRequest of a datagram grows by.
pub(super) const GROWTH: usize = 1 + RSA_SIGNATURES.len();

/// A datagram of ours whose CertificateRequest asks for RSA too; None if it has no such message.
pub(super) fn asking_in_datagram(datagram: &[u8]) -> Option<Vec<u8>> {
    let mut records = Reader(datagram);
    let mut out = Vec::with_capacity(datagram.len() + GROWTH);
    let mut changed = false;
    while let Some(header) = records.take(RECORD_HEADER) {
        let len = records.u16()?;
        let record = records.take(len.into())?;
        let asking = match header {
            // Epoch 0 is not encrypted.
            [CONTENT_HANDSHAKE, _, _, 0, 0, ..] => asking_in_messages(record),
            _ => None,
        };
        changed |= asking.is_some();
        let record = asking.as_deref().unwrap_or(record);
        out.extend_from_slice(header);
        out.extend_from_slice(&u16::try_from(record.len()).ok()?.to_be_bytes());
        out.extend_from_slice(record);
    }
    changed.then_some(out)
}

/// The same for whole handshake messages one after another, as in a record of one message and in a transcript.
fn asking_in_messages(messages: &[u8]) -> Option<Vec<u8>> {
    let mut rest = Reader(messages);
    while !rest.0.is_empty() {
        let place = messages.len() - rest.0.len();
        let message = rest.u8()?;
        let len = rest.u24()?;
        let sequence = rest.take(2)?;
        let (offset, fragment_len) = (rest.u24()?, rest.u24()?);
        // Pieces are none of our flight, which has 700 bytes, nor of a transcript.
        if offset != 0 || fragment_len != len {
            return None;
        }
        let body = rest.take(len)?;
        if message == CERTIFICATE_REQUEST {
            let body = asking(body)?;
            let [_, len @ ..] = u32::try_from(body.len()).ok()?.to_be_bytes();
            let before = messages.get(..place)?;
            let header = [&[message][..], &len, sequence, &[0, 0, 0], &len].concat();
            return Some([before, &header, &body, rest.0].concat());
        }
    }
    None
}

/// The body of a CertificateRequest with RSA added to its types and signatures.
fn asking(body: &[u8]) -> Option<Vec<u8>> {
    let mut body = Reader(body);
    let types_len = body.u8()?;
    let types = body.take(types_len.into())?;
    let signatures_len = body.u16()?;
    let signatures = body.take(signatures_len.into())?;
    let types_len = types_len.checked_add(1)?.to_be_bytes();
    let signatures_len = signatures_len.checked_add(RSA_SIGNATURES.len() as u16)?.to_be_bytes();
    Some(
        [&types_len, types, &[RSA_SIGN], &signatures_len, signatures, &RSA_SIGNATURES, body.0]
            .concat(),
    )
}

/// Hashes transcripts as the client knows them.
#[derive(Debug)]
pub(super) struct Hashes;

impl HashProvider for Hashes {
    fn create_hash(&self, algorithm: HashAlgorithm) -> Box<dyn HashContext> {
        Box::new(Transcript(default_provider().hash_provider.create_hash(algorithm)))
    }
}

/// A hash of a transcript, which `dimpl` gives whole.
#[derive(Debug)]
struct Transcript(Box<dyn HashContext>);

impl HashContext for Transcript {
    fn update(&mut self, data: &[u8]) {
        self.0.update(asking_in_messages(data).as_deref().unwrap_or(data));
    }

    fn clone_and_finalize(&self, out: &mut Buf) {
        self.0.clone_and_finalize(out);
    }
}

/// Checks signatures of transcripts as the client knows them.
#[derive(Debug)]
pub(super) struct Signatures;

impl SignatureVerifier for Signatures {
    fn verify_signature(
        &self,
        certificate: &[u8],
        data: &[u8],
        signature: &[u8],
        hash: HashAlgorithm,
        kind: SignatureAlgorithm,
    ) -> Result<(), CryptoError> {
        let asking = asking_in_messages(data);
        let data = asking.as_deref().unwrap_or(data);
        Verifier.verify_signature(certificate, data, signature, hash, kind)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// ECDSA, with SHA-256 and SHA-384; no authorities.
    const OF_DIMPL: &[u8] = &[1, 64, 0, 4, 4, 3, 5, 3, 0, 0];
    const WITH_RSA: &[u8] = &[2, 64, 1, 0, 10, 4, 3, 5, 3, 4, 1, 5, 1, 6, 1, 0, 0];

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let len = [0, 0, body.len() as u8];
        [&[kind][..], &len, &[0, 4, 0, 0, 0], &len, body].concat()
    }

    fn record(epoch: u8, message: &[u8]) -> Vec<u8> {
        let header = [CONTENT_HANDSHAKE, 0xFE, 0xFD, 0, epoch, 0, 0, 0, 0, 0, 9, 0];
        [&header[..], &[message.len() as u8], message].concat()
    }

    #[test]
    fn rsa_is_asked_for_in_the_datagram_and_in_the_transcript_alike() {
        let [hello, done] = [message(2, b"hello"), message(14, b"")];
        let [ours, theirs] = [OF_DIMPL, WITH_RSA].map(|body| message(CERTIFICATE_REQUEST, body));
        let flight = |request| [record(0, &hello), record(0, request), record(0, &done)].concat();
        assert_eq!(asking_in_datagram(&flight(&ours)), Some(flight(&theirs)));
        assert_eq!(flight(&theirs).len(), flight(&ours).len() + GROWTH);
        let transcript = |request: &[u8]| [&hello[..], request, &done].concat();
        assert_eq!(asking_in_messages(&transcript(&ours)), Some(transcript(&theirs)));
    }

    #[test]
    fn everything_else_goes_as_it_is() {
        let hello = record(0, &message(2, b"hello"));
        let request = message(CERTIFICATE_REQUEST, OF_DIMPL);
        let sealed = record(1, &request);
        let mut piece = request.clone();
        piece[11] -= 1;
        for datagram in [&hello, &sealed, &record(0, &piece), &record(0, &request[..20])] {
            assert_eq!(asking_in_datagram(datagram), None, "{datagram:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_grow_by_what_is_asked_or_not_at_all(
            bytes in proptest::collection::vec(0..16u8, 0..80),
        ) {
            let messages = [&message(1, b"hello")[..], &bytes].concat();
            for out in [asking_in_messages(&messages), asking_in_messages(&bytes)].into_iter().flatten() {
                prop_assert!([messages.len(), bytes.len()].map(|len| len + GROWTH).contains(&out.len()));
            }
            let datagram = [&record(0, &message(CERTIFICATE_REQUEST, &bytes))[..], &bytes].concat();
            if let Some(out) = asking_in_datagram(&datagram) {
                prop_assert_eq!((out.len() - datagram.len()) % GROWTH, 0);
            }
        }
    }
}
