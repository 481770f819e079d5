//! Names of rooms, peers and tracks inside one process, given out by the server and never reused.

use std::fmt;

use parlor_rtc::MediaKind;

/// One room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomId(pub u64);

/// One participant's membership of one room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);

/// One audio or video stream that a peer publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub u64);

/// Another engine of the same process, by the number of its media thread ([`Config::thread`](crate::Config::thread)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Neighbour(pub u8);

/// One received layer of a track: it has a ring of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerId {
    /// The track.
    pub track: TrackId,
    /// Its encodings are counted from 0.
    pub index: u8,
}

macro_rules! display_as {
    ($name:ident, $prefix:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

display_as!(RoomId, "r");
display_as!(PeerId, "p");
display_as!(TrackId, "t");

/// Where a track's media comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A person's voice.
    Microphone,
    /// A person's picture.
    Camera,
    /// A shared screen, window or tab.
    Screen,
    /// The sound that goes with a shared screen.
    ScreenAudio,
    /// Anything else, named by the application.
    Custom(MediaKind),
}

impl Source {
    /// Sound or pictures.
    pub const fn kind(self) -> MediaKind {
        match self {
            Source::Microphone | Source::ScreenAudio => MediaKind::Audio,
            Source::Camera | Source::Screen => MediaKind::Video,
            Source::Custom(kind) => kind,
        }
    }
}
