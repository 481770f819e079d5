//! The binary as a process.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{join, open};

const PARLOR: &str = env!("CARGO_BIN_EXE_parlor");

fn parlor(arguments: &[&str]) -> Command {
    let mut command = Command::new(PARLOR);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PARLOR_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_asked_to_stop_tells_its_people_and_exits_with_0_within_5_s() {
    let mut child = parlor(&["--listen", "127.0.0.1:0", "--log-format", "json"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let address = first.split("http://localhost:").nth(1).unwrap().trim_end_matches('/');
    let address = format!("127.0.0.1:{address}").parse().unwrap();
    let mut client = open(address, "?vsn=2.0.0", None).await.unwrap();
    assert_eq!(client.join("room:tea", join("Ann")).await["status"], "ok");

    let asked = Instant::now();
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(client.event("ended").await[4]["reason"], "server_stopping");
    assert_eq!(client.closed().await, Some(1012));
    let status = tokio::task::spawn_blocking(move || {
        let status = child.wait().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        for line in log {
            let line = line.unwrap();
            assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{line}");
        }
        status
    });
    assert_eq!(status.await.unwrap().code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

#[test]
fn signalling_gives_way_to_media_threads() {
    let mut child =
        parlor(&["--listen", "127.0.0.1:0", "--udp-port", "0", "--threads", "1"]).spawn().unwrap();
    // It says where it is once all its threads run.
    BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let niceness_of = |thread: &str| -> Vec<i32> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
        // Threads come and go.
        let stats = tasks
            .flatten()
            .filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
        let named = stats.filter(|stat| stat.contains(&format!("({thread}")));
        // The 17th field after the name (proc_pid_stat(5)).
        let nice = |stat: String| stat.rsplit(')').next()?.split_whitespace().nth(16)?.parse().ok();
        named.map(|stat| nice(stat).unwrap()).collect()
    };
    // A thread takes its name when it first has a processor.
    let deadline = Instant::now() + Duration::from_secs(20);
    while niceness_of("media-").is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    let (media, signalling) = (niceness_of("media-"), niceness_of("tokio"));
    child.kill().unwrap();
    child.wait().unwrap();
    let [media] = media[..] else { panic!("{media:?}") };
    let gives_way = |nice: &i32| *nice > media;
    assert!(signalling.iter().any(gives_way), "{signalling:?} beside {media}");
}

#[test]
fn a_wrong_setting_ends_the_process_with_one_line() {
    let output = parlor(&["--threads", "many"]).output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "parlor: --threads: expected a whole number from 0 to 32, got \"many\"\n");
}

#[test]
fn an_empty_variable_says_nothing_not_even_of_the_file() {
    let output = parlor(&["--threads", "many"]).env("PARLOR_CONFIG", "").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("parlor: --threads: expected"), "{said}");
}

/// How a process ends that is told to encrypt by these files, and what it says.
fn with_files(certificate: &Path, key: &Path) -> (Option<i32>, String) {
    let mut process = parlor(&["--listen", "127.0.0.1:0", "--udp-port", "0", "--tls-cert"]);
    let output = process.arg(certificate).env("PARLOR_TLS_KEY", key).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn certificates_that_cannot_be_used_are_wrong_settings_and_named_as_they_were_said() {
    let directory = tempfile::tempdir().unwrap();
    let [chain, key, other] =
        ["chain.pem", "key.pem", "other.pem"].map(|name| directory.path().join(name));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::write(&other, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let none = directory.path().join("none.pem");

    for (certificate, key, expected) in [
        (
            &none,
            &key,
            format!("--tls-cert: expected a PEM certificate chain in {}: ", none.display()),
        ),
        (
            &key,
            &key,
            format!("--tls-cert: expected a PEM certificate chain in {}: ", key.display()),
        ),
        (
            &chain,
            &none,
            format!("PARLOR_TLS_KEY: expected a PEM private key in {}: ", none.display()),
        ),
        (
            &chain,
            &chain,
            format!("PARLOR_TLS_KEY: expected a PEM private key in {}: ", chain.display()),
        ),
        (
            &chain,
            &other,
            "PARLOR_TLS_KEY: expected the private key of the certificate of --tls-cert".to_owned(),
        ),
    ] {
        let (status, said) = with_files(certificate, key);
        assert_eq!(status, Some(78), "{said}");
        // Before it there is the log of what had started.
        let last = said.lines().last().unwrap_or_default();
        assert!(last.starts_with(&format!("parlor: {expected}")), "{said}");
    }
}

#[test]
fn a_certificate_that_has_expired_is_served_as_another_may_come_and_the_warning_names_its_setting()
{
    let directory = tempfile::tempdir().unwrap();
    let [chain, key] = ["chain.pem", "key.pem"].map(|name| directory.path().join(name));
    let signing = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 4, 1);
    std::fs::write(&chain, params.self_signed(&signing).unwrap().pem()).unwrap();
    std::fs::write(&key, signing.serialize_pem()).unwrap();
    let mut process = parlor(&["--listen", "127.0.0.1:0", "--udp-port", "0", "--tls-cert"]);
    let mut child = process.arg(&chain).arg("--tls-key").arg(&key).spawn().unwrap();
    BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    child.kill().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    child.wait().unwrap();
    assert!(said.contains("--tls-cert: the certificate has expired"), "{said}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = parlor(&["--listen", &address, "--udp-port", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("cannot listen on {address}: ")), "{said}");
}
