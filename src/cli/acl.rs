//! `acl`: prints what confines a user to one tenant in Redis and RabbitMQ, to be run by an operator.
//!
//! It connects to nothing: the commands follow from the names that the program uses, and from the
//! exchanges and routing keys of the configuration. Passwords are left to be filled in.

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::exit::Outcome;
use super::session::Session;
use crate::bus::amqp::{Permissions, permissions};
use crate::model::name::CameraId;
use crate::store::redis::{TenantRole, tenant_rules};

/// What `help acl` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache acl --tenant shop                      for the `up` or `collect` of a tenant
  framecache acl --tenant shop --role reader        for programs that only read its frames
  framecache acl --tenant shop --json | jq -r .redis";

/// Options of `acl`.
#[derive(Debug, Args)]
pub(super) struct AclArgs {
    /// Name of the user; else the tenant's name and the role.
    #[arg(long)]
    user: Option<CameraId>,
    /// What the user does.
    #[arg(long, value_enum, default_value_t = Role::Collector)]
    role: Role,
    /// The vhost of the tenant in RabbitMQ; else the tenant's name, and `/` for `default`.
    #[arg(long, value_name = "NAME")]
    vhost: Option<String>,
}

/// What a user does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    /// Collects and pushes frames, reads them and announces them.
    Collector,
    /// Reads frames and follows announcements.
    Reader,
}

/// The commands, as one JSON object.
#[derive(Debug, Serialize)]
struct Acl {
    user: String,
    redis: String,
    rabbitmq: Vec<String>,
}

/// Runs the verb.
pub(super) fn run(session: &Session, args: AclArgs) -> anyhow::Result<Outcome> {
    let config = session.read_config()?.config;
    let tenant = &config.tenant;
    let (name, redis_role) = match args.role {
        Role::Collector => ("collector", TenantRole::Collector),
        Role::Reader => ("reader", TenantRole::Reader),
    };
    let user = args.user.map_or_else(|| format!("{tenant}-{name}"), |user| user.to_string());
    let vhost = args.vhost.unwrap_or_else(|| match tenant.as_str() {
        "default" => "/".to_owned(),
        own => own.to_owned(),
    });
    let streams = config.control.redis.as_ref();
    let streams = streams.map(|orders| orders.streams().to_vec()).unwrap_or_default();
    let rules = tenant_rules(tenant, redis_role, &streams).join(" ");
    let publish = args.role == Role::Collector;
    let orders = config.control.amqp_queue.as_deref();
    let may = permissions(&config.metadata, config.amqp.as_ref(), orders, publish);
    let acl = Acl {
        redis: format!("ACL SETUSER {user} reset on >PASSWORD {rules}"),
        rabbitmq: rabbitmq(&user, &vhost, &may),
        user,
    };
    session.print.either(&acl, described(&acl))?;
    session
        .print
        .note("put passwords of your own for PASSWORD; docs/access.md says what each rule is for");
    Ok(Outcome::Done)
}

fn rabbitmq(user: &str, vhost: &str, may: &Permissions) -> Vec<String> {
    let Permissions { configure, write, read, topics } = may;
    let vhost = quoted(vhost);
    let mut lines = vec![
        format!("rabbitmqctl add_vhost {vhost}"),
        format!("rabbitmqctl add_user {user} PASSWORD"),
        format!(
            "rabbitmqctl set_permissions -p {vhost} {user} {} {} {}",
            quoted(configure),
            quoted(write),
            quoted(read)
        ),
    ];
    lines.extend(topics.iter().map(|(exchange, write, read)| {
        format!(
            "rabbitmqctl set_topic_permissions -p {vhost} {user} {} {} {}",
            quoted(exchange),
            quoted(write),
            quoted(read)
        )
    }));
    lines
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn described(acl: &Acl) -> String {
    format!(
        "# Redis: in redis-cli as an administrator, then ACL SAVE or CONFIG REWRITE\n{}\n\n# RabbitMQ: in a shell of the broker\n{}",
        acl.redis,
        acl.rabbitmq.join("\n")
    )
}
