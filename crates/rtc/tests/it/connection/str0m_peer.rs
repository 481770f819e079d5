//! A whole WebRTC endpoint of other hands, str0m, as the client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use parlor_rtc::connection::{Connection, Event, Received};
use parlor_rtc::dtls::{Fingerprint, Identity};
use parlor_rtc::ice::Credentials;
use parlor_rtc::srtp::Profile;
use parlor_rtc::{DatagramSink, Path};
use str0m::config::DtlsVersion;
use str0m::media::MediaKind;
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Input, Output, Rtc, RtcConfig};

use super::client::{Sent, credentials, ms, path, rtcp, rtp, start};

const SERVER: &str = "192.0.2.1:3478";
const CLIENT: &str = "10.0.0.1:5000";

struct Call {
    now: Instant,
    server: Connection,
    client: Rtc,
    /// Where the client's datagrams appear to come from.
    seen_at: Path,
    out: Sent,
    /// What the server opened: RTP packets and the number of RTCP packets.
    opened: Vec<Vec<u8>>,
    reports: usize,
    /// RTP payloads that the client received.
    played: Vec<Vec<u8>>,
}

impl Call {
    fn new(version: DtlsVersion) -> Call {
        let now = start();
        let mut client = RtcConfig::new().set_rtp_mode(true).set_dtls_version(version).build(now);
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        client.add_local_candidate(Candidate::host(address(CLIENT), "udp").unwrap());
        client.add_remote_candidate(Candidate::host(address(SERVER), "udp").unwrap());
        let identity = Arc::new(Identity::generate().unwrap());
        let local = credentials("srv1");
        let mut api = client.direct_api();
        api.set_ice_controlling(true);
        api.set_remote_ice_credentials(str0m::IceCreds {
            ufrag: local.ufrag().to_owned(),
            pass: local.password().to_owned(),
        });
        api.set_remote_fingerprint(str0m::config::Fingerprint {
            hash_func: "sha-256".to_owned(),
            bytes: identity.fingerprint().as_bytes().to_vec(),
        });
        let own = api.local_ice_credentials();
        let remote = Credentials::new(&own.ufrag, &own.pass).unwrap();
        let fingerprint = api.local_dtls_fingerprint().bytes.clone().try_into().unwrap();
        api.start_dtls(true).unwrap();
        api.declare_media("aud".into(), MediaKind::Audio);
        api.declare_stream_tx(11.into(), None, "aud".into(), None);
        api.expect_stream_rx(22.into(), None, "aud".into(), None);
        Call {
            now,
            server: Connection::new(
                now,
                identity,
                local,
                remote,
                Fingerprint::from_bytes(fingerprint),
            ),
            client,
            seen_at: path(CLIENT),
            out: Sent::default(),
            opened: Vec::new(),
            reports: 0,
            played: Vec::new(),
        }
    }

    /// Carries datagrams for 5 ms.
    fn step(&mut self) {
        loop {
            match self.client.poll_output().unwrap() {
                Output::Timeout(_) => break,
                Output::Transmit(sent) => self.server_receives(&sent.contents),
                Output::Event(str0m::Event::RtpPacket(packet)) => {
                    self.played.push(packet.payload.to_vec());
                }
                Output::Event(_) => {}
            }
        }
        for (to, datagram) in std::mem::take(&mut self.out.0) {
            if to == self.seen_at {
                let received = Receive::new(
                    Protocol::Udp,
                    SERVER.parse().unwrap(),
                    CLIENT.parse().unwrap(),
                    &datagram,
                );
                self.client.handle_input(Input::Receive(self.now, received.unwrap())).unwrap();
            }
        }
        self.now += ms(5);
        self.client.handle_input(Input::Timeout(self.now)).unwrap();
        if self.server.deadline().is_some_and(|deadline| deadline <= self.now) {
            self.server.handle_timeout(self.now, &mut self.out);
        }
    }

    fn server_receives(&mut self, datagram: &[u8]) {
        let mut datagram = datagram.to_vec();
        let received =
            self.server.handle_datagram(self.now, self.seen_at, &mut datagram, &mut self.out);
        match received {
            Received::Rtp { len } => self.opened.push(datagram[..len].to_vec()),
            Received::Rtcp { .. } => self.reports += 1,
            Received::Handled => {}
            Received::Dropped(reason) => {
                assert!(!self.server.is_connected(), "a connected client's: {reason}");
            }
        }
    }

    fn connect(&mut self) {
        let begun = self.now;
        while !(self.server.is_connected() && self.client.is_connected()) {
            self.step();
            assert!(self.now < begun + ms(3000), "it does not connect");
        }
    }

    fn client_sends(&mut self, sequence: u64) {
        let now = self.now;
        let mut api = self.client.direct_api();
        let stream = api.stream_tx(&11.into()).unwrap();
        let payload = format!("sound {sequence}").into_bytes();
        let time = (sequence * 960) as u32;
        stream.write_rtp(RtpWrite::new(111.into(), sequence.into(), time, now, payload));
        self.client.handle_input(Input::Timeout(now)).unwrap();
    }

    fn server_sends(&mut self, index: u64) {
        let (mut packet, len) = rtp(22, index as u16, format!("answer {index}").as_bytes());
        packet[1] = 111;
        let sealed = self.server.seal_rtp(&mut packet, len, index).unwrap();
        let to = self.server.path().unwrap();
        self.out.send(to, &packet[..sealed]);
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.server.poll_event()).collect()
    }
}

#[test]
fn str0m_connects_by_either_dtls_version_and_media_flows_both_ways() {
    for version in [DtlsVersion::Dtls12, DtlsVersion::Dtls13, DtlsVersion::Auto] {
        let mut call = Call::new(version);
        call.connect();
        let own = call.seen_at;
        let expected = [Event::PathValidated(own), Event::PathSelected(own), Event::Connected];
        assert_eq!(call.events(), expected, "{version}");
        assert_eq!(call.server.profile(), Some(Profile::AeadAes256Gcm), "{version}");
        for n in 0..100 {
            // Both sequence numbers wrap on the way.
            call.client_sends(65_500 + n);
            call.server_sends(65_490 + n);
            call.step();
        }
        for _ in 0..1200 {
            call.step();
        }
        assert_eq!(call.opened.len(), 100, "{version}");
        assert!(call.opened.iter().all(|packet| packet.windows(6).any(|part| part == b"sound ")));
        assert_eq!(call.played.len(), 100, "{version}");
        assert!(call.reports > 0, "{version}: the client's receiver reports came too");
    }
}

#[test]
fn the_rtcp_that_we_seal_is_opened_by_str0m() {
    let mut call = Call::new(DtlsVersion::Dtls13);
    call.connect();
    let (mut packet, len) = rtcp(22);
    let sealed = call.server.seal_rtcp(&mut packet, len).unwrap();
    // It would complain of a packet that it cannot open by an event; a BYE has a visible effect.
    call.out.send(call.seen_at, &packet[..sealed]);
    call.step();
    assert!(call.client.is_alive());
}

#[test]
fn str0m_behind_a_nat_that_forgets_it_has_media_back_within_a_second() {
    let mut call = Call::new(DtlsVersion::Dtls13);
    call.connect();
    for n in 0..20 {
        call.client_sends(1000 + n);
        call.server_sends(n);
        call.step();
    }
    call.events();
    call.seen_at = path("10.0.0.1:61234");
    let forgotten = call.now;
    for n in 20.. {
        // 5 ms there, 5 ms back, one packet each way in 20 ms.
        call.client_sends(1000 + n);
        call.server_sends(n);
        let played = call.played.len();
        (0..4).for_each(|_| call.step());
        let moved = call.server.path() == Some(call.seen_at);
        if moved && call.played.len() > played {
            break;
        }
        assert!(call.now < forgotten + ms(1000), "no media for a second");
    }
    let moved = [Event::PathValidated(call.seen_at), Event::PathSelected(call.seen_at)];
    assert_eq!(call.events(), moved);
}

#[test]
fn a_check_every_few_seconds_keeps_a_silent_str0m_alive() {
    let mut call = Call::new(DtlsVersion::Dtls13);
    call.connect();
    for _ in 0..4000 {
        call.step();
        let silent = call.now.duration_since(call.server.last_heard());
        assert!(silent < ms(5000), "5 s without an arrival is shown as reconnecting");
    }
}
