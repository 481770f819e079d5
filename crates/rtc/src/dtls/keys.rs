//! Whether a peer has the key of its certificate: signatures of handshakes, checked for more kinds of keys than `dimpl`
//! knows.
//!
//! A certificate is trusted by its fingerprint alone; the signature shows that the peer has its key.

use aws_lc_rs::signature as aws;
use aws_lc_rs::signature::{ParsedPublicKey, VerificationAlgorithm};
use dimpl::crypto::{SignatureVerifier, aws_lc_rs::default_provider};
use dimpl::{CryptoError, CryptoOperation, HashAlgorithm, SignatureAlgorithm};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ELLIPTIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P_521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// Takes RSA (PKCS #1 v1.5, from 2048 bits) and ECDSA on P-521, and leaves the rest to `dimpl`: ECDSA on P-256 and P-384.
#[derive(Debug)]
pub(super) struct Verifier;

impl SignatureVerifier for Verifier {
    fn verify_signature(
        &self,
        certificate: &[u8],
        data: &[u8],
        signature: &[u8],
        hash: HashAlgorithm,
        kind: SignatureAlgorithm,
    ) -> Result<(), CryptoError> {
        let parsed =
            Certificate::from_der(certificate).map_err(|_| CryptoError::CertificateParseFailed)?;
        let key = parsed.tbs_certificate().subject_public_key_info();
        let Some(algorithm) = algorithm(key, kind, hash) else {
            let ours = default_provider().signature_verification;
            return ours.verify_signature(certificate, data, signature, hash, kind);
        };
        let bits = key.subject_public_key.as_bytes().ok_or(CryptoError::InvalidSubjectPublicKey)?;
        ParsedPublicKey::new(algorithm, bits)
            .map_err(|_| CryptoError::UnsupportedPublicKeyAlgorithm)?
            .verify_sig(data, signature)
            .map_err(|_| CryptoError::OperationFailed(CryptoOperation::VerifySignature))
    }
}

/// How a signature by this key is checked, if it is of a kind that `dimpl` does not know.
fn algorithm(
    key: &SubjectPublicKeyInfoOwned,
    kind: SignatureAlgorithm,
    hash: HashAlgorithm,
) -> Option<&'static dyn VerificationAlgorithm> {
    let curve = || key.algorithm.parameters.as_ref()?.decode_as::<ObjectIdentifier>().ok();
    match (key.algorithm.oid, kind, hash) {
        (RSA, SignatureAlgorithm::RSA, HashAlgorithm::SHA256) => {
            Some(&aws::RSA_PKCS1_2048_8192_SHA256)
        }
        (RSA, SignatureAlgorithm::RSA, HashAlgorithm::SHA384) => {
            Some(&aws::RSA_PKCS1_2048_8192_SHA384)
        }
        (RSA, SignatureAlgorithm::RSA, HashAlgorithm::SHA512) => {
            Some(&aws::RSA_PKCS1_2048_8192_SHA512)
        }
        (ELLIPTIC, SignatureAlgorithm::ECDSA, _) if curve() == Some(P_521) => match hash {
            HashAlgorithm::SHA256 => Some(&aws::ECDSA_P521_SHA256_ASN1),
            HashAlgorithm::SHA384 => Some(&aws::ECDSA_P521_SHA384_ASN1),
            _ => None,
        },
        _ => None,
    }
}
