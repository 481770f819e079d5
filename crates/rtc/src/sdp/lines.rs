//! Splits a session description into numbered lines of the form `<letter>=<value>`.

use super::error::{SdpError, excerpt};
use super::limits::{MAX_LINE_BYTES, MAX_LINES, MAX_OFFER_BYTES};

/// One line of a session description (RFC 8866 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Counted from 1.
    pub(super) number: usize,
    /// The letter before `=`.
    pub(super) kind: u8,
    /// What follows `=`, free of control characters.
    pub(super) value: &'a str,
}

/// The lines of `text`, ended by LF or CRLF; blank ones are skipped.
pub(super) fn read(
    text: &str,
) -> Result<impl Iterator<Item = Result<Line<'_>, SdpError>>, SdpError> {
    if text.len() > MAX_OFFER_BYTES {
        let what = format!("an offer has at most {MAX_OFFER_BYTES} bytes, this one {}", text.len());
        return Err(SdpError::new(1, what));
    }
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).enumerate();
    Ok(lines.filter(|(_, line)| !line.is_empty()).map(|(index, line)| parse(index + 1, line)))
}

fn parse(number: usize, line: &str) -> Result<Line<'_>, SdpError> {
    let fault = |what: String| Err(SdpError::new(number, what));
    if number > MAX_LINES {
        return fault(format!("an offer has at most {MAX_LINES} lines"));
    }
    if line.len() > MAX_LINE_BYTES {
        return fault(format!(
            "a line has at most {MAX_LINE_BYTES} bytes, this one {}",
            line.len()
        ));
    }
    if line.chars().any(char::is_control) {
        return fault(format!("control character in {}", excerpt(line)));
    }
    match line.as_bytes() {
        [kind @ b'a'..=b'z', b'=', ..] => {
            Ok(Line { number, kind: *kind, value: line.get(2..).unwrap_or_default() })
        }
        _ => fault(format!("expected a line such as a=mid:0, found {}", excerpt(line))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(usize, char, &str)> {
        let lines = read(text).unwrap();
        lines.map(|line| line.unwrap()).map(|l| (l.number, l.kind as char, l.value)).collect()
    }

    #[test]
    fn lines_end_with_lf_or_crlf_and_keep_their_numbers() {
        let expected = vec![(1, 'v', "0"), (2, 's', "-"), (4, 'a', "mid:0")];
        assert_eq!(kinds("v=0\r\ns=-\n\r\na=mid:0"), expected);
        assert_eq!(kinds("v=0\ns=-\n\na=mid:0\n\n"), expected);
    }

    #[test]
    fn a_line_without_a_letter_and_an_equals_sign_is_named() {
        for bad in ["x", "=0", "A=0", "v 0", "\u{e9}=1"] {
            let error = read(bad).unwrap().next().unwrap().unwrap_err();
            assert_eq!(error.line, 1);
            assert!(error.what.starts_with("expected a line such as a=mid:0"), "{error}");
        }
    }

    #[test]
    fn a_control_character_is_refused_so_that_no_line_can_hide_in_another() {
        let error = read("v=0\na=fmtp:1 x\ra=setup:active\n").unwrap().nth(1).unwrap().unwrap_err();
        assert_eq!(error.line, 2);
        assert!(error.what.starts_with("control character"), "{error}");
    }

    #[test]
    fn too_long_offers_and_lines_are_refused() {
        let long = "a".repeat(MAX_OFFER_BYTES + 1);
        assert!(read(&long).is_err());
        let line = format!("a={}", "x".repeat(MAX_LINE_BYTES));
        assert!(read(&line).unwrap().next().unwrap().is_err());
        let many = "a=\n".repeat(MAX_LINES + 1);
        assert_eq!(read(&many).unwrap().last().unwrap().unwrap_err().line, MAX_LINES + 1);
    }
}
