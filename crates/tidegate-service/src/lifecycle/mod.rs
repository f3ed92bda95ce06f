//! What leads from one status to another: one pure function. Everything that changes an instance's status goes through
//! it, inside the store's transaction.

use tidegate_api::{Command, Kind, Status};

/// What the status depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub status: Status,
    /// The initial copy is done: where a resumed instance goes on.
    pub initialized: bool,
    /// Goes on by itself: once the precheck has passed; while it takes over, it brings the other to its rest.
    pub start_after: bool,
    /// Has the right to write, as far as the service decides that: at most one of a pair has.
    pub may_write: bool,
}

/// What can happen to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Somebody asks for something.
    Command(Command),
    /// The service found something out.
    Fact(Fact),
}

/// What the service finds out by its own work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fact {
    PrecheckPassed,
    PrecheckFailed,
    /// The copy is done, changes are being applied.
    Initialized,
    /// A full-only migration has copied everything.
    Finished,
    /// Nothing of the instance runs any more, as was asked.
    Stopped,
    /// Something went wrong that may pass by itself.
    Trouble,
    Recovered,
    /// Something went wrong that a person has to look at.
    Broke,
    /// It has taken over.
    TookOver,
    /// It cannot take over now; the other still may write.
    Declined,
}

impl Fact {
    pub const ALL: [Self; 10] = [
        Self::PrecheckPassed,
        Self::PrecheckFailed,
        Self::Initialized,
        Self::Finished,
        Self::Stopped,
        Self::Trouble,
        Self::Recovered,
        Self::Broke,
        Self::TookOver,
        Self::Declined,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::PrecheckPassed => "precheck passed",
            Self::PrecheckFailed => "precheck failed",
            Self::Initialized => "initialized",
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::Trouble => "trouble",
            Self::Recovered => "recovered",
            Self::Broke => "broke",
            Self::TookOver => "took over",
            Self::Declined => "did not take over",
        }
    }
}

impl Event {
    pub fn name(self) -> &'static str {
        match self {
            Self::Command(command) => command.name(),
            Self::Fact(fact) => fact.name(),
        }
    }

    pub fn all() -> impl Iterator<Item = Self> {
        Command::ALL.into_iter().map(Self::Command).chain(Fact::ALL.into_iter().map(Self::Fact))
    }
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Move(State),
    /// It is so already; for a fact, it does not matter any more.
    Already,
    /// It may not be; why.
    Refuse(&'static str),
}

use Decision::{Already, Move, Refuse};

/// The whole of an instance's life.
pub fn next(kind: Kind, state: State, event: Event) -> Decision {
    match event {
        Event::Command(command) => match command {
            Command::Configure => configure(kind, state),
            Command::Precheck => precheck(kind, state),
            Command::Start => start(kind, state),
            Command::Pause => pause(kind, state),
            Command::Resume => resume(kind, state),
            Command::Takeover => take_over(state),
            Command::Reset => reset(kind, state),
            Command::Terminate => terminate(kind, state),
            Command::Release => release(kind, state),
        },
        Event::Fact(fact) => learn(kind, state, fact),
    }
}

/// What may be asked for now, other than what is so already.
pub fn allowed(kind: Kind, state: State) -> Vec<Command> {
    let moves = |command: &Command| matches!(next(kind, state, Event::Command(*command)), Move(_));
    Command::ALL.into_iter().filter(moves).collect()
}

impl State {
    pub const NEW: Self =
        Self { status: Status::NotConfigured, initialized: false, start_after: false, may_write: true };

    /// A reverse begins without the right to write.
    pub const NEW_REVERSE: Self = Self { status: Status::NotStarted, may_write: false, ..Self::NEW };

    fn to(self, status: Status) -> Decision {
        Move(Self { status, ..self })
    }

    /// Running again, where it was.
    fn going_on(self, kind: Kind) -> Decision {
        self.to(match (kind, self.may_write) {
            (Kind::Reverse, false) => Status::Collecting,
            (Kind::Reverse, true) => Status::Synchronizing,
            _ if self.initialized => Status::Synchronizing,
            _ => Status::Initializing,
        })
    }

    /// Where one of a pair is that does not take over after all.
    fn stepping_back(self, kind: Kind) -> Decision {
        let status = if kind == Kind::Reverse { Status::Collecting } else { Status::Paused };
        State { start_after: false, ..self }.to(status)
    }

    /// Whether something of the instance runs and may write.
    pub fn is_running(self) -> bool {
        matches!(
            self.status,
            Status::Initializing | Status::Collecting | Status::Synchronizing | Status::Retrying
        )
    }
}

fn configure(kind: Kind, state: State) -> Decision {
    match state.status {
        _ if kind == Kind::Reverse => {
            Refuse("a reverse has the configuration of the instance that it was made from")
        }
        Status::NotConfigured | Status::NotStarted | Status::PrecheckFailed | Status::PrecheckPassed => {
            Move(State { status: Status::NotStarted, initialized: false, start_after: false, ..state })
        }
        Status::Completed => Refuse("it is completed for ever; duplicate it to use its configuration again"),
        Status::Releasing | Status::Released => Refuse("it is released"),
        _ => Refuse("it has been started; its objects and endpoints have commands of their own"),
    }
}

fn precheck(kind: Kind, state: State) -> Decision {
    match state.status {
        Status::NotStarted | Status::PrecheckFailed | Status::PrecheckPassed => {
            // A reverse that has passed collects: what it does not read in time is lost to it.
            State { start_after: kind == Kind::Reverse, ..state }.to(Status::Prechecking)
        }
        Status::Prechecking => Already,
        Status::NotConfigured => Refuse("it is not configured"),
        Status::Completed => Refuse("it is completed for ever; duplicate it to use its configuration again"),
        Status::Releasing | Status::Released => Refuse("it is released"),
        _ => Refuse("it has been started"),
    }
}

fn start(kind: Kind, state: State) -> Decision {
    match state.status {
        Status::NotStarted | Status::PrecheckFailed => {
            State { start_after: true, ..state }.to(Status::Prechecking)
        }
        Status::Prechecking if state.start_after => Already,
        Status::Prechecking => Move(State { start_after: true, ..state }),
        Status::PrecheckPassed => state.going_on(kind),
        Status::Collecting => State { start_after: false, ..state }.to(Status::Switching),
        Status::Switching => Already,
        Status::Paused | Status::Failed if kind == Kind::Reverse && !state.may_write => {
            Refuse("it does not collect; resume it first")
        }
        _ => resume(kind, state),
    }
}

fn resume(kind: Kind, state: State) -> Decision {
    match state.status {
        Status::Paused | Status::Failed if kind != Kind::Reverse && !state.may_write => {
            Refuse("its reverse has the right to write; a takeover (tidegate failback) turns it around")
        }
        Status::Paused | Status::Failed => state.going_on(kind),
        Status::Switching => Refuse("it takes over from the other direction; wait until it has"),
        Status::Initializing | Status::Collecting | Status::Synchronizing | Status::Retrying => Already,
        Status::Pausing | Status::Resetting => Refuse("something is under way; wait until it is done"),
        Status::NotConfigured => Refuse("it is not configured"),
        Status::Terminating | Status::Completed => {
            Refuse("a terminated instance never starts again; duplicate it to use its configuration again")
        }
        Status::Releasing | Status::Released => Refuse("it is released"),
        Status::NotStarted | Status::Prechecking | Status::PrecheckFailed | Status::PrecheckPassed => {
            Refuse("it has not been started")
        }
    }
}

fn take_over(state: State) -> Decision {
    match state.status {
        Status::Switching if state.may_write || state.start_after => Already,
        Status::Switching => Move(State { start_after: true, ..state }),
        Status::Collecting => State { start_after: true, ..state }.to(Status::Switching),
        Status::Paused if !state.may_write => State { start_after: true, ..state }.to(Status::Switching),
        Status::Synchronizing | Status::Retrying if state.may_write => Already,
        Status::Completed => Refuse("it is completed for ever"),
        Status::Releasing | Status::Released => Refuse("it is released"),
        _ if state.may_write => Refuse("it has the right to write; resume it"),
        _ => Refuse("only one that collects, or is paused while its reverse writes, takes over"),
    }
}

fn pause(kind: Kind, state: State) -> Decision {
    match state.status {
        _ if kind == Kind::Tracking => Refuse("change tracking cannot be paused"),
        _ if state.is_running() => state.to(Status::Pausing),
        Status::Switching if state.may_write => {
            Refuse("it has taken over, and goes on in a moment; pause it then")
        }
        Status::Switching => State { start_after: false, ..state }.to(Status::Pausing),
        Status::Pausing | Status::Paused => Already,
        Status::Completed => Refuse("it is completed"),
        Status::Releasing | Status::Released => Refuse("it is released"),
        _ => Refuse("it does not run"),
    }
}

fn reset(kind: Kind, state: State) -> Decision {
    match state.status {
        _ if kind == Kind::Tracking => Refuse("change tracking has copied nothing; release it instead"),
        _ if kind == Kind::Reverse => Refuse("a reverse has copied nothing; terminate it instead"),
        _ if !state.may_write => Refuse("its reverse has the right to write; what it copied is in use"),
        Status::Paused | Status::Failed => state.to(Status::Resetting),
        Status::Resetting | Status::NotStarted => Already,
        Status::Completed => Refuse("it is completed for ever; duplicate it to use its configuration again"),
        Status::Releasing | Status::Released => Refuse("it is released"),
        _ if state.is_running() => Refuse("it runs; pause it first"),
        Status::Pausing | Status::Terminating | Status::Switching => {
            Refuse("something is under way; wait until it is done")
        }
        _ => Refuse("it has not been started, so there is nothing to drop"),
    }
}

fn terminate(kind: Kind, state: State) -> Decision {
    match state.status {
        _ if kind == Kind::Tracking => Refuse("change tracking cannot be terminated; release it instead"),
        _ if state.is_running() => state.to(Status::Terminating),
        Status::Pausing | Status::Paused | Status::Failed | Status::Resetting | Status::Switching => {
            state.to(Status::Terminating)
        }
        Status::Terminating | Status::Completed => Already,
        Status::Releasing | Status::Released => Refuse("it is released"),
        _ => Refuse("it has not been started; release it instead"),
    }
}

fn release(kind: Kind, state: State) -> Decision {
    match state.status {
        Status::Releasing | Status::Released => Already,
        _ if kind == Kind::Tracking => state.to(Status::Releasing),
        Status::Pausing
        | Status::Terminating
        | Status::Prechecking
        | Status::Resetting
        | Status::Switching => Refuse("something is under way; wait until it is done"),
        _ if state.is_running() => Refuse("it runs; terminate it first"),
        _ => state.to(Status::Releasing),
    }
}

fn learn(kind: Kind, state: State, fact: Fact) -> Decision {
    match (fact, state.status) {
        (Fact::PrecheckPassed, Status::Prechecking) if state.start_after => {
            State { start_after: false, ..state }.going_on(kind)
        }
        (Fact::PrecheckPassed, Status::Prechecking) => state.to(Status::PrecheckPassed),
        (Fact::PrecheckFailed, Status::Prechecking) => {
            State { start_after: false, ..state }.to(Status::PrecheckFailed)
        }
        (Fact::Initialized, Status::Initializing | Status::Retrying) => {
            Move(State { status: Status::Synchronizing, initialized: true, ..state })
        }
        (Fact::Finished, Status::Initializing | Status::Synchronizing | Status::Retrying) => {
            Move(State { status: Status::Completed, initialized: true, ..state })
        }
        (Fact::Stopped, Status::Pausing) => state.to(Status::Paused),
        (Fact::Stopped, Status::Resetting) => {
            Move(State { status: Status::NotStarted, initialized: false, start_after: false, ..state })
        }
        (Fact::Stopped, Status::Terminating) => state.to(Status::Completed),
        (Fact::Stopped, Status::Releasing) => state.to(Status::Released),
        (Fact::Trouble, Status::Initializing | Status::Synchronizing) => state.to(Status::Retrying),
        (Fact::Recovered, Status::Retrying) => state.going_on(kind),
        (Fact::Broke, Status::Resetting) => {
            Move(State { status: Status::Failed, initialized: false, ..state })
        }
        (Fact::Broke, Status::Pausing | Status::Paused) => state.to(Status::Failed),
        (Fact::Broke, _) if state.is_running() => state.to(Status::Failed),
        (Fact::TookOver, Status::Switching) if state.may_write => {
            Move(State { initialized: true, start_after: false, status: Status::Synchronizing, ..state })
        }
        (Fact::Declined, Status::Switching) if !state.may_write => state.stepping_back(kind),
        _ => Already,
    }
}

/// What the state of the other instance of its pair has against a command.
pub fn objection(kind: Kind, state: State, other: State, command: Command) -> Option<&'static str> {
    let leads = next(kind, state, Event::Command(command));
    let switches = matches!(leads, Move(after) if after.status == Status::Switching);
    let rests = matches!(other.status, Status::Paused | Status::Completed);
    match command {
        _ if switches && other.status == Status::Switching => {
            Some("the other direction is taking over at this moment")
        }
        Command::Start if switches && !rests => {
            Some("the other direction can still write; pause it first, or take over with tidegate switchover")
        }
        Command::Takeover if switches && !rests && other.status != Status::Synchronizing => {
            Some("the other direction neither runs nor rests; resume or pause it first")
        }
        Command::Resume | Command::Start
            if matches!(leads, Move(after) if after.is_running() && after.status != Status::Collecting)
                && other.status == Status::Switching =>
        {
            Some("the other direction is taking over at this moment")
        }
        Command::Release if kind != Kind::Reverse && other.status != Status::Released => {
            Some("it has a reverse; terminate and release that first")
        }
        Command::Release
            if kind == Kind::Reverse
                && (other.status == Status::Switching || !other.may_write)
                && !matches!(other.status, Status::Completed | Status::Released) =>
        {
            Some("the other direction takes over from it, or has to be able to; fail back first")
        }
        Command::Reset if other.status != Status::Released => {
            Some("it has a reverse; terminate and release that first")
        }
        _ => None,
    }
}

/// The point of no return of a takeover: the right to write goes from the other instance, which rests, to this one.
/// Answers both after that; `None` if this one does not take over any more, or the other does not rest.
pub fn hand_over(state: State, other_kind: Kind, other: State) -> Option<(State, State)> {
    // A reverse that does not write collects; it is not at rest because somebody asked for that.
    let rests_as = match (other_kind, other.status) {
        (Kind::Reverse, Status::Paused) => Status::Collecting,
        (_, Status::Paused | Status::Completed) => other.status,
        _ => return None,
    };
    (state.status == Status::Switching).then_some((
        State { may_write: true, ..state },
        State { may_write: false, status: rests_as, ..other },
    ))
}

#[cfg(test)]
mod tests;
