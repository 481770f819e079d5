//! Whatever happens in whatever order, the page does not fail and ends up with everything.

use proptest::prelude::*;

use parlor_wire::{Kind, PeerId};
use serde_json::{Value, json};

use super::call::{Call, membrane, parlor};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn people_may_come_and_go_at_any_moment_of_a_negotiation(
        script in proptest::collection::vec((0_u8..10, 2_u64..8), 0..60)
    ) {
        let mut call = Call::with(&[parlor(2)]);
        let mut own = Vec::new();
        for (operation, who) in script {
            let id = PeerId(who);
            match operation {
                0 | 1 => call.show(if who % 2 == 0 { parlor(who) } else { membrane(who, json!(who)) }),
                2 => call.leave(id),
                3 => {
                    if let Some(mut person) = call.people.get(&id).cloned() {
                        person.peer.tracks.truncate(1);
                        call.show(person);
                    }
                }
                4 => {
                    if let Some(mut person) = call.people.get(&id).cloned() {
                        person.peer.name.push('!');
                        call.show(person);
                    }
                }
                5 | 6 => drop(call.listen()),
                7 => drop(call.answer()),
                // As the library does: one wish at a time, and none during a negotiation.
                8 if !call.page.is_negotiating && !call.page.is_offering && own.len() < 4 => {
                    call.page.is_negotiating = true;
                    own.push(call.page.add_track(Kind::Video, Value::Null));
                    call.request_round();
                }
                9 if !call.page.is_negotiating && !call.page.is_offering => {
                    if let Some(label) = own.pop() {
                        call.page.is_negotiating = true;
                        call.page.remove_track(&label);
                        call.request_round();
                    }
                }
                _ => {}
            }
        }
        call.settle();
        call.pass(std::time::Duration::from_secs(10));
        call.assert_sees_everything();
    }
}
