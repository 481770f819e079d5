//! What a peer and the server have agreed on by offers and answers.

use parlor_rtc::congestion::FeedbackKind;
use parlor_rtc::rtp::{ExtensionKind, ExtensionMap};
use parlor_rtc::sdp::{self, Candidates, Direction, Local, MediaSection, Negotiation};
use parlor_rtc::{MediaKind, Mid, dtls, ice};

use crate::command::{JoinError, Sender};
use crate::random::Random;
use crate::ufrag::{self, Owner};

/// One peer's side of signalling.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) negotiation: Negotiation,
    /// Our ICE credentials, as answers say them.
    pub(crate) local_ice: ice::Credentials,
    /// Names the clock of everything that we send to this peer (RFC 3550 section 6.5.1).
    pub(crate) cname: String,
    id: u64,
    /// Answers so far, and offers of ours.
    answers: u64,
    turn: Turn,
}

/// Whose turn it is to say something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Ours, to answer what has been agreed on.
    Ours,
    /// The client's, to answer our offer. It is nobody until then.
    Theirs,
}

impl Session {
    /// What we offer to a client that is to receive on sections of these kinds.
    pub(crate) fn invite(kinds: &[MediaKind], owner: Owner, random: &mut Random) -> Session {
        let nobody = fresh_credentials(owner, random);
        let session = Session::new(Negotiation::propose(kinds, nobody), owner, random);
        Session { turn: Turn::Theirs, ..session }
    }

    /// Whether our offer waits for an answer.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.turn == Turn::Theirs
    }

    /// The client has answered; this is what it agrees on.
    pub(crate) fn accept(&mut self, negotiation: Negotiation) {
        (self.negotiation, self.turn) = (negotiation, Turn::Ours);
    }

    /// What follows from a first offer.
    pub(crate) fn new(negotiation: Negotiation, owner: Owner, random: &mut Random) -> Session {
        Session {
            negotiation,
            local_ice: fresh_credentials(owner, random),
            cname: ufrag::make_password(random),
            id: random.next_u64(),
            answers: 0,
            turn: Turn::Ours,
        }
    }

    /// Whether the client takes compounds that do not begin with a report (RFC 5506): all its sections
    /// share one transport, so all have to say so.
    pub(crate) fn takes_reduced_size(&self) -> bool {
        self.negotiation.media().all(|section| section.reduced_size_rtcp)
    }

    /// What the client tells of the packets that it receives. All of video has to bear numbers and to be told of:
    /// the path is judged, and found out about, by what flows there.
    pub(crate) fn feedback(&self) -> FeedbackKind {
        let mut videos = self.negotiation.media().filter(|section| {
            section.direction == Direction::ClientReceives && section.kind == MediaKind::Video
        });
        let tells = |section: &MediaSection| {
            let is_numbered =
                section.extensions.iter().any(|e| e.kind == ExtensionKind::TransportSequence);
            is_numbered && section.codecs.iter().any(|codec| codec.feedback.transport_cc)
        };
        match videos.next().is_some_and(tells) && videos.all(tells) {
            true => FeedbackKind::TransportWide,
            false => FeedbackKind::Reports,
        }
    }

    /// The answer to the latest offer, or our own. `slot` tells what each receive section sends as.
    pub(crate) fn answer(
        &mut self,
        fingerprint: dtls::Fingerprint,
        candidates: &Candidates,
        slot: impl FnMut(Mid) -> Option<sdp::Slot>,
    ) -> String {
        let local = Local {
            session_id: self.id,
            version: self.answers,
            ice: &self.local_ice,
            fingerprint: &fingerprint,
            candidates,
        };
        self.answers += 1;
        match self.turn {
            Turn::Ours => self.negotiation.answer(&local, slot),
            Turn::Theirs => self.negotiation.offer(&local, slot),
        }
    }
}

/// ICE credentials that nobody has seen.
pub(crate) fn fresh_credentials(owner: Owner, random: &mut Random) -> ice::Credentials {
    let (ufrag, password) = (ufrag::make_ufrag(owner, random), ufrag::make_password(random));
    ice::Credentials::new(&ufrag, &password).expect("what we make has the form that ICE wants")
}

/// The extension ids of everything that arrives on a connection: a bundle shares them.
pub(crate) fn incoming_extensions(negotiation: &Negotiation) -> ExtensionMap {
    let mut map = ExtensionMap::new();
    for extension in negotiation.media().flat_map(|section| &section.extensions) {
        // Negotiation has checked that an id has one meaning and is a usable one.
        let _already_meant = map.insert(extension.id, extension.kind);
    }
    map
}

/// Checks that every sender has a sending section of its kind, and one of its own.
pub(crate) fn check_senders(
    negotiation: &Negotiation,
    senders: &[Sender],
    limit: usize,
) -> Result<(), JoinError> {
    if senders.len() > limit {
        return Err(JoinError::TooManySenders(limit));
    }
    for (index, sender) in senders.iter().enumerate() {
        let section =
            sending_section(negotiation, sender.mid).ok_or(JoinError::NoSuchSection(sender.mid))?;
        let (section, source) = (section.kind, sender.source.kind());
        if section != source {
            return Err(JoinError::WrongKind { mid: sender.mid, section, source_kind: source });
        }
        if senders.iter().take(index).any(|earlier| earlier.mid == sender.mid) {
            return Err(JoinError::SectionNamedTwice(sender.mid));
        }
    }
    Ok(())
}

/// The section `mid` if the client sends on it.
pub(crate) fn sending_section(negotiation: &Negotiation, mid: Mid) -> Option<&MediaSection> {
    negotiation
        .media()
        .find(|section| section.mid == mid && section.direction == Direction::ClientSends)
}

/// The section `mid` if the client receives on it.
pub(crate) fn receiving_section(negotiation: &Negotiation, mid: Mid) -> Option<&MediaSection> {
    negotiation
        .media()
        .find(|section| section.mid == mid && section.direction == Direction::ClientReceives)
}

/// The sections that the client receives on, at most `limit` of each kind.
pub(crate) fn receiving_sections(
    negotiation: &Negotiation,
    limit: u16,
) -> impl Iterator<Item = &MediaSection> {
    let (mut audio, mut video) = (0, 0);
    negotiation.media().filter(move |section| {
        let count = match section.kind {
            MediaKind::Audio => &mut audio,
            MediaKind::Video => &mut video,
        };
        let receives = section.direction == Direction::ClientReceives;
        *count += u16::from(receives);
        receives && *count <= limit
    })
}

#[cfg(test)]
mod tests {
    use parlor_rtc::sdp::{Offer, negotiate};

    use super::*;

    const NUMBERS: &str =
        "a=extmap:5 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n";
    const TELLS: &str = "a=rtcp-fb:96 transport-cc\r\n";

    /// Of a client that receives sound, with numbers on it, and pictures with these lines.
    fn feedback(video: &str) -> FeedbackKind {
        let fingerprint = ["AB"; 32].join(":");
        let section = "c=IN IP4 0.0.0.0\r\na=ice-ufrag:user0\r\na=ice-pwd:password-of-user-00000000\r\n\
                       a=rtcp-mux\r\na=recvonly\r\n";
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
             a=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\n\
             m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n{section}a=mid:0\r\n{NUMBERS}\
             a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n\
             m=video 9 UDP/TLS/RTP/SAVPF 96\r\n{section}a=mid:1\r\n\
             a=rtpmap:96 VP8/90000\r\n{video}"
        );
        let negotiation = negotiate(&Offer::parse(&offer).unwrap(), None).unwrap();
        let owner = Owner { thread: 0, peer: crate::slab::Slab::new().vacant_key().unwrap() };
        Session::new(negotiation, owner, &mut Random::from_seed([1; 32])).feedback()
    }

    #[test]
    fn a_path_is_judged_by_numbers_only_where_pictures_bear_them_and_are_told_of() {
        assert_eq!(feedback(&format!("{NUMBERS}{TELLS}")), FeedbackKind::TransportWide);
        for video in [NUMBERS, TELLS, "", "a=rtcp-fb:96 goog-remb\r\n"] {
            assert_eq!(feedback(video), FeedbackKind::Reports, "{video}");
        }
    }
}
