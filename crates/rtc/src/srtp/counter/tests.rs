//! The keystream of RFC 3711 appendix B.2, and whole packets as libsrtp seals them.

use super::super::{Position, Profile};
use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

#[test]
fn the_keystream_is_that_of_rfc_3711_appendix_b_2() {
    let key = hex("2B7E151628AED2A6ABF7158809CF4F3C");
    let key = UnboundCipherKey::new(&AES_128, &key).unwrap();
    let counter = Counter {
        encryption: EncryptingKey::ctr(key).unwrap(),
        authentication: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b""),
        salt: hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into().unwrap(),
    };
    let mut stream = vec![0; 0xFF02 * 16];
    counter.crypt(Position { ssrc: 0, index: 0 }, &mut stream).unwrap();
    let first = "E03EAD0935C95E80E166B16DD92B4EB4\
        D23513162B02D0F72A43A2FE4A5F97AB\
        41E95B3BB0A2E8DD477901E4FCA894C0";
    let last = "EC8CDF7398607CB0F2D21675EA9EA1E4\
        362B7C3C6773516318A077D7FC5073AE\
        6A2CC3787889374FBEB4C81B17BA6C44";
    assert_eq!(stream[..48], hex(first));
    assert_eq!(stream[0xFEFF * 16..], hex(last));
}

/// From the master key of RFC 3711 appendix B.3.
fn cipher(labels: Labels) -> Counter {
    let key = hex("E1F97A0D3E018BE0D64FA32C06DE4139");
    let salt = hex("0EC675AD498AFEEBB6960B3AABE6");
    let master = MasterKey::new(Profile::AesCm128HmacSha1_80, &key, &salt).unwrap();
    Counter::new(&master, labels).unwrap()
}

#[test]
fn rtp_is_sealed_as_by_libsrtp() {
    let counter = cipher(Labels::RTP);
    let plain = hex("800f1234decafbadcafebabeabababababababababababababababab");
    let sealed =
        hex("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb");
    let at = Position { ssrc: 0xcafe_babe, index: 0x1234 };
    let mut packet = plain.clone();
    packet.resize(plain.len() + TAG_LEN, 0);
    assert_eq!(counter.seal_rtp(at, 12, &mut packet, plain.len()), Some(sealed.len()));
    assert_eq!(packet, sealed);
    assert_eq!(counter.open_rtp(at, 12, &mut packet), Some(plain.len()));
    assert_eq!(packet[..plain.len()], plain);
}

#[test]
fn rtcp_is_sealed_as_by_libsrtp() {
    let counter = cipher(Labels::RTCP);
    let plain = hex("81c8000bcafebabeabababababababababababababababab");
    let sealed = hex("81c8000bcafebabe7128035be487b9bdbef89041f977a5a8\
        80000001993e08cd54d6c1230798");
    let at = Position { ssrc: 0xcafe_babe, index: 1 };
    let mut packet = plain.clone();
    packet.resize(plain.len() + SRTCP_INDEX_LEN + TAG_LEN, 0);
    assert_eq!(counter.seal_rtcp(at, &mut packet, plain.len()), Some(sealed.len()));
    assert_eq!(packet, sealed);
    assert_eq!(counter.open_rtcp(at, &mut packet), Some(plain.len()));
    assert_eq!(packet[..plain.len()], plain);
}
