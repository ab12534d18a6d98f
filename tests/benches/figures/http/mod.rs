//! What the HTTP side costs: pictures a second against a plain file server of the same bytes, live
//! viewers, the page's first picture, and memory while a range of gigabytes streams.
//!
//! The program runs as a process of its own, as a user starts it, so that its processor time and
//! memory are its own. Needs `nginx`, `wrk` and `chromium-driver`; without them their rows are left out, and
//! the bench says so.

#[path = "../../../it/page/browser.rs"]
#[allow(dead_code, reason = "the tests of the page use the rest")]
mod browser;
mod latest;
mod page;
mod peer;
mod process;
mod range;
mod viewers;

use crate::options::Scale;
use crate::rounds::Row;

pub(crate) fn rows(scale: &Scale) -> Vec<Row> {
    let mut rows = latest::rows(scale);
    rows.extend(viewers::rows(scale));
    rows.extend(page::rows(scale));
    rows.extend(range::rows(scale));
    rows
}
