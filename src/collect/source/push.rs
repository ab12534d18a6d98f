//! `push:`: a camera whose frames others push by the API; there is nothing to read.

use anyhow::Result;
use async_trait::async_trait;

use super::{End, Source};
use crate::collect::sink::Sink;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct PushSource;

#[async_trait]
impl Source for PushSource {
    async fn run(&mut self, sink: &Sink) -> Result<End> {
        sink.pushed_by_others();
        sink.stopped().await;
        Ok(End::Stopped)
    }
}
