//! Compares an offer on a live connection with what was agreed before.

use std::collections::{BTreeMap, BTreeSet};

use super::error::SdpError;
use super::negotiation::{Direction, MediaSection, Negotiation, Section, SignalledStream};
use crate::Mid;

/// What a re-offer changes for the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The client has fresh ICE credentials: answer with fresh ones too (RFC 8445 section 9).
    pub ice_restarted: bool,
    /// The sections that are not as they were, in the order of their m-lines, those that are gone
    /// last. Their codecs, extensions and encodings are in the new negotiation.
    pub sections: Vec<(Mid, SectionChange)>,
}

/// What happened to one section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SectionChange {
    /// It is new, or had been refused.
    Added,
    /// It goes another way now.
    Turned {
        /// The way it went before.
        from: Direction,
    },
    /// The same way, with other codecs, header extensions, encodings or streams.
    Altered,
    /// It is refused now, or its m-line serves another section.
    Removed,
}

impl Negotiation {
    /// What became different since `previous`, the negotiation that this one was checked against.
    pub fn changes_since(&self, previous: &Negotiation) -> Changes {
        let before: BTreeMap<Mid, &MediaSection> = previous.media().map(|s| (s.mid, s)).collect();
        let now: BTreeMap<Mid, &MediaSection> = self.media().map(|s| (s.mid, s)).collect();
        let changed = self.media().filter_map(|section| {
            let change = match before.get(&section.mid) {
                None => SectionChange::Added,
                Some(old) if old.direction != section.direction => {
                    SectionChange::Turned { from: old.direction }
                }
                Some(old) if !section.is_same_as(old) => SectionChange::Altered,
                Some(_) => return None,
            };
            Some((section.mid, change))
        });
        let gone = previous.media().filter(|section| !now.contains_key(&section.mid));
        let removed = gone.map(|section| (section.mid, SectionChange::Removed));
        Changes {
            ice_restarted: self.ice != previous.ice,
            sections: changed.chain(removed).collect(),
        }
    }
}

impl MediaSection {
    /// Whether media flows the same way as in `old`; line numbers do not matter.
    fn is_same_as(&self, old: &MediaSection) -> bool {
        let codecs = |section: &MediaSection| -> Vec<_> {
            let codecs = section.codecs.iter();
            codecs.map(|c| (c.payload_type, c.codec, c.rtx_payload_type, c.feedback)).collect()
        };
        let extensions = |section: &MediaSection| -> Vec<_> {
            section.extensions.iter().map(|e| (e.id, e.kind)).collect()
        };
        // Their order means nothing: str0m's changes from offer to offer.
        let streams = |section: &MediaSection| -> BTreeSet<SignalledStream> {
            section.streams.iter().copied().collect()
        };
        codecs(self) == codecs(old)
            && extensions(self) == extensions(old)
            && self.encodings == old.encodings
            && streams(self) == streams(old)
            && self.msid == old.msid
    }
}

/// RFC 9429 section 5.2.2: m-lines stay where they are; a refused one may come back as another
/// section. The certificate stays (RFC 8842 section 5.5 would need a new DTLS association).
pub(super) fn check(
    now: &Negotiation,
    before: &Negotiation,
    fingerprint_line: usize,
    last_line: usize,
) -> Result<(), SdpError> {
    if now.fingerprint != before.fingerprint {
        let what =
            "expected the fingerprint of the first offer: a live connection keeps its certificate";
        return Err(SdpError::new(fingerprint_line, what));
    }
    let mut sections = now.sections.iter();
    for old in &before.sections {
        let Some(new) = sections.next() else {
            let expected = before.sections.len();
            let what = format!("expected all {expected} sections of the last offer again");
            return Err(SdpError::new(last_line, what));
        };
        check_section(new, old)?;
    }
    Ok(())
}

fn check_section(new: &Section, old: &Section) -> Result<(), SdpError> {
    let Section::Media(old) = old else { return Ok(()) };
    if new.mid().is_some_and(|mid| mid != old.mid) {
        let what = format!("expected the section of mid {} here, as in the last offer", old.mid);
        return Err(SdpError::new(new.line(), what));
    }
    match new {
        Section::Media(new) if new.kind != old.kind => {
            let what = format!("expected mid {} to stay {}", old.mid, old.kind);
            Err(SdpError::new(new.line, what))
        }
        _ => Ok(()),
    }
}
