//! What a client's offer sends and receives, and what its tracks are to others.

use std::collections::{BTreeMap, BTreeSet};

use parlor_rtc::MediaKind;
use parlor_rtc::sdp::{Direction, Offer, negotiate};
use parlor_wire::membrane::SdpOffer;
use parlor_wire::{Kind, Sender, Source, TrackId};

use super::{describe, is_small};
use crate::admission::MAX_SENDERS;
use crate::room::about::{Metadata, TrackAbout};

/// Longest name that a client may give a track, in bytes. They make them of its id and a UUID.
const MAX_LABEL_LEN: usize = 128;

/// What an offer says of its sections.
#[derive(Debug, Default)]
pub(super) struct Sections {
    /// Those that send, by their mids.
    sending: BTreeMap<String, Kind>,
    /// How many receive, of each kind.
    pub(super) receiving_audio: u16,
    pub(super) receiving_video: u16,
}

impl Sections {
    /// Reads an offer; nothing of one that cannot be used, which the media side then refuses.
    pub(super) fn read(sdp: &str) -> Sections {
        let parsed = Offer::parse(sdp).and_then(|offer| negotiate(&offer, None));
        let Ok(negotiation) = parsed else { return Sections::default() };
        let mut sections = Sections::default();
        for section in negotiation.media() {
            match (section.direction, section.kind) {
                (Direction::ClientSends, kind) => {
                    let kind = match kind {
                        MediaKind::Audio => Kind::Audio,
                        MediaKind::Video => Kind::Video,
                    };
                    sections.sending.insert(section.mid.to_string(), kind);
                }
                (Direction::ClientReceives, MediaKind::Audio) => sections.receiving_audio += 1,
                (Direction::ClientReceives, MediaKind::Video) => sections.receiving_video += 1,
                (Direction::Inactive, _) => {}
            }
        }
        sections
    }

    /// The tracks that an offer sends, with what the client says of each, and under names for others that begin with
    /// `own`. Should there be too many, those that are there already (`published`, by the client's names) stay.
    pub(super) fn senders(
        &self,
        own: &str,
        offer: &SdpOffer<Metadata>,
        published: &BTreeMap<String, TrackId>,
    ) -> Vec<(Sender, TrackAbout)> {
        let mut shown = BTreeSet::new();
        let named = offer.mid_to_track_id.iter().filter_map(|(mid, label)| {
            let kind = *self.sending.get(mid)?;
            let fits = label.len() <= MAX_LABEL_LEN;
            (fits && shown.insert(shown_label(own, label))).then_some((mid, label, kind))
        });
        let mut named: Vec<(&String, &String, Kind)> = named.collect();
        named.sort_by_key(|(_, label, _)| !published.contains_key(*label));
        let mut sources = BTreeSet::new();
        let sender = |(mid, label, kind): (&String, &String, Kind)| {
            let metadata = offer.track_id_to_track_metadata.get(label);
            let metadata = metadata.filter(|metadata| is_small(metadata)).cloned();
            let guess = describe::source_of(metadata.as_ref(), kind);
            // One of each is a person's; what else there is of the kind is something of its own.
            let is_first = guess == Source::Custom || sources.insert(rank(guess));
            let source = if is_first { guess } else { Source::Custom };
            let on = metadata.as_ref().and_then(describe::says_on).unwrap_or(true);
            let kind = (source == Source::Custom).then_some(kind);
            let label = Some(shown_label(own, label));
            let about = TrackAbout { label, metadata, ..TrackAbout::default() };
            (Sender { mid: mid.clone(), source, kind, on }, about)
        };
        named.into_iter().take(MAX_SENDERS).map(sender).collect()
    }
}

/// Leaves one section for each track, the first; `twins` are those that were left out before, and afterwards all that
/// are. A page that came back and adds its tracks again has each on two sections, which its library calls by the same
/// name. When the page takes it away, the library ends the first section alone: the track is not to go on over the
/// other.
pub(super) fn leave_out_twins(
    sections: &Sections,
    mid_to_track_id: &mut BTreeMap<String, String>,
    twins: &mut BTreeSet<String>,
) {
    twins.retain(|mid| sections.sending.contains_key(mid));
    mid_to_track_id.retain(|mid, _| !twins.contains(mid));
    let mut mids: Vec<&String> = mid_to_track_id.keys().collect();
    // Browsers count them.
    mids.sort_by_key(|mid| (mid.len(), *mid));
    let mut labels = BTreeSet::new();
    let is_twin = |mid: &&String| {
        sections.sending.contains_key(*mid) && !labels.insert(&mid_to_track_id[*mid])
    };
    let new: Vec<String> = mids.into_iter().filter(is_twin).cloned().collect();
    mid_to_track_id.retain(|mid, _| !new.contains(mid));
    twins.extend(new);
}

/// What others know a track by: a client goes on to use names that begin with an id it had before, and nobody else's
/// tracks may be called the same.
fn shown_label(own: &str, label: &str) -> String {
    let rest = label.split_once(':').map_or(label, |(_, rest)| rest);
    format!("{own}{rest}")
}

/// An offer of which only the sections of `senders` send. Clients take away a track by naming its section no more,
/// whatever the section says.
pub(super) fn ending_others(
    sdp: String,
    sections: &Sections,
    senders: &[(Sender, TrackAbout)],
) -> String {
    let is_named = |mid: &str| senders.iter().any(|(sender, _)| sender.mid == mid);
    if sections.sending.keys().all(|mid| is_named(mid)) {
        return sdp;
    }
    let ends = |section: &[&str]| {
        let mid = section.iter().find_map(|line| line.trim_end().strip_prefix("a=mid:"));
        mid.is_some_and(|mid| sections.sending.contains_key(mid) && !is_named(mid))
    };
    let lines: Vec<&str> = sdp.split_inclusive('\n').collect();
    let sections = lines.chunk_by(|_, next| !next.starts_with("m="));
    let lines = sections.flat_map(|section| {
        let is_over = ends(section);
        section.iter().map(move |line| match line.trim_end() {
            "a=sendonly" | "a=sendrecv" if is_over => "a=inactive\r\n",
            _ => *line,
        })
    });
    lines.collect()
}

/// An offer of which each picture comes in its best encoding alone, where it is offered in several: of those that the
/// client sends, the `h` of these clients, or else their `m`, or the last. What the answer does not accept, browsers do
/// not send (RFC 8853 section 5.3).
pub(super) fn with_best_encodings(sdp: String) -> String {
    const SIMULCAST: &str = "a=simulcast:send ";
    if !sdp.contains(SIMULCAST) {
        return sdp;
    }
    let lines: Vec<&str> = sdp.split_inclusive('\n').collect();
    let sections = lines.chunk_by(|_, next| !next.starts_with("m="));
    let mut kept = String::with_capacity(sdp.len());
    for section in sections {
        let offered = section.iter().find_map(|line| line.trim_end().strip_prefix(SIMULCAST));
        let Some(best) = offered.and_then(best_encoding) else {
            kept.extend(section.iter().copied());
            continue;
        };
        for line in section {
            let rid = line.strip_prefix("a=rid:").and_then(|rest| rest.split_once(' '));
            if line.starts_with(SIMULCAST) {
                kept.extend([SIMULCAST, best, "\r\n"]);
            } else if rid.is_none_or(|(rid, rest)| rid == best || !rest.starts_with("send")) {
                kept.push_str(line);
            }
        }
    }
    kept
}

/// The best of those in the list of RFC 8853 section 5.1 that are not paused; of alternatives the first.
fn best_encoding(list: &str) -> Option<&str> {
    let list = list.split(' ').next()?;
    let all = || list.split(';').filter_map(|alternatives| alternatives.split(',').next());
    let is_sent = |rid: &&str| !rid.is_empty() && !rid.starts_with('~');
    let named = |name| all().filter(is_sent).find(|rid| *rid == name);
    named("h").or_else(|| named("m")).or_else(|| all().rfind(is_sent))
}

fn rank(source: Source) -> u8 {
    match source {
        Source::Microphone => 0,
        Source::Camera => 1,
        Source::Screen => 2,
        Source::ScreenAudio => 3,
        Source::Custom => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_encodings_the_best_that_is_sent_stays() {
        for (list, best) in [
            ("l;m;h", Some("h")),
            ("h;m;l", Some("h")),
            ("l;m;~h", Some("m")),
            ("a;b,c;~d", Some("b")),
            ("~l;~m", None),
            ("", None),
        ] {
            assert_eq!(best_encoding(list), best, "{list}");
        }
        let sdp = "v=0\r\nm=audio 9\r\na=mid:0\r\nm=video 9\r\na=mid:1\r\na=rid:l send\r\na=rid:h send\r\n\
                   a=simulcast:send l;h\r\na=sendonly\r\n";
        let kept = "v=0\r\nm=audio 9\r\na=mid:0\r\nm=video 9\r\na=mid:1\r\na=rid:h send\r\n\
                    a=simulcast:send h\r\na=sendonly\r\n";
        assert_eq!(with_best_encodings(sdp.to_owned()), kept);
        assert_eq!(with_best_encodings(kept.to_owned()), kept);
    }
}
