//! What the broker's errors mean, as one sentence with the remedy.
//!
//! Reply codes are those of AMQP 0-9-1 (403 access refused, 404 not found, 406 precondition failed,
//! 530 not allowed); the texts are RabbitMQ's. Nothing here shows a password: the broker's texts have
//! none and the URL masks its own.

use lapin::{Error, ErrorKind};

use super::url::AmqpUrl;
use crate::bus::{BusError, BusState};

/// What was being done when the error came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Connecting, logging in, opening the vhost.
    Login,
    /// Anything after that.
    Use,
}

/// The reply code and text of an error that the broker sent.
pub(super) fn reply(error: &Error) -> Option<(u16, &str)> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some((error.get_id(), error.get_message().as_str())),
        _ => None,
    }
}

/// The error in terms of what the operator can do.
pub(super) fn explain(error: &Error, url: &AmqpUrl, stage: Stage) -> BusError {
    match (reply(error), stage) {
        (Some((code, text)), stage) => explain_reply(code, text, url, stage),
        (None, Stage::Login) => {
            let hint = port_hint(&error.to_string());
            BusError::Unavailable(format!("cannot reach {url}: {error}{hint}"))
        }
        (None, Stage::Use) => BusError::Unavailable(format!("lost {url}: {error}")),
    }
}

/// What rustls says of a server that does not speak TLS helps nobody.
fn port_hint(text: &str) -> &'static str {
    if text.contains("InvalidContentType") {
        " (this port does not speak TLS: write amqp://, or the port for amqps, usually 5671)"
    } else {
        ""
    }
}

fn explain_reply(code: u16, text: &str, url: &AmqpUrl, stage: Stage) -> BusError {
    let (user, vhost) = (url.user(), url.vhost());
    match (code, stage) {
        (403, Stage::Login) => BusError::Refused(format!(
            "{url} refuses the login of user {user:?}: correct user and password in amqp_url, or run: \
             rabbitmqctl change_password {} <password>",
            quoted(user)
        )),
        (530, Stage::Login) if text.contains("not found") => BusError::Refused(format!(
            "vhost {vhost:?} does not exist at {url}: correct amqp_url, or run: \
             rabbitmqctl add_vhost {} && {}",
            quoted(vhost),
            set_permissions(url)
        )),
        (530, Stage::Login) => BusError::Refused(format!(
            "user {user:?} may not use vhost {vhost:?} at {url} ({text}): run: {}",
            set_permissions(url)
        )),
        (403, Stage::Use) => BusError::Refused(format!(
            "user {user:?} lacks a permission on vhost {vhost:?} ({text}): run: {}",
            set_permissions(url)
        )),
        (406, _) => BusError::Refused(format!("{text}: another program declared it differently")),
        _ => BusError::Unavailable(format!("{url} ended the session: {text}")),
    }
}

fn set_permissions(url: &AmqpUrl) -> String {
    let (vhost, user) = (quoted(url.vhost()), quoted(url.user()));
    format!("rabbitmqctl set_permissions -p {vhost} {user} '.*' '.*' '.*'")
}

/// The text as one word of a shell command.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/@".contains(c);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// How an existing exchange relates to what was asked for, from the text of a 406.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// It is no topic exchange: not usable; the sentence says so.
    Kind(String),
    /// Only durability, auto-delete or arguments differ: usable as it is; RabbitMQ's own words.
    Property(String),
}

/// Reads "inequivalent arg 'type' for exchange 'x' in vhost '/': received 'topic' but current is 'direct'".
pub(super) fn difference(exchange: &str, text: &str) -> Difference {
    if !text.contains("arg 'type'") {
        return Difference::Property(text.to_owned());
    }
    let current = text.rsplit('\'').nth(1).unwrap_or("another");
    Difference::Kind(format!(
        "exchange {exchange:?} was declared by another program with type {current:?}, but must be \
         \"topic\": delete it there, or set another exchange in the configuration"
    ))
}

/// The state that an error leads to.
pub(super) fn state_after(error: &BusError) -> BusState {
    match error {
        BusError::Unavailable(why) => BusState::Away(why.clone()),
        BusError::Refused(why) => BusState::Refused(why.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url() -> AmqpUrl {
        "amqp://fleet:s3cret@h:1/site%20b".parse().unwrap()
    }

    #[test]
    fn refusals_name_the_command_that_mends_them() {
        let at = "amqp://fleet:***@h:1/site%20b";
        let give = "rabbitmqctl set_permissions -p 'site b' fleet '.*' '.*' '.*'";
        for (code, stage, text, said) in [
            (
                403,
                Stage::Login,
                "ACCESS_REFUSED - Login was refused",
                format!(
                    "{at} refuses the login of user \"fleet\": correct user and password in amqp_url, \
                     or run: rabbitmqctl change_password fleet <password>"
                ),
            ),
            (
                530,
                Stage::Login,
                "NOT_ALLOWED - vhost site b not found",
                format!(
                    "vhost \"site b\" does not exist at {at}: correct amqp_url, or run: \
                     rabbitmqctl add_vhost 'site b' && {give}"
                ),
            ),
            (
                530,
                Stage::Login,
                "NOT_ALLOWED - access refused",
                format!(
                    "user \"fleet\" may not use vhost \"site b\" at {at} (NOT_ALLOWED - access refused): \
                     run: {give}"
                ),
            ),
            (
                403,
                Stage::Use,
                "write refused",
                format!(
                    "user \"fleet\" lacks a permission on vhost \"site b\" (write refused): run: {give}"
                ),
            ),
        ] {
            match explain_reply(code, text, &url(), stage) {
                BusError::Refused(why) => assert_eq!(why, said),
                other @ BusError::Unavailable(_) => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn only_another_type_makes_an_exchange_unusable() {
        let tail = "for exchange 'x' in vhost '/': received";
        let durable = format!("inequivalent arg 'durable' {tail} 'true' but current is 'false'");
        assert_eq!(difference("x", &durable), Difference::Property(durable.clone()));
        let kind = format!("inequivalent arg 'type' {tail} 'topic' but current is 'direct'");
        assert_eq!(
            difference("x", &kind),
            Difference::Kind(
                "exchange \"x\" was declared by another program with type \"direct\", but must be \
                 \"topic\": delete it there, or set another exchange in the configuration"
                    .to_owned()
            )
        );
    }
}
