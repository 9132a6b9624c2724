//! Stops processes of nodes: SIGTERM as each node's account, then SIGKILL.

use std::collections::HashMap;
use std::path::Path;
use std::thread::sleep;
use std::time::Instant;

use crate::colony::{Mode, Node};
use crate::manager::ManagerError;
use crate::manager::node_layout::NodeLayout;
use crate::manager::process_scan::{Processes, is_node};
use crate::manager::timeouts::{KILL_TIMEOUT, PROCESS_CHECK_INTERVAL, STOP_TIMEOUT};
use crate::program::send_signal::send;
use crate::program::signal::Signal;
use crate::program::user_account::Account;
use crate::signals;

/// Stops processes that name the roots of `nodes` although their manager does not run them any more, as one that was
/// started by hand. `stopped` are the results of the manager; returns them with those of the processes.
pub(super) fn stop_strays(
    nodes: &[&Node],
    mut stopped: Vec<Result<(), ManagerError>>,
    layout: &NodeLayout,
) -> Vec<Result<(), ManagerError>> {
    let checked: Vec<usize> = (0..nodes.len()).filter(|place| stopped[*place].is_ok()).collect();
    if checked.is_empty() {
        return stopped;
    }
    let running = match Processes::scan() {
        Ok(running) => running,
        Err(error) => return error.for_each(nodes, ManagerError::not_stopped),
    };
    let strays: Vec<usize> = checked
        .into_iter()
        .filter(|place| !running.of(&nodes[*place].home.root).is_empty())
        .collect();
    let theirs: Vec<&Node> = strays.iter().map(|place| nodes[*place]).collect();
    for node in &theirs {
        let pids: Vec<u32> = running
            .of(&node.home.root)
            .iter()
            .map(|process| process.pid)
            .collect();
        tracing::warn!(
            "process {pids:?} runs `{}` outside of its service: stopping it",
            node.name.full()
        );
    }
    for (place, result) in strays.into_iter().zip(stop_all(&theirs, &running, layout)) {
        stopped[place] = result;
    }
    stopped
}

/// Stops all of `nodes` that are among `running`, waiting for all of them together; returns one result for each.
pub(super) fn stop_all(
    nodes: &[&Node],
    running: &Processes,
    layout: &NodeLayout,
) -> Vec<Result<(), ManagerError>> {
    let mut living: Vec<(u32, &Path)> = Vec::new();
    let mut errors: Vec<(&Path, String)> = Vec::new();
    let mut refused: Vec<(&Path, String)> = Vec::new();
    let mut owners: HashMap<&Path, Account> = HashMap::new();
    for node in nodes {
        let root = node.home.root.as_path();
        // A process that names a root where none of our nodes can be belongs to somebody else.
        if let Err(error) = layout.paths.check_root(node) {
            refused.push((root, error.to_string()));
            continue;
        }
        living.extend(running.of(root).iter().map(|process| (process.pid, root)));
        match layout.account(node) {
            Ok(Some(owner)) => drop(owners.insert(root, owner)),
            Ok(None) => {}
            Err(error) => errors.push((root, error.to_string())),
        }
    }
    for (signal, timeout) in [(Signal::Terminate, STOP_TIMEOUT), (Signal::Kill, KILL_TIMEOUT)] {
        // Checked again before each signal: the system may have given the PID to another process.
        living.retain(|(pid, root)| is_node(*pid, root) != Some(false));
        for (pid, root) in &living {
            // Without a valid owner there is no account whose rights may be used.
            let has_owner = layout.mode() == Mode::User || owners.contains_key(root);
            if !has_owner || is_node(*pid, root) != Some(true) {
                continue;
            }
            if let Err(error) = send(*pid, signal, owners.get(root)) {
                errors.push((root, error.to_string()));
            }
        }
        let until = Instant::now() + timeout;
        loop {
            living.retain(|(pid, root)| is_node(*pid, root) != Some(false));
            // A process that could not be signalled will not end while we wait.
            let is_awaited = |root: &Path| !errors.iter().any(|(failed, _)| *failed == root);
            // When a signal asks wnm itself to end, it does not wait for slow nodes.
            let is_over = Instant::now() >= until || (signal == Signal::Terminate && signals::asked_to_end());
            if !living.iter().any(|(_, root)| is_awaited(root)) || is_over {
                break;
            }
            sleep(PROCESS_CHECK_INTERVAL);
        }
    }
    let error_of = |errors: &[(&Path, String)], root: &Path| {
        let found = errors.iter().find(|(failed, _)| *failed == root);
        found.map(|(_, why)| why.clone())
    };
    nodes
        .iter()
        .map(|node| {
            let root = node.home.root.as_path();
            if let Some(why) = error_of(&refused, root) {
                // A node without a process is stopped, whatever its row says.
                return match running.of(root).first() {
                    None => Ok(()),
                    Some(process) => {
                        let why = format!("process {} is alive: {why}", process.pid);
                        Err(ManagerError::not_stopped(node, why))
                    }
                };
            }
            if let Some((pid, _)) = living.iter().find(|(_, living)| *living == root) {
                let why = error_of(&errors, root).unwrap_or_else(|| "SIGKILL did not end it".to_owned());
                return Err(ManagerError::not_stopped(
                    node,
                    format!("process {pid} is alive: {why}"),
                ));
            }
            Ok(())
        })
        .collect()
}
