//! Certificates of clients: of which kinds they may be, and what they have to show.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self as aws, EcdsaKeyPair, EcdsaSigningAlgorithm, RsaEncoding, RsaKeyPair,
};
use parlor_rtc::connection::{CloseReason, Connection, Event, Received};
use parlor_rtc::dtls::{Failure, Fingerprint, Identity};
use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm};

use super::by_hand::{Client, Credential, ServerFlight};
use super::client::{Setup, World, is_dtls};

fn key_and_certificate(kind: &'static SignatureAlgorithm) -> (KeyPair, Vec<u8>) {
    let key = KeyPair::generate_for(kind).unwrap();
    let certificate = CertificateParams::default().self_signed(&key).unwrap();
    (key, certificate.der().to_vec())
}

fn rsa(scheme: [u8; 2], padding: &'static dyn RsaEncoding) -> Credential {
    let (key, certificate) = key_and_certificate(&rcgen::PKCS_RSA_SHA256);
    let key = RsaKeyPair::from_pkcs8(&key.serialize_der()).unwrap();
    let sign = move |data: &[u8]| {
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(padding, &SystemRandom::new(), data, &mut signature).unwrap();
        signature
    };
    Credential { certificate: Some(certificate), scheme, sign: Box::new(sign) }
}

fn ecdsa(
    kind: &'static SignatureAlgorithm,
    scheme: [u8; 2],
    algorithm: &'static EcdsaSigningAlgorithm,
) -> Credential {
    let (key, certificate) = key_and_certificate(kind);
    let key = EcdsaKeyPair::from_pkcs8(algorithm, &key.serialize_der()).unwrap();
    let sign = move |data: &[u8]| key.sign(&SystemRandom::new(), data).unwrap().as_ref().to_vec();
    Credential { certificate: Some(certificate), scheme, sign: Box::new(sign) }
}

/// A handshake by hand: what the server asked for, and what came of it.
fn shake_hands(own: &Credential) -> (ServerFlight, Vec<Event>) {
    shake_hands_when(own, false)
}

/// The same where the server's first flight may be lost, so that it is repeated.
fn shake_hands_when(own: &Credential, lost: bool) -> (ServerFlight, Vec<Event>) {
    let mut world = World::new(&Setup::default());
    let fingerprint = Fingerprint::of(own.certificate.as_deref().unwrap_or_default());
    let identity = Arc::new(Identity::generate().unwrap());
    world.server = Connection::new(
        world.now,
        identity,
        world.local.clone(),
        world.remote.clone(),
        fingerprint,
    );
    world.nominate();
    world.events();
    world.out.0.clear();
    let (mut client, hello) = Client::hello();
    assert_eq!(world.receive(world.path, &hello), Received::Handled);
    if lost {
        world.out.0.clear();
        world.now = world.server.deadline().unwrap();
        world.server.handle_timeout(world.now, &mut world.out);
    }
    let sent = world.out.0.drain(..).map(|(_, datagram)| datagram).filter(|bytes| is_dtls(bytes));
    let asked = client.read(&sent.collect::<Vec<_>>());
    let flight = client.answer(&asked, own);
    world.receive(world.path, &flight);
    (asked, world.events())
}

#[test]
fn a_client_with_a_certificate_of_rsa_is_asked_for_it_and_connects() {
    let (asked, events) = shake_hands(&rsa([4, 1], &aws::RSA_PKCS1_SHA256));
    assert_eq!(asked.types, [64, 1], "ECDSA, and RSA");
    assert_eq!(asked.schemes, [4, 3, 4, 1, 5, 1, 6, 1]);
    assert_eq!(events, [Event::Connected]);
    for (hash, padding) in [(5, &aws::RSA_PKCS1_SHA384), (6, &aws::RSA_PKCS1_SHA512)] {
        assert_eq!(shake_hands(&rsa([hash, 1], padding)).1, [Event::Connected]);
    }
}

#[test]
fn what_is_said_again_after_a_loss_asks_for_rsa_as_well() {
    let (asked, events) = shake_hands_when(&rsa([4, 1], &aws::RSA_PKCS1_SHA256), true);
    assert_eq!(asked.types, [64, 1]);
    assert_eq!(events, [Event::Connected]);
}

#[test]
fn a_client_with_a_certificate_on_any_curve_of_nist_from_p_256_connects() {
    for own in [
        ecdsa(&rcgen::PKCS_ECDSA_P256_SHA256, [4, 3], &aws::ECDSA_P256_SHA256_ASN1_SIGNING),
        ecdsa(&rcgen::PKCS_ECDSA_P384_SHA384, [5, 3], &aws::ECDSA_P384_SHA384_ASN1_SIGNING),
        ecdsa(&rcgen::PKCS_ECDSA_P521_SHA512, [4, 3], &aws::ECDSA_P521_SHA256_ASN1_SIGNING),
        ecdsa(&rcgen::PKCS_ECDSA_P521_SHA512, [5, 3], &aws::ECDSA_P521_SHA384_ASN1_SIGNING),
    ] {
        assert_eq!(shake_hands(&own).1, [Event::Connected], "{:?}", own.scheme);
    }
}

#[test]
fn a_certificate_without_its_key_is_nothing() {
    let owner = rsa([4, 1], &aws::RSA_PKCS1_SHA256);
    let thief = rsa([4, 1], &aws::RSA_PKCS1_SHA256);
    let stolen = Credential { certificate: owner.certificate, ..thief };
    assert_eq!(shake_hands(&stolen).1, [Event::Closed(CloseReason::Dtls(Failure::Handshake))]);
}

#[test]
fn a_signature_of_another_handshake_is_nothing() {
    let mut own = rsa([4, 1], &aws::RSA_PKCS1_SHA256);
    let sign = own.sign;
    own.sign = Box::new(move |transcript| {
        let mut transcript = transcript.to_vec();
        *transcript.last_mut().unwrap() ^= 1;
        sign(&transcript)
    });
    assert_eq!(shake_hands(&own).1, [Event::Closed(CloseReason::Dtls(Failure::Handshake))]);
}

#[test]
fn a_client_without_a_certificate_of_a_known_kind_is_told_which_those_are() {
    let none = Credential { certificate: None, ..rsa([4, 1], &aws::RSA_PKCS1_SHA256) };
    let (_, certificate) = key_and_certificate(&rcgen::PKCS_ED25519);
    let other = Credential {
        certificate: Some(certificate),
        scheme: [8, 7],
        sign: Box::new(|_| vec![0; 64]),
    };
    for own in [none, other] {
        assert_eq!(shake_hands(&own).1, [Event::Closed(CloseReason::Dtls(Failure::NoCertificate))]);
    }
}
