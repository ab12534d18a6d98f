//! Times, windows and lengths as people write them on the command line, and as they are shown.
//!
//! Read against the system's clock and the time zone of this machine. What is printed can be given
//! back: RFC 3339 with the local offset.

use std::time::Duration;

use chrono::{Local, SecondsFormat};

use crate::model::time::{EmptyRange, TimeRange, TimeTextError, UnixNanos, parse_instant};

/// What `--help` says of every time.
pub(super) const TIME_HELP: &str = "\
Times are RFC 3339 (2026-03-10T14:02:10Z), unix seconds, ms, us or ns, relative (-30s, now-5m, now), \
or local (14:02:30, 'today 14:02', '2026-03-10 14:02').";

/// An instant that the user named.
///
/// # Errors
/// [`TimeTextError`] with every form that would be right.
pub(super) fn instant(text: &str, now: UnixNanos) -> Result<UnixNanos, TimeTextError> {
    parse_instant(text, now, &Local)
}

/// The window from `from` up to but without `to`; an end that is not given stays open.
///
/// # Errors
/// A text that is no time, or an end that is not after its start.
pub(super) fn window(
    from: Option<&str>,
    to: Option<&str>,
    now: UnixNanos,
) -> anyhow::Result<TimeRange> {
    let from = from.map(|text| instant(text, now)).transpose()?;
    let to = to.map(|text| instant(text, now)).transpose()?;
    let window: Result<_, EmptyRange> =
        TimeRange::new(from.unwrap_or(TimeRange::ALL.from()), to.unwrap_or(TimeRange::ALL.to()));
    Ok(window?)
}

/// A length of time above zero, for clap: `250ms`, `1s`, `1h 30m`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(span) if !span.is_zero() => Ok(span),
        _ => Err("write a length of time above zero with its unit, e.g. 250ms, 1s, 5m".to_owned()),
    }
}

/// Frames a second, for clap: above 0, at most 1000.
pub(super) fn fps(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(fps) if fps > 0.0 && fps <= 1000.0 => Ok(fps),
        _ => Err("write a number above 0 and at most 1000".to_owned()),
    }
}

/// The time between two frames at this rate.
pub(super) fn interval(fps: f64) -> Duration {
    Duration::from_secs_f64(1.0 / fps)
}

/// For people: local time to the millisecond.
pub(super) fn shown(at: UnixNanos) -> String {
    at.to_utc().with_timezone(&Local).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// For people: a length of time in its two largest units, e.g. `4m 59s`, `12ms`.
pub(super) fn shown_span(span: Duration) -> String {
    let rounded = if span < Duration::from_millis(1) {
        Duration::from_micros(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
    } else if span < Duration::from_secs(1) {
        Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    } else if span < Duration::from_secs(10) {
        Duration::from_millis(u64::try_from(span.as_millis() / 100 * 100).unwrap_or(u64::MAX))
    } else {
        Duration::from_secs(span.as_secs())
    };
    let text = humantime::format_duration(rounded).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// For people: a distance with its sign, e.g. `-120ms`, `+0s`.
pub(super) fn shown_distance(nanos: i64) -> String {
    let sign = if nanos < 0 { '-' } else { '+' };
    format!("{sign}{}", shown_span(Duration::from_nanos(nanos.unsigned_abs())))
}

/// For people: bytes in decimal units, e.g. `12.3 MB`.
pub(super) fn shown_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// For people: how many of a thing with a regular plural, e.g. `1 frame`, `2 frames`.
pub(super) fn shown_count(count: impl TryInto<u64>, thing: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_731_024_000_123_456_789;

    fn at(nanos: u64) -> UnixNanos {
        UnixNanos::new(nanos).unwrap()
    }

    #[test]
    fn a_window_has_open_ends_and_never_ends_before_its_start() {
        let now = at(NOW);
        assert_eq!(window(None, None, now).unwrap(), TimeRange::ALL);
        let last = window(Some("-30s"), Some("now"), now).unwrap();
        assert_eq!((last.from(), last.to()), (at(NOW - 30_000_000_000), now));
        let said = window(Some("now"), Some("-1s"), now).unwrap_err().to_string();
        assert!(said.starts_with("the range ends at 2024-11-07T23:59:59.123456789Z"), "{said}");
        let said = window(Some("soon"), None, now).unwrap_err().to_string();
        assert!(said.starts_with("\"soon\" is no time: write RFC 3339"), "{said}");
    }

    #[test]
    fn what_is_shown_can_be_read_back_to_the_millisecond() {
        let read = instant(&shown(at(NOW)), at(0)).unwrap();
        assert_eq!(read, at(1_731_024_000_123_000_000));
    }

    #[test]
    fn lengths_and_sizes_are_short() {
        for (millis, text) in
            [(12, "12ms"), (1_234, "1s 200ms"), (299_400, "4m 59s"), (90_061_000, "1day 1h")]
        {
            assert_eq!(shown_span(Duration::from_millis(millis)), text);
        }
        assert_eq!(shown_distance(-120_000_000), "-120ms");
        assert_eq!(shown_distance(0), "+0s");
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (12_345_678, "12.3 MB")]
        {
            assert_eq!(shown_bytes(bytes), text);
        }
        assert_eq!(shown_bytes(999_999), "1.0 MB");
        for (count, text) in [(0_u64, "0 frames"), (1, "1 frame"), (2, "2 frames")] {
            assert_eq!(shown_count(count, "frame"), text);
        }
    }

    #[test]
    fn lengths_and_rates_of_zero_are_refused() {
        assert_eq!(span("250ms"), Ok(Duration::from_millis(250)));
        assert!(span("0s").is_err() && span("5").is_err());
        assert_eq!(fps("12.5"), Ok(12.5));
        assert!(fps("0").is_err() && fps("nan").is_err() && fps("1001").is_err());
        assert_eq!(interval(4.0), Duration::from_millis(250));
    }
}
