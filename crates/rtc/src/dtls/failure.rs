//! Why handshakes fail, in words that say what to do.

use dimpl::{CryptoError, Error, SecurityError};

/// Why an association ended, or never came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The client's certificate is not the one of its session description.
    #[error("the client's certificate does not have the signalled fingerprint")]
    FingerprintMismatch,
    /// The client has none of a kind that we verify by. WebRTC has P-256 (RFC 8827 section 6.5), encoders make RSA keys as
    /// well; FFmpeg built with GnuTLS makes such on P-224. RSA and P-521 are asked for in DTLS 1.2 alone, which a client
    /// that offers 1.3 gets only for the sake of its SRTP profiles (`hello`).
    #[error(
        "the client has no certificate that this server can verify: ECDSA on P-256 or P-384, or, of clients without DTLS 1.3, RSA of 2048 bits or more or ECDSA on P-521"
    )]
    NoCertificate,
    /// The client found nothing in common with us, who began: what it has is most likely RSA, of which `dimpl` has no
    /// cipher suite, or on a curve that `dimpl` does not offer.
    #[error(
        "the client, which waits for our handshake (a=setup:passive), has no certificate on P-256 or P-384, or no cipher suite of ours: let it offer a=setup:actpass or active, or give it such a certificate"
    )]
    NoCommonSuite,
    /// The handshake broke off: no common cipher suite, a signature that does not hold, or the
    /// like.
    #[error("the DTLS handshake failed")]
    Handshake,
    /// The client ended the handshake or the association with this alert (RFC 8446 section 6.2).
    #[error("the client sent the fatal DTLS alert {0}")]
    Alert(u8),
    /// The client stopped answering in the middle of the handshake.
    #[error("the DTLS handshake timed out")]
    Timeout,
    /// The client offers no SRTP profile that we know.
    #[error("the client offers no SRTP profile that this server has")]
    NoSrtpProfile,
    /// The client said goodbye (`close_notify`).
    #[error("the client closed the DTLS association")]
    ClosedByClient,
}

/// Every error of `dimpl` is final.
pub(super) fn failure(error: &Error) -> Failure {
    match error {
        Error::SecurityError(SecurityError::FatalAlert { description }) => {
            Failure::Alert(*description)
        }
        Error::CertificateError(_)
        | Error::CryptoError(
            CryptoError::UnsupportedEcCurve
            | CryptoError::UnsupportedPublicKeyAlgorithm
            | CryptoError::UnsupportedSignatureAlgorithm(_),
        ) => Failure::NoCertificate,
        Error::Timeout(_) => Failure::Timeout,
        Error::ConnectionClosed => Failure::ClosedByClient,
        _ => Failure::Handshake,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_we_cannot_verify_by_is_called_that() {
        let curve = Error::CryptoError(CryptoError::UnsupportedEcCurve);
        let rsa = Error::CryptoError(CryptoError::UnsupportedPublicKeyAlgorithm);
        // OpenSSL sends none rather than one that was not asked for.
        let none = Error::CertificateError(dimpl::CertificateError::NoClientCertificateReceived);
        for error in [curve, rsa, none] {
            assert_eq!(failure(&error), Failure::NoCertificate, "{error}");
        }
        assert_eq!(failure(&Error::ReceiveQueueFull), Failure::Handshake);
    }
}
