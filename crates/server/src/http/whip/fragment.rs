//! What PATCH carries: pieces of a session description about ICE alone (`application/trickle-ice-sdpfrag`, RFC 8840).

use std::fmt::Write;

use parlor_rtc::ice::Credentials;

/// Longest fragment, in bytes: a client with all its candidates sends 2 KB.
pub(crate) const MAX_FRAGMENT_LEN: usize = 16 * 1024;

/// The ICE facts of a fragment. Candidates are read over: a lite agent sends no checks, so it needs none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    /// The client's credentials, if the fragment names any.
    pub(crate) ice: Option<Credentials>,
}

/// Text that is no fragment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub(crate) struct Malformed {
    /// Counted from 1.
    pub(crate) line: usize,
    /// What was expected.
    pub(crate) what: &'static str,
}

impl Fragment {
    /// Reads a fragment (RFC 8840 section 9). Credentials may stand above its sections or in one; all of a bundle
    /// share them.
    ///
    /// # Errors
    /// The first line that cannot be used.
    pub(crate) fn parse(text: &str) -> Result<Fragment, Malformed> {
        let (mut ufrag, mut password, mut last) = (None, None, 1);
        for (index, line) in text.split('\n').enumerate() {
            let line = line.strip_suffix('\r').unwrap_or(line);
            let number = index + 1;
            let fault = |what| Malformed { line: number, what };
            if line.is_empty() {
                continue;
            }
            last = number;
            if line.chars().any(char::is_control) {
                return Err(fault("a control character"));
            }
            if !matches!(line.as_bytes(), [b'a'..=b'z', b'=', ..]) {
                return Err(fault("expected a line such as a=ice-ufrag:abcd"));
            }
            let (found, value) = match line.split_once(':') {
                Some(("a=ice-ufrag", value)) => (&mut ufrag, value),
                Some(("a=ice-pwd", value)) => (&mut password, value),
                _ => continue,
            };
            if found.is_some_and(|before| before != value) {
                return Err(fault("expected the same credentials in all sections"));
            }
            *found = Some(value);
        }
        let fault = |what| Malformed { line: last, what };
        let ice = match (ufrag, password) {
            (None, None) => None,
            (Some(ufrag), Some(password)) => {
                let what =
                    "expected an ICE ufrag of 4 to 256 and a password of 22 to 256 characters";
                Some(Credentials::new(ufrag, password).map_err(|_| fault(what))?)
            }
            _ => return Err(fault("expected both a=ice-ufrag and a=ice-pwd")),
        };
        Ok(Fragment { ice })
    }
}

/// The fragment that tells a client of an ICE restart what is new in `answer`: our credentials and candidates, under
/// the section that has the transport of them all.
///
/// Candidates but the first end with LF alone, which parsers accept (RFC 8866 section 5): npm `whip-whep` 1.2.0 puts commas
/// between those that end with CRLF, and its browser refuses what comes of it.
pub(crate) fn of_answer(answer: &str) -> String {
    let (session, sections) = split(answer);
    let is_tagged = |section: &&&str| lines(section).any(|line| line.starts_with("a=candidate:"));
    let usable = |section: &&&str| lines(section).any(|line| line.starts_with("a=ice-ufrag:"));
    let tagged = sections.iter().find(is_tagged).or_else(|| sections.iter().find(usable));
    let mut fragment = String::new();
    let group = lines(session).filter(|line| line.starts_with("a=group:"));
    let kept =
        ["m=", "a=mid:", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=end-of-candidates"];
    let own = tagged.into_iter().flat_map(|section| lines(section));
    let own = own.filter(|line| kept.iter().any(|kept| line.starts_with(kept)));
    let mut candidates = 0;
    for line in ["a=ice-lite"].into_iter().chain(group).chain(own) {
        candidates += usize::from(line.starts_with("a=candidate:"));
        let is_later = candidates > 1 && line.starts_with("a=candidate:");
        // Writing to a string cannot fail.
        let _ = write!(fragment, "{line}{}", if is_later { "\n" } else { "\r\n" });
    }
    fragment
}

/// The `a=ice-ufrag` of an answer.
pub(crate) fn ufrag_of(answer: &str) -> Option<&str> {
    lines(answer).find_map(|line| line.strip_prefix("a=ice-ufrag:"))
}

/// The same offer with these ICE credentials in the place of its own; `None` if it were longer than `limit` then, in bytes. An
/// offer may have short ones in every section.
pub(crate) fn with_credentials(offer: &str, ice: &Credentials, limit: usize) -> Option<String> {
    let mut text = String::with_capacity(offer.len() + 64);
    for line in lines(offer) {
        let _ = if line.starts_with("a=ice-ufrag:") {
            write!(text, "a=ice-ufrag:{}\r\n", ice.ufrag())
        } else if line.starts_with("a=ice-pwd:") {
            write!(text, "a=ice-pwd:{}\r\n", ice.password())
        } else {
            write!(text, "{line}\r\n")
        };
        if text.len() > limit {
            return None;
        }
    }
    Some(text)
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty())
}

/// What stands above all sections, and each section.
fn split(description: &str) -> (&str, Vec<&str>) {
    let starts: Vec<usize> = description.match_indices("\nm=").map(|(at, _)| at + 1).collect();
    let ends = starts.iter().skip(1).copied().chain([description.len()]);
    let sections = starts.iter().zip(ends).filter_map(|(start, end)| description.get(*start..end));
    let session = starts.first().and_then(|first| description.get(..*first));
    (session.unwrap_or(description), sections.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "a-password-that-is-long-enough";

    fn credentials(ufrag: &str) -> Credentials {
        Credentials::new(ufrag, PASSWORD).unwrap()
    }

    #[test]
    fn credentials_are_found_above_sections_and_in_them() {
        let above = format!(
            "a=ice-ufrag:abcd\r\na=ice-pwd:{PASSWORD}\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
        );
        let inside = format!(
            "m=audio 9 RTP/AVP 0\na=mid:0\na=ice-ufrag:abcd\na=ice-pwd:{PASSWORD}\na=candidate:x\n"
        );
        for text in [above, inside] {
            assert_eq!(Fragment::parse(&text).unwrap().ice, Some(credentials("abcd")));
        }
        assert_eq!(Fragment::parse("a=end-of-candidates\r\n").unwrap().ice, None);
    }

    #[test]
    fn what_is_no_fragment_is_refused_by_its_line() {
        for (text, line) in [
            ("{}", 1),
            ("a=mid:0\nnonsense", 2),
            ("a=ice-ufrag:abcd\n", 1),
            ("a=ice-ufrag:ab\na=ice-pwd:short\n", 2),
            ("a=ice-ufrag:abcd\na=ice-ufrag:efgh\n", 2),
            ("a=mid:0\ra=x\n", 1),
        ] {
            assert_eq!(Fragment::parse(text).unwrap_err().line, line, "{text}");
        }
    }

    #[test]
    fn a_restart_is_told_our_credentials_and_candidates_and_no_more() {
        let answer = "v=0\r\na=group:BUNDLE 1 0\r\na=ice-lite\r\nm=audio 9 X 1\r\na=mid:0\r\na=ice-ufrag:u\r\n\
            a=ice-pwd:p\r\nm=video 9 X 2\r\na=mid:1\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=setup:passive\r\n\
            a=candidate:1 1 udp 1 192.0.2.1 4000 typ host\r\na=end-of-candidates\r\na=recvonly\r\n";
        let expected = "a=ice-lite\r\na=group:BUNDLE 1 0\r\nm=video 9 X 2\r\na=mid:1\r\na=ice-ufrag:u\r\n\
            a=ice-pwd:p\r\na=candidate:1 1 udp 1 192.0.2.1 4000 typ host\r\na=end-of-candidates\r\n";
        assert_eq!(of_answer(answer), expected);
        assert_eq!(ufrag_of(answer), Some("u"));
    }

    #[test]
    fn an_offer_takes_new_credentials_wherever_it_had_some() {
        let offer = "v=0\r\na=ice-ufrag:old1\r\nm=audio 9 X 1\r\na=ice-ufrag:old1\r\na=ice-pwd:old\r\na=mid:0\r\n";
        let text = with_credentials(offer, &credentials("new1"), 1000).unwrap();
        let limited = |limit| with_credentials(offer, &credentials("new1"), limit);
        assert_eq!(limited(text.len()).as_ref(), Some(&text));
        assert_eq!(limited(text.len() - 1), None, "it would be longer than what it may be");
        assert_eq!(text.matches("a=ice-ufrag:new1\r\n").count(), 2);
        assert!(
            text.contains(&format!("a=ice-pwd:{PASSWORD}\r\na=mid:0\r\n")) && !text.contains("old")
        );
    }
}
