//! Many clients at once: every answer is what one order of all commands would give, and that order is the history.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use tidegate_api::{Command, CreateInstance, EndpointSpec, Kind, Objects, Status, Tuning};
use tidegate_service::lifecycle::{Decision, Event, Fact, State, next};
use tidegate_service::store::{NewInstance, Store};

const CLIENTS: u64 = 32;
const SEQUENCES: u64 = 10_000;
const INSTANCES: usize = 24;

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("tidegate-store-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// xorshift: the same commands with the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// What a client was told.
#[derive(Debug)]
struct Answer {
    instance: usize,
    event: Event,
    decision: Decision,
    generation: u64,
    /// The highest generation that anybody had been told before this was asked.
    known_before: u64,
}

fn instance(number: usize) -> NewInstance {
    let end = EndpointSpec { url: "mysql://u@127.0.0.1/".to_owned(), region: None, password: None };
    NewInstance {
        id: format!("tg{number}"),
        spec: CreateInstance {
            name: format!("one-{number}"),
            kind: [Kind::Sync, Kind::Migration, Kind::Tracking][number % 3],
            source: end.clone(),
            target: end,
            objects: Objects::default(),
            full_only: false,
            tuning: Tuning::default(),
        },
        source_password: None,
        target_password: None,
    }
}

fn event(random: &mut Random) -> Event {
    // Released instances stay so: few releases let the others live.
    let events: Vec<Event> = Event::all().collect();
    loop {
        let event = events[random.below(events.len() as u64) as usize];
        let is_end = matches!(event, Event::Command(Command::Release | Command::Terminate));
        if !is_end || random.below(40) == 0 {
            return event;
        }
    }
}

#[test]
fn all_answers_fit_one_order() {
    let folder = Folder::new();
    let store = Store::open(&folder.0.join("store.sqlite")).unwrap();
    (0..INSTANCES).for_each(|number| drop(store.create(&instance(number), "test").unwrap()));
    let known: Vec<AtomicU64> = (0..INSTANCES).map(|_| AtomicU64::new(1)).collect();
    let answers = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (store, known, answers) = (&store, &known, &answers);
            scope.spawn(move || {
                let mut random = Random(0x9e37_79b9 + client);
                let mut own = Vec::new();
                for _ in 0..SEQUENCES / CLIENTS {
                    let instance = random.below(INSTANCES as u64) as usize;
                    for _ in 0..1 + random.below(4) {
                        let event = event(&mut random);
                        let known_before = known[instance].load(Ordering::SeqCst);
                        let moved =
                            store.decide(&format!("tg{instance}"), event, "test", None, None).unwrap();
                        let generation = moved.instance.generation;
                        known[instance].fetch_max(generation, Ordering::SeqCst);
                        own.push(Answer {
                            instance,
                            event,
                            decision: moved.decision,
                            generation,
                            known_before,
                        });
                    }
                }
                answers.lock().unwrap().extend(own);
            });
        }
    });
    check(&store, &answers.into_inner().unwrap());
}

/// Replays each history with the pure function, and holds every answer against the state at its generation.
fn check(store: &Store, answers: &[Answer]) {
    let mut by_generation: HashMap<(usize, u64), Event> = HashMap::new();
    for answer in answers.iter().filter(|answer| matches!(answer.decision, Decision::Move(_))) {
        let before = by_generation.insert((answer.instance, answer.generation), answer.event);
        assert!(before.is_none(), "two commands made one generation: {answer:?}");
    }
    let mut states: HashMap<(usize, u64), State> = HashMap::new();
    for number in 0..INSTANCES {
        let kind = instance(number).spec.kind;
        let mut state = State { status: Status::NotStarted, ..State::NEW };
        states.insert((number, 1), state);
        for line in store.transitions(&format!("tg{number}")).unwrap().iter().skip(1) {
            let event = by_generation[&(number, line.generation)];
            assert_eq!((line.from, line.event.as_str()), (state.status, event.name()));
            let Decision::Move(after) = next(kind, state, event) else { panic!("{line:?} is no move") };
            assert_eq!(line.to, after.status);
            state = after;
            states.insert((number, line.generation), state);
        }
    }
    for answer in answers {
        assert!(answer.generation >= answer.known_before, "it looks back in time: {answer:?}");
        let kind = instance(answer.instance).spec.kind;
        let before = match answer.decision {
            Decision::Move(_) => answer.generation - 1,
            _ => answer.generation,
        };
        let expected = next(kind, states[&(answer.instance, before)], answer.event);
        assert_eq!(answer.decision, expected, "{answer:?}");
    }
    let ended = answers.iter().filter(|one| one.event == Event::Fact(Fact::Stopped)).count();
    assert!(ended > 0 && answers.len() as u64 > SEQUENCES);
}

#[test]
fn a_command_for_another_generation_is_not_done() {
    let folder = Folder::new();
    let store = Store::open(&folder.0.join("other.sqlite")).unwrap();
    store.create(&instance(0), "test").unwrap();
    let start = Event::Command(Command::Start);
    let error = store.decide("tg0", start, "test", None, Some(7)).unwrap_err();
    assert_eq!(error.code(), tidegate_service::Code::GenerationChanged);
    assert_eq!(store.find("one-0").unwrap().generation, 1);
    store.decide("one-0", start, "test", None, Some(1)).unwrap();
    assert_eq!(store.find("tg0").unwrap().state.status, Status::Prechecking);
}

#[test]
fn a_name_is_free_again_after_the_release() {
    let folder = Folder::new();
    let store = Store::open(&folder.0.join("names.sqlite")).unwrap();
    store.create(&instance(0), "test").unwrap();
    let again = || NewInstance { id: "tg-again".to_owned(), ..instance(0) };
    assert_eq!(store.create(&again(), "test").unwrap_err().code(), tidegate_service::Code::NameTaken);
    store.decide("tg0", Event::Command(Command::Release), "test", None, None).unwrap();
    store.decide("tg0", Event::Fact(Fact::Stopped), "service", None, None).unwrap();
    store.create(&again(), "test").unwrap();
    assert_eq!(store.find("one-0").unwrap().id, "tg-again");
    assert_eq!(store.find("tg0").unwrap().state.status, Status::Released);
}
