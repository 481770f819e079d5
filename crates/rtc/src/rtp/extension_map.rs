//! Which header extension travels under which id on one connection (RFC 8285 section 5).

use super::ExtensionKind;

/// An id that cannot name a header extension on this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidExtensionId {
    /// 0 is padding and 15 ends a one-byte block (RFC 8285 section 4.2).
    #[error("header extension id {0} is reserved")]
    Reserved(u8),
    /// The same id already names another extension; inside a BUNDLE an id has one meaning
    /// (RFC 8843 section 9.1).
    #[error("header extension id {id} already names {named:?}")]
    Taken {
        /// The id.
        id: u8,
        /// What it names.
        named: ExtensionKind,
    },
}

/// Ids of header extensions and what they mean: one map for everything that arrives on a
/// connection, since a BUNDLE shares its ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionMap {
    kinds: [Option<ExtensionKind>; 256],
}

impl Default for ExtensionMap {
    fn default() -> Self {
        ExtensionMap { kinds: [None; 256] }
    }
}

impl ExtensionMap {
    /// A map in which no id means anything.
    pub fn new() -> ExtensionMap {
        ExtensionMap::default()
    }

    /// Lets `id` mean `kind`. Several ids may mean the same kind.
    pub fn insert(&mut self, id: u8, kind: ExtensionKind) -> Result<(), InvalidExtensionId> {
        if matches!(id, 0 | 15) {
            return Err(InvalidExtensionId::Reserved(id));
        }
        let entry = &mut self.kinds[usize::from(id)];
        match *entry {
            Some(named) if named != kind => Err(InvalidExtensionId::Taken { id, named }),
            _ => {
                *entry = Some(kind);
                Ok(())
            }
        }
    }

    /// What `id` means.
    pub fn kind(&self, id: u8) -> Option<ExtensionKind> {
        self.kinds[usize::from(id)]
    }

    /// The lowest id that means `kind`.
    pub fn id(&self, kind: ExtensionKind) -> Option<u8> {
        self.iter().find(|&(_, named)| named == kind).map(|(id, _)| id)
    }

    /// Every id in use with its meaning, lowest first.
    pub fn iter(&self) -> impl Iterator<Item = (u8, ExtensionKind)> + '_ {
        (0..=u8::MAX).zip(self.kinds.iter()).filter_map(|(id, kind)| Some((id, (*kind)?)))
    }
}
