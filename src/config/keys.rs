//! The one table of configuration keys: name, type, default, environment override, meaning.
//!
//! Everything else follows from it: what a file may say, what an environment variable may be called,
//! what `config show` lists and what the page docs/configuration.md must say (a test compares them).
//! A key that is not here is refused. No value is judged here: the types do that in `value`.

use std::time::Duration;

use crate::model::bucket::FRAME_MAX_BYTES;

use super::value::Kind;

/// How much of a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// All of it.
    Open,
    /// A URL: all but its password.
    Url,
    /// Nothing.
    Secret,
}

/// One configuration key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Dotted name, e.g. `redis.ttl_seconds`; without a dot in the top level and inside a list item.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// The default as one would write it, strings without quotes; empty = unset.
    pub default: &'static str,
    /// How much of its value may be shown.
    pub secrecy: Secrecy,
    /// Further environment variables that set it, of lower priority than its own.
    pub also: &'static [&'static str],
    /// One or two sentences for the reader of the documentation.
    pub meaning: &'static str,
}

impl Key {
    /// The variable that overrides it: `FRAMECACHE_REDIS__TTL_SECONDS` for `redis.ttl_seconds`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.replace('.', "__").to_ascii_uppercase())
    }

    const fn new(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { name, kind, default, secrecy: Secrecy::Open, also: &[], meaning }
    }

    const fn secrecy(self, secrecy: Secrecy) -> Self {
        Self { secrecy, ..self }
    }

    const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }
}

/// What all environment variables of this program start with.
pub(super) const PREFIX: &str = "FRAMECACHE_";

/// Variables with the prefix that are no configuration key: the command line reads them.
pub const OTHER_VARIABLES: [(&str, &str); 11] = [
    ("FRAMECACHE_CONFIG", "the configuration file, as `--config` gives it"),
    ("FRAMECACHE_URL", "the address of a running `up`, as `--url` gives it"),
    ("FRAMECACHE_TOKEN", "the token for a running `up`, as `--token` gives it"),
    ("FRAMECACHE_TOKEN_FILE", "a file that holds that token"),
    ("FRAMECACHE_CA", "a PEM file of the authority to trust with `https://`, as `--ca` gives it"),
    ("FRAMECACHE_KEY", "set for the command of `consume --exec`: the frame's key"),
    ("FRAMECACHE_CAMERA", "set for it: the frame's camera"),
    ("FRAMECACHE_TIMESTAMP", "set for it: the frame's time as RFC 3339"),
    ("FRAMECACHE_TIMESTAMP_NANO", "set for it: the same in nanoseconds"),
    ("FRAMECACHE_SIZE", "set for it: the frame's size in bytes"),
    ("FRAMECACHE_FILE", "set for it with `-o`: where the frame was saved"),
];

/// Keys and sections of edge-video that mean nothing here: accepted, and named in one warning.
pub const IGNORED: [&str; 6] =
    ["protocol", "mqtt", "compression", "optimization", "memory", "registration"];

/// Keys under `[redis]` by which people configure a cluster or sentinels.
pub(super) const CLUSTER: [&str; 7] =
    ["cluster", "cluster_nodes", "nodes", "addresses", "sentinel", "sentinels", "master_name"];

const MIB: u64 = 1 << 20;
const MILLI: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);
const FPS: Kind = Kind::Number { least: 0.01, most: 1000.0, or_zero: true };
const WAIT: Kind = Kind::Span { least: MILLI, most: HOUR };

/// All keys, in the order in which they are documented and shown.
pub const KEYS: &[Key] = &[
    Key::new("tenant", Kind::Text, "", "First part of every frame key. Unset: the vhost of `amqp.amqp_url`, and `default` without one or with the vhost `/`."),
    Key::new("target_fps", FPS, "0", "Most frames a second taken from each camera that sets no `fps` of its own; 0 = no limit."),
    Key::new("collector_id", Kind::Text, "", "Name of this collector's outbox, unique among the collectors of one store. Unset: the host name."),
    Key::new("max_frame_bytes", Kind::Bytes { least: 1024, most: FRAME_MAX_BYTES as u64 }, "16777214", "Largest frame that is stored; larger ones are dropped and counted. The default, 16 MiB less 2 bytes, is also the upper limit."),
    Key::new("redis.enabled", Kind::Bool, "false", "Store frames in Redis; otherwise in the embedded store, which lives and dies with the process."),
    Key::new("redis.address", Kind::Text, "127.0.0.1:6379", "Host and port of the server. One of `address`, `unix_socket`, `url`.").also(&["REDIS_HOST", "REDIS_PORT"]),
    Key::new("redis.unix_socket", Kind::Text, "", "Path of the server's socket, instead of `address`."),
    Key::new("redis.url", Kind::Text, "", "`redis://`, `rediss://` (TLS) or `unix://` URL, instead of `address`. What it does not say of user, password and database is taken from the keys below.").secrecy(Secrecy::Url),
    Key::new("redis.username", Kind::Text, "", "User of the Redis ACL; unset = Redis's default user."),
    Key::new("redis.password", Kind::Text, "", "Password of that user.").secrecy(Secrecy::Secret).also(&["REDIS_PASSWORD"]),
    Key::new("redis.db", Kind::Whole { least: 0, most: 65_535 }, "0", "Database number."),
    Key::new("redis.prefix", Kind::Text, "frames", "Second part of every frame key, in the embedded store too."),
    Key::new("redis.ttl_seconds", Kind::Ttl, "300", "How long every frame lives, in the embedded store too. Not together with `[[retention]]`."),
    Key::new("redis.connect_timeout", WAIT, "5s", "Longest wait for a connection."),
    Key::new("redis.response_timeout", WAIT, "10s", "Longest wait for the reply to one batch of commands."),
    Key::new("amqp.amqp_url", Kind::Text, "", "`amqp://user:password@host:5672/vhost` or `amqps://`; when set, frames are announced over AMQP, otherwise inside the process only.").secrecy(Secrecy::Url).also(&["AMQP_URL"]),
    Key::new("amqp.frames", Kind::Bool, "false", "Also send whole frames over AMQP, to the exchange and routing key below."),
    Key::new("amqp.exchange", Kind::Text, "cameras", "Topic exchange for whole frames."),
    Key::new("amqp.routing_key_prefix", Kind::Text, "camera.", "What stands before the camera id in the routing key of a whole frame; no dot is added."),
    Key::new("metadata.enabled", Kind::Bool, "true", "Announce frames and states over AMQP when `amqp.amqp_url` is set."),
    Key::new("metadata.exchange", Kind::Text, "camera.metadata", "Topic exchange for announcements; an existing one is used as it is."),
    Key::new("metadata.routing_key", Kind::Text, "camera.metadata.event", "Routing key of frame announcements."),
    Key::new("metadata.status_routing_key", Kind::Text, "", "Routing key of camera states. Unset: `routing_key` followed by `.status`."),
    Key::new("metadata.system_routing_key", Kind::Text, "", "Routing key of the system state. Unset: `routing_key` followed by `.system`."),
    Key::new("metadata.exchange_durable", Kind::Bool, "true", "Declare a missing exchange as durable; false for consumers that declare it as non-durable."),
    Key::new("metadata.persistent", Kind::Bool, "true", "Ask the broker to keep announcements on disk in durable queues."),
    Key::new("embedded.max_bytes", Kind::Bytes { least: MIB / 16, most: 1 << 50 }, "512MiB", "Most bytes of frames in the embedded store; beyond it the frames that would expire first go first, and are counted."),
    Key::new("ingest.queue_frames", Kind::Whole { least: 1, most: 100_000 }, "256", "Most frames of one camera that wait for the store; beyond it the oldest is dropped and counted."),
    Key::new("ingest.queue_bytes", Kind::Bytes { least: 1024, most: 1 << 40 }, "32MiB", "Most bytes of one camera that wait for the store; not below `max_frame_bytes`."),
    Key::new("ingest.push_timeout", WAIT, "5s", "Longest time that a push waits for the store before it is told to come again."),
    Key::new("ingest.stall_timeout", WAIT, "10s", "A camera that sends nothing for so long, and for three times its usual pause, is connected to anew."),
    Key::new("ingest.reconnect_max", WAIT, "30s", "Longest pause between two attempts to reach a camera; the first ones are short."),
    Key::new("ingest.ffmpeg", Kind::Text, "ffmpeg", "The ffmpeg program, for sources that are not JPEG already."),
    Key::new("http.listen", Kind::Text, "127.0.0.1:8080", "Address and port of the HTTP API and page. A port that is set here and in use is an error; when nothing is set, the next free port is taken."),
    Key::new("http.max_cameras", Kind::Whole { least: 1, most: 100_000 }, "1000", "Most cameras that may exist, configured ones and those that first appear by a push."),
    Key::new("http.insecure", Kind::Bool, "false", "Listen beyond the loopback without tokens: whoever reaches the port may see and do everything."),
    Key::new("http.hosts", Kind::Words, "", "Further names by which this server is called, `*` for any. Always served: `localhost`, IP addresses and the name of this host; other names are refused, against DNS rebinding."),
    Key::new("http.cors_origins", Kind::Words, "", "Pages elsewhere that may read, and write with a token, e.g. `https://wall.example.org`; `*` for any, which needs tokens."),
    Key::new("http.tls_cert", Kind::Text, "", "PEM file of the certificate and its chain: serve HTTPS only. Read again when it changes."),
    Key::new("http.tls_key", Kind::Text, "", "PEM file of the private key of `tls_cert`."),
    Key::new("http.header_timeout", WAIT, "15s", "Longest wait for the whole header of a request, for a TLS handshake, and for the next request on a kept connection."),
    Key::new("http.write_timeout", WAIT, "30s", "A client that takes nothing of its answer for so long is cut off."),
    Key::new("http.max_connections", Kind::Whole { least: 1, most: 100_000 }, "1024", "Most connections at once; further ones are told to come again."),
    Key::new("http.max_connections_per_client", Kind::Whole { least: 1, most: 100_000 }, "256", "Most connections of one address at once."),
    Key::new("http.requests_per_second", Kind::Number { least: 0.01, most: 1_000_000.0, or_zero: true }, "1000", "Most requests a second of one token, or of one address without a token; 0 = no limit. Addresses of the loopback have none."),
    Key::new("http.request_burst", Kind::Whole { least: 1, most: 1_000_000 }, "2000", "How many requests a client may send at once before that limit bites."),
    Key::new("index.foreign", Kind::Bool, "false", "Let HTTP requests search by SCAN for frames that other programs wrote without an index."),
    Key::new("recordings.folder", Kind::Text, "recordings", "Folder of recordings, made when it is needed. Running ones are written there; finished ones stay there, or go to `storage`."),
    Key::new("recordings.max_bytes", Kind::Bytes { least: 0, most: 1 << 60 }, "0", "Most bytes of all recordings together; beyond it the oldest finished files are deleted, never what is being written. 0 = no limit."),
    Key::new("recordings.storage", Kind::Text, "", "Bucket for finished recordings, `s3://BUCKET` or `s3://BUCKET/PREFIX`, of AWS or, with `endpoint`, of what speaks like S3."),
    Key::new("recordings.endpoint", Kind::Text, "", "Scheme, host and port of an S3 server that is not AWS, e.g. `https://minio.example.org:9000`."),
    Key::new("recordings.region", Kind::Text, "", "Region of the bucket. Unset: `us-east-1`, or what `AWS_REGION` says when the keys are unset too."),
    Key::new("recordings.access_key", Kind::Text, "", "Access key of the bucket's user. Unset: what the tools of AWS use, `AWS_...` variables or the role of the machine."),
    Key::new("recordings.secret_key", Kind::Text, "", "Secret key of that user.").secrecy(Secrecy::Secret),
    Key::new("recordings.allow_http", Kind::Bool, "false", "Let the endpoint be `http://`: recordings travel unencrypted."),
    Key::new("control.amqp", Kind::Bool, "false", "Take orders for recordings from a queue of the broker; whoever may write to it may order."),
    Key::new("control.amqp_queue", Kind::Text, "framecache.control", "That queue; declared durable where it is missing."),
    Key::new("control.redis", Kind::Bool, "false", "Take orders for recordings from Redis streams, as redis-record does; whoever may write to them may order."),
    Key::new("control.redis_stream", Kind::Text, "XRECORD:NAME", "Stream that names the recording that is wanted."),
    Key::new("control.redis_pause_stream", Kind::Text, "XRECORD:PAUSE", "Stream that pauses and resumes it."),
    Key::new("control.redis_answer_stream", Kind::Text, "XRECORD:STATE", "Stream that gets the answers."),
    Key::new("hold.max_bytes", Kind::Bytes { least: 0, most: 1 << 50 }, "1GiB", "Most bytes of frames of one tenant that holds may keep beyond their lives; in the embedded store never more than half of `embedded.max_bytes`."),
    Key::new("log.format", Kind::Choice(&["auto", "human", "json"]), "auto", "`human`, `json`, or `auto`: human on a terminal and JSON elsewhere."),
    Key::new("log.level", Kind::Text, "info", "`error`, `warn`, `info`, `debug`, `trace` or `off`; single parts by `module=level`, separated by commas."),
    Key::new("shutdown.drain_timeout", WAIT, "8s", "Longest time that a stop may take to store and announce what was already captured; below the 10 s that `docker stop` waits."),
    Key::new("retention", Kind::Items(TIER_KEYS), "", "Tiers of lifetimes, instead of `redis.ttl_seconds`; the first keeps all frames."),
    Key::new("tokens", Kind::Items(TOKEN_KEYS), "", "Who may use the HTTP API; none = everyone who reaches it. `framecache token new` makes one."),
    Key::new("cameras", Kind::Items(CAMERA_KEYS), "", "The cameras; none is fine: frames can also be pushed.").secrecy(Secrecy::Url),
];

/// Keys of one `[[retention]]` tier.
pub const TIER_KEYS: &[Key] = &[
    Key::new(
        "keep",
        Kind::Choice(&["all"]),
        "",
        "`all`: every frame. The first tier must have it, no other may.",
    ),
    Key::new(
        "every",
        Kind::Span { least: MILLI, most: Duration::from_secs(86_400) },
        "",
        "One frame of each step of this length, e.g. `1s`; longer in each tier.",
    ),
    Key::new(
        "for",
        Kind::Span { least: Duration::from_secs(1), most: Duration::from_secs(315_360_000) },
        "",
        "How long those frames live, in whole seconds, e.g. `1h`; longer in each tier.",
    ),
];

/// Keys of one `[[tokens]]` entry.
pub const TOKEN_KEYS: &[Key] = &[
    Key::new(
        "name",
        Kind::Text,
        "",
        "Who holds it, for logs: letters, digits, `.`, `_`, `-`. Required, and unique.",
    ),
    Key::new(
        "hash",
        Kind::Text,
        "",
        "`sha256:` and the SHA-256 of the token in 64 hex digits. Required; the token itself never stands here.",
    ),
    Key::new("tenant", Kind::Text, "", "The one tenant that it may see, or `*` for all. Required."),
    Key::new(
        "access",
        Kind::Choice(&["read", "write"]),
        "read",
        "`write` may also push, delete and control cameras.",
    ),
];

/// Keys of one `[[cameras]]` entry.
pub const CAMERA_KEYS: &[Key] = &[
    Key::new(
        "id",
        Kind::Text,
        "",
        "Third part of its frame keys: 1 to 64 letters, digits, `.`, `_`, `-`. Required, and unique.",
    ),
    Key::new("name", Kind::Text, "", "For people. Unset: the id."),
    Key::new("url", Kind::Text, "", "Where frames come from: `synthetic:`, `rtsp://`, `rtsps://`, `rtmp://`, `http://`, `https://`, `dir:PATH`, `file:PATH`, a path, or `push:`. Required.").secrecy(Secrecy::Url),
    Key::new(
        "fps",
        FPS,
        "",
        "Most frames a second taken from it; 0 = no limit. Unset: `target_fps`.",
    ),
    Key::new("ttl_seconds", Kind::Ttl, "", "How long its frames live. Unset: as all others."),
    Key::new("quality", Kind::Whole { least: 1, most: 100 }, "", "Of the JPEGs that are made here: by ffmpeg, and `synthetic:`. Refused where the camera's own pictures are stored as they come: `push:`, `dir:`, and `http://` or `rtsp://` without `mode = \"ffmpeg\"`."),
    Key::new(
        "mode",
        Kind::Choice(&["auto", "mjpeg", "snapshot", "ffmpeg"]),
        "",
        "`snapshot`: one picture a request, for `http://` and `https://`; `ffmpeg`: by ffmpeg, even what could be read without it; `auto` or, for HTTP, `mjpeg`: by what the camera says that it sends. Unset: `auto`.",
    ),
    Key::new(
        "interval",
        Kind::Span { least: Duration::from_millis(10), most: HOUR },
        "",
        "From one snapshot to the next, `1s` when unset; for other sources the longest pause between two frames that is no stall.",
    ),
];

/// The key of this name in `keys`.
#[must_use]
pub(super) fn find(keys: &'static [Key], name: &str) -> Option<&'static Key> {
    keys.iter().find(|key| key.name == name)
}

/// The candidate nearest to `given`, if any is near enough to have been meant.
#[must_use]
pub(super) fn nearest<'a>(
    given: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let given = given.to_ascii_lowercase();
    let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    let distance = |candidate: &str| {
        let whole = strsim::damerau_levenshtein(&given, &candidate.to_ascii_lowercase());
        // the right name in a wrong section is one step away
        if last(&given) == last(candidate) { whole.min(1) } else { whole }
    };
    let near = (given.len() / 3).clamp(1, 5);
    candidates
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(steps, _)| *steps <= near)
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, candidate)| candidate)
}
