//! The dependency descriptor in the headers of str0m's packets.

use parlor_rtc::rtp::ExtensionKind;
use str0m::rtp::{Extension, ExtensionSerializer, ExtensionValues};

/// More does not fit an element of a one-byte header (RFC 8285 section 4.2).
const MAX_ONE_BYTE_LEN: usize = 16;

/// One as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Descriptor(pub(super) Vec<u8>);

#[derive(Debug)]
struct Serializer;

/// The extension for str0m.
pub(super) fn extension() -> Extension {
    Extension::with_serializer(ExtensionKind::DependencyDescriptor.uri(), Serializer)
}

impl ExtensionSerializer for Serializer {
    fn write_to(&self, out: &mut [u8], values: &ExtensionValues) -> usize {
        let Some(Descriptor(value)) = values.user_values.get() else { return 0 };
        out[..value.len()].copy_from_slice(value);
        value.len()
    }

    fn parse_value(&self, value: &[u8], values: &mut ExtensionValues) -> bool {
        values.user_values.set(Descriptor(value.to_vec()));
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }

    fn requires_two_byte_form(&self, values: &ExtensionValues) -> bool {
        let value = values.user_values.get::<Descriptor>();
        value.is_some_and(|Descriptor(value)| value.len() > MAX_ONE_BYTE_LEN)
    }
}
