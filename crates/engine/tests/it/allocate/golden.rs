//! What typical rooms get at each budget, as tables under review: `UPDATE_GOLDEN=1` rewrites them.

use std::fmt::Write;
use std::path::Path;

use super::*;

/// From hardly anything to more than anybody needs, in kilobits per second.
const BUDGETS_KBPS: [u64; 19] = [
    50, 75, 100, 150, 200, 300, 400, 500, 700, 1000, 1200, 1500, 2000, 2500, 3000, 4000, 5000,
    7000, 10_000,
];

fn assert_golden(name: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/allocate").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, table).expect("the golden file can be written");
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = golden.lines().zip(table.lines()).position(|(old, new)| old != new);
    assert!(
        golden == table,
        "{name} changed at line {:?}; UPDATE_GOLDEN=1 accepts it:\n{table}",
        differs.map(|index| index + 1)
    );
}

/// The height of the picture and its frames a second; a dash for nothing.
fn cell(seat: &Seat, given: Given) -> String {
    let rung = seat.rungs.iter().find(|rung| given == Given::Send(rung.quality));
    rung.map_or("-".into(), |rung| {
        let height = rung.resolution.map_or(0, |size| size.height);
        format!("{height}p{}", rung.frames_per_second)
    })
}

/// What is given, equal neighbours taken together.
fn row(seats: &[Seat], given: &[Given]) -> String {
    let cells: Vec<String> =
        seats.iter().zip(given).map(|(seat, given)| cell(seat, *given)).collect();
    let runs = cells.chunk_by(|a, b| a == b);
    let runs: Vec<String> = runs
        .map(|run| match run.len() {
            1 => run[0].clone(),
            len => format!("{len} x {}", run[0]),
        })
        .collect();
    runs.join(", ")
}

/// A subscriber who has just come, at each budget.
fn staircase(seats: &[Seat]) -> String {
    let mut table = String::from("kbit/s   used  given\n");
    for kbps in BUDGETS_KBPS {
        let mut viewer = Viewer::new(seats.to_vec());
        let given = viewer.decide(kbps * 1000);
        let used = viewer.allocate(kbps * 1000, |allocation| allocation.sent_bps) / 1000;
        writeln!(table, "{kbps:6} {used:6}  {}", row(seats, &given)).unwrap();
    }
    table
}

#[test]
fn one_person() {
    assert_golden("one_person.txt", &staircase(&[Seat::camera(1)]));
}

#[test]
fn four_people() {
    let seats: Vec<Seat> = (1..=4).map(|track| Seat::camera(track).shown_at(960, 540)).collect();
    assert_golden("four_people.txt", &staircase(&seats));
}

#[test]
fn a_screen_and_three_people() {
    let mut seats = vec![Seat::screen(1)];
    seats.extend((2..=4).map(|track| Seat::camera(track).shown_at(320, 180)));
    assert_golden("screen_and_three.txt", &staircase(&seats));
}

#[test]
fn a_speaker_among_nine_people() {
    let mut seats: Vec<Seat> =
        (1..=9).map(|track| Seat::camera(track).shown_at(640, 360)).collect();
    seats[0].class = Class::Speaker;
    assert_golden("speaker_among_nine.txt", &staircase(&seats));
}

#[test]
fn one_pinned_of_twenty_five_people() {
    let mut seats: Vec<Seat> =
        (1..=25).map(|track| Seat::camera(track).shown_at(320, 180)).collect();
    seats[0] = Seat::camera(1).of(Class::Pinned { priority: 1 });
    assert_golden("one_pinned_of_twenty_five.txt", &staircase(&seats));
}

#[test]
fn a_link_that_gets_worse_and_better_again() {
    let seats: Vec<Seat> = (1..=4).map(|track| Seat::camera(track).shown_at(960, 540)).collect();
    let mut viewer = Viewer::new(seats.clone());
    let mut table = String::from("second  kbit/s  given\n");
    let begin = viewer.now;
    let mut last = Vec::new();
    let half_minutes = [300, 3000, 7000, 4500, 2000, 600, 150, 600, 700, 2000, 4500, 7000];
    for kbps in half_minutes {
        for _ in 0..120 {
            let given = viewer.decide(kbps * 1000);
            if given != last {
                let second = (viewer.now - begin).as_secs_f64();
                writeln!(table, "{second:6.2}  {kbps:6}  {}", row(&seats, &given)).unwrap();
                last = given;
            }
            viewer.now += TICK;
        }
    }
    assert_golden("worse_and_better.txt", &table);
}
