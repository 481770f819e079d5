//! Names that travel: a room's name, and the ids of peers and tracks.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest name of a room, in characters: it fits in a link that people paste into a chat.
pub const MAX_ROOM_NAME_LEN: usize = 64;

/// The name of a room as people see it in a link: 1 to 64 letters, digits, `-`, `_`, `.` and `~`
/// (the unreserved characters of RFC 3986), and not `.` or `..`, which are no path segments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(String);

/// A name that no room can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRoomName;

impl fmt::Display for InvalidRoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "A room's name is 1 to {MAX_ROOM_NAME_LEN} letters, digits, and the signs - _ . ~"
        )
    }
}

impl std::error::Error for InvalidRoomName {}

impl RoomName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoomName {
    type Err = InvalidRoomName;

    fn from_str(text: &str) -> Result<Self, InvalidRoomName> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
        let fits = (1..=MAX_ROOM_NAME_LEN).contains(&text.len());
        if fits && text.bytes().all(unreserved) && text != "." && text != ".." {
            Ok(RoomName(text.to_owned()))
        } else {
            Err(InvalidRoomName)
        }
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(test, derive(ts_rs::TS))]
        #[cfg_attr(test, ts(type = "string"))]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let number = text.strip_prefix($prefix).and_then(|digits| digits.parse().ok());
                let id = number.map($name).filter(|id| id.to_string() == text);
                id.ok_or(concat!("expected an id such as \"", $prefix, "7\""))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    };
}

id_type! {
    /// One participant's membership of one room: `"p7"`.
    PeerId, "p"
}
id_type! {
    /// One audio or video stream that a peer publishes: `"t21"`.
    TrackId, "t"
}
