//! ChannelData messages (RFC 8656 section 12): a number and a length in front of a datagram.

/// Bytes in front of the datagram.
pub const CHANNEL_HEADER_LEN: usize = 4;

/// Whether a message that begins with this byte is one of ChannelData: those of STUN and of what else
/// shares the port begin otherwise (RFC 8656 section 12, table 4).
pub const fn is_channel_data(first: u8) -> bool {
    matches!(first, 0x40..=0x4F)
}
