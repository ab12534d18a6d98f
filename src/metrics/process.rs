//! What the system says of this process, under the names that every Prometheus client uses.

use std::fmt;

use procfs::process::Process;

use super::expose::Page;

/// Writes what `/proc/self` tells; what it does not tell is left out.
pub(super) fn write(page: &mut Page<'_>) -> fmt::Result {
    let Ok(process) = Process::myself() else { return Ok(()) };
    if let Ok(stat) = process.stat() {
        let ticks = procfs::ticks_per_second() as f64;
        let cpu = (stat.utime + stat.stime) as f64 / ticks;
        page.counter("process_cpu", "User and system CPU time.", "seconds", cpu)?;
        let resident = stat.rss * procfs::page_size();
        page.gauge("process_resident_memory", "Resident memory.", "bytes", resident as f64)?;
        page.gauge("process_virtual_memory", "Virtual memory.", "bytes", stat.vsize as f64)?;
        page.gauge("process_threads", "Threads of the process.", "", stat.num_threads as f64)?;
        if let Ok(boot) = procfs::boot_time_secs() {
            let start = boot as f64 + stat.starttime as f64 / ticks;
            page.gauge("process_start_time", "When it started, unix time.", "seconds", start)?;
        }
    }
    if let Ok(open) = process.fd_count() {
        page.gauge("process_open_fds", "Open file descriptors.", "", open as f64)?;
    }
    if let Ok(limits) = process.limits()
        && let procfs::process::LimitValue::Value(most) = limits.max_open_files.soft_limit
    {
        page.gauge("process_max_fds", "Most open file descriptors.", "", most as f64)?;
    }
    Ok(())
}
