//! STUN messages: the examples of the RFC, and hostile ones.

use aws_lc_rs::hmac;
use parlor_rtc::stun::{
    Class, Message, MessageWriter, ParseError, TransactionId, mapped_address_in, peek_username,
};
use proptest::prelude::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn key(password: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes())
}

/// RFC 5769: the password of all its examples.
const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

/// RFC 5769 section 2.1.
const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae\
    802200105354554e207465737420636c69656e74\
    002400046e0001ff80290008932ff9b151263b36\
    000600096576746a3a68367659202020\
    000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2\
    80280004e57a3bcf";

/// RFC 5769 section 2.2.
const ANSWER_V4: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae\
    8022000b7465737420766563746f7220\
    002000080001a147e112a643\
    000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7\
    80280004c07d4c96";

/// RFC 5769 section 2.3.
const ANSWER_V6: &str = "010100482112a442b7e7a701bc34d686fa87dfae\
    8022000b7465737420766563746f7220\
    002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9\
    00080014a382954e4be67bf11784c97c8292c275bfe3ed41\
    80280004c8fb0b4c";

#[test]
fn the_request_of_rfc_5769_is_read() {
    let bytes = hex(REQUEST);
    let request = Message::parse(&bytes).unwrap();
    assert_eq!(request.class(), Class::Request);
    assert!(request.is_binding());
    assert_eq!(request.transaction().0[..], hex("b7e7a701bc34d686fa87dfae"));
    assert_eq!(request.username(), Some((&b"evtj"[..], &b"h6vY"[..])));
    assert_eq!(peek_username(&bytes), Some("evtj"));
    assert_eq!(request.priority(), Some(0x6e00_01ff));
    assert!(request.is_from_controlled());
    assert!(!request.use_candidate());
    assert!(request.unknown_attributes().types().is_empty());
    assert!(request.has_integrity(&key(PASSWORD)));
    assert!(!request.has_integrity(&key("another")));
}

#[test]
fn the_answers_of_rfc_5769_are_read() {
    for (text, address) in [
        (ANSWER_V4, "192.0.2.1:32853"),
        (ANSWER_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
    ] {
        let bytes = hex(text);
        let answer = Message::parse(&bytes).unwrap();
        assert_eq!(answer.class(), Class::Success);
        assert_eq!(answer.mapped_address(), Some(address.parse().unwrap()));
        assert!(answer.has_integrity(&key(PASSWORD)));
        assert_eq!(peek_username(&bytes), None);
        let ours = TransactionId(bytes[8..20].try_into().unwrap());
        assert_eq!(mapped_address_in(&bytes, ours), Some(address.parse().unwrap()));
        assert_eq!(mapped_address_in(&bytes, TransactionId([7; 12])), None, "another's answer");
    }
}

#[test]
fn a_stun_server_need_not_say_a_fingerprint() {
    let mut answer = hex(ANSWER_V4);
    let ours = TransactionId(answer[8..20].try_into().unwrap());
    answer.truncate(answer.len() - 8);
    answer[3] -= 8;
    assert!(Message::parse(&answer).is_err());
    assert_eq!(mapped_address_in(&answer, ours), Some("192.0.2.1:32853".parse().unwrap()));
    answer.truncate(answer.len() - 24);
    assert_eq!(mapped_address_in(&answer, ours), None, "cut short");
    let request = hex(REQUEST);
    let ours = TransactionId(request[8..20].try_into().unwrap());
    assert_eq!(mapped_address_in(&request, ours), None, "no answer");
}

#[test]
fn a_message_reads_back_as_written() {
    let transaction = TransactionId([3; 12]);
    let mut writer = MessageWriter::new(Class::Request, transaction)
        .username("receiver", "sender")
        .priority(77)
        .controlling(9)
        .use_candidate()
        .integrity(&key(PASSWORD));
    let bytes = writer.finish().unwrap();
    let message = Message::parse(bytes).unwrap();
    assert_eq!(message.transaction(), transaction);
    assert_eq!(message.username(), Some((&b"receiver"[..], &b"sender"[..])));
    assert_eq!(message.priority(), Some(77));
    assert!(message.use_candidate() && !message.is_from_controlled());
    assert!(message.has_integrity(&key(PASSWORD)));
}

#[test]
fn the_longest_credentials_of_the_rfc_fit_in_a_check() {
    let name = "n".repeat(256);
    let mut writer = MessageWriter::new(Class::Request, TransactionId([3; 12]))
        .username(&name, &name)
        .priority(77)
        .controlled(9)
        .use_candidate()
        .integrity(&key(PASSWORD));
    assert!(writer.finish().is_some_and(|bytes| Message::parse(bytes).is_ok()));
    let mut too_long = MessageWriter::new(Class::Request, TransactionId([3; 12]))
        .username(&name, &name)
        .raw(0x8022, name.as_bytes());
    assert_eq!(too_long.finish(), None);
}

#[test]
fn a_changed_bit_anywhere_is_noticed() {
    for text in [REQUEST, ANSWER_V4, ANSWER_V6] {
        let bytes = hex(text);
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(Message::parse(&changed).is_err(), "bit {bit}");
        }
    }
}

#[test]
fn what_follows_the_integrity_is_not_believed() {
    let transaction = TransactionId([3; 12]);
    let mut writer = MessageWriter::new(Class::Request, transaction)
        .username("receiver", "sender")
        .integrity(&key(PASSWORD))
        .use_candidate()
        .priority(5);
    let message = Message::parse(writer.finish().unwrap()).unwrap();
    assert!(message.has_integrity(&key(PASSWORD)));
    assert_eq!((message.use_candidate(), message.priority()), (false, None));
}

#[test]
fn a_message_without_fingerprint_is_not_of_ice() {
    let mut bytes = hex(REQUEST);
    bytes.truncate(bytes.len() - 8);
    bytes[3] -= 8;
    assert_eq!(Message::parse(&bytes).unwrap_err(), ParseError::Fingerprint);
}

#[test]
fn a_flood_of_attributes_is_cut_short() {
    let mut bytes = hex("000100002112a442b7e7a701bc34d686fa87dfae");
    bytes.extend(hex("80220000").repeat(16_000));
    bytes[2..4].copy_from_slice(&(64_000u16).to_be_bytes());
    assert_eq!(Message::parse(&bytes).unwrap_err(), ParseError::TooManyAttributes);
    assert_eq!(peek_username(&bytes), None);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        parlor_rtc::fuzzing::stun(&bytes);
    }

    #[test]
    fn any_change_to_a_real_message_is_survived(
        place in 0usize..108,
        bytes in prop::collection::vec(any::<u8>(), 1..20),
    ) {
        let mut message = hex(REQUEST);
        let end = (place + bytes.len()).min(message.len());
        message[place..end].copy_from_slice(&bytes[..end - place]);
        parlor_rtc::fuzzing::stun(&message);
    }

    #[test]
    fn any_datagrams_are_survived_by_a_connection(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        parlor_rtc::fuzzing::connection(&bytes);
    }
}
