//! A DTLS 1.2 client made by hand (RFC 5246, RFC 6347, RFC 7627), whose certificate may be of any kind: `dimpl`'s own
//! has ECDSA alone.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::{digest, hmac};

const HANDSHAKE: u8 = 22;
const CHANGE_CIPHER_SPEC: u8 = 20;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const CERTIFICATE_REQUEST: u8 = 13;
const CERTIFICATE_VERIFY: u8 = 15;
const CLIENT_KEY_EXCHANGE: u8 = 16;
const FINISHED: u8 = 20;
const RANDOM: [u8; 32] = [0x5A; 32];

/// Makes the signature of what is said.
pub(crate) type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// What the client presents, and how it signs.
pub(crate) struct Credential {
    /// In DER; None presents nothing.
    pub(crate) certificate: Option<Vec<u8>>,
    /// Hash and signature of its CertificateVerify (RFC 5246 section 7.4.1.4.1).
    pub(crate) scheme: [u8; 2],
    pub(crate) sign: Sign,
}

/// One handshake.
pub(crate) struct Client {
    transcript: Vec<u8>,
    message_sequence: u16,
    record_sequence: u16,
}

/// What the server said in its first flight.
pub(crate) struct ServerFlight {
    random: Vec<u8>,
    point: Vec<u8>,
    /// The signatures that its CertificateRequest names.
    pub(crate) schemes: Vec<u8>,
    /// The kinds of certificates that it names.
    pub(crate) types: Vec<u8>,
}

impl Client {
    /// A client, and its ClientHello.
    pub(crate) fn hello() -> (Client, Vec<u8>) {
        let mut client = Client { transcript: Vec::new(), message_sequence: 0, record_sequence: 0 };
        let extensions = [
            extension(10, &[0, 2, 0, 23]),
            extension(11, &[1, 0]),
            extension(13, &[0, 8, 4, 3, 4, 1, 5, 1, 6, 1]),
            extension(14, &[0, 2, 0, 7, 0]),
            extension(23, &[]),
        ]
        .concat();
        let suites = [0, 2, 0xC0, 0x2B];
        let extensions = [&(extensions.len() as u16).to_be_bytes(), &extensions[..]].concat();
        let body = [&[0xFE, 0xFD], &RANDOM[..], &[0, 0], &suites, &[1, 0], &extensions].concat();
        let hello = client.say(1, &body);
        (client, hello)
    }

    /// Reads the server's first flight.
    pub(crate) fn read(&mut self, datagrams: &[Vec<u8>]) -> ServerFlight {
        let (mut random, mut point, mut types, mut schemes) = (vec![], vec![], vec![], vec![]);
        for message in datagrams.iter().flat_map(|datagram| messages(datagram)) {
            self.transcript.extend(message);
            let body = &message[12..];
            match message[0] {
                SERVER_HELLO => random = body[2..34].to_vec(),
                SERVER_KEY_EXCHANGE => point = body[4..4 + usize::from(body[3])].to_vec(),
                CERTIFICATE_REQUEST => {
                    let (first, rest) = body[1..].split_at(body[0].into());
                    types = first.to_vec();
                    let len = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
                    schemes = rest[2..2 + len].to_vec();
                }
                _ => {}
            }
        }
        ServerFlight { random, point, types, schemes }
    }

    /// The second flight, which ends with Finished.
    pub(crate) fn answer(&mut self, server: &ServerFlight, own: &Credential) -> Vec<u8> {
        let secret = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
        let public = secret.compute_public_key().unwrap();
        let other = UnparsedPublicKey::new(&ECDH_P256, &server.point);
        let shared = agree_ephemeral(secret, other, (), |shared| Ok(shared.to_vec())).unwrap();

        let certificates = own.certificate.iter().map(|der| [u24(der.len()), der.clone()].concat());
        let certificates = certificates.collect::<Vec<_>>().concat();
        let mut flight = self.say(CERTIFICATE, &[u24(certificates.len()), certificates].concat());
        let point = public.as_ref();
        flight.extend(self.say(CLIENT_KEY_EXCHANGE, &[&[point.len() as u8], point].concat()));
        let master = prf(&shared, b"extended master secret", &self.hash(), 48);
        if own.certificate.is_some() {
            let signature = (own.sign)(&self.transcript);
            let len = (signature.len() as u16).to_be_bytes();
            let body = [&own.scheme[..], &len, &signature].concat();
            flight.extend(self.say(CERTIFICATE_VERIFY, &body));
        }
        let verify = prf(&master, b"client finished", &self.hash(), 12);
        flight.extend(self.record(CHANGE_CIPHER_SPEC, &[1]));
        let seed = [&server.random[..], &RANDOM].concat();
        let keys = prf(&master, b"key expansion", &seed, 40);
        flight.extend(self.seal(&keys[..16], &keys[32..36], &verify));
        flight
    }

    /// The Finished message in the first record of epoch 1 (RFC 5288).
    fn seal(&mut self, key: &[u8], salt: &[u8], verify: &[u8]) -> Vec<u8> {
        let mut sealed = self.message(FINISHED, verify);
        let sequence = [0, 1, 0, 0, 0, 0, 0, 0];
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key).unwrap());
        let nonce: [u8; 12] = [salt, &sequence].concat().try_into().unwrap();
        let len = (sealed.len() as u16).to_be_bytes();
        let aad = [&sequence[..], &[HANDSHAKE, 0xFE, 0xFD], &len].concat();
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut sealed).unwrap();
        let len = (sealed.len() as u16 + 8).to_be_bytes();
        [&[HANDSHAKE, 0xFE, 0xFD], &sequence[..], &len, &sequence, &sealed].concat()
    }

    /// A handshake message in a record of its own.
    fn say(&mut self, kind: u8, body: &[u8]) -> Vec<u8> {
        let message = self.message(kind, body);
        self.record(HANDSHAKE, &message)
    }

    fn message(&mut self, kind: u8, body: &[u8]) -> Vec<u8> {
        let (len, sequence) = (u24(body.len()), self.message_sequence.to_be_bytes());
        self.message_sequence += 1;
        let message = [&[kind], &len[..], &sequence, &[0, 0, 0], &len, body].concat();
        self.transcript.extend(&message);
        message
    }

    fn record(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let [a, b] = self.record_sequence.to_be_bytes();
        self.record_sequence += 1;
        let len = (content.len() as u16).to_be_bytes();
        [&[kind, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, a, b], &len[..], content].concat()
    }

    fn hash(&self) -> Vec<u8> {
        digest::digest(&digest::SHA256, &self.transcript).as_ref().to_vec()
    }
}

/// The whole handshake messages of a datagram, one in each record.
fn messages(mut datagram: &[u8]) -> Vec<&[u8]> {
    let mut messages = Vec::new();
    while let Some((header, rest)) = datagram.split_at_checked(13) {
        let (message, rest) = rest.split_at(u16::from_be_bytes([header[11], header[12]]).into());
        messages.push(message);
        datagram = rest;
    }
    messages
}

fn extension(kind: u16, value: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes(), &(value.len() as u16).to_be_bytes(), value].concat()
}

fn u24(value: usize) -> Vec<u8> {
    (value as u32).to_be_bytes()[1..].to_vec()
}

/// The pseudorandom function of TLS 1.2 with SHA-256 (RFC 5246 section 5).
fn prf(secret: &[u8], label: &[u8], seed: &[u8], len: usize) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let seed = [label, seed].concat();
    let (mut out, mut step) = (Vec::new(), seed.clone());
    while out.len() < len {
        step = hmac::sign(&key, &step).as_ref().to_vec();
        out.extend(hmac::sign(&key, &[&step[..], &seed].concat()).as_ref());
    }
    out.truncate(len);
    out
}
