//! `synthetic:`: runs the picture maker of `collect::synthetic` by the clock.
//!
//! Pictures are drawn on the blocking pool; handing out one of the loop costs a copy.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::{End, Source};
use crate::collect::pace::Pacer;
use crate::collect::sink::Sink;
use crate::collect::spec::CameraSpec;
use crate::collect::synthetic::{Render, SyntheticCamera, SyntheticOptions};
use crate::model::name::CameraId;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct SyntheticSource {
    camera: CameraId,
    options: SyntheticOptions,
    /// The number of the next frame.
    number: u64,
}

impl SyntheticSource {
    pub(super) fn new(spec: &CameraSpec) -> Result<Self> {
        let mut options = SyntheticOptions::from_url(spec.url.reveal().as_str())?;
        options.quality = spec.quality.unwrap_or(options.quality);
        Ok(Self { camera: spec.id.clone(), options, number: 0 })
    }

    async fn draw(&self) -> Result<Arc<SyntheticCamera>> {
        let (camera, options) = (self.camera.clone(), self.options);
        let drawn = spawn_blocking(move || SyntheticCamera::new(camera, options)).await;
        Ok(Arc::new(drawn.context("drawing the pictures was interrupted")??))
    }
}

#[async_trait]
impl Source for SyntheticSource {
    async fn run(&mut self, sink: &Sink) -> Result<End> {
        let Some(drawn) = sink.wait_for_ever(self.draw()).await else { return Ok(End::Stopped) };
        let camera = drawn?;
        let mut pacer = Pacer::new(Instant::now(), self.options.interval());
        while sink.sleep_until(pacer.next_due(Instant::now())).await {
            let (number, at) = (self.number, sink.now());
            let frame = match self.options.render {
                Render::Loop => camera.frame(number, at)?,
                Render::Live => {
                    let camera = Arc::clone(&camera);
                    let drawn = spawn_blocking(move || camera.frame(number, at)).await;
                    drawn.context("drawing a picture was interrupted")??
                }
            };
            sink.frame(at, frame);
            self.number += 1;
        }
        Ok(End::Stopped)
    }
}
