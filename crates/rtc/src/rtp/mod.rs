//! RTP: what its header and header extensions say.

mod extension_kind;

pub use extension_kind::ExtensionKind;
