//! Having a page begin anew that comes back with what it has of an earlier membership.
//!
//! Phoenix opens another socket by itself when one is lost, and the page says `connect` again; its library then goes on
//! with the connection of before, with sections that nobody here knows and encryption that nothing here can read. It
//! drops that when it hears that it was removed itself, makes another at the next `offerData`, and puts its own tracks
//! on that without being asked.

use std::collections::BTreeSet;
use std::time::Instant;

use parlor_wire::PeerId;
use parlor_wire::membrane::SdpOffer;
use parlor_wire::membrane::server::{ServerEvent, TracksTypes};

use super::former::Past;
use super::round::Round;
use super::{Dialect, Generation};
use crate::room::about::Metadata;

/// Others that a page of before is told to forget at most, the newest: each is a frame, and what may wait for a socket is
/// bounded. Those that are still there replace what it knows of them in any case.
const MAX_TOLD_OF: usize = 256;

/// How far on either side of an id those are that a page is told to forget when nobody knows whom it knew: ids are given
/// one after another, so that those who met have similar ones. Together they are as many as [`MAX_TOLD_OF`].
const MAX_DISTANCE: u64 = MAX_TOLD_OF as u64 / 2;

/// A section to make an offer with, should there be no other.
const ONE_SECTION: TracksTypes = TracksTypes { audio: 1, video: 0 };

/// As many as a connection of before is likely to have: asked for fewer, its page fails and offers nothing.
const SECTIONS_OF_BEFORE: TracksTypes = TracksTypes { audio: 8, video: 8 };

impl Dialect {
    /// What its page may have of memberships before. To be said before [`Dialect::entered`].
    pub fn recall(&mut self, past: Past) {
        self.past = past;
    }

    /// Has a page that was here before drop what it has of that. To any other these ids are nobody's, since it knows
    /// nobody yet, not even itself.
    pub(super) fn tell_of_past(&mut self, peer: PeerId) {
        let own: BTreeSet<PeerId> = self.past.own.iter().copied().collect();
        // Those who are there and say the same words need not be this one.
        let is_forgotten = self.past.is_back && own.iter().all(|id| self.others.contains_key(id));
        if self.generation == Generation::Tutorial || own.is_empty() && !is_forgotten {
            return;
        }
        let met: BTreeSet<PeerId> =
            self.past.met.iter().chain(self.others.keys()).copied().collect();
        let met: Vec<PeerId> = met.difference(&own).copied().collect();
        let newest = met.len().saturating_sub(MAX_TOLD_OF);
        let mut told: BTreeSet<PeerId> = met.into_iter().skip(newest).collect();
        if is_forgotten {
            // Whom it knew from a former process may have the ids of who is here or comes next, and could not be removed
            // any more once those are told.
            told.extend(ids_around(peer));
        }
        for id in told.difference(&own).chain(&own) {
            self.say(ServerEvent::EndpointRemoved { id: id.to_string() });
        }
        // It may have tracks of its own, of which it says nothing unasked. One that is forgotten tells by its offer what
        // it has, if it can make one.
        let types = if is_forgotten { SECTIONS_OF_BEFORE } else { ONE_SECTION };
        self.round.request_of_anybody(types);
    }

    /// Whether the page can be had begin anew: once, and before anything was agreed on.
    pub(super) fn may_begin_anew(&self) -> bool {
        self.generation == Generation::Current && !self.has_begun_anew && !self.round.has_answered()
    }

    /// Whether an offer comes from a connection of before, though nothing is remembered of that, as after a fall of the
    /// server: it is not the first of its connection. Names of another membership alone tell nothing: a page that said
    /// goodbye goes on to use them, over a connection that is new.
    pub(super) fn is_of_before(&self, offer: &SdpOffer<Metadata>) -> bool {
        self.may_begin_anew()
            && is_later_offer(&offer.sdp_offer.sdp)
            && (self.past.is_back || self.former_in(offer).is_some())
    }

    /// Whether an offer of the connection of before was on its way when the page was told to drop that: what would answer
    /// it could not answer the one that follows.
    pub(super) fn is_too_late(&self, offer: &SdpOffer<Metadata>) -> bool {
        let awaits_first = self.has_begun_anew && !self.round.has_answered();
        awaits_first && is_later_offer(&offer.sdp_offer.sdp)
    }

    /// Who the page was when it named the tracks of an offer, the latest of several, if nobody here knows that one.
    pub(super) fn former_in(&self, offer: &SdpOffer<Metadata>) -> Option<PeerId> {
        let is_known = |id: &PeerId| {
            Some(*id) == self.peer || self.past.own.contains(id) || self.past.given_up.contains(id)
        };
        let owners = offer.mid_to_track_id.values().filter_map(|label| owner_of(label));
        owners.filter(|id| !is_known(id)).max()
    }

    /// Has the page drop its connection and all that it knows, and tells it anew who is there. `former` is who it was,
    /// should that be a membership that nothing is remembered of.
    pub(super) fn begin_anew(&mut self, now: Instant, former: Option<PeerId>) {
        let Some(own) = self.peer else { return };
        self.has_begun_anew = true;
        let mut others: BTreeSet<PeerId> = std::mem::take(&mut self.known).into_keys().collect();
        others.extend(former.into_iter().flat_map(ids_around));
        others.remove(&own);
        for id in others.iter().chain([&own]) {
            self.say(ServerEvent::EndpointRemoved { id: id.to_string() });
        }
        self.voices.clear();
        self.round = Round::default();
        self.round.request_of_anybody(ONE_SECTION);
        self.introduce(now, own);
    }
}

/// Whether a browser has made offers of the same connection before, by the version in its origin line, which grows with
/// each (RFC 9429 section 5.2.1): Firefox begins with 0, Chromium and Safari with 2.
fn is_later_offer(sdp: &str) -> bool {
    let origin = sdp.lines().find_map(|line| line.strip_prefix("o=")).unwrap_or_default();
    let first = if origin.starts_with("mozilla") { 0 } else { 2 };
    let version = origin.split(' ').nth(2).and_then(|version| version.parse::<u64>().ok());
    version.is_some_and(|version| version > first)
}

/// The ids that were given around the time of one, and that one.
fn ids_around(PeerId(id): PeerId) -> impl Iterator<Item = PeerId> {
    (id.saturating_sub(MAX_DISTANCE)..id.saturating_add(MAX_DISTANCE)).map(PeerId)
}

/// Whose a track is by its name, as clients make those.
fn owner_of(label: &str) -> Option<PeerId> {
    label.split_once(':')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_an_origin_tells_first_offers_from_later_ones() {
        let sdp = |origin: &str| format!("v=0\r\no={origin}\r\ns=-\r\n");
        for (origin, is_later) in [
            ("- 4611731400430051336 2 IN IP4 127.0.0.1", false),
            ("- 4611731400430051336 3 IN IP4 127.0.0.1", true),
            ("mozilla...THIS_IS_SDPARTA-99.0 123 0 IN IP4 0.0.0.0", false),
            ("mozilla...THIS_IS_SDPARTA-99.0 123 1 IN IP4 0.0.0.0", true),
            ("", false),
        ] {
            assert_eq!(is_later_offer(&sdp(origin)), is_later, "{origin}");
        }
    }
}
