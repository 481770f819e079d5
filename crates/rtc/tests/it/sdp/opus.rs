//! What answers want of Opus encoders: in-band FEC, and nothing sent in silence.

use super::*;

/// The parameters of Opus in each audio section of the answer to an offer.
fn parameters(offer: &str) -> Vec<String> {
    let answer = answer(&decide(offer).unwrap(), 0);
    let of_section = |section: &str| {
        let number = section.lines().find_map(|line| {
            let (number, name) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
            (name == "opus/48000/2").then(|| format!("a=fmtp:{number} "))
        })?;
        section.lines().find_map(|line| Some(line.strip_prefix(&number)?.to_owned()))
    };
    let sections = answer.split("\r\nm=audio ").skip(1);
    sections.map(|section| of_section(section).expect("Opus has parameters")).collect()
}

fn assert_all(offer: &str, expected: &str) {
    let found = parameters(offer);
    assert!(found.len() > 1, "a sender and a slot at least");
    assert!(found.iter().all(|parameters| parameters == expected), "{found:?}");
}

#[test]
fn chromium_firefox_and_str0m_are_asked_for_fec_and_dtx() {
    assert_all(&read("chromium_join"), "minptime=10;useinbandfec=1;usedtx=1");
    let firefox = "maxplaybackrate=48000;stereo=1;useinbandfec=1;usedtx=1";
    assert_all(&read("firefox_join"), firefox);
    let mut client = peer::client();
    let (offer, pending) = peer::offer(&mut client);
    assert_all(&offer, "minptime=10;useinbandfec=1;usedtx=1");
    peer::accept(&mut client, pending, &answer(&decide(&offer).unwrap(), 0));
}

#[test]
fn who_offers_no_parameters_is_asked_for_the_same() {
    let text = read("chromium_join").replace("a=fmtp:111 minptime=10;useinbandfec=1\r\n", "");
    assert_all(&text, "useinbandfec=1;usedtx=1");
}

#[test]
fn dtx_is_not_asked_of_who_refuses_it_or_sends_music() {
    let offer =
        |parameters| read("chromium_join").replace("minptime=10;useinbandfec=1", parameters);
    assert_all(&offer("UseDTX = 0 ; useinbandfec=0"), "useinbandfec=1;usedtx=0");
    assert_all(
        &offer("stereo=1; sprop-stereo=1"),
        "stereo=1;sprop-stereo=1;useinbandfec=1;usedtx=0",
    );
}
