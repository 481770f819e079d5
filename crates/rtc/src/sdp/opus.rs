//! The parameters of Opus in answers: what we, who take a client's sound, want of its encoder (RFC 7587 section 7).

use super::codec::parameter;

/// What an answer says of Opus that was offered with `offered`: the same, and that we want in-band FEC (copies of
/// lost frames at a little of the bitrate, as loss is reported) and DTX (nothing sent in silence).
///
/// Both are wishes of a receiver, so an offer need not have them. DTX is not for music: a client that says so by
/// `sprop-stereo=1`, or refuses it by `usedtx=0`, is not asked for it. Every section of an answer says the same, as
/// browsers want of sections that share a payload type (RFC 8843 section 9.1).
pub(super) fn answer_parameters(offered: &str) -> String {
    let refused = parameter(offered, "usedtx") == Some("0");
    let is_music = parameter(offered, "sprop-stereo") == Some("1");
    let ours: &[&str] = match refused || is_music {
        true => &["useinbandfec=1", "usedtx=0"],
        false => &["useinbandfec=1", "usedtx=1"],
    };
    let kept = offered.split(';').map(str::trim).filter(|pair| !pair.is_empty() && !is_ours(pair));
    kept.chain(ours.iter().copied()).collect::<Vec<_>>().join(";")
}

fn is_ours(pair: &str) -> bool {
    let key = pair.split('=').next().unwrap_or_default().trim();
    ["useinbandfec", "usedtx"].iter().any(|ours| key.eq_ignore_ascii_case(ours))
}
