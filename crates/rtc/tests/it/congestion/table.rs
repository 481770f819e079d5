//! What every story shows, as a table under review in docs/congestion.md: `UPDATE_GOLDEN=1`
//! rewrites it.

use std::fmt::Write;
use std::ops::Range;
use std::path::PathBuf;

use super::Story;

/// The seconds of a story that count, and what is worth saying beside use, queue and drops.
fn row(story: Story) -> (Range<f64>, String) {
    let outcome = story.outcome();
    let reaches = |from: f64, kbps: u64| match outcome.reaches(from, kbps) {
        Some(seconds) => format!("{kbps} kbit/s after {seconds:.1} s"),
        None => format!("never {kbps} kbit/s"),
    };
    match story {
        Story::Steady300 => (10.0..40.0, reaches(0.0, 255)),
        Story::Steady500 => (10.0..40.0, reaches(0.0, 425)),
        Story::Steady1000 => (10.0..40.0, reaches(0.0, 850)),
        Story::Steady2000 => (10.0..40.0, reaches(0.0, 1_700)),
        Story::Steady5000 => (10.0..40.0, reaches(0.0, 4_250)),
        Story::LayersOn5000 => (3.0..20.0, reaches(0.0, 3_000)),
        Story::FallsFrom2000To500 => (22.0..40.0, String::new()),
        Story::RisesFrom500To3000 => (28.0..40.0, reaches(20.0, 2_550)),
        Story::LosesTwoPerCent | Story::LosesFivePerCent | Story::Shakes => {
            (10.0..40.0, String::new())
        }
        Story::TwoShare6000 => {
            (20.0..60.0, format!("fairness {:.2}", outcome.fairness(2, 20.0..60.0)))
        }
        Story::EightShare24000 => {
            (20.0..60.0, format!("fairness {:.2}", outcome.fairness(8, 20.0..60.0)))
        }
        Story::WantsLittleThenMuch => (33.0..40.0, reaches(30.0, 2_500)),
        Story::AudioAlone => (0.0..40.0, format!("{} probes", outcome.stats().probes_started)),
        Story::FeedbackIsLost => {
            (25.0..40.0, format!("{} kbit/s after 5 s of silence", outcome.target(20.0)))
        }
    }
}

fn table() -> String {
    let mut table = String::from("story                  used  queue p95  dropped\n");
    for story in Story::ALL {
        let (seconds, remark) = row(story);
        let outcome = story.outcome();
        let used = outcome.used(seconds.clone());
        let queue = outcome.queue_p95(seconds.clone());
        let dropped = outcome.dropped(seconds);
        let name = format!("{story:?}");
        let line = format!("{name:20} {used:4.0} %  {queue:6.0} ms  {dropped:5.1} %  {remark}");
        writeln!(table, "{}", line.trim_end()).unwrap();
    }
    table
}

/// The page in three parts: before the table, the table, and after it.
fn parts(page: &str) -> [&str; 3] {
    let (before, rest) = page.split_once("```text\n").expect("the page has a table");
    let (table, after) = rest.split_once("```").expect("the table ends");
    [before, table, after]
}

#[test]
fn every_story_shows_what_the_table_says() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/congestion.md");
    let page = std::fs::read_to_string(&path).expect("the page is there");
    let table = table();
    let [before, golden, after] = parts(&page);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let page = format!("{before}```text\n{table}```{after}");
        std::fs::write(&path, page).expect("the table can be written");
        return;
    }
    assert!(golden == table, "the table changed; UPDATE_GOLDEN=1 accepts it:\n{table}");
}
