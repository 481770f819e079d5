use super::*;
use crate::rtcp::{self, CompoundWriter, Rtcp, TransportFeedbackHeader};
use crate::rtp::Ssrc;

fn start() -> Moment {
    Moment::after(Duration::from_secs(1_000))
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Everything that a feedback says anew.
fn read(
    reader: &mut FeedbackReader,
    history: &mut History,
    (base_sequence, reference_time): (u16, u32),
    deltas: &[Option<i16>],
) -> Vec<Batch> {
    let mut bytes = [0; 2_000];
    let mut writer = CompoundWriter::new(&mut bytes);
    let header = TransportFeedbackHeader {
        sender: Ssrc(1),
        media: Ssrc(2),
        base_sequence,
        reference_time,
        feedback_count: 0,
    };
    writer.transport_feedback(&header, deltas).unwrap();
    let len = writer.len();
    let Some(Rtcp::TransportFeedback(feedback)) = rtcp::parse(&bytes[..len]).next() else {
        panic!("no feedback");
    };
    let mut unread = reader.read(&feedback);
    std::iter::from_fn(|| {
        let mut batch = Batch::default();
        unread.fill(&mut batch, history).then_some(batch)
    })
    .collect()
}

fn sent(begin: Moment, packets: u16) -> History {
    let mut history = History::new();
    for n in 0..packets {
        history.note_sent(begin + ms(u64::from(n)), n, 1_000, None);
    }
    history
}

fn outcomes(batches: &[Batch]) -> Vec<(u64, Outcome)> {
    let all = batches.iter().flat_map(Batch::results);
    all.map(|result| (result.packet.sequence & 0xFFFF, result.outcome)).collect()
}

#[test]
fn the_lost_come_first_and_then_the_others_as_they_arrived() {
    let mut history = sent(start(), 4);
    let deltas = [Some(40), None, Some(-20), Some(8)];
    let read = read(&mut FeedbackReader::default(), &mut history, (0, 2), &deltas);
    let at = |ticks: i64| Outcome::Arrived { at_us: 128_000 + 250 * ticks };
    assert_eq!(outcomes(&read), [(1, Outcome::Lost), (2, at(20)), (3, at(28)), (0, at(40))]);
}

#[test]
fn times_go_on_where_the_reference_time_wraps_and_a_late_feedback_is_earlier() {
    let mut history = sent(start(), 4);
    let mut reader = FeedbackReader::default();
    let mut times = Vec::new();
    for (sequence, reference) in [(0, 0xFF_FFFF), (1, 1), (2, 0xFF_FFFE), (3, 0)] {
        let read = read(&mut reader, &mut history, (sequence, reference), &[Some(0)]);
        times.extend(outcomes(&read).iter().map(|&(_, outcome)| match outcome {
            Outcome::Arrived { at_us } => at_us / 64_000 - 0xFF_FFFF,
            Outcome::Lost => panic!("it arrived"),
        }));
    }
    assert_eq!(times, [0, 2, -1, 1]);
}

#[test]
fn a_repeated_feedback_says_nothing_and_a_correction_only_what_changed() {
    let mut history = sent(start(), 3);
    let mut reader = FeedbackReader::default();
    let first = [Some(0), None, Some(1)];
    assert_eq!(outcomes(&read(&mut reader, &mut history, (0, 0), &first)).len(), 3);
    assert!(read(&mut reader, &mut history, (0, 0), &first).is_empty());
    let corrected = read(&mut reader, &mut history, (0, 0), &[Some(0), Some(9), Some(1)]);
    assert_eq!(outcomes(&corrected), [(1, Outcome::Arrived { at_us: 2_250 })]);
    assert!(corrected[0].results().all(|result| result.packet.was_lost));
}

#[test]
fn packets_that_were_never_sent_are_passed_over() {
    let mut history = sent(start(), 3);
    let deltas = [Some(0); 10];
    let read = read(&mut FeedbackReader::default(), &mut history, (0xFFFF, 0), &deltas);
    assert_eq!(outcomes(&read).iter().map(|&(n, _)| n).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn a_long_feedback_comes_in_batches() {
    let mut history = sent(start(), 300);
    let deltas = [Some(4); 300];
    let read = read(&mut FeedbackReader::default(), &mut history, (0, 0), &deltas);
    assert_eq!(
        read.iter().map(|batch| batch.results().count()).collect::<Vec<_>>(),
        [128, 128, 44]
    );
}

#[test]
fn the_round_trip_is_what_the_feedback_did_not_wait() {
    let begin = start();
    let mut history = sent(begin, 3);
    // Sent 1 ms apart, arrived 1 ms apart; told 30 ms after the last was sent.
    let deltas = [Some(0), Some(4), Some(4)];
    let read = read(&mut FeedbackReader::default(), &mut history, (0, 0), &deltas);
    assert_eq!(read[0].round_trip(begin + ms(32)), Some(ms(30)));
}
