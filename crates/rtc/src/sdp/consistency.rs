//! Checks that payload types and extension ids mean one thing in the whole bundle.

use std::collections::BTreeMap;

use super::codec::Codec;
use super::error::SdpError;
use super::negotiation::{MediaSection, Negotiation};
use crate::rtp::ExtensionKind;
use crate::{MediaKind, Mid};

/// What a payload type stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Payload {
    Codec(MediaKind, Codec),
    /// Retransmissions of another payload type.
    Rtx(u8),
}

#[derive(Default)]
struct Meanings {
    payloads: BTreeMap<u8, Payload>,
    extensions: BTreeMap<u8, ExtensionKind>,
}

/// RFC 9143 section 7.1.1 and RFC 8285 section 5: packets of all sections arrive on one transport,
/// so a number must not mean two things, nor change its meaning while its section lives.
pub(super) fn check(now: &Negotiation, before: Option<&Negotiation>) -> Result<(), SdpError> {
    let mut meanings = Meanings::default();
    if let Some(before) = before {
        let living: BTreeMap<Mid, &MediaSection> = now.media().map(|s| (s.mid, s)).collect();
        for section in before.media().filter(|section| living.contains_key(&section.mid)) {
            meanings.learn(section);
        }
    }
    now.media().try_for_each(|section| meanings.check(section))
}

impl Meanings {
    /// Takes over what was agreed before; it was consistent then.
    fn learn(&mut self, section: &MediaSection) {
        for (number, _, payload) in payloads(section) {
            self.payloads.insert(number, payload);
        }
        for extension in &section.extensions {
            self.extensions.insert(extension.id, extension.kind);
        }
    }

    fn check(&mut self, section: &MediaSection) -> Result<(), SdpError> {
        for (number, line, payload) in payloads(section) {
            let meaning = *self.payloads.entry(number).or_insert(payload);
            if meaning != payload {
                let (meaning, payload) = (describe(meaning), describe(payload));
                return Err(SdpError::new(
                    line,
                    format!("payload type {number} means {payload} here, but {meaning} elsewhere"),
                ));
            }
        }
        for extension in &section.extensions {
            let (id, kind) = (extension.id, extension.kind);
            let meaning = *self.extensions.entry(id).or_insert(kind);
            if meaning != kind {
                let (kind, meaning) = (kind.uri(), meaning.uri());
                return Err(SdpError::new(
                    extension.line,
                    format!("extension id {id} means {kind} here, but {meaning} elsewhere"),
                ));
            }
        }
        Ok(())
    }
}

/// Every payload type of a section, the line it comes from, and what it stands for.
fn payloads(section: &MediaSection) -> impl Iterator<Item = (u8, usize, Payload)> {
    section.codecs.iter().flat_map(|codec| {
        let media = (codec.payload_type, codec.line, Payload::Codec(section.kind, codec.codec));
        let apt = codec.payload_type;
        let rtx = codec.rtx_payload_type.map(|number| (number, codec.line, Payload::Rtx(apt)));
        std::iter::once(media).chain(rtx)
    })
}

fn describe(payload: Payload) -> String {
    match payload {
        Payload::Codec(_, Codec::Vp9 { profile }) => format!("VP9 profile {profile}"),
        Payload::Codec(_, Codec::Av1 { profile }) => format!("AV1 profile {profile}"),
        Payload::Codec(_, Codec::H264 { profile_level_id, packetization_mode }) => {
            format!("H264 {profile_level_id:06x} in packetization mode {packetization_mode}")
        }
        Payload::Codec(_, codec) => codec.name().to_owned(),
        Payload::Rtx(apt) => format!("RTX of payload type {apt}"),
    }
}
