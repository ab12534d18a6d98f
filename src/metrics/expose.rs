//! Figures as OpenMetrics text: the only place, with its neighbours, that names the metrics library.
//!
//! Counts are kept exactly once, in the accounts; a scrape takes a snapshot and writes it out through
//! a collector, so that no second set of counters can differ from the first. A [`Page`] writes one
//! family after another; who may see what is decided by who calls.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::Metrics;

/// The content type of what [`text`] writes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Something that writes families of metrics.
pub trait Exposed: fmt::Debug + Send + Sync + 'static {
    /// Writes every family, each once.
    ///
    /// # Errors
    /// That of the writer.
    fn write(&self, page: &mut Page<'_>) -> fmt::Result;
}

/// Labels of one series, in order.
pub type Labels<'a> = Vec<(&'static str, &'a str)>;

/// What metrics are written on. A unit is a suffix of the name, or empty.
#[derive(Debug)]
pub struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    /// A counter with one series; its name gets `_total`.
    ///
    /// # Errors
    /// That of the writer.
    pub fn counter(&mut self, name: &str, help: &str, unit: &str, value: f64) -> fmt::Result {
        self.counters(name, help, unit, [(Labels::new(), value)])
    }

    /// A counter with a series a label set; its name gets `_total`.
    ///
    /// # Errors
    /// That of the writer.
    pub fn counters<'l>(
        &mut self,
        name: &str,
        help: &str,
        unit: &str,
        series: impl IntoIterator<Item = (Labels<'l>, f64)>,
    ) -> fmt::Result {
        self.family(MetricType::Counter, [name, help, unit], series)
    }

    /// A gauge with one series.
    ///
    /// # Errors
    /// That of the writer.
    pub fn gauge(&mut self, name: &str, help: &str, unit: &str, value: f64) -> fmt::Result {
        self.gauges(name, help, unit, [(Labels::new(), value)])
    }

    /// A gauge with a series a label set.
    ///
    /// # Errors
    /// That of the writer.
    pub fn gauges<'l>(
        &mut self,
        name: &str,
        help: &str,
        unit: &str,
        series: impl IntoIterator<Item = (Labels<'l>, f64)>,
    ) -> fmt::Result {
        self.family(MetricType::Gauge, [name, help, unit], series)
    }

    fn family<'l>(
        &mut self,
        kind: MetricType,
        [name, help, unit]: [&str; 3],
        series: impl IntoIterator<Item = (Labels<'l>, f64)>,
    ) -> fmt::Result {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        let unit = unit_of(unit);
        let counts = matches!(kind, MetricType::Counter);
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), kind)?;
        for (labels, value) in series {
            if labels.is_empty() {
                encode_one(&mut family, counts, value)?;
            } else {
                encode_one(&mut family.encode_family(&labels)?, counts, value)?;
            }
        }
        Ok(())
    }

    /// A metric that keeps its own values.
    fn kept(
        &mut self,
        name: &str,
        help: &str,
        unit: &str,
        metric: &dyn EncodeMetric,
    ) -> fmt::Result {
        let unit = unit_of(unit);
        metric.encode(self.0.encode_descriptor(name, help, unit.as_ref(), metric.metric_type())?)
    }

    /// What is measured of the process itself: durations, requests, and what the system says of it.
    ///
    /// # Errors
    /// That of the writer.
    pub fn process(&mut self, metrics: &Metrics) -> fmt::Result {
        let [store, bus, sizes] = metrics.timing.histograms();
        let help = "How long the store took for a batch of frames.";
        self.kept("framecache_store_put_duration", help, "seconds", store)?;
        let help = "How long the bus took to confirm an announcement.";
        self.kept("framecache_bus_confirm_duration", help, "seconds", bus)?;
        self.kept("framecache_frame_size", "Sizes of the stored frames.", "bytes", sizes)?;
        let (requests, durations) = metrics.http.families();
        let help = "Requests by route and status.";
        self.kept("framecache_http_requests", help, "", requests)?;
        let help = "How long requests waited for the head of their answer.";
        self.kept("framecache_http_request_duration", help, "seconds", durations)?;
        super::process::write(self)
    }
}

fn encode_one(encoder: &mut MetricEncoder<'_>, counts: bool, value: f64) -> fmt::Result {
    match counts {
        true => encoder.encode_counter::<NoLabelSet, f64, f64>(&value, None),
        false => encoder.encode_gauge(&value),
    }
}

fn unit_of(unit: &str) -> Option<Unit> {
    match unit {
        "" => None,
        "bytes" => Some(Unit::Bytes),
        "seconds" => Some(Unit::Seconds),
        other => Some(Unit::Other(other.to_owned())),
    }
}

#[derive(Debug)]
struct Snapshot<E>(E);

impl<E: Exposed> Collector for Snapshot<E> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.write(&mut Page(encoder))
    }
}

/// The whole exposition, as OpenMetrics 1.0.0 text that ends in `# EOF`.
///
/// # Errors
/// None that a text in memory could have.
pub fn text(exposed: impl Exposed) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot(exposed)));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Two;

    impl Exposed for Two {
        fn write(&self, page: &mut Page<'_>) -> fmt::Result {
            let series = [(vec![("camera", "cam1")], 3.0), (vec![("camera", "cam2")], 0.5)];
            page.counters("framecache_stored", "Bytes stored.", "bytes", series)?;
            page.gauges("framecache_none", "Without series.", "", [])?;
            page.gauge("framecache_up", "Whether it is up.", "", 1.0)
        }
    }

    #[test]
    fn families_are_written_with_unit_type_and_help_and_those_without_series_are_left_out() {
        let expected = "\
# HELP framecache_stored_bytes Bytes stored.
# TYPE framecache_stored_bytes counter
# UNIT framecache_stored_bytes bytes
framecache_stored_bytes_total{camera=\"cam1\"} 3.0
framecache_stored_bytes_total{camera=\"cam2\"} 0.5
# HELP framecache_up Whether it is up.
# TYPE framecache_up gauge
framecache_up 1.0
# EOF
";
        assert_eq!(text(Two), Ok(expected.to_owned()));
    }
}
