//! The examples of RFC 7714 sections 16 and 17, whose keys are session keys.

use super::*;

const RTP_128: &str = "8040f17b8041f8d35501a0b2\
    f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833\
    899d7f27beb16a9152cf765ee4390cce";
const RTP_256: &str = "8040f17b8041f8d35501a0b2\
    32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b\
    7aa3db36dfffd6b0f9bb7878d7a76c13";
const RTP_PLAIN: &str = "8040f17b8041f8d35501a0b2\
    47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573";
const RTCP_128: &str = "81c8000d4d617273\
    63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b\
    c84aa45896cf4d2fc5abf87245d9eade800005d4";
const RTCP_256: &str = "81c8000d4d617273\
    d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad\
    1d1eb30c4446839f57ff6f6cb26ac3be800005d4";
const RTCP_PLAIN: &str = "81c8000d4d617273\
    4e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";

const RTP_AT: Position = Position { ssrc: 0x5501_a0b2, index: 0xf17b };
const RTCP_AT: Position = Position { ssrc: 0x4d61_7273, index: 0x5d4 };

fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn ciphers() -> [Gcm; 2] {
    let key: Vec<u8> = (0..32).collect();
    let salt = *b"Quid pro quo";
    let new = |key| Gcm { key: LessSafeKey::new(key), salt };
    [
        new(UnboundKey::new(&AES_128_GCM, &key[..16]).unwrap()),
        new(UnboundKey::new(&AES_256_GCM, &key).unwrap()),
    ]
}

#[test]
fn rtp_is_sealed_as_in_rfc_7714_section_16() {
    for (gcm, expected) in ciphers().iter().zip([RTP_128, RTP_256]) {
        let mut packet = hex(RTP_PLAIN);
        let len = packet.len();
        packet.resize(len + 16, 0);
        assert_eq!(gcm.seal_rtp(RTP_AT, 12, &mut packet, len), Some(len + 16));
        assert_eq!(packet, hex(expected));
    }
}

#[test]
fn rtp_is_opened_as_in_rfc_7714_section_16() {
    for (gcm, sealed) in ciphers().iter().zip([RTP_128, RTP_256]) {
        let mut packet = hex(sealed);
        let len = gcm.open_rtp(RTP_AT, 12, &mut packet).unwrap();
        assert_eq!(packet[..len], hex(RTP_PLAIN));
    }
}

#[test]
fn rtcp_is_sealed_as_in_rfc_7714_section_17() {
    for (gcm, expected) in ciphers().iter().zip([RTCP_128, RTCP_256]) {
        let mut packet = hex(RTCP_PLAIN);
        let len = packet.len();
        packet.resize(len + 20, 0);
        assert_eq!(gcm.seal_rtcp(RTCP_AT, &mut packet, len), Some(len + 20));
        assert_eq!(packet, hex(expected));
    }
}

#[test]
fn rtcp_is_opened_as_in_rfc_7714_section_17() {
    for (gcm, sealed) in ciphers().iter().zip([RTCP_128, RTCP_256]) {
        let mut packet = hex(sealed);
        let len = gcm.open_rtcp(RTCP_AT, &mut packet).unwrap();
        assert_eq!(packet[..len], hex(RTCP_PLAIN));
    }
}

#[test]
fn a_changed_bit_anywhere_is_noticed() {
    for (gcm, sealed) in ciphers().iter().zip([RTP_128, RTP_256]) {
        for bit in 0..hex(sealed).len() * 8 {
            let mut packet = hex(sealed);
            packet[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(gcm.open_rtp(RTP_AT, 12, &mut packet), None, "bit {bit}");
        }
    }
}
