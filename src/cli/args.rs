//! What stands on the command line: the options of every verb, and the list of verbs.
//!
//! Only the shape is judged here; each verb's own options stand in its file. Doc comments of these
//! types are the help texts.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use super::{
    acl, at, camera, cameras, check, collect, completions, config, consume, convert, delete,
    export, get, healthcheck, hold, holds, import, info, latest, push, range, record, recordings,
    reindex, release, replay, replays, stats, timeline, token, up,
};
use crate::query::Via;

const EXAMPLES: &str = "\
Examples:
  framecache                                   the cameras of ./config.toml, cached and served
  framecache latest                            the newest frame of each camera
  framecache range cam1 --from -30s -o frames  the last half minute as files
  framecache push cam9 *.jpg --fps 10          frames from files

Exit codes: 0 done, 1 failed, 2 bad usage, 3 nothing found.
A verb without --url or --redis asks Redis where the configuration enables it,
and otherwise the `up` that runs on this machine.";

/// A time-bucketed frame cache for camera fleets: JPEG frames in, announced, found again.
///
/// Without a verb framecache does `up`: it collects the configured cameras, keeps their frames for
/// their lifetime and serves them.
#[derive(Debug, Parser)]
#[command(name = "framecache", version, propagate_version = false, after_help = EXAMPLES)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) globals: Globals,
    #[command(subcommand)]
    pub(super) verb: Option<Verb>,
}

/// Options of every verb.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every verb")]
pub(super) struct Globals {
    /// Configuration file; else $FRAMECACHE_CONFIG, else ./config.toml, else the built-in one.
    #[arg(long, global = true, value_name = "PATH")]
    pub(super) config: Option<PathBuf>,
    /// Use this Redis: redis://[user:password@]host[:port][/db], rediss:// (TLS) or unix:///path.
    #[arg(long, global = true, value_name = "URL", conflicts_with = "url")]
    pub(super) redis: Option<String>,
    /// Ask this running `up`, e.g. http://127.0.0.1:8080; else $FRAMECACHE_URL.
    #[arg(long, global = true, value_name = "URL")]
    pub(super) url: Option<String>,
    /// Token for a running `up`; better in $FRAMECACHE_TOKEN or a file named by $FRAMECACHE_TOKEN_FILE.
    #[arg(long, global = true, value_name = "TOKEN")]
    pub(super) token: Option<String>,
    /// Trust this authority (PEM) with https:// instead of those of the system; else $FRAMECACHE_CA.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,
    /// First part of the frame keys; else `tenant`, else the vhost of `amqp_url`.
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) tenant: Option<String>,
    /// Second part of the frame keys; else `[redis] prefix`.
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) prefix: Option<String>,
    /// Print one JSON object a line instead of tables.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Form of the log on stderr: auto is human on a terminal and JSON elsewhere.
    #[arg(long, global = true, value_name = "FORM")]
    pub(super) log_format: Option<LogForm>,
    /// Log more; twice for everything. $RUST_LOG gives finer control.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(super) verbose: u8,
    /// Log errors only and leave notes and progress out.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
}

/// The forms of the log.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum LogForm {
    /// Human on a terminal, JSON elsewhere.
    Auto,
    /// One readable line each.
    Human,
    /// One JSON object each.
    Json,
}

impl LogForm {
    /// As the configuration key `log.format` takes it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Human => "human",
            Self::Json => "json",
        }
    }
}

/// How frames are found.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(super) enum ViaArg {
    /// By the index, and by a scan where the index does not know the camera.
    #[default]
    Auto,
    /// By the index.
    Index,
    /// By a scan of the whole keyspace: slow, and finds what other programs wrote.
    Scan,
}

impl From<ViaArg> for Via {
    fn from(via: ViaArg) -> Self {
        match via {
            ViaArg::Auto => Self::Auto,
            ViaArg::Index => Self::Index,
            ViaArg::Scan => Self::Scan,
        }
    }
}

/// The verbs, one file each.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Collect, cache and serve; this is also what no verb does
    #[command(after_help = up::EXAMPLES)]
    Up(up::UpArgs),
    /// Collect into the store without serving HTTP
    #[command(after_help = collect::EXAMPLES)]
    Collect(collect::CollectArgs),
    /// Push frames from files, a folder or stdin
    #[command(after_help = push::EXAMPLES)]
    Push(push::PushArgs),
    /// Get the frame of a key
    #[command(after_help = get::EXAMPLES)]
    Get(get::GetArgs),
    /// Show the newest frames of a camera, or the newest of each camera
    #[command(after_help = latest::EXAMPLES)]
    Latest(latest::LatestArgs),
    /// List or save the frames of a window of time
    #[command(after_help = range::EXAMPLES)]
    Range(range::RangeArgs),
    /// Find the frame nearest to an instant
    #[command(after_help = at::EXAMPLES)]
    At(at::AtArgs),
    /// Show frames and bytes per step of time
    #[command(after_help = timeline::EXAMPLES)]
    Timeline(timeline::TimelineArgs),
    /// List cameras and their newest frames
    #[command(after_help = cameras::EXAMPLES)]
    Cameras(cameras::CamerasArgs),
    /// List, add, change, pause and remove cameras of a running `up`
    #[command(after_help = camera::EXAMPLES)]
    Camera(camera::CameraArgs),
    /// Show what lives in the store
    #[command(after_help = stats::EXAMPLES)]
    Stats(stats::StatsArgs),
    /// Follow announcements and fetch each frame
    #[command(after_help = consume::EXAMPLES)]
    Consume(consume::ConsumeArgs),
    /// Make videos, zips or pictures of a recording
    #[command(after_help = convert::EXAMPLES)]
    Convert(convert::ConvertArgs),
    /// Show what is inside recordings: cameras, frames, bytes, gaps
    #[command(after_help = info::EXAMPLES)]
    Info(info::InfoArgs),
    /// Write the frames of a window into a recording (MCAP)
    #[command(after_help = export::EXAMPLES)]
    Export(export::ExportArgs),
    /// Put the frames of a recording back into a store
    #[command(after_help = import::EXAMPLES)]
    Import(import::ImportArgs),
    /// Record cameras into a file, until Ctrl-C
    #[command(after_help = record::EXAMPLES)]
    Record(record::RecordArgs),
    /// Begin, stop, pause, list and delete recordings of a running `up`
    #[command(after_help = recordings::EXAMPLES)]
    Recordings(recordings::RecordingsArgs),
    /// Short for `recordings start`
    #[command(after_help = recordings::START_EXAMPLES)]
    Start(recordings::StartArgs),
    /// Short for `recordings stop`
    #[command(after_help = recordings::STOP_EXAMPLES)]
    Stop(recordings::StopArgs),
    /// Short for `recordings list`
    #[command(after_help = recordings::LIST_EXAMPLES)]
    List(recordings::ListArgs),
    /// Delete the frames of a window for good
    #[command(after_help = delete::EXAMPLES)]
    Delete(delete::DeleteArgs),
    /// Let the frames of a window live longer
    #[command(after_help = hold::EXAMPLES)]
    Hold(hold::HoldArgs),
    /// List holds, what they hold and what is left of them
    #[command(after_help = holds::EXAMPLES)]
    Holds(holds::HoldsArgs),
    /// End holds
    #[command(after_help = release::EXAMPLES)]
    Release(release::ReleaseArgs),
    /// Play a recording into the store, as if its cameras were there
    #[command(after_help = replay::EXAMPLES)]
    Replay(replay::ReplayArgs),
    /// List and control what a running `up` plays
    #[command(after_help = replays::EXAMPLES)]
    Replays(replays::ReplaysArgs),
    /// Add frames that other programs wrote to the index
    #[command(after_help = reindex::EXAMPLES)]
    Reindex(reindex::ReindexArgs),
    /// Test configuration, store, broker and tools
    #[command(after_help = check::EXAMPLES)]
    Check(check::CheckArgs),
    /// Write, check or show the configuration
    #[command(after_help = config::EXAMPLES)]
    Config(config::ConfigArgs),
    /// Print the permissions that confine a tenant in Redis and RabbitMQ
    #[command(after_help = acl::EXAMPLES)]
    Acl(acl::AclArgs),
    /// Make a token for the HTTP API
    #[command(after_help = token::EXAMPLES)]
    Token(token::TokenArgs),
    /// Print the completions of a shell
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::CompletionsArgs),
    /// Ask a running `up` whether it lives, for container health checks
    #[command(after_help = healthcheck::EXAMPLES)]
    Healthcheck(healthcheck::HealthcheckArgs),
}
