//! Messages that ask something of this process: what every way of sending them has in common.
//!
//! A [`ControlLine`] brings orders as JSON and carries the answers back; what an order means is not known
//! here. Lines live in the rooms of their servers: a queue in `bus/amqp`, a stream in `store/redis`. One
//! task follows one line, so that orders are carried out one after the other, and asks for the next
//! message only when the last one is answered.

use async_trait::async_trait;
use serde_json::Value;

/// Longest message that is read, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// The orders of one message, carried out in this order; or what is wrong with it.
pub type Orders = Result<Vec<Value>, String>;

/// One way by which orders come.
#[async_trait]
pub trait ControlLine: Send + std::fmt::Debug {
    /// Where that is, without secrets: `queue framecache.control at amqp://...`.
    fn place(&self) -> &str;

    /// Waits for the next message, through outages of its server. A message that was not answered comes
    /// again after an outage or a restart. Dropping the future loses nothing.
    async fn next(&mut self) -> Orders;

    /// Answers the message that [`ControlLine::next`] gave last. An answer that cannot be sent is logged
    /// and not kept.
    async fn answer(&mut self, answers: &[Value]);
}

/// The JSON object in the bytes of a message.
///
/// # Errors
/// A sentence for whoever sent it.
pub fn parse(bytes: &[u8]) -> Result<Value, String> {
    const FITS: &str = "write {\"command\": \"status\", \"name\": \"NAME\"}, for example";
    if bytes.len() > MAX_MESSAGE_BYTES {
        return Err(format!(
            "the message has {} bytes, at most {MAX_MESSAGE_BYTES} are read",
            bytes.len()
        ));
    }
    match serde_json::from_slice(bytes) {
        Ok(order @ Value::Object(_)) => Ok(order),
        Ok(_) => Err(format!("the message is no JSON object: {FITS}")),
        Err(error) => Err(format!("the message is no JSON ({error}): {FITS}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_of_bounded_size_are_orders() {
        assert_eq!(parse(b"{\"command\": \"list\"}"), Ok(serde_json::json!({"command": "list"})));
        for (bad, said) in [
            (&b"\xff\xd8"[..], "the message is no JSON ("),
            (b"", "the message is no JSON ("),
            (b"[1]", "the message is no JSON object: write {\"command\""),
            (&[b' '; MAX_MESSAGE_BYTES + 1], "the message has 65537 bytes, at most 65536 are read"),
        ] {
            let refused = parse(bad).unwrap_err();
            assert!(refused.starts_with(said), "{refused}");
        }
    }
}
