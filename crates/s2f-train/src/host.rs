//! The computer that a training runs on.

use std::fs;
use std::thread::available_parallelism;

use speech2face::Host;

/// The computer, with its GPUs if training uses one. What the operating system does not tell is
/// left out.
pub(crate) fn host(uses_gpu: bool) -> Host {
    let read = |path: &str| fs::read_to_string(path).ok();
    let system = read("/etc/os-release").and_then(|text| pretty_name(&text));
    let kernel = read("/proc/sys/kernel/osrelease").map(|text| format!("Linux {}", text.trim()));
    let named: Vec<String> = system.into_iter().chain(kernel).collect();
    Host {
        os: if named.is_empty() { std::env::consts::OS.to_owned() } else { named.join(", ") },
        cpu: read("/proc/cpuinfo")
            .and_then(|text| value(&text, "model name"))
            .unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        cores: available_parallelism().map_or(1, usize::from),
        memory_bytes: machine_memory(),
        gpus: if uses_gpu { nvidia_gpus() } else { Vec::new() },
    }
}

/// Memory that this process may use, bytes: that of the machine, or of the container it runs in.
/// `None` on systems without `/proc`.
pub(crate) fn machine_memory() -> Option<u64> {
    let total = total_memory(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limits =
        limits.iter().filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok());
    Some(limits.fold(total, u64::min))
}

/// `MemTotal` of `/proc/meminfo`, bytes.
fn total_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Models of NVIDIA's GPUs, as their Linux driver lists them; other drivers have no such list.
fn nvidia_gpus() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/proc/driver/nvidia/gpus") else { return Vec::new() };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let model = |path: &std::path::PathBuf| {
        value(&fs::read_to_string(path.join("information")).ok()?, "Model")
    };
    paths.iter().filter_map(model).collect()
}

/// The value of the first line `key : value`.
fn value(text: &str, key: &str) -> Option<String> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned())
}

/// `PRETTY_NAME` of `/etc/os-release`.
fn pretty_name(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_memory_is_read() {
        let meminfo = "MemTotal:       24689680 kB\nMemFree:         9734016 kB\n";
        assert_eq!(total_memory(meminfo), Some(25_282_232_320)); // 24 689 680 · 1024
        assert_eq!(total_memory("MemFree: 1 kB"), None);
    }

    #[test]
    fn names_are_read_as_linux_writes_them() {
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC 7763\nmodel name\t: other\n";
        assert_eq!(value(cpuinfo, "model name").as_deref(), Some("AMD EPYC 7763"));
        let gpu = "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 93\n";
        assert_eq!(value(gpu, "Model").as_deref(), Some("NVIDIA H100 80GB HBM3"));
        let release = "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(pretty_name(release).as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        let host = host(false);
        assert!(host.cores > 0 && !host.cpu.is_empty() && !host.os.is_empty(), "{host:?}");
        assert_eq!(host.gpus, Vec::<String>::new());
    }
}
