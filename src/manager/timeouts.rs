//! How long wnm waits for nodes and for the tools that run them.

use std::time::Duration;

/// From SIGTERM to SIGKILL under setsid and launchd; a real antnode ends within 0.1 s.
pub(super) const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// For the kernel to remove a process after SIGKILL.
pub(super) const KILL_TIMEOUT: Duration = Duration::from_secs(3);

/// For `systemctl stop` before its units are killed; systemd itself would wait 90 s.
pub(super) const SYSTEMD_STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// For a launchd job to end: launchd kills jobs of wnm after [`STOP_TIMEOUT`], jobs of others after 20 s.
pub(super) const LAUNCHD_STOP_TIMEOUT: Duration = Duration::from_secs(25);

/// For `systemctl daemon-reload` with a few thousand units, of which each takes about 10 ms.
pub(super) const RELOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// For a systemd that is only asked for its version.
pub(super) const SYSTEMD_CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// For a spawned process to become the node's own program on a busy machine.
pub(super) const SPAWN_TIMEOUT: Duration = Duration::from_secs(5);

/// For launchd to start the program of a job that it was told to start.
pub(super) const LAUNCHD_START_TIMEOUT: Duration = Duration::from_secs(3);

/// A node that runs this long has found its files and its ports; antnode exits sooner when it cannot.
pub(super) const STARTUP_WATCH: Duration = Duration::from_millis(300);

/// Between two checks of processes that are starting or ending.
pub(super) const PROCESS_CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// Between two checks of systemd units or launchd jobs, each of which starts a program.
pub(super) const SERVICE_CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// For deleting a node's directory, which may contain many gigabytes of records.
pub(super) const DELETE_TIMEOUT: Duration = Duration::from_secs(300);

/// For antctl to add or upgrade a node, for which it copies or downloads an antnode.
pub(super) const ANTCTL_ADD_TIMEOUT: Duration = Duration::from_secs(300);

/// For antctl to start a node: with `--interval` it waits 3 s, and then up to 5 s for the node's RPC port.
pub(super) const ANTCTL_START_TIMEOUT: Duration = Duration::from_secs(60);

/// For antctl to stop a node, which takes less than 0.1 s; afterwards systemd stops and kills it.
pub(super) const ANTCTL_STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// For `antctl status`, which contacts no node but searches the processes of all.
pub(super) const ANTCTL_STATUS_TIMEOUT: Duration = Duration::from_secs(300);

/// Added for each running node, as antctl contacts all of them first; a healthy node answers in 0.06 s on an idle machine.
pub(super) const ANTCTL_ADDITION_PER_NODE: Duration = Duration::from_millis(250);

/// A unit that systemd started for antctl and that runs this long has found its files and its ports.
pub(super) const ANTCTL_STARTUP_WATCH: Duration = Duration::from_millis(500);

/// For a node's RPC port to answer; on a busy machine that takes milliseconds.
pub(super) const RPC_TIMEOUT: Duration = Duration::from_secs(2);

/// Between two checks of the RPC ports of nodes that were just started.
pub(super) const RPC_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// wnm waits this much longer than the `timeout` that it has root run.
pub(super) const SUDO_TIMEOUT_MARGIN: Duration = Duration::from_secs(10);
