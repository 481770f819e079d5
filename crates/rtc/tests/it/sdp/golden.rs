//! Our answers to recorded offers, as files under review: `UPDATE_GOLDEN=1` rewrites them.

use super::*;

/// Compares with the golden answer to the offer `name`, or makes it so.
fn assert_golden(name: &str, answer: &str) {
    assert_is_file(&format!("{name}.answer"), answer);
}

/// Compares with the golden description of `name`, or makes it so.
pub(super) fn assert_is_file(name: &str, said: &str) {
    let path = fixture(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, said).expect("the golden file can be written");
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = golden.lines().zip(said.lines()).position(|(old, new)| old != new);
    assert!(
        golden == said,
        "{name} changed at line {:?}; UPDATE_GOLDEN=1 accepts it:\n{said}",
        differs.map(|index| index + 1)
    );
}

#[test]
fn every_recorded_offer_gets_the_answer_beside_it() {
    let names = ["join", "plain", "simulcast_paused", "data_channel", "data_channel_first"];
    for browser in BROWSERS {
        for name in names.map(|name| format!("{browser}_{name}")) {
            assert_golden(&name, &answer(&recorded(&name), 0));
        }
    }
    for name in ["ffmpeg_whip", "gstreamer_whip"] {
        assert_golden(name, &answer(&recorded(name), 0));
    }
    assert_golden("chromium_svc", &answer(&recorded("chromium_svc"), 0));
}

#[test]
fn every_offer_of_a_recorded_call_gets_the_answer_beside_it() {
    for browser in BROWSERS {
        let mut previous: Option<Negotiation> = None;
        for (version, name) in CALL.iter().enumerate() {
            let name = format!("{browser}_{name}");
            let offer = Offer::parse(&read(&name)).unwrap();
            let negotiation = negotiate(&offer, previous.as_ref()).unwrap();
            assert_golden(&name, &answer(&negotiation, version as u64));
            previous = Some(negotiation);
        }
    }
}

#[test]
fn line_feeds_alone_end_lines_too() {
    for browser in BROWSERS {
        let text = read(&format!("{browser}_join"));
        assert!(text.contains("\r\n"));
        assert_eq!(decide(&text.replace("\r\n", "\n")), decide(&text));
    }
}
