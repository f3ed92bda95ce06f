//! The guards, each with what takes it out of the program, and the test that has to notice.
//!
//! Where a guard is doubled by another, both are taken out: what is asked is whether anything would notice that the
//! protection is gone, not which of its halves does the work.

use std::fmt;

/// One change of a file. `find` stands in it once.
pub(super) struct Edit {
    pub(super) file: &'static str,
    pub(super) find: &'static str,
    pub(super) replace: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Test {
    pub(super) package: &'static str,
    /// As `module::function` of its tests against real servers.
    pub(super) name: &'static str,
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.package, self.name)
    }
}

pub(super) struct Mutation {
    /// The model's name for it.
    pub(super) name: &'static str,
    /// What is turned off.
    pub(super) guard: &'static str,
    pub(super) test: Test,
    pub(super) edits: &'static [Edit],
}

const CAPTURE: &str = "crates/tidegate-mysql/src/capture/mod.rs";
const READ_ONLY: &str = "crates/tidegate-mysql/src/fence/read_only.rs";
const FENCE: &str = "crates/tidegate-mysql/src/fence/mod.rs";
const STATE: &str = "crates/tidegate-mysql/src/state.rs";
const WRITER: &str = "crates/tidegate-mysql/src/writer.rs";
const ORDER: &str = "crates/tidegate-engine/src/pair/takeover.rs";
const LOG: &str = "crates/tidegate-engine/src/changelog/mod.rs";
const LOG_WRITER: &str = "crates/tidegate-engine/src/changelog/writer.rs";
const SWITCHING: &str = "crates/tidegate-service/src/supervisor/switching/mod.rs";
const STEPS: &str = "crates/tidegate-service/src/supervisor/switching/steps.rs";
const LIFECYCLE: &str = "crates/tidegate-service/src/lifecycle/mod.rs";
const REVERSE: &str = "crates/tidegate-service/src/orders/reversing.rs";

const fn program(name: &'static str) -> Test {
    Test { package: "tidegate", name }
}

const fn adapter(name: &'static str) -> Test {
    Test { package: "tidegate-mysql", name }
}

pub(super) const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "NoFilter",
        guard: "what the other direction has written is no news",
        test: program("failback::there_and_back_on_mariadb"),
        edits: &[
            Edit {
                file: CAPTURE,
                find: "            peers,\n            awaits_peer: false,",
                replace: "            peers: Vec::new(),\n            awaits_peer: false,",
            },
            Edit {
                file: CAPTURE,
                find: "leave_out(&mut conn, &mut wanted, &peers).await?;",
                replace: "leave_out(&mut conn, &mut wanted, &peers[..0]).await?;",
            },
        ],
    },
    Mutation {
        name: "NoDrain",
        guard: "a takeover that leaves A waits for the forward link, and looks at what it has left",
        test: program("takeover_order::everything_is_brought_on_the_way_there"),
        edits: &[
            Edit {
                file: STEPS,
                find: "    pub(super) async fn bring(&mut self) -> Result<()> {\n",
                replace: "    pub(super) async fn bring(&mut self) -> Result<()> {\n        \
                          if self.look_at_other().await?.spec.kind != tidegate_api::Kind::Reverse {\n            \
                          return Ok(());\n        }\n",
            },
            Edit {
                file: STEPS,
                find: "        let found = self.look_at_other().await?;\n        if other == Other::Ended {",
                replace: "        let found = self.look_at_other().await?;\n        \
                          if found.spec.kind != tidegate_api::Kind::Reverse {\n            return Ok(());\n        }\n        \
                          if other == Other::Ended {",
            },
        ],
    },
    Mutation {
        name: "NoDrainB",
        guard: "a takeover that leaves B waits for the reverse, and looks at what it has left",
        test: program("takeover_order::everything_is_brought_on_the_way_back"),
        edits: &[
            Edit {
                file: STEPS,
                find: "    pub(super) async fn bring(&mut self) -> Result<()> {\n",
                replace: "    pub(super) async fn bring(&mut self) -> Result<()> {\n        \
                          if self.look_at_other().await?.spec.kind == tidegate_api::Kind::Reverse {\n            \
                          return Ok(());\n        }\n",
            },
            Edit {
                file: STEPS,
                find: "        let found = self.look_at_other().await?;\n        if other == Other::Ended {",
                replace: "        let found = self.look_at_other().await?;\n        \
                          if found.spec.kind == tidegate_api::Kind::Reverse {\n            return Ok(());\n        }\n        \
                          if other == Other::Ended {",
            },
        ],
    },
    Mutation {
        name: "DrainBeforeFence",
        guard: "where the log ends is asked after the side that is left was closed, and once more at rest",
        test: program("takeover_order::nothing_comes_after_the_end_that_was_asked_for"),
        edits: &[
            Edit { file: ORDER, find: "        Known { closed: false, .. } => Step::Close,\n", replace: "" },
            Edit {
                file: ORDER,
                find: "        Known { nothing_left: false, .. } => Step::Look,\n        \
                       Known { compared: false, .. } => Step::Compare,\n",
                replace: "        Known { compared: false, .. } => Step::Compare,\n        \
                          Known { closed: false, .. } => Step::Close,\n",
            },
        ],
    },
    Mutation {
        name: "SoftFence",
        guard: "a closed side does not let those commit that had begun before",
        test: adapter("fence::a_read_only_mysql"),
        edits: &[Edit {
            file: READ_ONLY,
            find: "(false, false) => &[\"SET PERSIST read_only = 1\", \"SET GLOBAL super_read_only = 1\"],",
            replace: "(false, false) => &[\"SET GLOBAL transaction_read_only = 1\"],",
        }],
    },
    Mutation {
        name: "NoEpoch",
        guard: "a transaction holds only if nobody has moved its checkpoint, and a link begins only with the permit",
        test: adapter("permit::without_it_nothing_is_written_to_mysql"),
        edits: &[
            Edit {
                file: STATE,
                find: " AND lane = {lane} AND version = {before}\",",
                replace: " AND lane = {lane}\",",
            },
            // One that sets what is there already would change no row, and that is noticed.
            Edit {
                file: STATE,
                find: "checkpoint SET version = {version}, seq",
                replace: "checkpoint SET version = version + {version} - {before}, seq",
            },
            Edit {
                file: STATE,
                find: "is_some_and(|permit| !permit.held)",
                replace: "is_some_and(|_| false)",
            },
        ],
    },
    Mutation {
        name: "AsyncCkpt",
        guard: "rows and the checkpoint that counts them come in one transaction",
        test: program("apart::rows_and_their_checkpoint"),
        edits: &[
            Edit {
                file: WRITER,
                find: "        let opening = std::mem::take(&mut self.opening);\n        \
                       let opens = !opening.is_empty();\n        \
                       if opens {\n            statements.sql.extend_from_slice(opening.as_bytes());",
                replace: "        let opens = self.opening.starts_with(\"BEGIN;\");\n        \
                          if opens {\n            self.opening.drain(..6);\n            \
                          statements.sql.extend_from_slice(b\"BEGIN;DO 0;\");",
            },
            Edit {
                file: WRITER,
                find: "        if opens && outcomes[1].affected_rows != 1 {\n            \
                       return Err(state::moved(self.lane));\n        }\n",
                replace: "",
            },
            Edit {
                file: WRITER,
                find: "        self.flush().await?;\n        run(&mut self.conn, \"COMMIT\").await.map(|_| ())\n",
                replace: "        self.flush().await?;\n        run(&mut self.conn, \"COMMIT\").await?;\n        \
                          let checkpoint = std::mem::take(&mut self.opening);\n        \
                          let moved = run(&mut self.conn, checkpoint.trim_end_matches(';')).await?;\n        \
                          if moved.affected_rows == 1 { Ok(()) } else { Err(state::moved(self.lane)) }\n",
            },
        ],
    },
    Mutation {
        name: "LateCreate",
        guard: "a reverse does not begin at the end of the log if an application has written there before",
        test: program("failback::there_and_back_on_mysql"),
        edits: &[Edit {
            file: REVERSE,
            find: "(None, Some(_)) => return Err(unasked(&found.spec.name, &before)),",
            replace: "(None, Some(_)) => forward.target_position(&new.id).await?,",
        }],
    },
    Mutation {
        name: "EarlySwitch",
        guard: "applications get in on the other side only when everything has been brought there",
        test: program("takeover_order::nobody_is_let_in_before_everything_is_brought"),
        edits: &[
            Edit {
                file: ORDER,
                find: "        Known { closed: false, .. } => Step::Close,\n",
                replace: "        Known { closed: false, .. } => Step::Close,\n        \
                          Known { opened: false, .. } => Step::Open,\n",
            },
            Edit {
                file: FENCE,
                find: "permit.is_some_and(|permit| permit.held) && !has_ended",
                replace: "permit.is_some_and(|_| false) && !has_ended",
            },
        ],
    },
    Mutation {
        name: "AckBeforeFsync",
        guard: "where capture goes on follows from the change log's own bytes",
        test: program("apart::the_log_and_its_position"),
        edits: &[
            Edit {
                file: LOG_WRITER,
                find: "            self.moved = true;\n",
                replace: "            self.moved = true;\n            let acked = self.cursor.position();\n            \
                          std::fs::write(self.shared.folder.join(\"acked\"), acked.as_str()).expect(\"a file\");\n",
            },
            Edit {
                file: LOG,
                find: "        let end = segment::recover(&last, make_cursor)?;\n",
                replace: "        let mut end = segment::recover(&last, make_cursor)?;\n        \
                          if let Ok(acked) = std::fs::read_to_string(folder.join(\"acked\")) {\n            \
                          end.cursor = make_cursor(&Position::new(acked))?;\n        }\n",
            },
        ],
    },
    Mutation {
        name: "BothRun",
        guard: "an instance does not run while its reverse may write, by the record and by the permit",
        test: program("failback::there_and_back_on_mysql"),
        edits: &[
            Edit {
                file: LIFECYCLE,
                find: "        Status::Paused | Status::Failed if kind != Kind::Reverse && !state.may_write => {\n            \
                       Refuse(\"its reverse has the right to write; a takeover (tidegate failback) turns it around\")\n        }\n",
                replace: "",
            },
            Edit {
                file: STATE,
                find: "is_some_and(|permit| !permit.held)",
                replace: "is_some_and(|_| false)",
            },
        ],
    },
    Mutation {
        name: "Toctou",
        guard: "the point of no return, and whoever wakes before it, ask whether the takeover is still wanted",
        test: program("takeover_order::what_is_called_off_is_not_decided"),
        edits: &[
            Edit {
                file: LIFECYCLE,
                find: "        _ => return None,\n    };\n    (state.status == Status::Switching).then_some((",
                replace: "        (_, status) => status,\n    };\n    Some((",
            },
            Edit {
                file: SWITCHING,
                find: "if self.find().await?.state.status != Status::Switching {",
                replace: "if self.find().await?.state.status == Status::Released {",
            },
        ],
    },
];
