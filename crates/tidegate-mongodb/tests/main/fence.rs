//! Keeping applications out of a deployment with access control.

use crate::servers::Site;
use bson::{Document, doc};
use mongodb::Client;
use mongodb::options::ClientOptions;
use tidegate_model::{Database, FenceWay, InstanceName, Selection};
use tidegate_mongodb::Endpoint;
use tidegate_sandbox::mongo::Options;

const DATABASE: &str = "closed";

/// The server closes itself only when no transaction is open, and one of a run that was killed stays so for a minute.
#[test]
fn what_a_dead_run_has_left_open_does_not_keep_it_open() {
    let site = Site::start(Options::new(1).auth(true));
    let endpoint = Endpoint::from_url(&site.set.known_url()).expect("an address");
    let instance = InstanceName::parse("dead").expect("a name");
    let selection = Selection::new(&[format!("{DATABASE}.*")], &[], &[]).expect("patterns");
    site.insert(DATABASE, "t", &[doc! { "_id": 1 }]);
    let fence = endpoint.fence(&instance, &selection);
    site.wait_for(async {
        let mut options = ClientOptions::parse(site.set.known_url()).await.expect("an address");
        options.app_name = Some("tidegate".to_owned());
        let run = Client::with_options(options).expect("a client");
        let mut session = run.start_session().await.expect("a session");
        let noted = doc! { "_id": { "instance": "dead", "who": "lane 0" }, "lsid": session.id().clone() };
        let sessions = run.database("tidegate").collection::<Document>("session");
        sessions.insert_one(noted).await.expect("a note");
        session.start_transaction().await.expect("a transaction");
        let written = run.database(DATABASE).collection::<Document>("t");
        written.insert_one(doc! { "_id": 2 }).session(&mut session).await.expect("a write");

        fence.close(FenceWay::ReadOnly).await.expect("a closed deployment");
        assert!(session.commit_transaction().await.is_err());
        assert_eq!(fence.closed().await.expect("an answer"), Some(FenceWay::ReadOnly));
        fence.give_up().await.expect("an open deployment");
    });
    site.insert(DATABASE, "t", &[doc! { "_id": 3 }]);
    assert_eq!(site.found(DATABASE, "t"), [doc! { "_id": 1 }, doc! { "_id": 3 }]);
}
