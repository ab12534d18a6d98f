//! `[control]`: the ways besides HTTP by which orders for recordings may come, all off unless set.
//!
//! Whoever may write to the queue or the streams may order what is recorded; so they are switched on one
//! by one, and each needs the server that it lies on.

use super::build::HAS_DEFAULT;
use super::error::ConfigError;
use super::settings::Settings;

/// Where orders are taken from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ControlConfig {
    /// A queue of the broker of `[amqp]`.
    pub amqp_queue: Option<String>,
    /// Streams of the server of `[redis]`.
    pub redis: Option<RedisControlConfig>,
}

/// Three Redis streams, with different names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisControlConfig {
    /// Which recording is wanted.
    pub name_stream: String,
    /// Whether it is paused.
    pub pause_stream: String,
    /// What was answered.
    pub answer_stream: String,
}

impl RedisControlConfig {
    /// The names of all three.
    #[must_use]
    pub fn streams(&self) -> [&str; 3] {
        [&self.name_stream, &self.pause_stream, &self.answer_stream]
    }
}

const AMQP: &str = "control.amqp";
const REDIS: &str = "control.redis";
const QUEUE: &str = "control.amqp_queue";
const STREAMS: [&str; 3] =
    ["control.redis_stream", "control.redis_pause_stream", "control.redis_answer_stream"];

/// Checks `[control]` against the servers that it needs.
pub(super) fn read_control(settings: &Settings) -> Result<ControlConfig, ConfigError> {
    let text = |key: &str| settings.text(key).expect(HAS_DEFAULT).to_owned();
    let refused =
        |key: &str, message: String| Err(ConfigError::refused(settings.origin(key), message));
    if settings.flag(AMQP) && settings.text("amqp.amqp_url").is_none() {
        return refused(AMQP, format!("{AMQP} = true needs a broker: set amqp.amqp_url too"));
    }
    if settings.flag(REDIS) && !settings.flag("redis.enabled") {
        return refused(REDIS, format!("{REDIS} = true needs Redis: set redis.enabled = true too"));
    }
    let queue = text(QUEUE);
    if queue.len() > 255 {
        return refused(QUEUE, format!("{QUEUE} is longer than the 255 bytes that AMQP allows"));
    }
    let [name_stream, pause_stream, answer_stream] = STREAMS.map(text);
    if name_stream == pause_stream || name_stream == answer_stream || pause_stream == answer_stream
    {
        let message = "the three streams of [control] must have different names".to_owned();
        return refused(STREAMS[0], message);
    }
    let streams = RedisControlConfig { name_stream, pause_stream, answer_stream };
    Ok(ControlConfig {
        amqp_queue: settings.flag(AMQP).then_some(queue),
        redis: settings.flag(REDIS).then_some(streams),
    })
}
