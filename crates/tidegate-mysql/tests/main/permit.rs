//! The right to write: the database itself refuses who does not have it (any more).

use crate::link::Link;
use crate::servers::{Pair, sql};
use tidegate_model::{Code, LaneCheckpoint, Mode, Permits, Target};
use tidegate_sandbox::Flavour;
use tokio::runtime::Runtime;

#[test]
fn without_it_nothing_is_written_to_mysql() {
    nothing_is_written(&Pair::new(Flavour::Mysql, Flavour::Mysql));
}

#[test]
fn without_it_nothing_is_written_to_mariadb() {
    nothing_is_written(&Pair::new(Flavour::Mariadb, Flavour::Mariadb));
}

fn nothing_is_written(pair: &Pair) {
    sql(
        &pair.source,
        "CREATE DATABASE permit; CREATE TABLE permit.t (id INT PRIMARY KEY); INSERT INTO permit.t VALUES (1)",
    );
    let link = Link::new(pair, "permit", &["permit.*"]);
    link.catch_up();
    let target = link.target();
    Runtime::new().expect("a runtime").block_on(async {
        assert_eq!(target.permit().await.unwrap(), None);
        let given = target.change_permit(None, true).await.unwrap();
        let state = target.take_over().await.unwrap().expect("a state");
        let after = |lane: &LaneCheckpoint| LaneCheckpoint { version: lane.version + 1, ..lane.clone() };
        // Who has the right writes; the second transaction is under way when the right is taken.
        let mut writer = target.writer(0).await.unwrap();
        let first = after(&state.lanes[0]);
        writer.begin(&first, Mode::Exact);
        writer.commit().await.unwrap();
        writer.begin(&after(&first), Mode::Exact);
        let taken = target.change_permit(Some(given), false).await.unwrap();
        assert!(!taken.held && taken.epoch > given.epoch);
        assert!(writer.commit().await.is_err(), "a transaction came through without the right");
        assert_eq!(target.take_over().await.unwrap_err().code(), Code::NotItsTurn);
        // Who knows an old permit changes nothing.
        for (before, held) in [(None, true), (Some(given), true), (Some(given), false)] {
            let refused = target.change_permit(before, held).await.unwrap_err();
            assert_eq!(refused.code(), Code::GenerationChanged);
        }
        assert_eq!(target.permit().await.unwrap(), Some(taken));
        let again = target.change_permit(Some(taken), true).await.unwrap();
        assert!(target.take_over().await.unwrap().is_some() && again.held);
    });
}
