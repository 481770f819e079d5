//! Loads against a real server in this process.

#![allow(clippy::unwrap_used)]

use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use parlor_load::crowd::Crowd;
use parlor_load::options::Options;
use parlor_load::report::Report;
use parlor_load::run::run;
use parlor_server::config::{Config, Tls};
use parlor_server::server::Server;
use tokio::runtime::Runtime;

/// A server on free ports.
fn serve(config: Config) -> (Runtime, Server) {
    let runtime = Runtime::new().unwrap();
    let config = Config { listen: "0.0.0.0:0".parse().unwrap(), udp_port: 0, ..config };
    let server = runtime.block_on(Server::start(&config)).unwrap();
    (runtime, server)
}

/// Where it is.
fn place(server: &Server) -> String {
    format!("127.0.0.1:{}", server.address().port())
}

/// Runs a load with these words against a server of its own.
fn load(words: &str) -> Report {
    load_of(Config::default(), &format!("--warm-up 1 {words}"))
}

fn load_of(config: Config, words: &str) -> Report {
    let scheme = if config.tls == Tls::Off { "http" } else { "https" };
    let (runtime, server) = serve(config);
    let pid = std::process::id();
    let line = format!("load {scheme}://{} --pid {pid} {words}", place(&server));
    let options = Options::try_parse_from(line.split_ascii_whitespace()).unwrap();
    let mut lines = Vec::new();
    let report = run(&options, &mut |line| lines.push(line)).unwrap();
    assert!(lines.iter().any(|line| line.starts_with("measuring")), "{lines:?}");
    runtime.block_on(server.stop());
    report
}

#[test]
fn everybody_gets_the_packets_of_the_others_in_their_room_and_nobody_elses() {
    let words = "--rooms 3 --publishers 2 --subscribers 2 --sizes 3 --audio-kbps 40 --duration 3";
    let report = load(words);
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.people.connected, 12);
    // Each of six publishers is heard by three people, 50 times a second; and their pictures are packets, too.
    let sounds = 3.0 * 6.0 * 50.0 * report.seconds;
    assert!(report.packets.received as f64 > 0.9 * sounds, "{report}");
    assert!(report.picture_delay_ms.is_some() && report.sound_delay_ms.is_some());
    let (connected, media) = (report.connected_ms.as_ref(), report.first_media_ms.as_ref());
    assert!(connected.unwrap().p50 < media.unwrap().p50);
    let server = report.server.as_ref().unwrap();
    assert!(server.cpu_ns_per_packet > 0.0 && server.anonymous_after_joins > 0);
    assert!(report.delay_ends_in_kernel && report.load_cpu_ns_per_packet > 0.0, "{report}");
    assert_eq!(server.kernel_ns_per_packet + server.user_ns_per_packet, server.cpu_ns_per_packet);
    assert_eq!((report.people.joined, report.people.left), (12, 0));
}

#[test]
fn who_leaves_and_who_comes_is_neither_lost_nor_missed() {
    let report = load("--subscribers 6 --churn 4 --duration 4 --video-kbps 300");
    assert!(report.is_clean(), "{report}");
    // Four a second left, and as many came.
    let (joined, left) = (report.people.joined, report.people.left);
    assert!((14..=16).contains(&left), "{report}");
    assert!((7 + left - 1..=7 + left).contains(&joined), "{report}");
    assert!((6..=7).contains(&report.people.connected), "{report}");
    assert!(report.reply_ms.is_some() && report.first_media_ms.is_some());
}

#[test]
fn a_join_takes_from_when_it_was_due_however_late_somebody_sees_to_it() {
    let (runtime, server) = serve(Config::default());
    let line = format!("load http://{} --subscribers 1", place(&server));
    let options = Options::try_parse_from(line.split_ascii_whitespace()).unwrap();
    let crowd = Crowd::new(&options).unwrap();
    let late = Duration::from_millis(300);
    crowd.enter(1, Instant::now().checked_sub(late).unwrap());
    let give_up = Instant::now() + Duration::from_secs(10);
    while crowd.outcomes.count() == 0 {
        assert!(Instant::now() < give_up, "nobody joins");
        // Real sockets and threads are waited for, of which none tells when it is done.
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(crowd.outcomes.joined(), 1, "{:?}", crowd.outcomes.take_reasons());
    assert!(crowd.outcomes.take_times()[0] >= late);
    crowd.end();
    runtime.block_on(server.stop());
}

#[test]
fn who_only_receives_is_read_now_and_then_and_packets_are_no_later_for_that() {
    let report = load("--subscribers 8 --duration 3 --video-kbps 600 --read-every 40");
    assert!(report.is_clean() && report.delay_ends_in_kernel, "{report}");
    // Read twenty-five times a second, they would seem 20 ms late on the average.
    assert!(report.picture_delay_ms.as_ref().unwrap().p50 < 10.0, "{report}");
    let expected = 8.0 * 600_000.0 / 8.0 / 1200.0 * report.seconds;
    assert!(report.packets.received as f64 > 0.9 * expected, "{report}");
}

#[test]
fn pictures_of_every_codec_come_whole_and_in_order() {
    let all = ["vp8", "vp9", "h264", "av1"].map(|codec| {
        thread::spawn(move || {
            let words = "--publishers 2 --subscribers 2 --sizes 3 --video-kbps 600 --duration 2";
            let report = load(&format!("{words} --codec {codec}"));
            assert!(report.is_clean(), "{codec}: {report}");
            // Each of two is seen by three people, in one packet a picture at least.
            let pictures = 2.0 * 3.0 * 30.0 * report.seconds;
            assert!(report.packets.received as f64 > 0.8 * pictures, "{codec}: {report}");
            assert!(report.picture_delay_ms.is_some(), "{codec}: {report}");
        })
    });
    all.into_iter().for_each(|one| one.join().unwrap());
}

#[test]
fn a_report_is_text_for_people_and_json_for_programs() {
    let report = load("--subscribers 1 --duration 1");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["packets"]["received"], report.packets.received);
    assert!(report.to_string().contains("delay, pictures"), "{report}");
}

#[test]
fn who_finds_no_server_reads_what_was_looked_for() {
    for (url, expected) in [
        ("localhost:4000", "expected a URL"),
        ("ftp://localhost", "no scheme that servers have"),
        ("http://127.0.0.1:1", "nobody could join: cannot reach 127.0.0.1:1"),
    ] {
        let options = Options::try_parse_from(["load", url, "--subscribers", "1"]).unwrap();
        let error = run(&options, &mut |_| {}).map(|report| report.to_string()).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn media_travels_in_streams_and_through_the_servers_turn_as_well_as_by_udp() {
    let state = tempfile::tempdir().unwrap();
    let encrypted = Config {
        tls: Tls::SelfSigned,
        state_dir: Some(state.path().to_owned()),
        ..Config::default()
    };
    let ca = format!("--ca {}", state.path().join("self-signed.pem").display());
    let all = [
        ("udp", Config::default(), ""),
        ("tcp", Config::default(), ""),
        ("turn", Config::default(), ""),
        ("turn-tcp", Config::default(), ""),
        ("turn-tls", encrypted, &ca[..]),
    ];
    thread::scope(|scope| {
        for (over, config, ca) in all {
            scope.spawn(move || {
                let words = "--publishers 2 --subscribers 2 --audio-kbps 40 --video-kbps 600";
                let words = format!("{words} --warm-up 1 --duration 2 --over {over} {ca}");
                let report = load_of(config, &words);
                assert!(report.is_clean(), "{over}: {report}");
                // Each of two is heard by three people, 50 times a second.
                let sounds = 2.0 * 3.0 * 50.0 * report.seconds;
                assert!(report.packets.received as f64 > 0.9 * sounds, "{over}: {report}");
            });
        }
    });
}

#[test]
fn what_cannot_be_through_turn_is_said_before_anybody_joins() {
    for (words, expected) in [
        ("--over turn --duration 600", "a load through TURN can last 9 minutes, joins included"),
        ("--over turn-tls", "--over turn-tls takes a server with https"),
    ] {
        let line = format!("load http://127.0.0.1:1 {words}");
        let options = Options::try_parse_from(line.split_ascii_whitespace()).unwrap();
        let error = run(&options, &mut |_| {}).map(|report| report.to_string()).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
