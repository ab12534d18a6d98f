//! Orders from the broker and from Redis, carried out by the recorder of this process.
//!
//! One task a line. An order is bound to the tenant of this process, as a token of that tenant would be: who
//! may write to a queue of one tenant records nobody else's cameras. Every message is answered, also the
//! one that is no order.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::backends;
use crate::archive::record::{Order, Recorder};
use crate::bus::amqp::AmqpControl;
use crate::config::{Config, StoreBackend};
use crate::control::{ControlLine, Orders};
use crate::model::name::Tenant;
use crate::store::redis::{ControlStreams, RedisControl};

/// Longest wait for an answer to be taken; then it is lost, and the next order is waited for.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// The tasks that follow lines, each with the place of its line.
#[derive(Debug)]
pub(super) struct Controls {
    tasks: Vec<(String, JoinHandle<()>)>,
    stop: CancellationToken,
}

impl Controls {
    /// Starts a task for each line that is configured.
    ///
    /// # Errors
    /// One sentence for a URL or a name that cannot be right. A server that is away is none.
    pub(super) fn start(config: &Config, recorder: &Arc<Recorder>) -> Result<Self> {
        let stop = CancellationToken::new();
        let tasks = lines(config)?.into_iter().map(|line| {
            let place = line.place().to_owned();
            let obeyer = Obeyer { recorder: Arc::clone(recorder), tenant: config.tenant.clone() };
            (place, tokio::spawn(obeyer.follow(line, stop.clone())))
        });
        Ok(Self { tasks: tasks.collect(), stop })
    }

    /// Ends the tasks: what is being carried out is answered, nothing more is listened to.
    pub(super) async fn close(self) {
        self.stop.cancel();
        for (place, task) in self.tasks {
            if let Err(failure) = task.await {
                tracing::error!("the task \"control\" of {place} ended in a defect: {failure}");
            }
        }
    }
}

fn lines(config: &Config) -> Result<Vec<Box<dyn ControlLine>>> {
    let mut lines: Vec<Box<dyn ControlLine>> = Vec::new();
    if let (Some(queue), Some(amqp)) = (&config.control.amqp_queue, &config.amqp) {
        let url = amqp.url.expose().parse().context("[amqp] amqp_url cannot be used")?;
        let name = format!("framecache {}", config.collector_id);
        let line = AmqpControl::new(url, &name, queue).context("[control] amqp_queue")?;
        lines.push(Box::new(line));
    }
    if let (Some(streams), StoreBackend::Redis(redis)) =
        (&config.control.redis, config.store_backend())
    {
        let options = backends::redis_options(config, redis, &config.collector_id);
        let streams = ControlStreams {
            name: streams.name_stream.clone(),
            pause: streams.pause_stream.clone(),
            answers: streams.answer_stream.clone(),
        };
        lines.push(Box::new(RedisControl::open(&options, streams).context("[control] redis")?));
    }
    Ok(lines)
}

struct Obeyer {
    recorder: Arc<Recorder>,
    tenant: Tenant,
}

impl Obeyer {
    async fn follow(self, mut line: Box<dyn ControlLine>, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => return,
            () = self.recorder.gone_on() => {}
        }
        loop {
            let asked = tokio::select! {
                () = stop.cancelled() => return,
                asked = line.next() => asked,
            };
            let answers = self.answers(asked).await;
            if tokio::time::timeout(ANSWERED_WITHIN, line.answer(&answers)).await.is_err() {
                tracing::warn!(
                    place = line.place(),
                    "an order was carried out and its answer is lost"
                );
            }
        }
    }

    async fn answers(&self, asked: Orders) -> Vec<Value> {
        let orders = match asked {
            Ok(orders) => orders,
            Err(why) => return vec![json!({ "error": why })],
        };
        let mut answers = Vec::with_capacity(orders.len());
        for order in orders {
            answers.push(self.answer(order).await);
        }
        answers
    }

    async fn answer(&self, order: Value) -> Value {
        let command = order.get("command").cloned().unwrap_or_default();
        let told = |why: String| json!({ "command": &command, "error": why });
        let order = match serde_json::from_value::<Order>(order) {
            Ok(order) => order,
            Err(error) => return told(format!("this is no order: {error}")),
        };
        let name = order.name().cloned();
        let shown = serde_json::to_string(&order).unwrap_or_default();
        match self.recorder.obey(order, Some(&self.tenant)).await {
            Ok(recordings) if recordings.is_empty() && name.is_some() => told(format!(
                "there is no recording {}",
                name.as_ref().map_or("", |name| name.as_str())
            )),
            Ok(recordings) => {
                tracing::info!(order = shown, "an order was carried out");
                json!({ "command": &command, "recordings": recordings })
            }
            Err(error) => {
                tracing::warn!(order = shown, %error, "an order was not carried out");
                told(error.to_string())
            }
        }
    }
}
