//! Of a scalable stream everybody is sent as much as is wanted, and nothing that does not decode.

mod camera;
mod golden;

use parlor_engine::rewrite::{Decision, DropReason, Highest, Outgoing, Rewriter};
use parlor_engine::ring::Facts;
use parlor_rtc::MediaKind;
use parlor_rtc::fuzzing::scalable::{L1T3, L3T3, L3T3_KEY};
use parlor_rtc::payload::Layer;

use crate::rewrite::layer;
use crate::ring::{facts, start};
use camera::{Camera, Carrier};

fn rewriter(spatial: u8, temporal: u8) -> Rewriter {
    let mut rewriter = Rewriter::new(MediaKind::Video, 90_000, 0x0123_4567_89AB_CDEF);
    rewriter.want(Highest { spatial, temporal });
    rewriter
}

/// What of these packets goes out, by their place among them.
fn forward(rewriter: &mut Rewriter, packets: &[Facts]) -> Vec<(usize, Outgoing)> {
    let decide = |(n, facts): (usize, &Facts)| match rewriter.decide(layer(1), facts, true) {
        Decision::Forward(outgoing) => Some((n, outgoing)),
        Decision::Drop(_) => None,
    };
    packets.iter().enumerate().filter_map(decide).collect()
}

fn places(forwarded: &[(usize, Outgoing)]) -> Vec<usize> {
    forwarded.iter().map(|(n, _)| *n).collect()
}

#[test]
fn larger_pictures_wait_for_a_key_picture_and_say_so() {
    for mode in [L3T3, L3T3_KEY] {
        for carrier in Carrier::ALL {
            let mut camera = Camera::new(mode, carrier);
            let mut rewriter = rewriter(0, 2);
            assert_eq!(places(&forward(&mut rewriter, &camera.picture(true))), [0]);
            assert!(!rewriter.awaits_larger());
            rewriter.want(Highest { spatial: 1, temporal: 2 });
            for _ in 0..8 {
                assert_eq!(places(&forward(&mut rewriter, &camera.picture(false))), [0]);
                assert!(rewriter.awaits_larger());
            }
            assert_eq!(places(&forward(&mut rewriter, &camera.picture(true))), [0, 1]);
            assert!(!rewriter.awaits_larger());
        }
    }
}

#[test]
fn nobody_waits_for_larger_pictures_that_do_not_come() {
    let mut camera = Camera::new(L1T3, Carrier::Av1);
    let mut rewriter = rewriter(2, 0);
    forward(&mut rewriter, &camera.picture(true));
    rewriter.want(Highest { spatial: 3, temporal: 2 });
    forward(&mut rewriter, &camera.picture(false));
    assert!(!rewriter.awaits_larger());
}

#[test]
fn less_goes_out_from_the_next_picture_on() {
    for mode in [L3T3, L3T3_KEY] {
        for carrier in Carrier::ALL {
            let mut camera = Camera::new(mode, carrier);
            let mut rewriter = rewriter(2, 2);
            assert_eq!(forward(&mut rewriter, &camera.picture(true)).len(), 3);
            let picture = camera.picture(false);
            assert_eq!(forward(&mut rewriter, &picture[..1]).len(), 1);
            // In the middle of a picture: the rest of it still comes, or its end would lack the marker.
            rewriter.want(Highest { spatial: 1, temporal: 2 });
            assert_eq!(places(&forward(&mut rewriter, &picture[1..])), [0, 1]);
            let next = forward(&mut rewriter, &camera.picture(false));
            assert_eq!(
                next.iter().map(|(n, out)| (*n, out.marker)).collect::<Vec<_>>(),
                [(0, false), (1, true)]
            );
        }
    }
}

#[test]
fn larger_pictures_that_are_lost_leave_no_gap_for_who_is_not_sent_them() {
    let mut camera = Camera::new(L3T3, Carrier::Vp9);
    let mut rewriter = rewriter(0, 2);
    let first = forward(&mut rewriter, &camera.picture(true)[..1]);
    // The last of the larger two shows that the one in between was of them too.
    let picture = camera.picture(false);
    let second = forward(&mut rewriter, &[picture[0], picture[2]]);
    assert_eq!(second.len(), 1);
    let third = forward(&mut rewriter, &camera.picture(false));
    // Of two that were lost with the end of the key picture, one is known to be of it.
    assert_eq!(second[0].1.sequence, first[0].1.sequence + 2);
    assert_eq!(third[0].1.sequence, second[0].1.sequence + 1);
}

#[test]
fn what_is_not_wanted_is_not_sent_when_it_comes_late_or_is_asked_for() {
    let mut camera = Camera::new(L3T3, Carrier::Av1);
    let mut rewriter = rewriter(0, 0);
    let sent = forward(&mut rewriter, &camera.picture(true));
    // A whole picture of a higher frame rate is lost: nobody knows that it is not wanted.
    let lost = camera.picture(false);
    camera.picture(false);
    camera.picture(false);
    let next = forward(&mut rewriter, &camera.picture(false));
    let gap = sent[0].1.sequence + 1;
    assert!(next[0].1.sequence > gap);
    let late = rewriter.decide(layer(1), &lost[0], true);
    assert_eq!(late, Decision::Drop(DropReason::NotWanted));
    // The two larger frames of the key picture are the first that are missing, and then it.
    let original = rewriter.original(gap as u16).unwrap();
    assert_eq!(original.sequence, lost[0].sequence);
    assert!(!original.is_wanted(&lost[0]));
}

#[test]
fn a_packet_that_is_sent_again_is_what_it_was() {
    for carrier in Carrier::ALL {
        let mut camera = Camera::new(L3T3_KEY, carrier);
        let mut rewriter = rewriter(1, 2);
        let mut sent = Vec::new();
        for n in 0..12 {
            if n == 6 {
                rewriter.want(Highest { spatial: 0, temporal: 1 });
            }
            let packets = camera.picture(n == 0);
            let out = forward(&mut rewriter, &packets);
            sent.extend(out.into_iter().map(|(n, out)| (packets[n], out)));
        }
        for (facts, out) in sent {
            let original = rewriter.original(out.sequence as u16).unwrap();
            assert!(original.is_wanted(&facts));
            assert_eq!(original.outgoing(&facts), out);
        }
    }
}

#[test]
fn more_frames_of_vp8_come_a_step_at_a_time_where_they_lean_on_the_lowest_alone() {
    let mut rewriter = rewriter(0, 0);
    let mut sequence = 0;
    let mut goes_out = |rewriter: &mut Rewriter, temporal, switches_up| {
        sequence += 1;
        let facts = Facts {
            marker: true,
            starts_key_frame: sequence == 1,
            layer: Layer { spatial: 0, temporal, switches_up },
            ..facts(sequence, start())
        };
        matches!(rewriter.decide(layer(1), &facts, true), Decision::Forward(_))
    };
    assert!(goes_out(&mut rewriter, 0, false));
    rewriter.want(Highest { spatial: 0, temporal: 2 });
    assert!(
        !goes_out(&mut rewriter, 2, true),
        "frames of layer 1 that come may lean on others of it"
    );
    assert!(!goes_out(&mut rewriter, 1, false));
    assert!(goes_out(&mut rewriter, 1, true));
    assert!(!goes_out(&mut rewriter, 2, false));
    assert!(goes_out(&mut rewriter, 1, false));
    assert!(goes_out(&mut rewriter, 2, true));
    assert!(goes_out(&mut rewriter, 2, false));
}

#[test]
fn av1_of_which_the_structure_is_lost_goes_out_whole_until_it_is_recovered() {
    let mut camera = Camera::new(L3T3, Carrier::Av1);
    let mut rewriter = rewriter(0, 2);
    assert_eq!(forward(&mut rewriter, &camera.picture(true)).len(), 1);
    camera.replace_encoder(L3T3);
    let late = camera.packets(true);
    let rest: Vec<Facts> = late[1..].iter().map(|packet| camera.receive(packet)).collect();
    assert_eq!(forward(&mut rewriter, &rest).len(), 2, "whose they are is not known");
    assert_eq!(forward(&mut rewriter, &camera.picture(false)).len(), 3);
    let recovered = camera.receive(&late[0]);
    assert_eq!(forward(&mut rewriter, &[recovered]).len(), 1);
    let next = forward(&mut rewriter, &camera.picture(false));
    assert_eq!(places(&next), [0]);
    assert!(next[0].1.marker);
}

#[test]
fn a_structure_from_before_a_pause_that_comes_late_is_not_taken_for_the_newest() {
    let key_picture_and_one_that_is_lost = [48, 104, 209, 239];
    let pause_and_begin_anew = [253, 0, 1, 0, 32, 0, 33, 0];
    let recover_and_go_on = [74, 180, 1, 0, 0, 0];
    let script =
        [&[229][..], &key_picture_and_one_that_is_lost, &pause_and_begin_anew, &recover_and_go_on];
    parlor_engine::fuzzing::scalable(start(), &script.concat());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..Default::default()
    })]
    #[test]
    fn no_script_of_wishes_losses_and_switches_sends_what_does_not_decode(
        script in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600)
    ) {
        parlor_engine::fuzzing::scalable(start(), &script);
    }
}
