//! Stories about retransmission streams.

use parlor_rtc::receive::{Repaired, unwrap_retransmission};
use parlor_rtc::rtp::{ExtensionMap, RtpView};

fn read(packet: &[u8]) -> Option<Repaired> {
    unwrap_retransmission(packet, &RtpView::parse(packet, &ExtensionMap::new()).unwrap())
}

const HEADER: [u8; 12] = [0x80, 97, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7];

#[test]
fn a_retransmission_names_the_packet_it_repeats() {
    let packet = [&HEADER[..], &[0xFF, 0xFE, 1, 2, 3]].concat();
    let Repaired { sequence, payload } = read(&packet).unwrap();
    assert_eq!(sequence, 0xFFFE);
    assert_eq!(payload.of(&packet), [1, 2, 3]);
}

#[test]
fn padding_alone_is_a_probe() {
    let mut packet = [&HEADER[..], &[0, 0, 0, 4]].concat();
    packet[0] |= 0x20;
    assert_eq!(read(&packet), None);
    assert_eq!(read(&HEADER), None);
    assert_eq!(read(&[&HEADER[..], &[5]].concat()), None);
    assert_eq!(read(&[&HEADER[..], &[0, 5]].concat()), None);
}
