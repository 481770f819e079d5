//! The RTP streams that one peer sends: which track and layer each belongs to.

use parlor_rtc::rtp::{ExtensionMap, RtpView, Ssrc};
use parlor_rtc::sdp::Negotiation;

use crate::media_stream::MediaStream;
use crate::published::{Format, Published};
use crate::session;

/// Most streams that one peer may send: 16 tracks with four layers, each with retransmissions.
const MAX_STREAMS: usize = 128;

/// The streams of one peer, found by ssrc.
pub(crate) struct Incoming {
    pub(crate) extensions: ExtensionMap,
    /// Sorted by ssrc.
    streams: Vec<Stream>,
}

/// One stream.
pub(crate) struct Stream {
    pub(crate) ssrc: Ssrc,
    pub(crate) published: usize,
    pub(crate) layer: u8,
    pub(crate) role: Role,
}

/// Which stream it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamName {
    pub(crate) ssrc: Ssrc,
    /// Which of the peer's published tracks.
    pub(crate) published: usize,
    pub(crate) layer: u8,
}

/// What a stream carries.
pub(crate) enum Role {
    /// Media.
    Media(Box<MediaStream>),
    /// Media of the same track and layer, sent again (RFC 4588).
    Repair,
}

/// A stream that has taken the place of another.
pub(crate) struct Introduced {
    /// The new one.
    pub(crate) ssrc: Ssrc,
    /// The one that is gone, of the same track, layer and role.
    pub(crate) replaced: Option<Ssrc>,
}

impl Incoming {
    pub(crate) fn new(negotiation: &Negotiation) -> Incoming {
        Incoming { extensions: session::incoming_extensions(negotiation), streams: Vec::new() }
    }

    /// Follows a later offer.
    pub(crate) fn update(&mut self, negotiation: &Negotiation) {
        self.extensions = session::incoming_extensions(negotiation);
    }

    /// The place of the stream with this ssrc, until one is added or ends.
    #[inline]
    pub(crate) fn place(&self, ssrc: Ssrc) -> Option<usize> {
        self.find(ssrc).ok()
    }

    /// The stream at a place.
    #[inline]
    pub(crate) fn at(&mut self, place: usize) -> Option<&mut Stream> {
        self.streams.get_mut(place)
    }

    /// Learns to whom a packet's stream belongs, from what the offer says of its ssrc or from the names
    /// in the packet's header (RFC 8843 section 9.2, RFC 8852). `None` when neither tells.
    ///
    /// A publisher sends each layer as one stream, so a new one takes the place of the last.
    pub(crate) fn introduce(
        &mut self,
        view: &RtpView,
        published: &[Published],
    ) -> Option<Introduced> {
        let mut stream = identify(view, published)?;
        let old = self.streams.iter().position(|old| old.is_like(&stream));
        let replaced = old.map(|index| self.streams.remove(index)).map(|old| {
            stream.succeed(old.role);
            old.ssrc
        });
        if self.streams.len() >= MAX_STREAMS {
            return None;
        }
        let ssrc = stream.ssrc;
        let index = self.find(ssrc).unwrap_or_else(|index| index);
        self.streams.insert(index, stream);
        Some(Introduced { ssrc, replaced })
    }

    /// Forgets the streams of the published track at `index`, behind which the others move up; says
    /// which they were.
    pub(crate) fn forget(&mut self, index: usize) -> impl Iterator<Item = Ssrc> + use<> {
        let (gone, mut kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.streams)
            .into_iter()
            .partition(|stream| stream.published == index);
        for stream in kept.iter_mut().filter(|stream| stream.published > index) {
            stream.published -= 1;
        }
        self.streams = kept;
        gone.into_iter().map(|stream| stream.ssrc)
    }

    /// The media stream with this ssrc.
    pub(crate) fn media_by_ssrc(&mut self, ssrc: Ssrc) -> Option<&mut MediaStream> {
        let index = self.find(ssrc).ok()?;
        self.streams.get_mut(index)?.media_mut()
    }

    /// The media stream of a track's layer.
    #[inline]
    pub(crate) fn media(
        &mut self,
        published: usize,
        layer: u8,
    ) -> Option<(Ssrc, &mut MediaStream)> {
        self.streams
            .iter_mut()
            .filter(|stream| stream.published == published && stream.layer == layer)
            .find_map(|stream| Some((stream.ssrc, stream.media_mut()?)))
    }

    /// Every media stream.
    pub(crate) fn all_media(&mut self) -> impl Iterator<Item = (&mut MediaStream, StreamName)> {
        self.streams.iter_mut().filter_map(|stream| {
            let Stream { ssrc, published, layer, .. } = *stream;
            Some((stream.media_mut()?, StreamName { ssrc, published, layer }))
        })
    }

    /// Which of the peer's published tracks the stream with this ssrc belongs to.
    pub(crate) fn published(&self, ssrc: Ssrc) -> Option<usize> {
        let index = self.find(ssrc).ok()?;
        self.streams.get(index).map(|stream| stream.published)
    }

    pub(crate) fn ssrcs(&self) -> impl Iterator<Item = Ssrc> {
        self.streams.iter().map(|stream| stream.ssrc)
    }

    fn find(&self, ssrc: Ssrc) -> Result<usize, usize> {
        self.streams.binary_search_by_key(&ssrc, |stream| stream.ssrc)
    }
}

impl Stream {
    #[inline]
    pub(crate) fn media_mut(&mut self) -> Option<&mut MediaStream> {
        match &mut self.role {
            Role::Media(media) => Some(media),
            Role::Repair => None,
        }
    }

    /// Whether both are the same track, layer and role.
    fn is_like(&self, other: &Stream) -> bool {
        self.published == other.published
            && self.layer == other.layer
            && matches!(self.role, Role::Media(_)) == matches!(other.role, Role::Media(_))
    }

    fn succeed(&mut self, old: Role) {
        if let (Role::Media(media), Role::Media(old)) = (&mut self.role, old) {
            media.succeed(&old);
        }
    }
}

/// What the first packet of a stream says of it.
fn identify(view: &RtpView, published: &[Published]) -> Option<Stream> {
    let names = &view.extensions;
    let (index, section) = published.iter().enumerate().find(|(_, section)| match names.mid {
        Some(mid) => section.mid == mid,
        None => section.announces(view.ssrc),
    })?;
    let (rid, role) = match section.format(view.payload_type)? {
        Format::Media(_) => {
            let media = MediaStream::new(section.codec(view.payload_type)?);
            (names.rid, Role::Media(Box::new(media)))
        }
        Format::Repair { .. } => (names.repaired_rid.or(names.rid), Role::Repair),
    };
    let layer = section.layer(rid, view.ssrc)?;
    Some(Stream { ssrc: view.ssrc, published: index, layer, role })
}
