//! Two links that are each other's way back: who of them may write, and how that changes.
//!
//! What decides is pure: [`takeover::next`] and [`mover::Mover`] are what the service runs, and what the model of a pair in
//! this crate's tests goes through every state of.

pub mod mover;
pub mod takeover;

use mover::{Call, Mover};
use tidegate_model::{Error, Permit, Permits, Result};

/// Takes the right to write away from one link of a pair, then gives it to the other; each is named by its target. `taken`
/// is called between the two, when neither has the right. Safe to repeat after a crash at any point.
pub async fn move_permit(from: &dyn Permits, to: &dyn Permits, taken: fn()) -> Result<()> {
    let mut mover = Mover::default();
    while let Some(call) = mover.next() {
        let answer = match call {
            Call::ReadGains => to.permit().await,
            Call::ReadLoses => from.permit().await,
            Call::Take(before) => change(from, before, false).await,
            Call::Give(before) => {
                taken();
                change(to, before, true).await
            }
        };
        mover.learn(answer.map_err(|error: Error| error.context("target"))?);
    }
    Ok(())
}

async fn change(of: &dyn Permits, before: Option<Permit>, held: bool) -> Result<Option<Permit>> {
    of.change_permit(before, held).await.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll, Waker};
    use tidegate_model::{Code, Fut};

    /// One database's permit. Every call to it comes to be at a moment of its own.
    #[derive(Clone)]
    struct Register(Arc<Mutex<Option<Permit>>>);

    impl Register {
        fn new(held: bool) -> Self {
            Self(Arc::new(Mutex::new(Some(Permit { held, epoch: 1 }))))
        }

        fn is_held(&self) -> bool {
            self.0.lock().unwrap().is_some_and(|permit| permit.held)
        }
    }

    impl Permits for Register {
        fn permit(&self) -> Fut<'_, Option<Permit>> {
            Box::pin(async {
                tokio::task::yield_now().await;
                Ok(*self.0.lock().unwrap())
            })
        }

        fn change_permit(&self, before: Option<Permit>, held: bool) -> Fut<'_, Permit> {
            Box::pin(async move {
                tokio::task::yield_now().await;
                let mut now = self.0.lock().unwrap();
                if *now != before {
                    return Err(Error::new(Code::GenerationChanged, "it was changed"));
                }
                let after = Permit { held, epoch: before.map_or(0, |permit| permit.epoch) + 1 };
                *now = Some(after);
                Ok(after)
            })
        }
    }

    type Mover = Pin<Box<dyn Future<Output = Result<()>>>>;

    /// Whose turn it is, as often as anybody is left; the numbers say who of those left.
    struct Run {
        registers: [Register; 2],
        movers: Vec<Option<Mover>>,
        ended_well: usize,
    }

    impl Run {
        fn new(directions: &[bool]) -> Self {
            let registers = [Register::new(true), Register::new(false)];
            let movers = directions.iter().map(|forward| {
                let [forwards, backwards] = registers.clone();
                let (from, to) = if *forward { (backwards, forwards) } else { (forwards, backwards) };
                Some(Box::pin(async move { move_permit(&from, &to, || ()).await }) as Mover)
            });
            Self { movers: movers.collect(), registers, ended_well: 0 }
        }

        fn left(&self) -> Vec<usize> {
            (0..self.movers.len()).filter(|at| self.movers[*at].is_some()).collect()
        }

        /// One call of one of them takes place.
        fn step(&mut self, who: usize) {
            let mover = self.movers[who].as_mut().unwrap();
            if let Poll::Ready(ended) = mover.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                self.movers[who] = None;
                self.ended_well += usize::from(ended.is_ok());
            }
            let [forwards, backwards] = &self.registers;
            assert!(!(forwards.is_held() && backwards.is_held()), "both may write");
        }
    }

    /// Every order in which three can do it at once, in every mixture of directions. Whoever is frozen or dies is one whose
    /// turn comes late or never.
    #[test]
    fn never_both_in_any_order() {
        let (mut orders, mut good) = (0, 0);
        for mixture in 0..8 {
            let directions = [mixture & 1 != 0, mixture & 2 != 0, mixture & 4 != 0];
            let mut order: Vec<usize> = Vec::new();
            loop {
                let mut run = Run::new(&directions);
                let mut widths = Vec::new();
                let mut at = 0;
                while let left = run.left()
                    && !left.is_empty()
                {
                    if at == order.len() {
                        order.push(0);
                    }
                    widths.push(left.len());
                    run.step(left[order[at]]);
                    at += 1;
                }
                order.truncate(at);
                orders += 1;
                good += usize::from(run.ended_well > 0);
                // The next order: the last turn that can be another's.
                while let Some(last) = order.pop() {
                    if last + 1 < widths[order.len()] {
                        order.push(last + 1);
                        break;
                    }
                }
                if order.is_empty() {
                    break;
                }
            }
        }
        assert!(orders > 100_000, "{orders} orders were tried");
        assert!(good * 2 > orders, "in {good} of {orders} somebody came to the end");
    }
}
