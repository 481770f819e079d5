//! Stories about how long a sender takes to send again what it is asked for.

use std::time::Duration;

use parlor_rtc::receive::{Arrival, Reply, ReplyTime, StreamReceiver};

use super::{ms, start};

/// Asks for packet 1 of three at each of `asked`, with a repetition due at all of them, lets it come at
/// `comes`, and says what that tells.
fn reply(asked: &[u64], comes: u64, arrival: Arrival) -> Option<Reply> {
    let start = start();
    let mut receiver = StreamReceiver::new(90_000);
    for sequence in [1 << 16, (1 << 16) + 2] {
        receiver.handle_packet(start, sequence, 0, Arrival::Original);
    }
    for &at in asked {
        let requests = receiver.requests(start + ms(at), Duration::ZERO);
        assert_eq!(requests.as_slice(), [1]);
        assert_eq!(receiver.take_reply(), None);
    }
    receiver.handle_packet(start + ms(comes), (1 << 16) + 1, 0, arrival);
    let reply = receiver.take_reply();
    assert_eq!(receiver.take_reply(), None, "it is told once");
    reply
}

#[test]
fn what_was_asked_for_once_tells_how_long_the_answer_took() {
    assert_eq!(reply(&[5], 205, Arrival::Repair), Some(Reply::After(ms(200))));
}

#[test]
fn of_several_requests_nobody_knows_which_was_answered() {
    assert_eq!(reply(&[5, 75], 205, Arrival::Repair), Some(Reply::Unclear(ms(200))));
}

#[test]
fn what_comes_by_itself_answers_nothing() {
    assert_eq!(reply(&[5], 30, Arrival::Original), None);
    assert_eq!(reply(&[], 3, Arrival::Repair), None);
}

#[test]
fn what_is_given_up_unanswered_may_have_been_waited_for_too_shortly() {
    let start = start();
    let mut receiver = StreamReceiver::new(90_000);
    for sequence in [1 << 16, (1 << 16) + 2] {
        receiver.handle_packet(start, sequence, 0, Arrival::Original);
    }
    let replies = (5..1_100).filter_map(|at| {
        receiver.requests(start + ms(at), ms(20));
        receiver.take_reply()
    });
    assert_eq!(replies.collect::<Vec<_>>(), [Reply::Unclear(ms(300))], "ten times in 30 ms each");
}

#[test]
fn until_there_is_a_sample_unclear_replies_make_requests_wait_longer() {
    let mut time = ReplyTime::default();
    assert_eq!(time.expected(), None);
    time.note(Reply::Unclear(ms(200)));
    time.note(Reply::Unclear(ms(140)));
    assert_eq!(time.expected(), Some(ms(200)));
    time.note(Reply::After(ms(50)));
    assert_eq!(time.expected(), Some(ms(50)), "one of the requests, or its answer, was lost");
}

#[test]
fn a_path_that_becomes_longer_is_followed_and_so_is_one_that_becomes_shorter() {
    let mut time = ReplyTime::default();
    for (far, near) in [(ms(300), ms(320)), (ms(40), ms(55))] {
        for _ in 0..40 {
            time.note(Reply::After(far));
        }
        let expected = time.expected();
        assert!(expected >= Some(far - ms(2)) && expected <= Some(near), "{expected:?}");
    }
}

#[test]
fn nearly_no_reply_over_an_uneven_path_takes_longer_than_expected() {
    let mut time = ReplyTime::default();
    let mut late = 0;
    for n in 0..1_000_u64 {
        // 100 to 160 ms in a scattered order.
        let sample = ms(100 + n * 37 % 61);
        late += u32::from(n > 20 && time.expected() < Some(sample));
        time.note(Reply::After(sample));
    }
    assert!(late <= 10, "{late} of 1,000");
}
