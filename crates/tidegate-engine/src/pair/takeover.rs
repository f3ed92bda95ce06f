//! The order of the steps in which one direction of a pair takes over from the other.

/// What one who takes over knows. Only `decided` outlives a crash; everything else is then found out anew, and every step
/// can be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Known {
    /// The point of no return lies behind.
    pub decided: bool,
    /// Applications cannot write any more to the side that is left, or a person has said that none does.
    pub closed: bool,
    pub other: Other,
    /// What had been committed at the side that is left after it was closed has been brought over by the other direction.
    pub brought: bool,
    /// Looked at while the other direction rested: nothing is left to bring.
    pub nothing_left: bool,
    /// Both sides have been compared as far as that was asked for.
    pub compared: bool,
    /// The closed side lets this direction through, and nobody else.
    pub admitted: bool,
    /// The right to write stands in both databases as it should.
    pub moved: bool,
    /// Applications can write to the side that is in use from now on.
    pub opened: bool,
}

/// What the other direction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Other {
    Runs,
    /// Runs no more for long: it was asked to come to rest.
    Stops,
    Rests,
    /// Is terminated, and brings nothing any more.
    Ended,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Keep applications from writing to the side that is left.
    Close,
    /// Ask where the log of the closed side ends, and wait until the other direction has brought everything up to there.
    Bring,
    /// Ask the other direction to come to rest.
    Rest,
    Wait,
    /// Ask once more where the log ends, and how much of it was not brought.
    Look,
    Compare,
    /// The point of no return: one transaction, which fails if the other direction does not rest any more.
    Decide,
    /// Let this direction write to the closed side.
    Admit,
    /// See [`super::mover`].
    Move,
    /// Let applications write to the other side.
    Open,
    Done,
}

impl Known {
    /// What is known at the beginning, and after a crash.
    pub fn new(decided: bool, other: Other) -> Self {
        Self {
            decided,
            closed: false,
            other,
            brought: false,
            nothing_left: false,
            compared: false,
            admitted: false,
            moved: false,
            opened: false,
        }
    }

    /// Both sides have been compared. That may have taken long: whether nothing is left is looked at once more.
    pub fn have_compared(&mut self) {
        self.compared = true;
        self.nothing_left = false;
    }

    /// What the other direction does now. Whatever was found out while it did something else may not be so any more.
    pub fn see(&mut self, other: Other) {
        if self.other != other {
            self.other = other;
            self.nothing_left = false;
            self.compared = false;
            self.brought &= other != Other::Runs;
        }
    }
}

/// The whole order of a takeover.
pub fn next(known: &Known) -> Step {
    if known.decided {
        return match known {
            Known { admitted: false, .. } => Step::Admit,
            Known { moved: false, .. } => Step::Move,
            Known { opened: false, .. } => Step::Open,
            _ => Step::Done,
        };
    }
    match known {
        Known { closed: false, .. } => Step::Close,
        Known { other: Other::Runs, brought: false, .. } => Step::Bring,
        Known { other: Other::Runs, .. } => Step::Rest,
        Known { other: Other::Stops, .. } => Step::Wait,
        Known { nothing_left: false, .. } => Step::Look,
        Known { compared: false, .. } => Step::Compare,
        _ => Step::Decide,
    }
}
