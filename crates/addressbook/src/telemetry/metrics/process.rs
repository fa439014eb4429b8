use std::fmt;

use procfs::process::{LimitValue, Process};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::encode;

/// Metrics of this process from the system, with the names that all Prometheus clients use.
#[derive(Debug)]
pub(crate) struct ProcessMetrics;

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // Omit the metrics that the system does not provide.
        let Ok(process) = Process::myself() else {
            return Ok(());
        };
        if let Ok(stat) = process.stat() {
            let ticks = procfs::ticks_per_second() as f64;
            let cpu = ConstCounter::new((stat.utime + stat.stime) as f64 / ticks);
            let help = "CPU time, user and system.";
            encode(&mut encoder, "process_cpu_seconds", help, &cpu)?;
            let resident = ConstGauge::new((stat.rss * procfs::page_size()).cast_signed());
            let help = "Resident memory.";
            encode(
                &mut encoder,
                "process_resident_memory_bytes",
                help,
                &resident,
            )?;
            let virt = ConstGauge::new(stat.vsize.cast_signed());
            let help = "Virtual memory, including a mapped database.";
            encode(&mut encoder, "process_virtual_memory_bytes", help, &virt)?;
            let threads = ConstGauge::new(stat.num_threads);
            encode(&mut encoder, "process_threads", "Threads.", &threads)?;
            if let Ok(boot) = procfs::boot_time_secs() {
                let start = ConstGauge::new(boot as f64 + stat.starttime as f64 / ticks);
                let help = "Start time of the process, in seconds since 1970-01-01 UTC.";
                encode(&mut encoder, "process_start_time_seconds", help, &start)?;
            }
        }
        if let Ok(count) = process.fd_count() {
            let open = ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
            encode(
                &mut encoder,
                "process_open_fds",
                "Open file descriptors.",
                &open,
            )?;
        }
        if let Ok(limits) = process.limits()
            && let LimitValue::Value(max) = limits.max_open_files.soft_limit
        {
            let max = ConstGauge::new(max.cast_signed());
            let help = "Maximum number of open file descriptors.";
            encode(&mut encoder, "process_max_fds", help, &max)?;
        }
        Ok(())
    }
}
