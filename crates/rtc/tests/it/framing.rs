//! Byte streams: what they are for, and the datagrams of ICE-TCP in them.

use parlor_rtc::framing::{
    FramingError, MAX_FRAME_LEN, Opener, UnknownOpener, classify_stream, frame_header, next_frame,
};
use parlor_rtc::stun::{Class, MessageWriter, TransactionId};
use proptest::prelude::*;

fn stun() -> Vec<u8> {
    let mut writer = MessageWriter::new(Class::Request, TransactionId([7; 12]));
    writer.finish().unwrap().to_vec()
}

fn framed(datagram: &[u8]) -> Vec<u8> {
    [&frame_header(datagram.len()).unwrap()[..], datagram].concat()
}

#[test]
fn the_first_bytes_tell_what_a_stream_is_for() {
    let client_hello = [22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    for (bytes, opener) in [
        (&client_hello[..], Opener::Tls),
        (b"GET / HTTP/1.1\r\n", Opener::Http),
        (b"OPTIONS * HTTP/1.1\r\n", Opener::Http),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Opener::Http),
        (&stun(), Opener::Turn),
        (&framed(&stun()), Opener::IceTcp),
    ] {
        assert_eq!(classify_stream(bytes), Ok(Some(opener)));
    }
}

#[test]
fn too_few_bytes_decide_nothing_and_ten_decide_everything() {
    assert_eq!(classify_stream(&[]), Ok(None));
    for message in [stun(), framed(&stun())] {
        for length in 0..8 {
            assert_eq!(classify_stream(&message[..length]), Ok(None));
        }
    }
    assert_eq!(classify_stream(&[0; 9]), Ok(None));
    for bytes in [&[0; 10][..], b"get / http/1.1", b"SSH"] {
        let opener = if bytes[0] == b'S' { Ok(Some(Opener::Http)) } else { Err(UnknownOpener) };
        assert_eq!(classify_stream(bytes), opener);
    }
}

#[test]
fn datagrams_come_out_of_a_stream_as_they_went_in() {
    let sent = [&b"one"[..], b"", &[9; MAX_FRAME_LEN], b"two"];
    let stream: Vec<u8> = sent.iter().flat_map(|datagram| framed(datagram)).collect();
    let mut rest = &stream[..];
    for datagram in sent {
        let frame = next_frame(rest).unwrap().unwrap();
        assert_eq!(&rest[frame.datagram], datagram);
        rest = &rest[frame.len..];
    }
    assert_eq!(next_frame(rest), Ok(None));
}

#[test]
fn a_frame_that_is_not_there_as_a_whole_is_waited_for() {
    let stream = framed(b"one");
    for length in 0..stream.len() {
        assert_eq!(next_frame(&stream[..length]), Ok(None));
    }
}

#[test]
fn a_frame_that_is_too_long_ends_the_stream_before_it_arrives() {
    let length = MAX_FRAME_LEN + 1;
    assert_eq!(next_frame(&(length as u16).to_be_bytes()), Err(FramingError::TooLong(length)));
    assert_eq!(frame_header(length), None);
}

proptest! {
    #[test]
    fn any_stream_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        parlor_rtc::fuzzing::framings(&bytes);
    }

    #[test]
    fn any_stream_of_short_frames_is_survived(
        bytes in prop::collection::vec(prop_oneof![3 => 0u8..4, 1 => 0x40u8..0x50], 0..200),
    ) {
        parlor_rtc::fuzzing::framings(&bytes);
    }
}
