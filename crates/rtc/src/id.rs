//! Short names that SDP and RTP headers share: mid, rid and the kind of a media section.

use std::fmt;
use std::str::FromStr;

/// Longest mid or rid that we accept, in bytes.
///
/// RFC 8285 one-byte header extensions carry at most 16 bytes, and every browser sends mids of one
/// to three digits; a longer one could never be matched against a packet.
pub const MAX_NAME_LEN: usize = 16;

/// A name of at most [`MAX_NAME_LEN`] bytes of printable ASCII without spaces, kept inline so that
/// comparing and copying it costs nothing on the media path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Name {
    len: u8,
    bytes: [u8; MAX_NAME_LEN],
}

/// A name that is empty, too long, or not printable ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a mid or rid is 1 to {MAX_NAME_LEN} printable ASCII characters without spaces")]
pub struct InvalidName;

impl Name {
    fn new(bytes: &[u8]) -> Result<Self, InvalidName> {
        let fits = (1..=MAX_NAME_LEN).contains(&bytes.len());
        if !fits || !bytes.iter().all(u8::is_ascii_graphic) {
            return Err(InvalidName);
        }
        let mut name = Name { len: bytes.len() as u8, bytes: [0; MAX_NAME_LEN] };
        name.bytes[..bytes.len()].copy_from_slice(bytes);
        Ok(name)
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Name);

        impl $name {
            /// Reads the name from its bytes on the wire.
            pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidName> {
                Name::new(bytes).map($name)
            }

            /// The name as the bytes that travel in header extensions.
            pub fn as_bytes(&self) -> &[u8] {
                self.0.as_bytes()
            }

            /// The name as it is written in SDP.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::from_bytes(text.as_bytes())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.as_str())
            }
        }
    };
}

name_type! {
    /// Names one media section of a session description (RFC 8843 section 15, `a=mid`).
    Mid
}

impl Mid {
    /// The name of a section that has none of its own: its place among the sections, counted from 0.
    pub fn numbered(index: usize) -> Mid {
        let mut rest = u32::try_from(index).unwrap_or(u32::MAX);
        let mut name = Name { len: 0, bytes: [0; MAX_NAME_LEN] };
        // From the last digit on: there are ten at most, and one of nought.
        for place in &mut name.bytes {
            *place = b'0' + (rest % 10) as u8;
            name.len += 1;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        name.bytes[..usize::from(name.len)].reverse();
        Mid(name)
    }
}

name_type! {
    /// Names one simulcast encoding inside a media section (RFC 8851, `a=rid`).
    Rid
}

/// What a media section carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MediaKind::Audio => "audio",
            MediaKind::Video => "video",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_as_a_name_is_its_digits() {
        for index in [0, 7, 10, 99, 100, 255, 65_536, u32::MAX as usize] {
            assert_eq!(Mid::numbered(index).as_str(), index.to_string());
            assert_eq!(Mid::from_bytes(index.to_string().as_bytes()), Ok(Mid::numbered(index)));
        }
    }
}
