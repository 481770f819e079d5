//! Who watches by WHEP without an offer of its own: what the server offers, and what becomes of the answer.

use std::collections::BTreeMap;
use std::iter;

use parlor_wire::{Kind, OwnTrack, PeerId, Reason, Refusal, Source, TrackId};

use super::command::{Effect, Invite, Join, Manner, MediaCommand, Reference, SessionId};
use super::door::Watch;
use super::liveness::Media;
use super::member::{Negotiation, Purpose};
use super::negotiate::offer_is_missing;
use super::state::RoomState;

/// Most sections of a kind that are offered: what a browser answers to so many pairs is 90 KB, and three quarters of
/// what is read.
const MAX_INVITED: usize = 24;

/// When somebody may publish who does not now, in milliseconds.
const NOTHING_YET_MS: u64 = 5_000;

/// What a newcomer begins with.
pub(super) enum Opening {
    /// Its own offer.
    Offer(String),
    /// One of ours: what each section is to carry, and the tracks that are to be on them, if those are pinned.
    Sections(Vec<Kind>, Option<Vec<TrackId>>),
}

/// Whether there is or may soon be something to see or hear. Our own app has sections for a screen and its sound from the
/// beginning, and most people never share one: a page that shows the last stream that it is offered would show that.
fn is_there(track: &&OwnTrack) -> bool {
    track.on || !matches!(track.source, Source::Screen | Source::ScreenAudio)
}

impl RoomState {
    /// What somebody begins with who wants in. `pins` are the tracks that are to be on its sections, if those are pinned.
    ///
    /// # Errors
    /// When there is nothing to begin with.
    pub(super) fn opening_of(
        &self,
        join: &Join,
        pins: Option<&[TrackId]>,
    ) -> Result<Opening, Refusal> {
        match (&join.offer, join.manner, pins) {
            (Some(offer), _, _) => Ok(Opening::Offer(offer.clone())),
            (None, Manner::Whep(_), None) => Ok(Opening::Sections(self.sections_of_all(), None)),
            (None, Manner::Whep(watch), Some(pins)) => {
                // Who names a track gets it; of a person's some are not there.
                let is_named = matches!(watch, Watch::Track(_));
                let all = || self.members.values().flat_map(|member| &member.tracks);
                let tracks = pins.iter().filter_map(|pin| all().find(|track| track.id == *pin));
                let tracks = tracks.filter(|track| is_named || is_there(track)).take(MAX_INVITED);
                match tracks.map(|track| (track.kind, track.id)).unzip() {
                    (none, _) if Vec::is_empty(&none) => {
                        let message = "peer: publishes nothing now";
                        Err(Refusal::for_now(Reason::UnknownTrack, message, NOTHING_YET_MS))
                    }
                    (sections, pins) => Ok(Opening::Sections(sections, Some(pins))),
                }
            }
            _ => Err(offer_is_missing()),
        }
    }

    /// One section for each track, and one of each kind at least, since somebody may begin to publish. Pictures and sound
    /// come by turns, as they are in one stream by pairs.
    fn sections_of_all(&self) -> Vec<Kind> {
        let tracks = || self.members.values().flat_map(|member| &member.tracks).filter(is_there);
        let sections = |kind| {
            let count = tracks().filter(|track| track.kind == kind).count();
            iter::repeat_n(kind, count.clamp(1, MAX_INVITED))
        };
        let (mut sound, mut pictures) = (sections(Kind::Audio), sections(Kind::Video));
        iter::from_fn(|| match (sound.next(), pictures.next()) {
            (None, None) => None,
            pair => Some([pair.0, pair.1].into_iter().flatten()),
        })
        .flatten()
        .collect()
    }

    /// Has a newcomer be offered these sections.
    pub(super) fn invite(
        &mut self,
        peer: PeerId,
        join: Join,
        (sections, pins): (Vec<Kind>, Option<Vec<TrackId>>),
    ) {
        let Some(member) = self.members.get_mut(&peer) else { return };
        if let Media::Connecting { since } = member.media {
            member.media = Media::Invited { since };
        }
        member.attempts += 1;
        let attempt = member.attempts;
        let Join { session, reference, .. } = join;
        member.negotiation = Some(Negotiation {
            attempt,
            session,
            reference,
            purpose: Purpose::Join,
            tracks: Vec::new(),
            about: BTreeMap::new(),
        });
        let invite = Invite { peer, attempt, sections, pins };
        self.effect(Effect::Media(MediaCommand::Invite(invite)));
    }

    /// The answer of a member that was offered something.
    pub(super) fn accept(
        &mut self,
        peer: PeerId,
        session: SessionId,
        reference: Reference,
        answer: String,
    ) {
        let Some(member) = self.members.get_mut(&peer) else { return };
        if member.negotiation.is_some() || !matches!(member.media, Media::Invited { .. }) {
            let message = "answer: there is no offer of the server that waits for one";
            let refusal = Refusal::new(Reason::BadRequest, message);
            return self.reply(session, reference, Err(refusal));
        }
        member.attempts += 1;
        let attempt = member.attempts;
        member.negotiation = Some(Negotiation {
            attempt,
            session,
            reference,
            purpose: Purpose::Answer,
            tracks: Vec::new(),
            about: BTreeMap::new(),
        });
        self.effect(Effect::Media(MediaCommand::Accept { peer, attempt, answer }));
    }
}
