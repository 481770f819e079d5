//! What a person receives, packet by packet.

use parlor_rtc::rtcp::{self, Rtcp};

use crate::offer::extension_map;

use super::*;

struct Call {
    start: Instant,
    receiver: Receiver,
    tally: Tally,
    transport_sequence: u16,
}

impl Call {
    fn new() -> Call {
        let start = Instant::now();
        let mut call = Call {
            start,
            receiver: Receiver::new(start, extension_map()),
            tally: Tally::default(),
            transport_sequence: 0,
        };
        call.receiver.carry(start, 3, Some(7));
        call
    }

    /// A packet of pictures comes over slot 3, so many milliseconds after the beginning.
    fn hear(&mut self, ms: u64, sequence: u16, from: (u32, u32)) {
        self.hear_over(3, ms, sequence, from);
    }

    fn hear_over(&mut self, slot: u8, ms: u64, sequence: u16, from: (u32, u32)) {
        let payload = Call::payload(ms, from);
        self.take(ms, slot, (Codec::Vp8.payload_type(), 9, sequence), &payload);
    }

    /// The same over slot 3, when it was asked for again.
    fn repair(&mut self, ms: u64, sequence: u16, from: (u32, u32)) {
        let payload = [&sequence.to_be_bytes()[..], &Call::payload(ms, from)].concat();
        self.take(ms, 3, (Codec::Vp8.repair_type(), 8, sequence), &payload);
    }

    fn payload(ms: u64, (seat, number): (u32, u32)) -> Vec<u8> {
        let stamp = Stamp { seat, stream: 1, number, sent: Duration::from_millis(ms) };
        [&[0x10; 30][..], &stamp.to_bytes()].concat()
    }

    fn take(&mut self, ms: u64, slot: u8, header: (u8, u8, u16), payload: &[u8]) {
        let (payload_type, kind, sequence) = header;
        self.transport_sequence += 1;
        let [high, low] = self.transport_sequence.to_be_bytes();
        let mut packet = vec![0x90, payload_type];
        packet.extend(sequence.to_be_bytes());
        packet.extend([0, 0, 0, 1, 0, 0, kind, slot, 0xBE, 0xDE, 0, 2, 4 << 4, b'0' + slot]);
        packet.extend([3 << 4 | 1, high, low, 0, 0, 0]);
        packet.extend(payload);
        let now = self.start + Duration::from_millis(ms + 2);
        self.receiver.handle_rtp(now, &packet, &mut self.tally);
    }
}

#[test]
fn what_never_comes_is_lost_and_what_comes_twice_is_told() {
    let mut call = Call::new();
    for sequence in [1, 2, 2, 5] {
        call.hear(10, sequence, (7, sequence.into()));
    }
    call.receiver.look(call.start, &mut call.tally);
    let Tally { packets_in, lost, duplicates, disordered, .. } = call.tally;
    assert_eq!((packets_in, lost, duplicates, disordered), (3, 2, 1, 0));
    assert!((2.0..2.1).contains(&call.tally.picture_delay.percentile_ms(50.0)));
}

#[test]
fn what_is_missing_is_asked_for_first_and_what_finds_no_room_is_asked_for_next() {
    let mut call = Call::new();
    for slot in 0..9 {
        for sequence in (1..200).filter(|sequence| sequence % 7 != 0) {
            call.hear_over(slot, 10, sequence, (7, sequence.into()));
        }
    }
    let now = call.start + Duration::from_millis(100);
    let (mut asked, mut datagrams) = (Vec::new(), 0);
    while call.receiver.deadline().is_some_and(|at| at <= now) {
        let mut out = [0; 600];
        let mut writer = CompoundWriter::new(&mut out);
        let _full = call.receiver.write_feedback(now, &mut writer, 600);
        let len = writer.len();
        assert!(len > 0, "something is due, and it is told");
        for packet in rtcp::parse(&out[..len]) {
            match packet {
                Rtcp::Nack { media, lost } => asked.extend(lost.map(|number| (media, number))),
                _ => assert_eq!(asked.len(), 9 * 28, "arrivals are told when all is asked for"),
            }
        }
        datagrams += 1;
    }
    assert!(datagrams > 1, "one has no room for all");
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked.len(), 9 * 28, "nothing was forgotten");
}

#[test]
fn numbers_that_were_missing_are_recovered_or_late_or_lost_and_nothing_twice() {
    let mut call = Call::new();
    for sequence in [1, 4, 3, 6] {
        call.hear(10, sequence, (7, sequence.into()));
    }
    call.repair(30, 2, (7, 2));
    call.repair(30, 3, (7, 3));
    call.receiver.look(call.start, &mut call.tally);
    let Tally { packets_in, lost, recovered, late, duplicates, .. } = call.tally;
    assert_eq!((packets_in, lost, recovered, late, duplicates), (5, 1, 1, 1, 1));
}

#[test]
fn contents_in_another_order_than_numbers_are_told() {
    let mut call = Call::new();
    for (sequence, number) in [(1, 10), (2, 12), (3, 11)] {
        call.hear(10, sequence, (7, number));
    }
    assert_eq!(call.tally.disordered, 1);
    let mut late = Call::new();
    for (sequence, number) in [(1, 10), (3, 12), (2, 11)] {
        late.hear(10, sequence, (7, number));
    }
    assert_eq!(late.tally.disordered, 0, "that is what networks do");
}

#[test]
fn what_comes_late_is_no_longer_lost_and_hides_no_other_loss() {
    let mut call = Call::new();
    for sequence in [1, 3] {
        call.hear(10, sequence, (7, sequence.into()));
    }
    call.receiver.look(call.start, &mut call.tally);
    assert_eq!(call.tally.lost, 1);
    for sequence in [2, 5] {
        call.hear(20, sequence, (7, sequence.into()));
    }
    call.receiver.look(call.start, &mut call.tally);
    assert_eq!(call.tally.lost, 1, "the second one came, the fourth did not");
}

#[test]
fn somebody_else_than_the_slot_carries_may_come_for_a_moment_before_the_word_of_it() {
    let mut call = Call::new();
    let at = |call: &Call, ms| call.start + Duration::from_millis(ms);
    call.hear(2000, 1, (8, 1));
    call.hear(2500, 2, (8, 2));
    call.receiver.look(at(&call, 2550), &mut call.tally);
    call.receiver.carry(at(&call, 2600), 3, Some(8));
    call.hear(2700, 3, (8, 3));
    call.hear(2700, 4, (7, 1));
    call.receiver.look(at(&call, 9000), &mut call.tally);
    assert_eq!(call.tally.of_others, 0, "whom it carried before may still come");
    for (sequence, seat) in [(5, 7), (6, 9), (7, 7), (8, 9)] {
        call.hear(10_000, sequence, (seat, sequence.into()));
    }
    call.receiver.look(at(&call, 10_500), &mut call.tally);
    assert_eq!(call.tally.of_others, 0, "there may be word of it yet");
    call.receiver.look(at(&call, 11_500), &mut call.tally);
    assert_eq!(call.tally.of_others, 4, "nobody ever said so");
}

#[test]
fn who_is_to_be_sent_something_and_gets_nothing_is_starved() {
    let mut call = Call::new();
    let patience = Duration::from_secs(2);
    let at = |call: &Call, ms| call.start + Duration::from_millis(ms);
    assert!(!call.receiver.is_starved(at(&call, 1900), patience));
    assert!(call.receiver.is_starved(at(&call, 2100), patience));
    call.hear(3000, 1, (7, 1));
    assert!(!call.receiver.is_starved(at(&call, 4900), patience));
    assert!(call.receiver.is_starved(at(&call, 5100), patience));
    call.receiver.carry(at(&call, 5200), 3, None);
    assert!(!call.receiver.is_starved(at(&call, 9000), patience), "nobody is to be heard");
}
