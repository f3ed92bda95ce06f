use super::*;
use std::collections::{HashSet, VecDeque};
use std::path::Path;

const KINDS: [Kind; 3] = [Kind::Sync, Kind::Migration, Kind::Tracking];

/// Every state that can come about.
fn reachable(kind: Kind) -> HashSet<State> {
    let mut seen = HashSet::from([State::NEW]);
    let mut queue = VecDeque::from([State::NEW]);
    while let Some(state) = queue.pop_front() {
        for event in Event::all() {
            if let Move(after) = next(kind, state, event)
                && seen.insert(after)
            {
                queue.push_back(after);
            }
        }
    }
    seen
}

#[test]
fn what_is_final_stays() {
    for kind in KINDS {
        for state in reachable(kind) {
            for event in Event::all() {
                let Move(after) = next(kind, state, event) else { continue };
                // Configuring anew is a move in place.
                assert!(
                    after != state || event == Event::Command(Command::Configure),
                    "{event:?} of {state:?}"
                );
                match state.status {
                    Status::Released => panic!("{event:?} leads out of {state:?}"),
                    Status::Releasing => assert_eq!(after.status, Status::Released),
                    Status::Completed => assert_eq!(after.status, Status::Releasing),
                    Status::Terminating => assert_eq!(after.status, Status::Completed),
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn nothing_writes_again_once_it_is_to_end() {
    let ends = [Status::Terminating, Status::Completed, Status::Releasing, Status::Released];
    for kind in KINDS {
        for state in reachable(kind).into_iter().filter(|state| ends.contains(&state.status)) {
            let leads = Event::all().map(|event| next(kind, state, event));
            assert!(leads.into_iter().all(|decision| match decision {
                Move(after) => !after.is_running(),
                _ => true,
            }));
        }
    }
}

#[test]
fn a_command_twice_is_no_second_move() {
    for kind in KINDS {
        for state in reachable(kind) {
            // Configuring takes new values, a precheck looks again.
            let final_ones = Command::ALL
                .into_iter()
                .filter(|command| !matches!(command, Command::Configure | Command::Precheck));
            for command in final_ones {
                let event = Event::Command(command);
                if let Move(after) = next(kind, state, event) {
                    assert_eq!(next(kind, after, event), Already, "{command} twice from {state:?}");
                }
            }
        }
    }
}

#[test]
fn tracking_is_released_and_never_terminated() {
    for state in reachable(Kind::Tracking) {
        let ended = next(Kind::Tracking, state, Event::Command(Command::Terminate));
        assert!(matches!(ended, Refuse(why) if why.contains("release it instead")));
    }
}

/// The page of the manual has the whole of `next`, as it is.
#[test]
fn the_manual_has_the_matrix() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/manual/lifecycle.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (begin, end) = ("<!-- matrix -->\n", "<!-- /matrix -->");
    let (before, rest) = text.split_once(begin).expect("the matrix's begin");
    let (found, after) = rest.split_once(end).expect("the matrix's end");
    let expected = matrix();
    if found != expected && std::env::var_os("TIDEGATE_WRITE_GOLDEN").is_some() {
        std::fs::write(&page, format!("{before}{begin}{expected}{end}{after}")).unwrap();
    } else {
        assert_eq!(found, expected, "run it once with TIDEGATE_WRITE_GOLDEN=1 and look at the change");
    }
}

fn matrix() -> String {
    let mut out = String::new();
    for event in Event::all() {
        out.push_str(&format!("\n### {}\n\n| in | leads to |\n|---|---|\n", event.name()));
        for status in Status::ALL {
            let forms = [(false, false), (true, false), (false, true), (true, true)];
            let mut leads: Vec<String> = Vec::new();
            let states = forms.map(|(initialized, start_after)| State {
                status,
                initialized,
                start_after,
                may_write: true,
            });
            let known = reachable(Kind::Sync);
            for state in states.into_iter().filter(|state| known.contains(state)) {
                let lead = match next(Kind::Sync, state, event) {
                    Move(after) if after == state => "takes the new values".to_owned(),
                    Move(after) if after.status == status => "remembers to start".to_owned(),
                    Move(after) => format!("**{}**", after.status),
                    Already if matches!(event, Event::Fact(_)) => "–".to_owned(),
                    Already => "already".to_owned(),
                    Refuse(why) => format!("refused: {why}"),
                };
                if !leads.contains(&lead) {
                    leads.push(lead);
                }
            }
            if !leads.is_empty() && leads != ["–"] {
                out.push_str(&format!("| {status} | {} |\n", leads.join(" or ")));
            }
        }
    }
    out
}
