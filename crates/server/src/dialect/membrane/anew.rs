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
    pub(super) fn tell_of_past(&mut self) {
        if self.generation == Generation::Tutorial {
            return;
        }
        if self.past.own.is_empty() {
            // Its offer will tell, if it can make one.
            if self.past.is_back {
                self.round.request_of_anybody(SECTIONS_OF_BEFORE);
            }
            return;
        }
        let own: BTreeSet<PeerId> = self.past.own.iter().copied().collect();
        let met: BTreeSet<PeerId> =
            self.past.met.iter().chain(self.others.keys()).copied().collect();
        let met: Vec<PeerId> = met.difference(&own).copied().collect();
        let newest = met.len().saturating_sub(MAX_TOLD_OF);
        for id in met.into_iter().skip(newest).chain(own) {
            self.say(ServerEvent::EndpointRemoved { id: id.to_string() });
        }
        // It may have tracks of its own, of which it says nothing unasked.
        self.round.request_of_anybody(ONE_SECTION);
    }

    /// Whether the page can be had begin anew: once, and before anything was agreed on.
    pub(super) fn may_begin_anew(&self) -> bool {
        self.generation == Generation::Current && !self.has_begun_anew && !self.round.has_answered()
    }

    /// Whether an offer comes from a connection of before, though nothing is remembered of that, as after a fall of the
    /// server: its tracks have the names of another membership, or it is not the first of its connection.
    pub(super) fn is_of_before(&self, offer: &SdpOffer<Metadata>) -> bool {
        let is_known = |id: &PeerId| {
            Some(*id) == self.peer || self.past.own.contains(id) || self.past.given_up.contains(id)
        };
        let mut labels = offer.mid_to_track_id.values();
        let is_stale = labels.any(|label| owner_of(label).is_some_and(|id| !is_known(&id)))
            || self.past.is_back && is_later_offer(&offer.sdp_offer.sdp);
        self.may_begin_anew() && is_stale
    }

    /// Has the page drop its connection and all that it knows, and tells it anew who is there.
    pub(super) fn begin_anew(&mut self, now: Instant) {
        let Some(own) = self.peer else { return };
        self.has_begun_anew = true;
        let others = std::mem::take(&mut self.known);
        for id in others.keys().chain([&own]) {
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
