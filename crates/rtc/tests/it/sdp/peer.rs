//! str0m as the client: it takes our answers to its offers.

use super::*;
use std::time::Instant;
use str0m::Rtc;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction as Way, MediaKind as Kind, Simulcast, SimulcastLayer};

#[allow(clippy::disallowed_methods)] // Only the SDP of this client is used: it never runs.
pub(super) fn client() -> Rtc {
    Rtc::builder().build(Instant::now())
}

fn camera() -> Simulcast {
    let layers = ["l", "m", "h"].map(SimulcastLayer::new);
    Simulcast { send: layers.to_vec(), recv: Vec::new() }
}

/// Offers a microphone, a camera and a pair of slots.
pub(super) fn offer(client: &mut Rtc) -> (String, SdpPendingOffer) {
    let mut changes = client.sdp_api();
    changes.add_media(Kind::Audio, Way::SendOnly, None, None, None);
    changes.add_media(Kind::Video, Way::SendOnly, None, None, Some(camera()));
    changes.add_media(Kind::Audio, Way::RecvOnly, None, None, None);
    changes.add_media(Kind::Video, Way::RecvOnly, None, None, None);
    let (offer, pending) = changes.apply().expect("changes to offer");
    (offer.to_sdp_string(), pending)
}

pub(super) fn accept(client: &mut Rtc, pending: SdpPendingOffer, answer: &str) {
    let answer = SdpAnswer::from_sdp_string(answer).expect("str0m reads the answer");
    client.sdp_api().accept_answer(pending, answer).expect("str0m takes the answer");
}

#[test]
fn str0m_takes_the_answer_to_its_offer() {
    let mut client = client();
    let (text, pending) = offer(&mut client);
    let negotiation = decide(&text).unwrap();
    assert_eq!(outline(&negotiation), ["audio in", "video in", "audio out", "video out"]);
    let mids: Vec<Mid> = negotiation.media().map(|section| section.mid).collect();
    let camera = section(&negotiation, mids[1].as_str());
    let rids: Vec<&str> = camera.encodings.iter().map(|e| e.rid.as_str()).collect();
    assert_eq!(rids, ["l", "m", "h"]);
    accept(&mut client, pending, &answer(&negotiation, 0));
}

#[test]
fn str0m_takes_answers_to_bigger_offers_pauses_and_ice_restarts() {
    let mut client = client();
    let (text, pending) = offer(&mut client);
    let first = decide(&text).unwrap();
    accept(&mut client, pending, &answer(&first, 0));

    let mut changes = client.sdp_api();
    let more = changes.add_media(Kind::Audio, Way::RecvOnly, None, None, None);
    let (bigger, pending) = changes.apply().unwrap();
    let second = decide_again(&bigger.to_sdp_string(), &first).unwrap();
    let change = second.changes_since(&first);
    assert!(!change.ice_restarted);
    let added = (mid(&more.to_string()), parlor_rtc::sdp::SectionChange::Added);
    assert_eq!(change.sections, [added]);
    accept(&mut client, pending, &answer(&second, 0));

    let mut changes = client.sdp_api();
    changes.set_direction(more, Way::Inactive);
    let (paused, pending) = changes.apply().unwrap();
    let third = decide_again(&paused.to_sdp_string(), &second).unwrap();
    let from = Direction::ClientReceives;
    let turned = (mid(&more.to_string()), parlor_rtc::sdp::SectionChange::Turned { from });
    assert_eq!(third.changes_since(&second).sections, [turned]);
    accept(&mut client, pending, &answer(&third, 0));

    let mut changes = client.sdp_api();
    changes.ice_restart(true);
    let (restart, pending) = changes.apply().unwrap();
    let fourth = decide_again(&restart.to_sdp_string(), &third).unwrap();
    assert!(fourth.changes_since(&third).ice_restarted);
    accept(&mut client, pending, &answer(&fourth, 1));
}

#[test]
fn str0m_takes_a_refused_data_channel() {
    let mut client = client();
    let mut changes = client.sdp_api();
    changes.add_media(Kind::Audio, Way::SendOnly, None, None, None);
    changes.add_channel("chat".to_owned());
    let (offer, _pending) = changes.apply().unwrap();
    let negotiation = decide(&offer.to_sdp_string()).unwrap();
    assert_eq!(outline(&negotiation), ["audio in", "refused"]);
    assert!(SdpAnswer::from_sdp_string(&answer(&negotiation, 0)).is_ok());
}
