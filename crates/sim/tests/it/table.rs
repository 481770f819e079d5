//! Rows of what stories find, compared with the tables of docs/performance.md, which `UPDATE_GOLDEN=1` writes.
//!
//! Calls are seeded, but signatures in handshakes are not, and differ in length. So numbers differ a little from run to
//! run, and are compared as what they are: measurements.

use std::fmt::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Mutex;

/// How wide the column of cases is.
const CASE: usize = 33;

/// One line of a table: what is measured, and whether that is what it should be.
#[derive(Debug)]
pub(crate) struct Row {
    case: String,
    found: String,
    good: bool,
    badness: f64,
}

pub(crate) fn row(case: impl Into<String>, found: String, good: bool) -> Row {
    Row { case: case.into(), found, good, badness: 0.0 }
}

impl Row {
    /// Compares it with other calls of its kind: the most is the worst.
    pub(crate) fn by(self, badness: f64) -> Row {
        Row { badness, ..self }
    }
}

/// The worst of several calls.
pub(crate) fn worst(seeds: Range<u64>, call: impl Fn(u64) -> Row) -> Row {
    let worse = |one: &Row, other: &Row| {
        other.good.cmp(&one.good).then(one.badness.total_cmp(&other.badness))
    };
    seeds.map(call).max_by(worse).expect("there are calls")
}

/// Fails if a row is not what it should be, or not nearly what the page says.
pub(crate) fn settle(rows: &[Row]) {
    let found = written(rows);
    assert!(rows.iter().all(|row| row.good), "\n{found}");
    // Tables on one page are settled by tests that run side by side.
    static PAGE: Mutex<()> = Mutex::new(());
    let _guard = PAGE.lock();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/performance.md");
    let page = std::fs::read_to_string(&path).expect("the page is there");
    let first = rows.first().map(|row| row.case.as_str()).unwrap_or_default();
    let [before, golden, after] = parts(&page, first);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let page = format!("{before}{found}{after}");
        return std::fs::write(&path, page).expect("the table can be written");
    }
    let is_same = golden.lines().count() == rows.len()
        && golden.lines().zip(found.lines()).all(|(golden, found)| is_near(golden, found));
    assert!(is_same, "the table changed; UPDATE_GOLDEN=1 accepts it:\n{found}");
}

/// Prints rows that are on no page; fails if one is not what it should be.
#[expect(clippy::print_stdout, reason = "who runs a sweep wants to see what it found")]
pub(crate) fn show(rows: &[Row]) {
    let found = written(rows);
    println!("{found}");
    assert!(rows.iter().all(|row| row.good), "\n{found}");
}

fn written(rows: &[Row]) -> String {
    rows.iter().fold(String::new(), |mut table, Row { case, found, good, .. }| {
        let verdict = if *good { "" } else { " (missed)" };
        writeln!(table, "{case:<CASE$} {found}{verdict}").expect("a string takes all");
        table
    })
}

/// The page in three parts: before the table that begins with this case, the table, and after it.
fn parts<'a>(page: &'a str, case: &str) -> [&'a str; 3] {
    const FENCE: &str = "```text\n";
    let start =
        page.find(&format!("{FENCE}{case} ")).expect("the page has the table") + FENCE.len();
    let end = start + page[start..].find("```").expect("the table ends");
    [&page[..start], &page[start..end], &page[end..]]
}

/// Whether two lines are of the same case, and have the same words, and numbers that two runs may differ by.
fn is_near(golden: &str, found: &str) -> bool {
    if golden.get(..CASE) != found.get(..CASE) {
        return false;
    }
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (golden, found) = (words(golden), words(found));
    let is_near = |at: usize| match (number(&golden[at]), number(&found[at])) {
        (Some(golden_number), Some(found_number)) => {
            let unit = found.get(at + 1).map_or("", |word| bare(word));
            let Slack { least, part } = Slack::of(&found[at], unit);
            (golden_number - found_number).abs()
                <= least.max(golden_number.max(found_number) * part)
        }
        _ => golden[at] == found[at],
    };
    golden.len() == found.len() && (0..found.len()).all(is_near)
}

fn number(word: &str) -> Option<f64> {
    bare(word).parse().ok()
}

/// A word without what follows it.
fn bare(word: &str) -> &str {
    word.trim_end_matches([',', ';', ':'])
}

/// What two runs may differ by: so much at least, or such a part of the larger number.
struct Slack {
    least: f64,
    part: f64,
}

impl Slack {
    fn of(number: &str, unit: &str) -> Slack {
        match unit {
            "ms" => Slack { least: 100.0, part: 0.6 },
            "%" => Slack { least: 10.0, part: 0.2 },
            _ if number.contains('.') => Slack { least: 0.15, part: 0.0 },
            _ => Slack { least: 20.0, part: 0.2 },
        }
    }
}

#[test]
fn a_table_that_says_nearly_the_same_is_the_same() {
    let line = |case: &str, found: &str| format!("{case:<CASE$} {found}");
    let golden =
        line("2 to 0.5 Mbit/s", "freeze 435 ms; 96 % of what fits, index 1.00, 18 asked for");
    let near =
        line("2 to 0.5 Mbit/s", "freeze 512 ms; 89 % of what fits, index 0.97, 22 asked for");
    assert!(is_near(&golden, &near));
    for (case, other) in [
        ("2 to 0.3 Mbit/s", "freeze 435 ms; 96 % of what fits, index 1.00, 18 asked for"),
        ("2 to 0.5 Mbit/s", "freeze 1435 ms; 96 % of what fits, index 1.00, 18 asked for"),
        ("2 to 0.5 Mbit/s", "freeze 435 ms; 70 % of what fits, index 1.00, 18 asked for"),
        ("2 to 0.5 Mbit/s", "freeze 435 ms; 96 % of what fits, index 0.80, 18 asked for"),
        ("2 to 0.5 Mbit/s", "freeze 435 ms; 96 % of what fits, index 1.00, 59 asked for"),
        ("2 to 0.5 Mbit/s", "pause 435 ms; 96 % of what fits, index 1.00, 18 asked for"),
        ("2 to 0.5 Mbit/s", "freeze 435 ms; 96 % of what fits, index 1.00"),
    ] {
        assert!(!is_near(&golden, &line(case, other)), "{case} {other}");
    }
}
