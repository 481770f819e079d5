use proptest::prelude::*;

use super::*;

const CM: u16 = 1;
const GCM_128: u16 = 7;
const GCM_256: u16 = 8;

fn list(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

fn extension(kind: u16, value: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes(), &(value.len() as u16).to_be_bytes(), value].concat()
}

/// The body of a ClientHello.
fn hello(versions: &[u16], suites: &[u16], profiles: &[u16]) -> Vec<u8> {
    let (versions, suites, profiles) = (list(versions), list(suites), list(profiles));
    let versions = [&[versions.len() as u8], &versions[..]].concat();
    let profiles = [&(profiles.len() as u16).to_be_bytes(), &profiles[..], &[0]].concat();
    let extensions = [
        extension(0x0A0A, b""),
        extension(EXTENSION_SUPPORTED_VERSIONS, &versions),
        extension(EXTENSION_USE_SRTP, &profiles),
    ]
    .concat();
    let mut hello = vec![0xFE, 0xFD];
    hello.extend([7; 32]);
    hello.extend([0, 0]);
    hello.extend((suites.len() as u16).to_be_bytes());
    hello.extend(suites);
    hello.extend([1, 0]);
    hello.extend((extensions.len() as u16).to_be_bytes());
    hello.extend(extensions);
    hello
}

const BOTH: [u16; 2] = [DTLS_1_3, DTLS_1_2];
const SUITES: [u16; 3] = [0x1301, 0xC02B, 0xC02F];

#[test]
fn a_client_that_puts_counter_mode_before_gcm_gets_dtls_1_2() {
    for profiles in [&[CM, GCM_256, GCM_128][..], &[CM, GCM_128], &[2, CM, GCM_256]] {
        assert_eq!(choose(&hello(&BOTH, &SUITES, profiles)), Some(Version::Dtls12));
    }
}

#[test]
fn a_client_whose_first_profile_is_fast_or_its_only_one_gets_its_newest_version() {
    for profiles in
        [&[GCM_256, GCM_128, CM][..], &[GCM_128, GCM_256, CM], &[CM], &[2, GCM_256], &[]]
    {
        assert_eq!(choose(&hello(&BOTH, &SUITES, profiles)), Some(Version::Newest));
    }
}

#[test]
fn a_client_that_cannot_do_dtls_1_2_gets_1_3_with_the_profile_it_likes() {
    let profiles = [CM, GCM_256];
    assert_eq!(choose(&hello(&[DTLS_1_3], &SUITES, &profiles)), Some(Version::Newest));
    assert_eq!(choose(&hello(&BOTH, &[0x1301], &profiles)), Some(Version::Newest));
}

#[test]
fn a_client_that_has_no_dtls_1_3_gets_1_2() {
    for versions in [&[DTLS_1_2][..], &[]] {
        assert_eq!(choose(&hello(versions, &SUITES, &[GCM_256])), Some(Version::Dtls12));
    }
}

/// One handshake record with one fragment.
fn record(message_len: usize, offset: usize, body: &[u8]) -> Vec<u8> {
    let u24 = |value: usize| (value as u32).to_be_bytes()[1..].to_vec();
    let mut record = vec![CONTENT_HANDSHAKE, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0];
    record.extend((12 + body.len() as u16).to_be_bytes());
    record.push(MESSAGE_CLIENT_HELLO);
    record.extend(u24(message_len));
    record.extend([0, 0]);
    record.extend(u24(offset));
    record.extend(u24(body.len()));
    record.extend(body);
    record
}

#[test]
fn fragments_in_one_datagram_and_in_several_make_the_same_hello() {
    let body = hello(&BOTH, &SUITES, &[CM, GCM_256]);
    let (first, last) = body.split_at(50);
    let first = record(body.len(), 0, first);
    let last = record(body.len(), 50, last);
    let mut one = HelloAssembly::default();
    let together = [&first[..], &last[..]].concat();
    assert_eq!(one.take(&together), Some((Version::Dtls12, vec![together.clone()])));
    let mut two = HelloAssembly::default();
    assert_eq!(two.take(&last), None);
    assert_eq!(two.take(&last), None, "a repetition brings nothing new");
    assert_eq!(two.take(&first), Some((Version::Dtls12, vec![last, first])));
}

#[test]
fn a_new_hello_takes_the_place_of_half_an_old_one() {
    let old = hello(&BOTH, &SUITES, &[CM, GCM_256]);
    let new = hello(&BOTH, &SUITES, &[CM]);
    let mut assembly = HelloAssembly::default();
    assert_eq!(assembly.take(&record(old.len(), 0, &old[..40])), None);
    let whole = record(new.len(), 0, &new);
    assert_eq!(assembly.take(&whole), Some((Version::Newest, vec![whole.clone()])));
}

#[test]
fn a_hello_in_crumbs_is_not_hoarded() {
    let body = hello(&BOTH, &SUITES, &[CM]);
    let mut assembly = HelloAssembly::default();
    for offset in 0..body.len() {
        let crumb = record(body.len(), offset, &body[offset..=offset]);
        assert_eq!(assembly.take(&crumb), None);
        assert!(assembly.datagrams.len() <= MAX_DATAGRAMS);
    }
    let huge = record(MAX_HELLO_LEN + 1, 0, &body);
    assert_eq!(assembly.take(&huge), None);
    assert!(assembly.message.len() <= MAX_HELLO_LEN);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
        body in prop::collection::vec(any::<u8>(), 0..200),
        cut in 0usize..200,
    ) {
        let mut assembly = HelloAssembly::default();
        for datagram in &datagrams {
            assembly.take(datagram);
        }
        let whole = assembly.take(&record(body.len(), 0, &body));
        prop_assert_eq!(whole.is_some(), !body.is_empty());
        let mut good = hello(&BOTH, &SUITES, &[CM, GCM_256]);
        good.truncate(cut);
        choose(&good);
    }
}
