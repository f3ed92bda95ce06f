//! Keeping applications out of the side that they leave.

use super::SyncPlan;
use crate::endpoint::Side;
use crate::verify::compare_now;
use std::sync::Arc;
use tidegate_api::{CompareChoice, FenceChoice, FenceOffered};
use tidegate_model::{Code, Error, Fence, FenceOffer, FenceWay, Raised, Result};

/// How applications are kept out, and how that is told.
pub(crate) struct Chosen {
    /// None: a person answers for it.
    pub(crate) way: Option<FenceWay>,
    pub(crate) said: String,
}

impl SyncPlan {
    /// Of the target, which applications leave when this link writes there. `other` is the link of the other direction: it
    /// knows the objects by the names that they have there.
    pub(crate) fn fence(&self, other: &SyncPlan) -> Arc<dyn Fence> {
        self.target.fence(&self.options.instance, &other.options.selection)
    }

    /// Whatever numbers the source has given out, the target gives out others.
    pub(crate) async fn hand_over(&self) -> Result<Raised> {
        self.source.hand_over(&*self.target, &self.options.instance, &self.options.selection).await
    }

    /// Nobody is kept out any more for the sake of this link, which has ended.
    pub(crate) async fn let_applications_in(&self) -> Result<()> {
        let fence = self.target.fence(&self.options.instance, &self.options.selection);
        fence.give_up().await.map_err(|error| error.context(Side::Target))
    }

    /// Compares both sides as far as is asked for, while nobody writes; answers what was compared.
    pub(crate) async fn compare(&self, choice: CompareChoice) -> Result<Option<String>> {
        match choice {
            CompareChoice::Nothing => Ok(None),
            CompareChoice::Definitions => match self.first_difference().await? {
                None => Ok(Some("definitions".to_owned())),
                Some((name, first, count)) => {
                    Err(differ(&format!("{name}: {first}; {count} differences of definitions in all")))
                }
            },
            CompareChoice::Rows => {
                let (source, target) = (self.source.comparable(), self.target.comparable());
                let report = compare_now(source, target, self.options.selection.clone()).await?;
                let rows: u64 = report.tables.iter().map(|table| table.rows_source).sum();
                if report.identical {
                    return Ok(Some(format!("definitions and {rows} rows")));
                }
                let tables = report.tables.iter().filter(|table| table.difference_count > 0);
                let tables = tables.map(|table| format!("{}: {} rows", table.name, table.difference_count));
                let definitions = report.definitions.iter().map(|(name, what)| format!("{name}: {what}"));
                Err(differ(&tables.chain(definitions).take(5).collect::<Vec<_>>().join("; ")))
            }
        }
    }
}

fn differ(what: &str) -> Error {
    Error::new(Code::DefinitionDiffers, format!("both sides are not the same: {what}"))
        .with_remedy("see tidegate verify for the whole list; put it right, then ask again")
}

/// What is chosen of what a server offers; refused if what was asked for cannot be.
pub(crate) async fn choose_fence(fence: &dyn Fence, choice: FenceChoice) -> Result<Chosen> {
    let declared = || Chosen { way: None, said: "as declared: nobody writes there any more".to_owned() };
    if choice == FenceChoice::Declared {
        return Ok(declared());
    }
    let at_target = |error: Error| error.context(Side::Target);
    // Who has closed it keeps to its way.
    let standing = fence.closed().await.map_err(at_target)?;
    let offers = fence.offers().await.map_err(at_target)?;
    let Some(way) = chosen(&offers, choice, standing) else {
        let said = "by nobody: the rights allow no way; whoever asked answers for it".to_owned();
        return Ok(Chosen { way: None, said });
    };
    for offer in offers {
        if offer.way == way {
            offer.possible.map_err(at_target)?;
        }
    }
    let said = match way {
        FenceWay::ReadOnly => "the server is read-only",
        FenceWay::Triggers => "triggers refuse every row",
    };
    Ok(Chosen { way: Some(way), said: said.to_owned() })
}

fn chosen(offers: &[FenceOffer], choice: FenceChoice, standing: Option<FenceWay>) -> Option<FenceWay> {
    match choice {
        FenceChoice::ReadOnly => Some(FenceWay::ReadOnly),
        FenceChoice::Triggers => Some(FenceWay::Triggers),
        FenceChoice::Declared => None,
        FenceChoice::Auto => standing.or_else(|| {
            let narrow = |offer: &&FenceOffer| offer.way == FenceWay::Triggers || offer.warnings.is_empty();
            offers.iter().filter(|offer| offer.possible.is_ok()).find(narrow).map(|offer| offer.way)
        }),
    }
}

/// All ways, as a person is told.
pub(crate) async fn offered_fences(fence: &dyn Fence, choice: FenceChoice) -> Result<Vec<FenceOffered>> {
    let at_target = |error: Error| error.context(Side::Target);
    let standing = fence.closed().await.map_err(at_target)?;
    let offers = fence.offers().await.map_err(at_target)?;
    let way = chosen(&offers, choice, standing);
    let declared = FenceOffered {
        way: FenceChoice::Declared,
        chosen: way.is_none(),
        lacks: None,
        remedy: None,
        warnings: vec!["nothing keeps applications from writing but you".to_owned()],
    };
    let told = offers.into_iter().map(|offer| {
        let lacks = offer.possible.err();
        FenceOffered {
            way: match offer.way {
                FenceWay::ReadOnly => FenceChoice::ReadOnly,
                FenceWay::Triggers => FenceChoice::Triggers,
            },
            chosen: way == Some(offer.way),
            remedy: lacks.as_ref().map(|error| error.remedy().to_owned()),
            lacks: lacks.map(|error| error.message().to_owned()),
            warnings: offer.warnings,
        }
    });
    Ok(told.chain([declared]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tightest_that_stops_nothing_else_is_chosen() {
        let offer = |way, possible: bool, warned: bool| FenceOffer {
            way,
            possible: if possible { Ok(()) } else { Err(Error::new(Code::MissingGrant, "no")) },
            warnings: if warned { vec!["others".to_owned()] } else { Vec::new() },
        };
        let auto = |read_only, warned, triggers, standing| {
            let offers =
                [offer(FenceWay::ReadOnly, read_only, warned), offer(FenceWay::Triggers, triggers, true)];
            chosen(&offers, FenceChoice::Auto, standing)
        };
        assert_eq!(auto(true, false, true, None), Some(FenceWay::ReadOnly));
        assert_eq!(auto(true, true, true, None), Some(FenceWay::Triggers));
        assert_eq!(auto(false, false, true, None), Some(FenceWay::Triggers));
        assert_eq!(auto(true, true, false, None), None);
        assert_eq!(auto(false, false, false, None), None);
        assert_eq!(auto(true, false, true, Some(FenceWay::Triggers)), Some(FenceWay::Triggers));
    }
}
