//! `stats`: what lives in the store, by tenant and prefix, and what the store says of itself.

use std::time::Duration;

use clap::Args;

use super::exit::Outcome;
use super::print::{Column, Printer};
use super::session::Session;
use super::times::{shown, shown_bytes, shown_count, shown_span};
use crate::query::{FamilyStats, Scope};
use crate::store::StoreInfo;

/// What `help stats` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache stats                         every tenant and prefix
  framecache stats --tenant client-a       one tenant
  framecache stats --json | jq .frames     one object for each tenant and prefix";

/// Options of `stats`.
#[derive(Debug, Args)]
pub(super) struct StatsArgs {}

/// Runs the verb.
pub(super) async fn run(session: &Session, _: StatsArgs) -> anyhow::Result<Outcome> {
    let desk = session.open()?;
    let globals = &session.globals;
    let scope = Scope {
        tenant: globals.tenant.as_ref().map(|_| desk.config.tenant.clone()),
        prefix: globals.prefix.as_ref().map(|_| desk.config.prefix.clone()),
        camera: None,
    };
    let answer = desk.service.stats(&scope).await?;
    if session.print.json() {
        answer.families.iter().try_for_each(|family| session.print.object(family))?;
        session.print.object(&serde_json::json!({ "store": answer.store }))?;
    } else {
        families(&session.print, &answer.families)?;
        if let Some(store) = &answer.store {
            session.print.line(store_line(store))?;
        }
    }
    if answer.families.iter().any(|family| !family.complete) {
        session.print.note(
            "not all of it is vouched for by the index: run `framecache reindex`, or wait one lifetime",
        );
    }
    Ok(if answer.families.is_empty() { Outcome::NothingFound } else { Outcome::Done })
}

fn families(print: &Printer, families: &[FamilyStats]) -> std::io::Result<()> {
    if families.is_empty() {
        return print.line("no live frames");
    }
    let columns = [
        Column::Left("TENANT"),
        Column::Left("PREFIX"),
        Column::Right("CAMERAS"),
        Column::Right("FRAMES"),
        Column::Right("BYTES"),
        Column::Right("FPS"),
        Column::Right("MEAN LIFE LEFT"),
        Column::Left("OLDEST"),
        Column::Left("NEWEST"),
    ];
    print.table(&columns, families.iter().map(row).collect())?;
    print.line("")
}

fn row(family: &FamilyStats) -> Vec<String> {
    let unknown = || "-".to_owned();
    let left = family.mean_ttl_left_seconds.filter(|secs| secs.is_finite() && *secs >= 0.0);
    vec![
        family.tenant.to_string(),
        family.prefix.to_string(),
        family.cameras.len().to_string(),
        family.frames.to_string(),
        shown_bytes(family.bytes),
        format!("{:.1}", family.rate_fps),
        left.map_or_else(unknown, |secs| shown_span(Duration::from_secs_f64(secs))),
        family.oldest.map_or_else(unknown, shown),
        family.newest.map_or_else(unknown, shown),
    ]
}

fn store_line(store: &StoreInfo) -> String {
    let version =
        if store.version.is_empty() { String::new() } else { format!(" {}", store.version) };
    let limit = store
        .max_bytes
        .map_or_else(|| "no limit".to_owned(), |limit| format!("limit {}", shown_bytes(limit)));
    format!(
        "store {}{version}: {} in use ({limit}), {}, {} expired, {} evicted",
        store.backend,
        shown_bytes(store.used_bytes),
        shown_count(store.keys, "key"),
        store.expired,
        store.evicted
    )
}
