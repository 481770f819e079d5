//! Local ICE usernames: they name the media thread and the peer, so any thread can tell whose a
//! datagram is without asking another.

use crate::peer::PeerKey;
use crate::random::Random;
use crate::slab::Key;

/// The characters that ICE allows (RFC 8839 section 5.4, `ice-char`), in the order of base64.
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes behind a username: thread (1), peer index (3), generation (2), randomness (6).
const UFRAG_BYTES: usize = 12;

/// Characters of a username; each carries six bits.
const UFRAG_CHARS: usize = UFRAG_BYTES * 8 / 6;

/// Characters of a password: 144 bits, where RFC 8445 section 5.3 asks for 128.
const PASSWORD_CHARS: usize = 24;

/// What a local username says about whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The media thread whose engine made the username.
    pub(crate) thread: u8,
    /// The peer in that engine.
    pub(crate) peer: PeerKey,
}

/// A fresh username that names `owner` and that nobody can guess whole.
pub(crate) fn make_ufrag(owner: Owner, random: &mut Random) -> String {
    let secret = random.next_u64();
    let [_, i0, i1, i2] = owner.peer.index.to_be_bytes();
    let [g0, g1] = owner.peer.generation.to_be_bytes();
    let [_, _, r @ ..] = secret.to_be_bytes();
    let bytes = [owner.thread, i0, i1, i2, g0, g1, r[0], r[1], r[2], r[3], r[4], r[5]];
    let mut ufrag = String::with_capacity(UFRAG_CHARS);
    for group in bytes.chunks_exact(3) {
        let bits = group.iter().fold(0u32, |bits, byte| (bits << 8) | u32::from(*byte));
        for shift in [18, 12, 6, 0] {
            ufrag.push(ice_char(bits >> shift));
        }
    }
    ufrag
}

/// A fresh password.
pub(crate) fn make_password(random: &mut Random) -> String {
    (0..PASSWORD_CHARS).map(|_| ice_char(random.next_u32())).collect()
}

/// Whose a username is, if it has the form of one of ours. It proves nothing: the connection
/// checks the whole name and the message's integrity.
pub(crate) fn read_ufrag(ufrag: &str) -> Option<Owner> {
    if ufrag.len() != UFRAG_CHARS {
        return None;
    }
    // The first eight characters are the 48 bits that name the owner.
    let mut bits = 0u64;
    for (i, byte) in ufrag.bytes().enumerate() {
        let value = ice_value(byte)?;
        if i < 8 {
            bits = (bits << 6) | u64::from(value);
        }
    }
    let peer = Key::new((bits >> 16) as u32 & 0x00ff_ffff, bits as u16);
    Some(Owner { thread: (bits >> 40) as u8, peer })
}

fn ice_char(bits: u32) -> char {
    char::from(ICE_CHARS[(bits & 63) as usize])
}

fn ice_value(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_names_its_thread_and_peer() {
        let mut random = Random::from_seed([7; 32]);
        for (thread, index, generation) in [(0, 0, 0), (255, 0x00ff_ffff, 0xffff), (3, 70_000, 9)] {
            let owner = Owner { thread, peer: Key::new(index, generation) };
            let ufrag = make_ufrag(owner, &mut random);
            assert_eq!(ufrag.len(), UFRAG_CHARS);
            assert_eq!(read_ufrag(&ufrag), Some(owner));
        }
    }

    #[test]
    fn two_usernames_of_one_peer_differ() {
        let mut random = Random::from_seed([7; 32]);
        let owner = Owner { thread: 1, peer: Key::new(1, 1) };
        assert_ne!(make_ufrag(owner, &mut random), make_ufrag(owner, &mut random));
    }

    #[test]
    fn names_of_another_form_are_nobodys() {
        for ufrag in
            ["", "abcd", "AAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAA", "ÄÄÄÄÄÄÄÄ"]
        {
            assert_eq!(read_ufrag(ufrag), None, "{ufrag}");
        }
    }
}
