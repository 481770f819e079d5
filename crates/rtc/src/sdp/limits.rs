//! How large an offer may be: each bound is far above what browsers make and keeps hostile ones cheap.

/// Longest offer, in bytes. A client with 64 pairs of receive sections offers about 350 KB.
pub const MAX_OFFER_BYTES: usize = 512 * 1024;

/// Most lines of an offer. Browsers write about 100 lines for a video section, 30 for audio.
pub const MAX_LINES: usize = 32 * 1024;

/// Longest line, in bytes. The longest is `a=group:BUNDLE` with [`MAX_SECTIONS`] mids of 16 bytes.
pub const MAX_LINE_BYTES: usize = 8192;

/// Most media sections. More than two for each of 100 people, and senders.
pub const MAX_SECTIONS: usize = 256;

/// Most header extensions of one section. The one-byte form of RFC 8285 has 14 ids.
pub const MAX_EXTENSIONS: usize = 64;

/// Most `a=rid` lines of one section.
pub const MAX_RIDS: usize = 16;

/// Most simulcast encodings that we accept from one section; browsers make at most three.
pub const MAX_ENCODINGS: usize = 4;

/// Most synchronisation sources announced in one section: encodings, their RTX and FEC streams.
pub const MAX_SSRCS: usize = 32;

/// Most codecs that one section of an answer accepts, RTX not counted. Chromium offers 14.
pub const MAX_CODECS: usize = 24;

/// Longest stream id, track id or CNAME, in bytes. RFC 8830 section 2 allows 64 for ids.
pub const MAX_TOKEN_BYTES: usize = 255;
