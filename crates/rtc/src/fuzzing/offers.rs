//! Offers, negotiated and answered.

use crate::MediaKind;
use crate::dtls::Fingerprint;
use crate::ice::Credentials;
use crate::sdp::{
    Candidates, Direction, Local, NegotiatedCodec, Negotiation, Offer, SdpError, Slot, negotiate,
};

/// Offers on one connection, separated by zero bytes: each is either refused at a line that it
/// has, or becomes an answer with the same sections that a repetition of the offer does not change.
pub fn sdp(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut previous = None;
    for offer in text.split('\0') {
        let lines = offer.split('\n').count();
        match sdp_offer(offer, previous.as_ref()) {
            Err(error) => assert!((1..=lines).contains(&error.line), "{error}"),
            Ok(negotiation) => {
                check_answer(&negotiation);
                previous = Some(negotiation);
            }
        }
    }
}

fn sdp_offer(text: &str, previous: Option<&Negotiation>) -> Result<Negotiation, SdpError> {
    let offer = Offer::parse(text)?;
    let negotiation = negotiate(&offer, previous)?;
    if let Some(previous) = previous {
        negotiation.changes_since(previous);
    }
    let again = negotiate(&offer, Some(&negotiation))?;
    let changes = again.changes_since(&negotiation);
    assert!(changes.sections.is_empty() && !changes.ice_restarted, "{changes:?}");
    Ok(negotiation)
}

/// Answers to what we offer: each is either refused at a line that it has, or taken with nothing in it that was not
/// offered, and is then an offer that a repetition of does not change.
pub fn sdp_answer(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let nobody = Credentials::new("nobody", "passwordpasswordpassword").expect("they are allowed");
    let kinds = [MediaKind::Audio, MediaKind::Video];
    let proposed = Negotiation::propose(&kinds, nobody);
    let lines = text.split('\n').count();
    let accepted = Offer::parse(&text).and_then(|answer| proposed.accept(answer));
    let accepted = match accepted {
        Ok(accepted) => accepted,
        Err(error) => return assert!((1..=lines).contains(&error.line), "{error}"),
    };
    for taken in accepted.media() {
        let offered = proposed.media().find(|offered| offered.mid == taken.mid);
        let offered = offered.expect("no section is taken that was not offered");
        let is_offered = |codec: &NegotiatedCodec| {
            let known =
                offered.codecs.iter().find(|known| known.payload_type == codec.payload_type);
            known.is_some_and(|known| known.codec.name() == codec.codec.name())
        };
        assert!(taken.direction != Direction::ClientSends && taken.codecs.iter().all(is_offered));
    }
    check_answer(&accepted);
    let again = Offer::parse(&text).and_then(|offer| negotiate(&offer, Some(&accepted)));
    let again = again.expect("an answer that was taken is an offer of the same");
    assert!(!again.changes_since(&accepted).ice_restarted);
}

fn check_answer(negotiation: &Negotiation) {
    let ice = Credentials::new("server", "passwordpasswordpassword").expect("they are allowed");
    let fingerprint = &Fingerprint::from_bytes([7; 32]);
    let local = Local {
        session_id: 1,
        version: 1,
        ice: &ice,
        fingerprint,
        candidates: &Candidates::default(),
    };
    let slot = Slot {
        ssrc: 1,
        rtx_ssrc: Some(2),
        cname: "cname".to_owned(),
        stream: "stream".to_owned(),
        track: "track".to_owned(),
    };
    let answer = negotiation.answer(&local, |_| Some(slot.clone()));
    let sections = answer.lines().filter(|line| line.starts_with("m=")).count();
    assert_eq!(sections, negotiation.sections.len());
    let is_line = |line: &str| line.as_bytes().get(1) == Some(&b'=') && line.is_ascii();
    let odd = answer.split_terminator("\r\n").find(|line| !is_line(line));
    assert!(odd.is_none_or(|line| line.chars().all(|c| !c.is_control())), "{odd:?}");
}
