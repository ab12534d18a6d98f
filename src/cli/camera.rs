//! `camera`: the cameras of a running `up`: listed, shown, added, changed, paused, resumed, removed.
//!
//! The running process checks what it is given, with the sentences of the configuration. Nothing is
//! written to a file: `add --toml` prints what to paste.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::exit::{Outcome, Usage};
use super::print::Column;
use super::session::{Desk, Session};
use super::times::{shown, shown_span};
use crate::config::{CameraTable, toml};
use crate::fleet::{CameraOrder, CameraView, Ordered};
use crate::model::name::CameraId;
use crate::model::time::Ttl;

/// What `help camera` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache camera list
  framecache camera add gate rtsp://user:password@10.0.0.5/ch1 --fps 5 --ttl 60
  framecache camera set gate --fps 10 --unset ttl_seconds
  framecache camera pause gate
  framecache camera remove gate

What is changed here lives until the `up` ends or reads its file again (SIGHUP):
write it into the file too. `camera add ... --toml` prints what to write.";

/// Options of `camera`.
#[derive(Debug, Args)]
pub(super) struct CameraArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the cameras that are collected, and how they do
    List,
    /// Show one camera
    Show {
        /// Which camera.
        camera: CameraId,
    },
    /// Collect one more camera
    Add {
        /// Its id.
        camera: CameraId,
        /// Where its frames come from, as `url` in the configuration.
        #[arg(value_name = "URL")]
        source: String,
        #[command(flatten)]
        settings: SettingArgs,
        /// Only print the camera as it would stand in a configuration file.
        #[arg(long)]
        toml: bool,
    },
    /// Change settings of a camera; what is not named stays
    Set {
        /// Which camera.
        camera: CameraId,
        /// Another URL; the source starts anew. Quality, mode and interval make it do so too.
        #[arg(long, value_name = "URL")]
        source: Option<String>,
        #[command(flatten)]
        settings: SettingArgs,
        /// Take a setting away, so that the default holds; may be repeated.
        #[arg(long, value_name = "KEY")]
        unset: Vec<Unset>,
    },
    /// Collect a camera no more until it is resumed
    Pause {
        /// Which camera.
        camera: CameraId,
    },
    /// Collect a paused camera again
    Resume {
        /// Which camera.
        camera: CameraId,
    },
    /// Let a camera go; its frames stay until their lives end
    Remove {
        /// Which camera.
        camera: CameraId,
    },
}

/// The settings of a camera but its id and URL.
#[derive(Debug, Args)]
struct SettingArgs {
    /// Its name for people.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Most frames a second; 0 is no limit.
    #[arg(long, value_name = "NUMBER")]
    fps: Option<f64>,
    /// How long its frames live, in seconds.
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u64>,
    /// Of the JPEGs that are made here, 1 to 100.
    #[arg(long, value_name = "NUMBER")]
    quality: Option<u64>,
    /// auto, mjpeg, snapshot or ffmpeg.
    #[arg(long, value_name = "WORD")]
    mode: Option<String>,
    /// From one snapshot to the next, e.g. 2s.
    #[arg(long, value_name = "LENGTH")]
    interval: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Unset {
    Name,
    Fps,
    TtlSeconds,
    Quality,
    Mode,
    Interval,
}

impl SettingArgs {
    fn table(self, url: Option<String>) -> CameraTable {
        let pairs = [
            ("url", url.map(Value::from)),
            ("name", self.name.map(Value::from)),
            ("fps", self.fps.map(Value::from)),
            ("ttl_seconds", self.ttl.map(Value::from)),
            ("quality", self.quality.map(Value::from)),
            ("mode", self.mode.map(Value::from)),
            ("interval", self.interval.map(Value::from)),
        ];
        pairs.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: CameraArgs) -> anyhow::Result<Outcome> {
    match args.what {
        What::List => list(session).await,
        What::Show { camera } => order(session, &camera, CameraOrder::Show, "").await,
        What::Add { camera, source, settings, toml } => {
            add(session, &camera, settings.table(Some(source)), toml).await
        }
        What::Set { camera, source, settings, unset } => {
            let mut table = settings.table(source);
            table.extend(unset.iter().map(|key| (key.name(), Value::Null)));
            if table.is_empty() {
                let said = "nothing is to be changed: name a setting, e.g. --fps 5";
                return Err(Usage(said.to_owned()).into());
            }
            order(session, &camera, CameraOrder::Patch(table), "changed").await
        }
        What::Pause { camera } => order(session, &camera, CameraOrder::Pause, "paused").await,
        What::Resume { camera } => order(session, &camera, CameraOrder::Resume, "resumed").await,
        What::Remove { camera } => {
            let said = "collected no more; its frames stay until their lives end";
            order(session, &camera, CameraOrder::Remove, said).await
        }
    }
}

impl Unset {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

async fn list(session: &Session) -> anyhow::Result<Outcome> {
    let desk = session.open_running()?;
    let cameras = desk.service.fleet().await?;
    if cameras.is_empty() {
        let place = desk.service.place();
        session.print.note(format_args!("{place} collects no camera: add one with `camera add`"));
        return Ok(Outcome::NothingFound);
    }
    if session.print.json() {
        cameras.iter().try_for_each(|camera| session.print.object(camera))?;
        return Ok(Outcome::Done);
    }
    let columns = ["CAMERA", "STATE", "SINCE", "FPS", "LIFE", "FROM", "URL", "LAST ERROR"];
    let columns = columns.map(Column::Left);
    session.print.table(&columns, cameras.iter().map(row).collect())?;
    Ok(Outcome::Done)
}

async fn add(
    session: &Session,
    camera: &CameraId,
    table: CameraTable,
    only_toml: bool,
) -> anyhow::Result<Outcome> {
    if only_toml {
        session.print.line(toml(camera, &table))?;
        return Ok(Outcome::Done);
    }
    let desk = session.open_running()?;
    let stream = desk.stream(camera);
    if desk.service.order(&stream, CameraOrder::Show).await?.is_some() {
        let said = format!("camera {camera} is collected already: change it with `camera set`");
        return Err(Usage(said).into());
    }
    let added = desk.service.order(&stream, CameraOrder::Put(table)).await?;
    answer(session, &desk, camera, added.as_ref(), "added")?;
    session.print.note(
        "it is collected until the `up` ends: write it into the configuration file too, \
         as `camera add ... --toml` prints it",
    );
    Ok(Outcome::Done)
}

async fn order(
    session: &Session,
    camera: &CameraId,
    order: CameraOrder,
    done: &str,
) -> anyhow::Result<Outcome> {
    let desk = session.open_running()?;
    let ordered = desk.service.order(&desk.stream(camera), order).await?;
    answer(session, &desk, camera, ordered.as_ref(), done)
}

fn answer(
    session: &Session,
    desk: &Desk,
    camera: &CameraId,
    ordered: Option<&Ordered>,
    done: &str,
) -> anyhow::Result<Outcome> {
    let Some(Ordered { camera: view, .. }) = ordered else {
        let place = desk.service.place();
        session.print.note(format_args!(
            "{place} collects no camera {camera}: `framecache camera list` says which there are"
        ));
        return Ok(Outcome::NothingFound);
    };
    let text = if done.is_empty() { described(view) } else { format!("camera {camera}: {done}") };
    session.print.either(view, text)?;
    Ok(Outcome::Done)
}

fn life(camera: &CameraView) -> String {
    let ttl = camera.ttl_seconds.and_then(|secs| Ttl::from_secs(secs.into()).ok());
    ttl.map_or_else(|| "as all".to_owned(), |ttl| shown_span(ttl.as_duration()))
}

fn rate(camera: &CameraView) -> String {
    camera.fps.map_or_else(|| "all".to_owned(), |fps| fps.to_string())
}

/// A word as it stands in JSON.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| Some(value.as_str()?.to_owned()))
        .unwrap_or_default()
}

fn row(camera: &CameraView) -> Vec<String> {
    vec![
        camera.camera.to_string(),
        word(&camera.state),
        camera.since.map_or_else(|| "-".to_owned(), shown),
        rate(camera),
        life(camera),
        word(&camera.origin),
        camera.url.clone(),
        camera.last_error.clone(),
    ]
}

fn described(camera: &CameraView) -> String {
    let unknown = || "-".to_owned();
    let failing = match camera.last_error.as_str() {
        "" => String::new(),
        why => format!(" ({} failed attempts, the last: {why})", camera.consecutive_failures),
    };
    let rows = [
        ("name", camera.name.clone()),
        ("url", camera.url.clone()),
        ("state", format!("{}{failing}", word(&camera.state))),
        ("since", camera.since.map_or_else(unknown, shown)),
        ("last frame", camera.last_frame.map_or_else(unknown, shown)),
        ("frames", camera.frames.to_string()),
        ("fps", rate(camera)),
        ("life", life(camera)),
        ("quality", camera.quality.map_or_else(unknown, |quality| quality.to_string())),
        ("mode", camera.mode.clone()),
        ("interval", camera.interval.clone().unwrap_or_else(unknown)),
        (
            "named by",
            if word(&camera.origin) == "file" { "the configuration" } else { "the API" }.to_owned(),
        ),
    ];
    let lines: Vec<String> =
        rows.iter().map(|(name, value)| format!("\n  {name:<11}{value}")).collect();
    format!("camera {}{}", camera.camera, lines.concat())
}
