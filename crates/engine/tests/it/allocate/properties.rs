//! What holds for any room, any budget and any past.

use proptest::prelude::*;

use super::*;

/// Encodings whose cost and size grow, some without temporal layers.
fn any_rungs() -> impl Strategy<Value = Vec<Rung>> {
    let encoding = (any::<bool>(), 11_u32..25, 100_u32..140);
    prop::collection::vec(encoding, 0..4).prop_map(|encodings| {
        let mut rungs = Vec::new();
        let (mut bps, mut side) = (20_000_u32, 160_u16);
        for (layer, (temporal, factor, peak_percent)) in (0..).zip(encodings) {
            side = side * 3 / 2;
            for temporal in if temporal { 0..3 } else { 2..3 } {
                bps = bps / 10 * factor;
                rungs.push(Rung {
                    quality: Quality { layer, spatial: 0, temporal },
                    bitrate_bps: bps,
                    peak_bps: (bps / 100 * peak_percent).max(bps),
                    resolution: (factor != 11)
                        .then_some(Resolution { width: side * 16 / 9, height: side }),
                    frames_per_second: 10 << temporal,
                });
            }
        }
        rungs
    })
}

fn any_class() -> impl Strategy<Value = Class> {
    prop_oneof![
        Just(Class::Screen),
        (1_u8..4).prop_map(|priority| Class::Pinned { priority }),
        Just(Class::Speaker),
        Just(Class::Rest),
        Just(Class::Rest),
    ]
}

fn any_seats() -> impl Strategy<Value = Vec<Seat>> {
    let shown = prop::option::weighted(0.9, (1_u16..2000, 1_u16..1200));
    let seat = (any_class(), shown, 0_u8..20, any_rungs());
    prop::collection::vec(seat, 0..8).prop_map(|seats| {
        let seats = (1..).zip(seats).map(|(track, (class, shown, luck, rungs))| Seat {
            shown: shown.map(|(width, height)| Area { width, height }),
            on: luck != 0,
            receivable: luck != 1,
            ..Seat::new(track, class, rungs)
        });
        seats.collect()
    })
}

/// What happens to a subscriber: time passes, the budget changes, and sometimes the room does.
#[derive(Clone, Debug)]
struct Event {
    wait_ms: u64,
    budget_bps: u64,
    seats: Option<Vec<Seat>>,
}

fn any_event() -> impl Strategy<Value = Event> {
    let seats = prop::option::weighted(0.2, any_seats());
    // Budgets of all magnitudes.
    let budget = (0_u32..18, 0_u64..1000).prop_map(|(log, fine)| (1000 + fine) << log >> 3);
    (0_u64..20_000, budget, seats).prop_map(|(wait_ms, budget_bps, seats)| Event {
        wait_ms,
        budget_bps,
        seats,
    })
}

fn any_past() -> impl Strategy<Value = Viewer> {
    (any_seats(), prop::collection::vec(any_event(), 0..12)).prop_map(|(seats, events)| {
        let mut viewer = Viewer::new(seats);
        for event in events {
            live(&mut viewer, event);
        }
        viewer
    })
}

fn live(viewer: &mut Viewer, event: Event) {
    if let Some(seats) = event.seats {
        viewer.switches = vec![Vec::new(); seats.len()];
        viewer.seats = seats;
    }
    viewer.now += Duration::from_millis(event.wait_ms);
    viewer.decide(event.budget_bps);
}

fn rung(seat: &Seat, given: Given) -> Option<&Rung> {
    seat.rungs.iter().find(|rung| given == Given::Send(rung.quality))
}

/// How good something given is: 0 for nothing, 1 for the lowest rung, then by size and frame rate.
fn goodness(seat: &Seat, given: Given) -> (u32, u8, u8) {
    let Some(rung) = rung(seat, given) else { return (0, 0, 0) };
    if seat.rungs.first() == Some(rung) {
        return (1, 0, 0);
    }
    let size = rung.resolution.map_or(0, |size| u32::from(size.width) * u32::from(size.height));
    (2 + size, rung.quality.layer, rung.quality.temporal)
}

fn rank(class: Class) -> u16 {
    match class {
        Class::Screen => 0,
        Class::Pinned { priority } => 300 - u16::from(priority),
        Class::Speaker => 400,
        Class::Rest => 500,
    }
}

/// For each class from the highest, what its members have, the worst first.
fn by_class(seats: &[Seat], given: &[Given]) -> Vec<Vec<(u32, u8, u8)>> {
    let mut ranks: Vec<u16> = seats.iter().map(|seat| rank(seat.class)).collect();
    ranks.sort_unstable();
    ranks.dedup();
    let of = |wanted: u16| {
        let members = seats.iter().zip(given).filter(|(seat, _)| rank(seat.class) == wanted);
        let mut all: Vec<_> = members.map(|(seat, given)| goodness(seat, *given)).collect();
        all.sort_unstable();
        all
    };
    ranks.into_iter().map(of).collect()
}

fn without_unknown_sizes(mut seats: Vec<Seat>) -> Vec<Seat> {
    for rung in seats.iter_mut().flat_map(|seat| &mut seat.rungs) {
        let side = 180 << rung.quality.layer;
        rung.resolution.get_or_insert(Resolution { width: side * 16 / 9, height: side });
    }
    seats
}

proptest! {
    #[test]
    fn the_budget_is_never_exceeded_and_what_is_sent_exists(
        mut viewer in any_past(),
        event in any_event(),
    ) {
        let Event { wait_ms, budget_bps, .. } = event;
        viewer.now += Duration::from_millis(wait_ms);
        let (decisions, sent_bps) = viewer.allocate(budget_bps, |allocation| {
            (allocation.decisions.to_vec(), allocation.sent_bps)
        });
        prop_assert!(sent_bps <= budget_bps);
        let mut costs = 0;
        for (seat, decision) in viewer.seats.iter().zip(&decisions) {
            prop_assert_eq!(seat.track, decision.track);
            let may_be_sent = seat.on && seat.receivable && seat.shown.is_some();
            match decision.given {
                Given::Send(_) if seat.rungs.is_empty() => prop_assert!(may_be_sent),
                Given::Send(_) => {
                    prop_assert!(may_be_sent);
                    costs += u64::from(rung(seat, decision.given).unwrap().bitrate_bps);
                }
                Given::Paused(Reason::Bandwidth) => prop_assert!(may_be_sent),
                Given::Paused(_) => prop_assert!(!may_be_sent),
            }
        }
        prop_assert_eq!(costs, sent_bps);
    }

    #[test]
    fn deciding_again_changes_nothing(mut viewer in any_past(), event in any_event()) {
        live(&mut viewer, event.clone());
        let given = viewer.last.clone();
        prop_assert_eq!(viewer.decide(event.budget_bps), given);
    }

    #[test]
    fn the_same_past_leads_to_the_same_decision(
        seats in any_seats(),
        events in prop::collection::vec(any_event(), 0..12),
    ) {
        let replay = || {
            let mut viewer = Viewer::new(seats.clone());
            events.iter().for_each(|event| live(&mut viewer, event.clone()));
            viewer.last
        };
        prop_assert_eq!(replay(), replay());
    }

    #[test]
    fn a_lower_class_costs_a_higher_one_nothing(
        viewer in any_past(),
        event in any_event(),
        least in any_class(),
    ) {
        let mut all = viewer.clone();
        let mut alone = viewer;
        alone.seats.retain(|seat| rank(seat.class) <= rank(least));
        let kept: Vec<TrackId> = alone.seats.iter().map(|seat| seat.track).collect();
        all.now += Duration::from_millis(event.wait_ms);
        alone.now = all.now;
        let mut among_all = all.decisions(event.budget_bps);
        among_all.retain(|decision| kept.contains(&decision.track));
        prop_assert_eq!(among_all, alone.decisions(event.budget_bps));
    }

    #[test]
    fn with_more_budget_the_first_class_that_sees_a_difference_is_better_off(
        seats in any_seats().prop_map(without_unknown_sizes),
        low_bps in 0_u64..6_000_000,
        more_bps in 0_u64..3_000_000,
    ) {
        let given = |budget_bps| Viewer::new(seats.clone()).decide(budget_bps);
        let low = by_class(&seats, &given(low_bps));
        let high = by_class(&seats, &given(low_bps + more_bps));
        prop_assert!(high >= low, "{high:?} with more, {low:?} with less");
    }

    #[test]
    fn with_more_budget_the_most_important_track_has_no_less_whatever_was_before(
        mut viewer in any_past(),
        event in any_event(),
        more_bps in 0_u64..3_000_000,
    ) {
        let Some(first) = viewer.seats.first_mut() else { return Ok(()) };
        if first.class != Class::Screen {
            first.class = Class::Pinned { priority: 200 };
        }
        viewer.seats.truncate(4);
        viewer.seats.iter_mut().skip(1).for_each(|seat| seat.class = Class::Rest);
        viewer.now += Duration::from_millis(event.wait_ms);
        let first = viewer.seats[0].clone();
        // One of unknown size is neither more nor less than another.
        prop_assume!(first.rungs.iter().all(|rung| rung.resolution.is_some()));
        let mut richer = viewer.clone();
        let low = goodness(&first, viewer.decide(event.budget_bps)[0]);
        let high = goodness(&first, richer.decide(event.budget_bps + more_bps)[0]);
        prop_assert!(high >= low, "{high:?} with more, {low:?} with less");
    }

    #[test]
    fn nobody_is_left_out_whose_lowest_rung_fits_in_what_is_left(
        seats in any_seats(),
        budget_bps in 0_u64..6_000_000,
    ) {
        let mut viewer = Viewer::new(seats);
        let given = viewer.decide(budget_bps);
        let sent_bps = viewer.allocate(budget_bps, |allocation| allocation.sent_bps);
        for (seat, _) in viewer.seats.iter().zip(&given).filter(|(_, given)| **given == PAUSED) {
            let lowest = u64::from(seat.rungs[0].peak_bps);
            prop_assert!((sent_bps + lowest) * 115 > budget_bps * 100);
        }
    }

    #[test]
    fn any_rungs_at_all_are_survived(
        rungs in prop::collection::vec(any::<(u8, u8, u8, u32, u32, Option<(u16, u16)>, u16)>(), 0..20),
        area in any::<(u16, u16)>(),
        budgets in prop::collection::vec(any::<u64>(), 1..6),
    ) {
        let rungs = rungs.into_iter().map(|(layer, spatial, temporal, cost, peak, size, fps)| Rung {
            quality: Quality { layer, spatial, temporal },
            bitrate_bps: cost,
            peak_bps: peak,
            resolution: size.map(|(width, height)| Resolution { width, height }),
            frames_per_second: fps,
        });
        let seat = Seat::new(1, Class::Rest, rungs.collect()).shown_at(area.0, area.1);
        let mut viewer = Viewer::new(vec![seat.clone(), Seat { track: TrackId(2), ..seat }]);
        for budget_bps in budgets {
            viewer.now += TICK;
            let sent_bps = viewer.allocate(budget_bps, |allocation| allocation.sent_bps);
            prop_assert!(sent_bps <= budget_bps);
        }
    }

    #[test]
    fn whatever_happens_every_decision_keeps_the_rules_and_a_calm_minute_is_calm(
        script in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        parlor_engine::fuzzing::allocate(start(), &script);
    }
}
