//! Figures for Prometheus.

use super::auth::Caller;
use super::{Failure, Service};
use crate::supervisor::watch::told;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;
use tidegate_api::{Activity, Status};
use tidegate_model::{Code, Error, Result};

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    instance: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stage {
    instance: String,
    stage: &'static str,
    quantile: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct In {
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct With {
    code: &'static str,
}

type Float = Gauge<f64, AtomicU64>;

/// The families, made anew for each look: what is released is not there any more.
#[derive(Default)]
struct Figures {
    instances: Family<In, Gauge>,
    lag: Family<Stage, Float>,
    behind: Family<Of, Float>,
    rows_copied: Family<Of, Counter>,
    rows_applied: Family<Of, Counter>,
    transactions: Family<Of, Counter>,
    captured: Family<Of, Counter>,
    backlog: Family<Of, Gauge>,
    log: Family<Of, Gauge>,
    keeps: Family<Of, Gauge>,
    stuck: Family<Of, Gauge>,
    faults: Family<With, Counter>,
}

impl Figures {
    fn register(&self, registry: &mut Registry) {
        registry.register("instances", "Instances by status", self.instances.clone());
        registry.register(
            "lag_seconds",
            "From the commit at the source to the change log, or to the target",
            self.lag.clone(),
        );
        registry.register("behind_seconds", "How far the target is behind", self.behind.clone());
        registry.register("rows_copied", "Rows copied since the run began", self.rows_copied.clone());
        registry.register(
            "rows_applied",
            "Changed rows applied since the run began",
            self.rows_applied.clone(),
        );
        registry.register(
            "transactions_applied",
            "Transactions applied since the run began",
            self.transactions.clone(),
        );
        registry.register(
            "captured_bytes",
            "Written to the change log since the run began",
            self.captured.clone(),
        );
        registry.register("backlog_transactions", "Captured and not yet applied", self.backlog.clone());
        registry.register("change_log_bytes", "Of the change log on disk", self.log.clone());
        registry.register(
            "source_keeps_seconds",
            "How long the source keeps what is not read yet",
            self.keeps.clone(),
        );
        registry.register("stuck", "1 if there is something to do and nothing moves", self.stuck.clone());
        registry.register("faults", "Errors of links, by code", self.faults.clone());
    }
}

/// Figures of all instances, in the text form of OpenMetrics.
#[utoipa::path(
    get,
    path = "/metrics",
    responses((status = 200, description = "The figures", body = String, content_type = "application/openmetrics-text"), Failure),
)]
pub(super) async fn metrics(State(service): State<Service>, _: Caller) -> Result<impl IntoResponse, Failure> {
    let found = service.store.ask(|store| store.list()).await?;
    let figures = Figures::default();
    let now = jiff::Timestamp::now().as_second();
    for status in Status::ALL.into_iter().filter(|status| *status != Status::Released) {
        let count = found.iter().filter(|one| one.state.status == status).count();
        figures.instances.get_or_create(&In { status: status.name() }).set(count as i64);
    }
    for one in found {
        let running = service.supervisor.progress(&one.id);
        let kept = service.supervisor.kept_until(&one);
        let of = Of { instance: one.spec.name };
        if let Some(until) = kept {
            figures.keeps.get_or_create(&of).set(until - now);
        }
        let Some((progress, watched)) = running else { continue };
        let told = told(&progress, watched.as_ref());
        for (stage, quantile, ms) in [
            ("capture", "0.99", told.lag_capture_ms_p99),
            ("total", "0.5", told.lag_ms_p50),
            ("total", "0.99", told.lag_ms_p99),
        ] {
            let stage = Stage { instance: of.instance.clone(), stage, quantile };
            if let Some(ms) = ms {
                figures.lag.get_or_create(&stage).set(ms / 1000.0);
            }
        }
        figures.behind.get_or_create(&of).set(told.behind_seconds);
        for (family, count) in [
            (&figures.rows_copied, told.rows_copied),
            (&figures.rows_applied, told.rows_applied),
            (&figures.transactions, told.transactions_applied),
            (&figures.captured, told.bytes_captured),
        ] {
            family.get_or_create(&of).inc_by(count);
        }
        let backlog = told.seq_captured.saturating_sub(told.seq_applied);
        figures.backlog.get_or_create(&of).set(backlog as i64);
        figures.log.get_or_create(&of).set(told.log_bytes as i64);
        figures.stuck.get_or_create(&of).set(i64::from(told.activity == Activity::Stuck));
    }
    for (code, count) in service.supervisor.faults() {
        figures.faults.get_or_create(&With { code: code.as_str() }).inc_by(count);
    }
    let mut registry = Registry::with_prefix("tidegate");
    figures.register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| Error::new(Code::Internal, error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text))
}
