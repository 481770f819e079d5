//! Stories about compound RTCP packets.

use std::time::Duration;

use parlor_rtc::fuzzing;
use parlor_rtc::rtcp::{
    self, CompoundWriter, MAX_STATUSES, NoRoom, ReportBlock, Rtcp, SenderInfo,
    TransportFeedbackHeader,
};
use parlor_rtc::rtp::{NtpTime, Ssrc};
use proptest::prelude::*;

fn written(write: impl FnOnce(&mut CompoundWriter<'_>) -> Result<(), NoRoom>) -> Vec<u8> {
    let mut buffer = [0xEE; 1500];
    let mut writer = CompoundWriter::new(&mut buffer);
    write(&mut writer).unwrap();
    let len = writer.len();
    buffer[..len].to_vec()
}

fn only(bytes: &[u8]) -> Rtcp<'_> {
    let mut packets = rtcp::parse(bytes);
    let packet = packets.next().unwrap();
    assert_eq!(packets.next(), None);
    packet
}

fn block() -> ReportBlock {
    ReportBlock {
        ssrc: Ssrc(11),
        fraction_lost: 12,
        cumulative_lost: -3,
        highest_sequence: 0x0001_0203,
        jitter: 77,
        last_sr: 0x1234_5678,
        delay_since_last_sr: 0x0001_0000,
    }
}

fn info() -> SenderInfo {
    SenderInfo { ntp: NtpTime(0x1122_3344_5566_7788), rtp_timestamp: 9, packets: 8, octets: 7 }
}

fn feedback_header() -> TransportFeedbackHeader {
    TransportFeedbackHeader {
        sender: Ssrc(1),
        media: Ssrc(2),
        base_sequence: 65_530,
        reference_time: 0x00AB_CDEF,
        feedback_count: 200,
    }
}

#[test]
fn a_compound_is_read_packet_by_packet() {
    let bytes = written(|writer| {
        writer.sender_report(Ssrc(1), info(), &[block()])?;
        writer.canonical_name(Ssrc(1), "parlor")?;
        writer.picture_loss(Ssrc(1), Ssrc(2))?;
        writer.goodbye(&[Ssrc(1), Ssrc(9)])
    });
    let mut packets = rtcp::parse(&bytes);
    let Some(Rtcp::SenderReport { ssrc, info: read, mut reports }) = packets.next() else {
        panic!("no sender report");
    };
    assert_eq!((ssrc, read), (Ssrc(1), info()));
    assert_eq!(reports.next(), Some(block()));
    assert_eq!(reports.next(), None);
    let Some(Rtcp::SourceDescription(names)) = packets.next() else { panic!("no names") };
    assert_eq!(names.collect::<Vec<_>>(), [(Ssrc(1), &b"parlor"[..])]);
    assert_eq!(packets.next(), Some(Rtcp::PictureLoss { media: Ssrc(2) }));
    let Some(Rtcp::Goodbye(streams)) = packets.next() else { panic!("no goodbye") };
    assert_eq!(streams.collect::<Vec<_>>(), [Ssrc(1), Ssrc(9)]);
    assert_eq!(packets.next(), None);
}

#[test]
fn names_of_any_length_end_on_a_whole_word() {
    for len in 0..=255 {
        let name = "n".repeat(len);
        let bytes = written(|writer| writer.canonical_name(Ssrc(5), &name));
        assert_eq!(bytes.len() % 4, 0);
        let Rtcp::SourceDescription(mut names) = only(&bytes) else { panic!("no names") };
        assert_eq!(names.next(), Some((Ssrc(5), name.as_bytes())));
        assert_eq!(names.next(), None);
    }
}

#[test]
fn packets_of_unknown_kinds_are_passed_over() {
    let mut bytes = vec![0x80, 207, 0, 2, 0, 0, 0, 1, 4, 0, 0, 0]; // an extended report
    bytes.extend([0x80, 204, 0, 2, 0, 0, 0, 1, b'n', b'a', b'm', b'e']);
    bytes.extend([0x8F, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, b'G', b'O', b'O', b'G']);
    bytes.extend(written(|writer| writer.picture_loss(Ssrc(1), Ssrc(2))));
    assert_eq!(only(&bytes), Rtcp::PictureLoss { media: Ssrc(2) });
}

#[test]
fn padding_at_the_end_is_no_part_of_a_packet() {
    let bytes = [0xA0, 203, 0, 1, 0, 0, 0, 4];
    let Rtcp::Goodbye(mut streams) = only(&bytes) else { panic!("no goodbye") };
    assert_eq!(streams.next(), None);
}

#[test]
fn reading_ends_where_a_length_is_broken() {
    let mut bytes = written(|writer| writer.picture_loss(Ssrc(1), Ssrc(2)));
    bytes.extend([0x81, 206, 0, 9, 0, 0, 0, 1]);
    assert_eq!(rtcp::parse(&bytes).count(), 1);
}

#[test]
fn a_nack_packs_what_lies_within_17_packets() {
    let lost = [65_530, 65_531, 0, 10, 11, 27, 28];
    let bytes = written(|writer| writer.nack(Ssrc(1), Ssrc(2), lost));
    // 65530 with 65531, 0 and 10; 11 with 27; 28.
    assert_eq!(bytes.len(), 12 + 3 * 4);
    let Rtcp::Nack { media, lost: read } = only(&bytes) else { panic!("no NACK") };
    assert_eq!(media, Ssrc(2));
    assert_eq!(read.collect::<Vec<_>>(), lost);
}

#[test]
fn a_nack_for_nothing_is_not_written() {
    assert!(written(|writer| writer.nack(Ssrc(1), Ssrc(2), [])).is_empty());
}

#[test]
fn a_full_intra_request_names_its_stream_and_number() {
    let bytes = written(|writer| writer.full_intra_request(Ssrc(1), Ssrc(2), 7));
    let Rtcp::FullIntraRequest(mut requests) = only(&bytes) else { panic!("no FIR") };
    assert_eq!(requests.next(), Some((Ssrc(2), 7)));
    assert_eq!(requests.next(), None);
}

#[test]
fn a_receiver_estimate_keeps_18_bits() {
    for (bps, read_back) in
        [(0, 0), (262_143, 262_143), (262_145, 262_144), (u64::MAX, 0x3FFFF << 46)]
    {
        let bytes = written(|writer| writer.receiver_estimate(Ssrc(1), bps, &[Ssrc(2), Ssrc(3)]));
        let Rtcp::ReceiverEstimate(mut estimate) = only(&bytes) else { panic!("no REMB") };
        assert_eq!(estimate.bitrate_bps, read_back);
        assert_eq!(estimate.streams.by_ref().collect::<Vec<_>>(), [Ssrc(2), Ssrc(3)]);
    }
}

#[test]
fn a_report_block_tells_the_round_trip() {
    let sent = NtpTime(100 << 32);
    let block = ReportBlock { last_sr: sent.middle(), delay_since_last_sr: 1 << 15, ..block() };
    let rtt = block.round_trip(sent.after(Duration::from_millis(580))).unwrap();
    assert!(rtt.abs_diff(Duration::from_millis(80)) < Duration::from_micros(50), "{rtt:?}");
    assert_eq!(block.round_trip(sent.after(Duration::from_millis(400))), None);
    assert_eq!(ReportBlock { last_sr: 0, ..block }.round_trip(sent), None);
}

#[test]
fn what_does_not_fit_leaves_the_compound_as_it_was() {
    let mut buffer = [0; 20];
    let mut writer = CompoundWriter::new(&mut buffer);
    writer.picture_loss(Ssrc(1), Ssrc(2)).unwrap();
    assert_eq!(writer.picture_loss(Ssrc(1), Ssrc(3)), Err(NoRoom));
    assert_eq!(writer.nack(Ssrc(1), Ssrc(3), 0..9), Err(NoRoom));
    assert_eq!(writer.receiver_report(Ssrc(1), &[]), Ok(()));
    let len = writer.len();
    assert_eq!(len, 20);
    assert_eq!(rtcp::parse(&buffer[..len]).count(), 2);
}

#[test]
fn the_longest_feedback_stays_below_1200_bytes() {
    // Large times alternate with losses, so neither runs nor one-bit vectors help.
    let worst: Vec<_> = (0..MAX_STATUSES).map(|_| Some(-1)).collect();
    let mixed: Vec<_> = (0..MAX_STATUSES).map(|i| (i % 7 != 0).then_some(300)).collect();
    for deltas in [worst, mixed] {
        let bytes = written(|writer| writer.transport_feedback(&feedback_header(), &deltas));
        assert!(bytes.len() <= 1200, "{}", bytes.len());
    }
}

#[test]
fn a_quiet_stretch_takes_one_chunk() {
    let mut deltas = vec![None; 500];
    deltas.insert(0, Some(4));
    deltas.push(Some(0));
    let bytes = written(|writer| writer.transport_feedback(&feedback_header(), &deltas));
    // A vector of 14, a run of 487, the last one, two deltas.
    assert_eq!(bytes.len(), 20 + 6 + 2);
}

#[test]
fn a_feedback_without_its_last_arrival_times_tells_the_others() {
    let deltas = [Some(1), Some(2), None, Some(300), Some(4)];
    let mut bytes = written(|writer| writer.transport_feedback(&feedback_header(), &deltas));
    bytes.truncate(bytes.len() - 4); // chunk, then deltas of 1, 1, 2 and 1 bytes and 1 of padding
    bytes[3] -= 1;
    let Rtcp::TransportFeedback(feedback) = only(&bytes) else { panic!("no feedback") };
    assert_eq!(feedback.statuses().count(), 3);
}

#[test]
fn str0m_reads_our_reports_and_requests_as_we_mean_them() {
    use str0m::rtp::rtcp::{Fir, Nack, Pli, ReceiverReport, SenderReport};
    let same_block = |read: &str0m::rtp::rtcp::ReceptionReport| {
        assert_eq!((*read.ssrc, read.fraction_lost), (11, 12));
        assert_eq!(read.packets_lost, 0x00FF_FFFD, "24 bits of -3");
        assert_eq!((read.max_seq, read.jitter), (0x0001_0203, 77));
        assert_eq!((read.last_sr_time, read.last_sr_delay), (0x1234_5678, 0x0001_0000));
    };
    let bytes = written(|writer| writer.sender_report(Ssrc(1), info(), &[block()]));
    let report = SenderReport::try_from(&bytes[4..]).unwrap();
    assert_eq!((*report.sender_info.ssrc, report.sender_info.sender_packet_count), (1, 8));
    assert_eq!(report.sender_info.sender_octet_count, 7);
    assert_eq!(report.reports.iter().map(same_block).count(), 1);

    let bytes = written(|writer| writer.receiver_report(Ssrc(1), &[block(), block()]));
    let report = ReceiverReport::try_from(&bytes[4..]).unwrap();
    assert_eq!(report.reports.iter().map(same_block).count(), 2);

    let bytes = written(|writer| writer.nack(Ssrc(1), Ssrc(2), [7, 8, 23, 24]));
    let nack = Nack::try_from(&bytes[4..]).unwrap();
    let entries: Vec<_> = nack.reports.iter().map(|entry| (entry.pid, entry.blp)).collect();
    assert_eq!((*nack.ssrc, entries), (2, vec![(7, 0x8001), (24, 0)]));

    let bytes = written(|writer| writer.picture_loss(Ssrc(1), Ssrc(2)));
    assert_eq!(*Pli::try_from(&bytes[4..]).unwrap().ssrc, 2);

    let bytes = written(|writer| writer.full_intra_request(Ssrc(1), Ssrc(2), 9));
    let fir = Fir::try_from(&bytes[4..]).unwrap();
    let entries: Vec<_> = fir.reports.iter().map(|entry| (*entry.ssrc, entry.seq_no)).collect();
    assert_eq!(entries, [(2, 9)]);
}

/// What str0m reads in the feedback.
fn as_str0m_reads(bytes: &[u8]) -> Vec<(bool, i32)> {
    use str0m::rtp::rtcp::Twcc;
    let twcc = Twcc::try_from(&bytes[4..]).unwrap();
    let mut deltas = twcc.delta.iter().map(|delta| format!("{delta:?}"));
    let statuses = twcc.chunks.iter().flat_map(|chunk| {
        let text = format!("{chunk:?}");
        let (name, arguments) = text.trim_end_matches(')').split_once('(').unwrap();
        let mut arguments = arguments.split(", ");
        let first = arguments.next().unwrap().to_string();
        let second: usize = arguments.next().unwrap().parse().unwrap();
        match name {
            "Run" => vec![first != "NotReceived"; second],
            "VectorSingle" => {
                let bits: u16 = first.parse().unwrap();
                (0..14).map(|i| bits >> (13 - i) & 1 != 0).collect()
            }
            _ => {
                let bits: u16 = first.parse().unwrap();
                (0..7).map(|i| bits >> (12 - 2 * i) & 3 != 0).collect()
            }
        }
    });
    let statuses: Vec<bool> = statuses.take(usize::from(twcc.status_count)).collect();
    let mut delta = || -> i32 {
        let text = deltas.next().unwrap();
        text.split_once('(').unwrap().1.trim_end_matches(')').parse().unwrap()
    };
    statuses.into_iter().map(|arrived| (arrived, if arrived { delta() } else { 0 })).collect()
}

fn deltas() -> impl Strategy<Value = Vec<Option<i16>>> {
    let one = prop_oneof![Just(None), (0_i16..256).prop_map(Some), any::<i16>().prop_map(Some)];
    let run = (one, prop_oneof![Just(1_usize), 1_usize..40]);
    prop::collection::vec(run, 1..40).prop_map(|runs| {
        let mut deltas: Vec<_> =
            runs.iter().flat_map(|&(d, n)| std::iter::repeat_n(d, n)).collect();
        deltas.truncate(MAX_STATUSES);
        deltas
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_passed_over(data in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzzing::rtcp(&data);
    }

    #[test]
    fn any_body_behind_a_good_header_is_survived(
        count in 0_u8..32, kind in 200_u8..208, mut body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        body.truncate(body.len() & !3);
        let mut bytes = vec![0x80 | count, kind, 0, (body.len() / 4) as u8];
        bytes.extend(body);
        fuzzing::rtcp(&bytes);
    }

    #[test]
    fn feedback_is_read_back_as_it_was_written(deltas in deltas()) {
        let bytes = written(|writer| writer.transport_feedback(&feedback_header(), &deltas));
        prop_assert!(bytes.len() <= 1200 && bytes.len() % 4 == 0);
        let Rtcp::TransportFeedback(feedback) = only(&bytes) else { panic!("no feedback") };
        prop_assert_eq!(feedback.header, feedback_header());
        let mut sequence = feedback_header().base_sequence;
        let mut ticks = i64::from(feedback_header().reference_time) * 256;
        let mut statuses = feedback.statuses();
        for delta in deltas {
            let arrival = delta.map(|delta| { ticks += i64::from(delta); ticks });
            prop_assert_eq!(statuses.next(), Some((sequence, arrival)));
            sequence = sequence.wrapping_add(1);
        }
        prop_assert_eq!(statuses.next(), None);
    }

    #[test]
    fn str0m_reads_our_feedback_as_we_mean_it(mut deltas in deltas()) {
        // str0m 0.25 misreads what follows a run of large times, so none may come seven in a row.
        for delta in deltas.iter_mut().step_by(5) {
            *delta = delta.filter(|delta| (0..256).contains(delta));
        }
        let bytes = written(|writer| writer.transport_feedback(&feedback_header(), &deltas));
        let expected: Vec<_> =
            deltas.iter().map(|d| (d.is_some(), d.map_or(0, i32::from))).collect();
        prop_assert_eq!(as_str0m_reads(&bytes), expected);
    }

    #[test]
    fn any_losses_in_order_are_asked_for_once(mut lost in prop::collection::btree_set(0_u16..2000, 0..100), offset: u16) {
        lost.retain(|n| n % 3 != 0);
        let lost: Vec<u16> = lost.into_iter().map(|n| n.wrapping_add(offset)).collect();
        let bytes = written(|writer| writer.nack(Ssrc(1), Ssrc(2), lost.iter().copied()));
        let read: Vec<u16> = rtcp::parse(&bytes).flat_map(|packet| match packet {
            Rtcp::Nack { lost, .. } => lost.collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }).collect();
        prop_assert_eq!(read, lost);
    }
}
