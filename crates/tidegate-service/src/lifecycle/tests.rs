use super::*;
use std::collections::{HashSet, VecDeque};
use std::path::Path;

const KINDS: [Kind; 4] = [Kind::Sync, Kind::Migration, Kind::Tracking, Kind::Reverse];

/// Every state that can come about, of one that is alone.
fn reachable(kind: Kind) -> HashSet<State> {
    if kind == Kind::Reverse {
        return pairs().into_iter().map(|(_, reverse)| reverse).collect();
    }
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

/// Every two states in which an instance and its reverse can be, by whatever is asked of either and found out.
fn pairs() -> HashSet<(State, State)> {
    let running = State { status: Status::Synchronizing, initialized: true, ..State::NEW };
    let first = (running, State { status: Status::Prechecking, start_after: true, ..State::NEW_REVERSE });
    let mut seen = HashSet::from([first]);
    let mut queue = VecDeque::from([first]);
    while let Some((forward, reverse)) = queue.pop_front() {
        let mut follows = Vec::new();
        for event in Event::all() {
            let may = |kind, state, other| match event {
                Event::Command(command) => objection(kind, state, other, command).is_none(),
                Event::Fact(_) => true,
            };
            if let Move(after) = next(Kind::Sync, forward, event)
                && may(Kind::Sync, forward, reverse)
            {
                follows.push((after, reverse));
            }
            if let Move(after) = next(Kind::Reverse, reverse, event)
                && may(Kind::Reverse, reverse, forward)
            {
                follows.push((forward, after));
            }
        }
        follows.extend(hand_over(forward, Kind::Reverse, reverse));
        follows.extend(hand_over(reverse, Kind::Sync, forward).map(|(reverse, forward)| (forward, reverse)));
        queue.extend(follows.into_iter().filter(|pair| seen.insert(*pair)));
    }
    seen
}

#[test]
fn never_do_both_of_a_pair_write() {
    let writes = |state: &State| {
        matches!(state.status, Status::Initializing | Status::Synchronizing | Status::Retrying)
    };
    let pairs = pairs();
    for (forward, reverse) in &pairs {
        let shown = format!("{forward:?} {reverse:?}");
        assert!(!(forward.may_write && reverse.may_write), "both may: {shown}");
        assert!(!(writes(forward) && writes(reverse)), "both do: {shown}");
        for state in [forward, reverse] {
            assert!(!writes(state) || state.may_write, "without the right: {shown}");
        }
    }
    // The search has been where it matters.
    let is = |status, may_write| move |state: &State| state.status == status && state.may_write == may_write;
    for (forward, reverse) in [
        (is(Status::Paused, false), is(Status::Synchronizing, true)),
        (is(Status::Synchronizing, true), is(Status::Collecting, false)),
        (is(Status::Switching, false), is(Status::Paused, true)),
    ] {
        assert!(pairs.iter().any(|(one, two)| forward(one) && reverse(two)));
    }
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
                    // To start a reverse that collects is another thing than to let it collect.
                    if kind == Kind::Reverse && after.status == Status::Collecting {
                        continue;
                    }
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

/// What ends by itself has done its copy; what is stopped during it has not.
#[test]
fn only_a_done_copy_is_initialized() {
    let copying = State { status: Status::Initializing, ..State::NEW };
    let after = |state, fact| match next(Kind::Migration, state, Event::Fact(fact)) {
        Move(after) => (after.status, after.initialized),
        other => panic!("{other:?}"),
    };
    assert_eq!(after(copying, Fact::Finished), (Status::Completed, true));
    let stopped = State { status: Status::Terminating, ..copying };
    assert_eq!(after(stopped, Fact::Stopped), (Status::Completed, false));
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
    let alone: Vec<State> = reachable(Kind::Sync).into_iter().collect();
    let (forward, reverse): (Vec<State>, Vec<State>) = pairs().into_iter().unzip();
    let lost: Vec<State> = forward.into_iter().filter(|state| !state.may_write).collect();
    [
        section("", Kind::Sync, &alone),
        section(", while its reverse writes", Kind::Sync, &lost),
        section(", for a reverse", Kind::Reverse, &reverse),
    ]
    .concat()
}

fn section(title: &str, kind: Kind, known: &[State]) -> String {
    let mut out = String::new();
    for event in Event::all() {
        out.push_str(&format!("\n### {}{title}\n\n| in | leads to |\n|---|---|\n", event.name()));
        for status in Status::ALL {
            let mut states: Vec<State> =
                known.iter().copied().filter(|state| state.status == status).collect();
            states.sort_by_key(|state| (!state.may_write, state.start_after, state.initialized));
            let mut leads: Vec<String> = Vec::new();
            for state in states {
                let lead = match next(kind, state, event) {
                    Move(after) if after == state => "takes the new values".to_owned(),
                    Move(after) if after.status == status => "remembers to go on by itself".to_owned(),
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
