//! TURN over byte streams: messages of STUN and ChannelData in turn.

use parlor_rtc::framing::FramingError;
use parlor_rtc::stun::{Class, MessageWriter, TransactionId};
use parlor_rtc::turn::framing::{MAX_STREAM_MESSAGE_LEN, next_frame};

fn stun() -> Vec<u8> {
    let mut writer =
        MessageWriter::new(Class::Request, TransactionId([7; 12])).raw(0x8022, b"a name");
    writer.finish().unwrap().to_vec()
}

/// Channel 0x4000 with five bytes, and the three that pad it.
const CHANNEL_DATA: &[u8] = b"\x40\x00\x00\x05hello\0\0\0";

#[test]
fn messages_of_both_kinds_come_out_of_a_stream() {
    let stream = [&stun(), CHANNEL_DATA, &stun()].concat();
    let mut rest = &stream[..];
    for message in [&stun()[..], &CHANNEL_DATA[..9], &stun()] {
        let frame = next_frame(rest).unwrap().unwrap();
        assert_eq!(&rest[frame.datagram], message);
        rest = &rest[frame.len..];
    }
    assert!(rest.is_empty());
}

#[test]
fn a_message_is_waited_for_until_its_padding_is_there() {
    for message in [&stun()[..], CHANNEL_DATA] {
        for length in 0..message.len() {
            assert_eq!(next_frame(&message[..length]), Ok(None), "{length} bytes");
        }
    }
}

#[test]
fn a_message_that_is_too_long_ends_the_stream_before_it_arrives() {
    let longest = (MAX_STREAM_MESSAGE_LEN - 4) as u16;
    let [high, low] = longest.to_be_bytes();
    assert_eq!(next_frame(&[0x40, 0, high, low]), Ok(None));
    let [high, low] = (longest + 1).to_be_bytes();
    let too_long = Err(FramingError::TooLong(MAX_STREAM_MESSAGE_LEN + 1));
    assert_eq!(next_frame(&[0x40, 0, high, low]), too_long);
    assert_eq!(next_frame(&[0, 3, 8, 0]), Err(FramingError::TooLong(2048 + 20)));
}

#[test]
fn a_stream_of_anything_else_ends() {
    let mut without_cookie = stun();
    without_cookie[5] ^= 1;
    for bytes in [&b"\x90SIP/2.0"[..], &without_cookie, &[0, 1, 0, 3], &[0x80, 0, 0, 0]] {
        assert_eq!(next_frame(bytes), Err(FramingError::NotAFrame));
    }
}
