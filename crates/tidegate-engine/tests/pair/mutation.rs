//! How the protocol is weakened: each way turns one guard of the design off, and the model must find what that breaks.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// The protocol as it is.
    None,
    /// What the other direction has written counts as news: no mark is looked at when the log is captured.
    NoFilter,
    /// A takeover that leaves A neither waits for the forward link nor looks at what it has left: `Bring` and `Look` say yes.
    NoDrain,
    /// Where the log of the side that is left ends is asked before that side is closed, and not once more.
    DrainBeforeFence,
    /// A closed side refuses new transactions, and lets those commit that were open already.
    SoftFence,
    /// The version of a checkpoint is not compared, and no session is ended: the guard as a whole, because each half is
    /// covered by the other for rows.
    NoEpoch,
    /// The checkpoint is moved in a transaction of its own, after the row's.
    AsyncCkpt,
    /// A reverse begins at the end of the log without asking whether an application has written there before.
    LateCreate,
    /// Applications may write to the other side as soon as the one that is left is closed: `Open` comes with `Close`.
    EarlySwitch,
    /// Where capture goes on after a crash is stored apart from the change log, before the log is synced.
    AckBeforeFsync,
    /// A link runs whatever the service's record and the permit say.
    BothRun,
    /// As `NoDrain`, for a takeover that leaves B.
    NoDrainB,
    /// The point of no return does not ask whether this takeover is still under way and the other direction still rests.
    Toctou,
    /// Beyond those that have names elsewhere: a fence is changed without a comparison with the takeover that changed it last.
    BlindFence,
    /// Likewise: the side that is left is opened again before the record says that the takeover is called off.
    ReopenFirst,
    /// Likewise: what was read is compared with where the source's log ends in one direction only, so a source that has lost
    /// its end looks as if there were nothing left to bring.
    OneSidedLook,
    /// Likewise: a link that was asked to rest, and whose process died before that, rests without ending what it has under way.
    UnfencedRest,
    /// No guard of ours, but what the design takes for granted: that no failover loses what was there when the last look
    /// found nothing left to bring, on either side.
    ForgetfulSide,
}

impl Mutation {
    pub(crate) const ALL: [Self; 17] = [
        Self::NoFilter,
        Self::NoDrain,
        Self::DrainBeforeFence,
        Self::SoftFence,
        Self::NoEpoch,
        Self::AsyncCkpt,
        Self::LateCreate,
        Self::EarlySwitch,
        Self::AckBeforeFsync,
        Self::BothRun,
        Self::NoDrainB,
        Self::Toctou,
        Self::BlindFence,
        Self::ReopenFirst,
        Self::OneSidedLook,
        Self::UnfencedRest,
        Self::ForgetfulSide,
    ];
}
