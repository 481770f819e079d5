//! Rows of what stories find, compared with the tables of docs/performance.md, which `UPDATE_GOLDEN=1` writes.
//!
//! Calls are seeded, but signatures in handshakes are not, and differ in length. So numbers differ a little from run to
//! run, and are compared as what they are: measurements.

use std::fmt::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Mutex;

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
pub(crate) fn show(rows: &[Row]) {
    let found = written(rows);
    println!("{found}");
    assert!(rows.iter().all(|row| row.good), "\n{found}");
}

fn written(rows: &[Row]) -> String {
    rows.iter().fold(String::new(), |mut table, Row { case, found, good, .. }| {
        let verdict = if *good { "" } else { " (missed)" };
        writeln!(table, "{case:<33} {found}{verdict}").expect("a string takes all");
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

/// Whether two lines have the same words, and numbers that two runs may differ by.
fn is_near(golden: &str, found: &str) -> bool {
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (golden, found) = (words(golden), words(found));
    let is_near = |at: usize| match (number(&golden[at]), number(&found[at])) {
        (Some(golden_number), Some(found_number)) => {
            let unit = found.get(at + 1).map_or("", |word| word.trim_end_matches([',', ';', ':']));
            (golden_number - found_number).abs()
                <= slack(unit).max(golden_number.max(found_number) / 2.0)
        }
        _ => golden[at] == found[at],
    };
    golden.len() == found.len() && (0..found.len()).all(is_near)
}

fn number(word: &str) -> Option<f64> {
    word.trim_end_matches([',', ';', ':']).parse().ok()
}

/// What two runs may differ by however small the number is.
fn slack(unit: &str) -> f64 {
    match unit {
        "ms" => 100.0,
        "%" => 10.0,
        _ => 20.0,
    }
}

#[test]
fn a_table_that_says_nearly_the_same_is_the_same() {
    let golden = "2 to 0.5 Mbit/s  freeze 435 ms; uses 96 % of what fits, 1 switches";
    assert!(is_near(
        golden,
        "2 to 0.5 Mbit/s    freeze 512 ms; uses 89 % of what fits, 0 switches"
    ));
    for other in [
        "2 to 0.5 Mbit/s freeze 1435 ms; uses 96 % of what fits, 1 switches",
        "2 to 0.5 Mbit/s freeze 435 ms; uses 45 % of what fits, 1 switches",
        "2 to 0.5 Mbit/s freeze 435 ms; uses 96 % of what fits, 59 switches",
        "2 to 0.5 Mbit/s freeze 435 ms; uses 96 % of what fits",
        "2 to 0.5 Mbit/s pause 435 ms; uses 96 % of what fits, 1 switches",
    ] {
        assert!(!is_near(golden, other), "{other}");
    }
}
