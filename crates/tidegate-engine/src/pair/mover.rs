//! The order in which the right to write moves between two databases.

use tidegate_model::Permit;

/// What is asked of a database next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// The permit of the link that gets the right.
    ReadGains,
    /// The permit of the link that loses it.
    ReadLoses,
    /// Take the right away, if the permit is as it was read.
    Take(Option<Permit>),
    /// Give it, if the permit is as it was read.
    Give(Option<Permit>),
}

/// One who moves the right to write.
///
/// Both permits are read before either is changed, and each changes only if it is as it was read. So of all who do this at
/// the same time, for either direction and from whatever process, at no time have both links the right: whoever gave it
/// last had read both permits after the other was taken, or its change is refused. A permit that is taken already is
/// taken once more, because its epoch must move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mover {
    at: At,
    gains: Option<Permit>,
    loses: Option<Permit>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum At {
    #[default]
    ReadsGains,
    ReadsLoses,
    Takes,
    Gives,
    Done,
}

impl Mover {
    /// `None` when it is done.
    pub fn next(&self) -> Option<Call> {
        match self.at {
            At::ReadsGains => Some(Call::ReadGains),
            At::ReadsLoses => Some(Call::ReadLoses),
            At::Takes => Some(Call::Take(self.loses)),
            At::Gives => Some(Call::Give(self.gains)),
            At::Done => None,
        }
    }

    /// What the call answered. Whose call is refused begins anew.
    pub fn learn(&mut self, answer: Option<Permit>) {
        let is = |permit: Option<Permit>, held: bool| permit.is_some_and(|permit| permit.held == held);
        self.at = match self.at {
            At::ReadsGains => {
                self.gains = answer;
                At::ReadsLoses
            }
            At::ReadsLoses => {
                self.loses = answer;
                if is(self.gains, true) && is(self.loses, false) { At::Done } else { At::Takes }
            }
            At::Takes => At::Gives,
            At::Gives | At::Done => At::Done,
        };
    }
}
