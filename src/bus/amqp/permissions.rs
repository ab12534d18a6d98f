//! What a RabbitMQ user of one tenant needs on its vhost, and nothing more.
//!
//! A vhost is the wall between tenants; within it the permissions name the exchanges and routing keys
//! that the program uses (RabbitMQ's access control and topic authorisation). Queues of followers get
//! their names from the broker, and these begin with `amq.gen`.

use crate::config::{AmqpConfig, MetadataConfig};

/// Regular expressions for `rabbitmqctl set_permissions` and `set_topic_permissions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// What may be declared.
    pub configure: String,
    /// What may be published to or bound.
    pub write: String,
    /// What may be consumed or bound to.
    pub read: String,
    /// For each exchange: which routing keys may be published, and which bound.
    pub topics: Vec<(String, String, String)>,
}

/// The queues of followers.
const QUEUES: &str = "amq\\.gen.*";

/// No name at all.
const NOTHING: &str = "^$";

/// The default exchange, which answers to orders go to.
const DEFAULT_EXCHANGE: &str = "amq\\.default";

/// The permissions of whoever publishes, or with `publish` false of whoever only follows. `orders` is the
/// queue that the publisher takes orders from.
#[must_use]
pub fn permissions(
    metadata: &MetadataConfig,
    amqp: Option<&AmqpConfig>,
    orders: Option<&str>,
    publish: bool,
) -> Permissions {
    let mut exchanges = vec![metadata.exchange.clone()];
    let keys = &metadata.routing_keys;
    let announced = [&keys.frame, &keys.status, &keys.system].map(|key| literal(key)).join("|");
    let mut topics = vec![(metadata.exchange.clone(), format!("^({announced})$"))];
    if let Some(amqp) = amqp.filter(|amqp| amqp.frames) {
        let frames = format!("^{}.*$", literal(&amqp.routing_key_prefix));
        if amqp.exchange == metadata.exchange {
            topics[0].1 = format!("^({announced}|{}.*)$", literal(&amqp.routing_key_prefix));
        } else {
            exchanges.push(amqp.exchange.clone());
            topics.push((amqp.exchange.clone(), frames));
        }
    }
    if let Some(queue) = orders.filter(|_| publish) {
        exchanges.push(queue.to_owned());
    }
    let names = exchanges.iter().map(|name| literal(name)).collect::<Vec<_>>().join("|");
    let answers = if orders.is_some() { format!("|{DEFAULT_EXCHANGE}") } else { String::new() };
    let all = format!("^({names}|{QUEUES})$");
    let queues = format!("^{QUEUES}$");
    Permissions {
        configure: if publish { all.clone() } else { queues.clone() },
        write: if publish { format!("^({names}|{QUEUES}{answers})$") } else { queues },
        read: all,
        topics: topics
            .into_iter()
            .map(|(exchange, keys)| {
                (exchange, if publish { keys } else { NOTHING.to_owned() }, ".*".to_owned())
            })
            .collect(),
    }
}

/// The text as a regular expression that matches nothing else.
fn literal(text: &str) -> String {
    let escaped = |c: char| {
        let plain = c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if plain { c.to_string() } else { format!("\\{c}") }
    };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment, SecretUrl};

    fn shipped() -> MetadataConfig {
        Config::load(None, &Environment::new()).unwrap().config.metadata
    }

    #[test]
    fn only_the_own_exchanges_and_routing_keys_are_named() {
        let found = permissions(&shipped(), None, None, true);
        let all = r"^(camera\.metadata|amq\.gen.*)$".to_owned();
        let keys = r"^(camera\.metadata\.event|camera\.metadata\.event\.status|camera\.metadata\.event\.system)$";
        let expected = Permissions {
            configure: all.clone(),
            write: all.clone(),
            read: all.clone(),
            topics: vec![("camera.metadata".to_owned(), keys.to_owned(), ".*".to_owned())],
        };
        assert_eq!(found, expected);
        let follower = permissions(&shipped(), None, Some("orders"), false);
        let queues = r"^amq\.gen.*$".to_owned();
        let topics = vec![("camera.metadata".to_owned(), "^$".to_owned(), ".*".to_owned())];
        let expected = Permissions { configure: queues.clone(), write: queues, read: all, topics };
        assert_eq!(follower, expected);
    }

    #[test]
    fn orders_add_their_queue_and_where_answers_go() {
        let found = permissions(&shipped(), None, Some("site.orders"), true);
        let all = r"^(camera\.metadata|site\.orders|amq\.gen.*)$";
        assert_eq!((found.configure.as_str(), found.read.as_str()), (all, all));
        assert_eq!(found.write, r"^(camera\.metadata|site\.orders|amq\.gen.*|amq\.default)$");
    }

    #[test]
    fn whole_frames_add_their_exchange() {
        let amqp = AmqpConfig {
            url: SecretUrl::new("amqp://h/v".to_owned()),
            frames: true,
            exchange: "cameras".to_owned(),
            routing_key_prefix: "camera.".to_owned(),
        };
        let found = permissions(&shipped(), Some(&amqp), None, true);
        assert_eq!(found.write, r"^(camera\.metadata|cameras|amq\.gen.*)$");
        assert_eq!(found.topics[1].0, "cameras");
        assert_eq!(found.topics[1].1, r"^camera\..*$");
    }
}
