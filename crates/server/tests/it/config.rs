//! Settings: where they come from, and what is said of wrong ones.

use std::path::Path;

use parlor_server::config::{
    Acme, Config, KEYS, LETS_ENCRYPT, Layer, LogFormat, NamedFile, StunServer, Tls, command,
    default_state_dir, read_environment, read_file, read_flags, unknown_variables,
};

fn flags(arguments: &[&str]) -> Layer {
    let arguments = std::iter::once("parlor").chain(arguments.iter().copied());
    read_flags(&command().try_get_matches_from(arguments).unwrap()).0
}

fn environment(variables: &[(&str, &str)]) -> Layer {
    let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
    read_environment(|name| find(name).map(|(_, value)| (*value).to_owned()))
}

fn file(text: &str) -> Result<Layer, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("parlor.toml");
    std::fs::write(&path, text).unwrap();
    let shown = format!("{}", path.display());
    read_file(&path).map_err(|error| error.to_string().replace(&shown, "parlor.toml"))
}

fn complaint(layers: &[Layer]) -> String {
    Config::from_layers(layers).unwrap_err().to_string()
}

#[test]
fn the_example_file_says_the_defaults_and_every_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../parlor.example.toml");
    let layer = read_file(&path).unwrap();
    assert_eq!(Config::from_layers(&[layer]).unwrap(), Config::default());
    assert_eq!(Config::from_layers(&[]).unwrap(), Config::default());
    let text = std::fs::read_to_string(path).unwrap();
    for key in &KEYS {
        let said = text
            .lines()
            .any(|line| line.trim_start_matches("# ").starts_with(&format!("{} = ", key.name)));
        assert!(said, "{} is not in the example", key.name);
    }
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let layers = [
        flags(&["serve", "--threads", "3"]),
        environment(&[("PARLOR_THREADS", "4"), ("PARLOR_MAX_ROOMS", "5")]),
        file("threads = 6\nmax_rooms = 7\nlog_format = \"json\"").unwrap(),
    ];
    let config = Config::from_layers(&layers).unwrap();
    assert_eq!((config.threads, config.max_rooms), (3, 5));
    assert_eq!(config.log_format, LogFormat::Json);
}

#[test]
fn serving_is_what_is_done_when_told_nothing_else() {
    let config = Config::from_layers(&[flags(&["--listen", "127.0.0.1:5000"])]).unwrap();
    assert_eq!(config.listen.port(), 5000);
    assert_eq!(config.udp_port, 5000, "media takes the number of the HTTP port");
}

#[test]
fn media_has_one_udp_port_or_as_many_as_are_asked_for_counted_up_from_the_first() {
    assert_eq!(Config::from_layers(&[]).unwrap().udp_ports, 1);
    let layers = [
        flags(&["--udp-ports", "4"]),
        environment(&[("PARLOR_UDP_PORTS", "4")]),
        file("udp_ports = 4").unwrap(),
    ];
    for layer in layers {
        assert_eq!(Config::from_layers(&[layer]).unwrap().udp_ports, 4);
    }
    let last = |port: &str| flags(&["--udp-port", port, "--udp-ports", "4"]);
    assert_eq!(Config::from_layers(&[last("65532")]).unwrap().udp_port, 65532);
    assert_eq!(Config::from_layers(&[last("0")]).unwrap().udp_ports, 4, "free ones");
    assert_eq!(
        complaint(&[last("65533")]),
        "--udp-ports: expected no port beyond 65535, counted up from udp_port (--udp-port)"
    );
}

#[test]
fn lists_are_repeated_flags_commas_or_a_list() {
    let ips: [std::net::IpAddr; 2] =
        ["203.0.113.5".parse().unwrap(), "2001:db8::5".parse().unwrap()];
    let flags = flags(&["--public-ip", "203.0.113.5", "--public-ip", "2001:db8::5"]);
    let environment = environment(&[("PARLOR_PUBLIC_IP", "203.0.113.5, 2001:db8::5")]);
    let file = file("public_ip = [\"203.0.113.5\", \"2001:db8::5\"]").unwrap();
    for layer in [flags, environment, file] {
        assert_eq!(Config::from_layers(&[layer]).unwrap().public_ips, ips);
    }
}

#[test]
fn a_wrong_value_is_named_with_its_place_and_what_was_expected() {
    assert_eq!(
        complaint(&[flags(&["--listen", "4000"])]),
        "--listen: expected an address and port such as [::]:4000 or 127.0.0.1:4000, got \"4000\""
    );
    assert_eq!(
        complaint(&[environment(&[("PARLOR_MAX_PEERS_PER_ROOM", "1")])]),
        "PARLOR_MAX_PEERS_PER_ROOM: expected a whole number from 2 to 2500, got \"1\""
    );
    let said = complaint(&[file("udp_port = 70000").unwrap()]);
    assert!(
        said.ends_with(
            "parlor.toml: udp_port: expected a port from 0 (any) to 65535, got \"70000\""
        ),
        "{said}"
    );
    for (flag, value) in [
        ("--public-ip", "0.0.0.0"),
        ("--public-ip", "example.org"),
        ("--origin", "example.org"),
        ("--origin", "https://example.org/path"),
        ("--origin", "https://*.example.org"),
        ("--threads", "-1"),
        ("--udp-ports", "0"),
        ("--udp-ports", "33"),
        ("--log-format", "xml"),
        ("--log-level", "=="),
        ("--max-rooms", "0"),
    ] {
        let said = complaint(&[flags(&[&format!("{flag}={value}")])]);
        assert!(said.starts_with(&format!("{flag}: expected ")), "{said}");
    }
}

#[test]
fn a_stun_server_is_a_host_with_a_port_or_without_or_a_url() {
    for (said, host, port) in [
        ("stun.example.org", "stun.example.org", 3478),
        ("Stun.Example.org:19302", "stun.example.org", 19302),
        ("stun:192.0.2.1:3479", "192.0.2.1", 3479),
        ("192.0.2.1", "192.0.2.1", 3478),
        ("[2001:db8::1]:3479", "2001:db8::1", 3479),
        ("2001:db8::1", "2001:db8::1", 3478),
    ] {
        let config = Config::from_layers(&[flags(&["--stun-server", said])]).unwrap();
        assert_eq!(config.stun_server, Some(StunServer { host: host.to_owned(), port }), "{said}");
    }
    for bad in ["", "a b", "example.org:port", "example.org:0", "http://example.org"] {
        let said = complaint(&[flags(&[&format!("--stun-server={bad}")])]);
        assert!(said.starts_with("--stun-server: expected a host and port"), "{said}");
    }
    let both = flags(&["--stun-server", "a.example", "--public-ip", "192.0.2.1"]);
    assert_eq!(complaint(&[both]), "--stun-server: expected no public_ip (--public-ip) beside it");
}

#[test]
fn an_origin_is_kept_as_browsers_send_it() {
    for (said, sent) in [
        ("https://Example.org:443", "https://example.org"),
        ("http://example.org:80", "http://example.org"),
        ("https://example.org:80", "https://example.org:80"),
        ("https://example.org:8443", "https://example.org:8443"),
    ] {
        let origins = Config::from_layers(&[flags(&["--origin", said])]).unwrap().origins;
        assert_eq!(origins, [sent]);
    }
}

#[test]
fn a_variable_that_is_misspelt_is_noticed() {
    let names = ["PARLOR_LISTEN", "PARLOR_LISEN", "PARLOR_CONFIG", "HOME"].map(str::to_owned);
    assert_eq!(unknown_variables(names.into_iter()), ["PARLOR_LISEN"]);
}

#[test]
fn a_log_level_is_a_level_or_directives_and_no_other_word() {
    for good in ["info", "WARN", "off", "info,parlor_server=debug", "parlor_media=trace, warn"] {
        let level = format!("--log-level={good}");
        assert_eq!(Config::from_layers(&[flags(&[&level])]).unwrap().log_level, good);
    }
    for bad in ["verbose", "inf", "information", "info,parlor_server", "info,", "", "info,x=loud"] {
        let said = complaint(&[flags(&[&format!("--log-level={bad}")])]);
        assert!(said.starts_with("--log-level: expected error, warn, info"), "{bad}: {said}");
    }
}

#[test]
fn a_file_with_an_unknown_key_or_no_toml_is_refused() {
    let said = file("lisen = \"[::]:4000\"").unwrap_err();
    assert!(said.starts_with("parlor.toml: there is no key \"lisen\"; the keys are listen, "));
    let said = file("listen = ").unwrap_err();
    assert!(said.starts_with("parlor.toml: ") && said.contains("line 1"), "{said}");
    let said = file("listen = [1, 2]").unwrap_err();
    assert!(said.starts_with("parlor.toml: listen: expected one value"), "{said}");
    let said = read_file(Path::new("/nonexistent/parlor.toml")).unwrap_err().to_string();
    assert!(said.starts_with("/nonexistent/parlor.toml: "), "{said}");
}

#[test]
fn encryption_needs_both_files_or_neither() {
    let half = complaint(&[flags(&["--tls-cert", "a.pem"])]);
    assert_eq!(half, "--tls-cert: expected tls_key (--tls-key) beside it");
    let half = complaint(&[environment(&[("PARLOR_TLS_KEY", "a.pem")])]);
    assert_eq!(half, "PARLOR_TLS_KEY: expected tls_cert (--tls-cert) beside it");
    let both = flags(&["--tls-self-signed", "--tls-cert", "a", "--tls-key", "b"]);
    assert!(complaint(&[both]).starts_with("--tls-self-signed: "));
    let good = Config::from_layers(&[flags(&["--tls-self-signed"])]).unwrap();
    assert_eq!(good.tls, Tls::SelfSigned);
}

#[test]
fn of_two_ways_to_encrypt_the_one_said_in_the_stronger_place_wins() {
    let files = |certificate: &str, key: &str| {
        let file = |path: &str, setting: &str| NamedFile {
            path: path.into(),
            setting: setting.to_owned(),
        };
        Tls::Files { certificate: file("a", certificate), key: file("b", key) }
    };
    let by_flags = files("--tls-cert", "--tls-key");
    let by_files = || flags(&["--tls-cert", "a", "--tls-key", "b"]);
    let weaker = || file("tls_self_signed = true").unwrap();
    assert_eq!(Config::from_layers(&[by_files(), weaker()]).unwrap().tls, by_flags);
    let weaker = || file("tls_cert = \"a\"\ntls_key = \"b\"").unwrap();
    let own = flags(&["--tls-self-signed"]);
    assert_eq!(Config::from_layers(&[own, weaker()]).unwrap().tls, Tls::SelfSigned);
    let no = environment(&[("PARLOR_TLS_SELF_SIGNED", "false")]);
    let Tls::Files { certificate, key } = Config::from_layers(&[no, weaker()]).unwrap().tls else {
        panic!("by the file's")
    };
    for (file, path, setting) in [(certificate, "a", "tls_cert"), (key, "b", "tls_key")] {
        assert_eq!(file.path.to_str(), Some(path));
        assert!(file.setting.ends_with(&format!("parlor.toml: {setting}")), "{}", file.setting);
    }
    let half = [flags(&["--tls-cert", "a"]), environment(&[("PARLOR_TLS_KEY", "b")])];
    let by_both = files("--tls-cert", "PARLOR_TLS_KEY");
    assert_eq!(Config::from_layers(&half).unwrap().tls, by_both, "halves of two places fit");
}

#[test]
fn a_certificate_is_got_for_the_names_that_are_said_and_from_lets_encrypt_unless_told_otherwise() {
    let said = flags(&["--acme-domain", "Meet.Example.org", "--acme-domain", "b.example.org"]);
    let domains = vec!["meet.example.org".to_owned(), "b.example.org".to_owned()];
    let mut acme =
        Acme { domains, contacts: Vec::new(), directory: LETS_ENCRYPT.to_owned(), root: None };
    let config = Config::from_layers(std::slice::from_ref(&said)).unwrap();
    assert_eq!(config.tls, Tls::Acme(acme.clone()));
    let more = environment(&[
        ("PARLOR_ACME_CONTACT", "ann@example.org, mailto:ben@example.org"),
        ("PARLOR_ACME_DIRECTORY", "https://acme.example.org/directory"),
        ("PARLOR_ACME_CA", "/etc/ca.pem"),
    ]);
    acme.contacts = vec!["mailto:ann@example.org".to_owned(), "mailto:ben@example.org".to_owned()];
    acme.directory = "https://acme.example.org/directory".to_owned();
    acme.root = Some("/etc/ca.pem".into());
    assert_eq!(Config::from_layers(&[said, more]).unwrap().tls, Tls::Acme(acme));
}

#[test]
fn what_an_authority_could_not_certify_is_refused() {
    for domain in
        ["*.example.org", "192.0.2.1", "a..b", "-a.example", "a_b.example", "häus.example"]
    {
        let said = complaint(&[flags(&[&format!("--acme-domain={domain}")])]);
        assert!(said.starts_with("--acme-domain: expected a DNS name"), "{said}");
    }
    let domain = "--acme-domain=a.example";
    let said = complaint(&[flags(&[domain, "--acme-contact=ann"])]);
    assert!(said.starts_with("--acme-contact: expected an e-mail address"), "{said}");
    let said = complaint(&[flags(&[domain, "--acme-directory=http://a.example/"])]);
    assert!(said.starts_with("--acme-directory: expected an https URL"), "{said}");
    let said = complaint(&[flags(&["--acme-contact=ann@example.org"])]);
    assert_eq!(said, "--acme-contact: expected acme_domain (--acme-domain) beside it");
}

#[test]
fn of_the_ways_to_encrypt_one_is_taken_in_one_place() {
    let acme = "--acme-domain=a.example";
    let said = complaint(&[flags(&[acme, "--tls-self-signed"])]);
    assert_eq!(said, "--acme-domain: expected no tls_self_signed (--tls-self-signed) beside it");
    let said = complaint(&[flags(&[acme, "--tls-cert=a", "--tls-key=b"])]);
    assert!(said.starts_with("--acme-domain: expected no tls_cert and tls_key"), "{said}");
    let weaker = file("tls_cert = \"a\"").unwrap();
    let config = Config::from_layers(&[flags(&[acme]), weaker]).unwrap();
    assert!(matches!(config.tls, Tls::Acme(_)), "half a way that is outdone is no matter");
}

#[test]
fn state_is_kept_where_systemd_or_the_xdg_specification_say() {
    let state = |variables: &[(&str, &str)]| {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        default_state_dir(|name| find(name).map(|(_, value)| (*value).to_owned()))
            .map(|path| path.display().to_string())
    };
    let home = ("HOME", "/home/ann");
    assert_eq!(state(&[home]).unwrap(), "/home/ann/.local/state/parlor");
    assert_eq!(state(&[home, ("XDG_STATE_HOME", "/x")]).unwrap(), "/x/parlor");
    assert_eq!(state(&[home, ("XDG_STATE_HOME", "x")]).unwrap(), "/home/ann/.local/state/parlor");
    assert_eq!(state(&[home, ("STATE_DIRECTORY", "/var/lib/p:/q")]).unwrap(), "/var/lib/p");
    assert_eq!(state(&[]), None);
}

#[test]
fn help_names_every_flag() {
    let help = command().render_long_help().to_string();
    for key in &KEYS {
        assert!(help.contains(&format!("--{}", key.name.replace('_', "-"))), "{}", key.name);
    }
}
