//! One sending section of a peer and the track that it carries, for as long as the client offers to send.

use parlor_rtc::payload::Red;
use parlor_rtc::rtp::Ssrc;
use parlor_rtc::sdp::{
    Codec, Encoding, MediaSection, NegotiatedCodec, Negotiation, SignalledStream,
};
use parlor_rtc::{Mid, Rid};

use crate::session;
use crate::track::TrackKey;

/// Most layers of one track; browsers make at most three encodings.
const MAX_LAYERS: usize = 4;

/// A sending section.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) mid: Mid,
    pub(crate) track: TrackKey,
    codecs: Vec<NegotiatedCodec>,
    encodings: Vec<Encoding>,
    streams: Vec<SignalledStream>,
}

/// What a payload type of a sending section stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Media.
    Media(Codec),
    /// Packets sent again (RFC 4588), which carry media of the other payload type.
    Repair {
        /// The payload type of what is sent again.
        media: u8,
    },
}

impl Published {
    pub(crate) fn new(section: &MediaSection, track: TrackKey) -> Published {
        Published {
            mid: section.mid,
            track,
            codecs: section.codecs.clone(),
            encodings: section.encodings.clone(),
            streams: section.streams.clone(),
        }
    }

    /// Follows a later offer.
    pub(crate) fn update(&mut self, section: &MediaSection) {
        *self = Published::new(section, self.track);
    }

    /// Whether the offer behind `negotiation` no longer sends on the section.
    pub(crate) fn is_closed_by(&self, negotiation: &Negotiation) -> bool {
        session::sending_section(negotiation, self.mid).is_none()
    }

    /// What packets of `payload_type` carry.
    #[inline]
    pub(crate) fn format(&self, payload_type: u8) -> Option<Format> {
        self.codecs.iter().find_map(|codec| {
            if codec.payload_type == payload_type {
                Some(Format::Media(codec.codec))
            } else if codec.rtx_payload_type == Some(payload_type) {
                Some(Format::Repair { media: codec.payload_type })
            } else {
                None
            }
        })
    }

    /// Whether the blocks of a redundant payload are all what is agreed on for RED: Opus. An empty one only
    /// fills a place in the sequence.
    pub(crate) fn wraps_opus(&self, payload: &[u8]) -> bool {
        let opus = self.codecs.iter().find(|codec| codec.codec == Codec::Opus);
        let is_opus = |block| opus.is_some_and(|opus| opus.payload_type == block);
        payload.is_empty()
            || Red::read(payload).is_some_and(|red| red.payload_types(payload).all(is_opus))
    }

    /// Every media payload type and its codec.
    pub(crate) fn codecs(&self) -> Vec<(u8, Codec)> {
        self.codecs.iter().map(|codec| (codec.payload_type, codec.codec)).collect()
    }

    /// Whether what is asked for again comes as a stream of its own (RFC 4588), and so is known for an answer.
    pub(crate) fn repeats_apart(&self) -> bool {
        self.codecs.iter().any(|codec| codec.rtx_payload_type.is_some())
    }

    /// What is agreed on a media payload type.
    pub(crate) fn codec(&self, payload_type: u8) -> Option<&NegotiatedCodec> {
        self.codecs.iter().find(|codec| codec.payload_type == payload_type)
    }

    /// Whether the offer names the ssrc as one of this section's.
    pub(crate) fn announces(&self, ssrc: Ssrc) -> bool {
        self.announced(ssrc).is_some()
    }

    /// Which layer of the track a stream is, by its rid, or by its place among the announced ones.
    /// Without simulcast there is one layer.
    pub(crate) fn layer(&self, rid: Option<Rid>, ssrc: Ssrc) -> Option<u8> {
        let layer = match rid {
            _ if self.layers() == 1 => 0,
            Some(rid) => self.encodings.iter().position(|encoding| encoding.rid == rid)?,
            None => self.announced(ssrc)?,
        };
        u8::try_from(layer).ok().filter(|_| layer < self.layers())
    }

    /// How many layers the track may have.
    pub(crate) fn layers(&self) -> usize {
        self.encodings.len().max(self.streams.len()).clamp(1, MAX_LAYERS)
    }

    /// The rid of each layer.
    pub(crate) fn layer_names(&self) -> Vec<Option<Rid>> {
        let names = (0..self.layers()).map(|layer| Some(self.encodings.get(layer)?.rid));
        names.collect()
    }

    fn announced(&self, ssrc: Ssrc) -> Option<usize> {
        let ssrc = ssrc.0;
        self.streams.iter().position(|s| s.ssrc == ssrc || s.rtx_ssrc == Some(ssrc))
    }
}
