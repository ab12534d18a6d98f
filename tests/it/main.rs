//! The integration tests: contracts and the process edge, on real servers.

#[path = "../support/mod.rs"]
mod support;

mod bus_amqp;
mod bus_contract;
mod messages_doc;
mod redis_store;
mod store_contract;
mod support_smoke;
