//! What an offer that came by HTTP sends and receives, and what an answer has to be.

use axum::http::StatusCode;
use parlor_rtc::MediaKind;
use parlor_rtc::ice::Credentials;
use parlor_rtc::sdp::{Direction, MediaSection, Negotiation, Offer, negotiate};
use parlor_wire::{Kind, Sender, Source};

use super::problem::Problem;

/// A publisher's sections: the first of each kind is a microphone and a camera, as in our own app, and more are
/// what they are.
///
/// # Errors
/// When the offer cannot be read or used, or sends nothing.
pub(super) fn senders(offer: &str) -> Result<Vec<Sender>, Problem> {
    let negotiation = read(offer)?;
    let sends = |section: &&MediaSection| section.direction == Direction::ClientSends;
    let mut senders: Vec<Sender> = Vec::new();
    for section in negotiation.media().filter(sends) {
        let (kind, first) = match section.kind {
            MediaKind::Audio => (Kind::Audio, Source::Microphone),
            MediaKind::Video => (Kind::Video, Source::Camera),
        };
        let is_first = senders.iter().all(|sender| sender.source != first);
        let (source, kind) = if is_first { (first, None) } else { (Source::Custom, Some(kind)) };
        senders.push(Sender { mid: section.mid.to_string(), source, kind, on: true });
    }
    match senders.is_empty() {
        true => Err(unusable("expected at least one sendonly section")),
        false => Ok(senders),
    }
}

/// A viewer's offer as a room takes it: a section that would go both ways is one to receive on, as the draft has it.
///
/// # Errors
/// When the offer cannot be read or used, or receives nothing.
pub(super) fn receiving(offer: &str) -> Result<String, Problem> {
    let offer = offer.replace("a=sendrecv", "a=recvonly");
    let negotiation = read(&offer)?;
    let mut media = negotiation.media();
    match media.any(|section| section.direction == Direction::ClientReceives) {
        true => Ok(offer),
        false => Err(unusable("expected at least one recvonly section")),
    }
}

/// A viewer's answer as a room takes it, with the same leniency.
///
/// # Errors
/// When it is no session description.
pub(super) fn answer(answer: &str) -> Result<String, Problem> {
    let answer = answer.replace("a=sendrecv", "a=recvonly");
    let malformed = |error| Problem::new(StatusCode::BAD_REQUEST, "bad_answer", format!("{error}"));
    Offer::parse(&answer).map_err(malformed)?;
    Ok(answer)
}

/// The ICE credentials of a client's offer, or of its answer, which reads as one.
pub(super) fn credentials(description: &str) -> Option<Credentials> {
    let negotiation = negotiate(&Offer::parse(description).ok()?, None).ok()?;
    Some(negotiation.ice)
}

fn read(offer: &str) -> Result<Negotiation, Problem> {
    let malformed = |error| Problem::new(StatusCode::BAD_REQUEST, "bad_offer", format!("{error}"));
    let offer = Offer::parse(offer).map_err(malformed)?;
    negotiate(&offer, None).map_err(|error| unusable(format!("{error}")))
}

fn unusable(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_offer", detail)
}
