//! Checks the nodes by their rows: which are down, silent, without peers, and so on; and what is paused.

use strum::IntoEnumIterator;

use crate::colony::{Node, Timestamp};
use crate::plan::{NodeProblem, ProblemContext};
use crate::report::doctor::CheckResult;
use crate::report::health::name_some;
use crate::store::Store;

/// Checks `nodes`. Nodes that do not run are a failure; everything else is a warning.
pub(super) fn check(nodes: &[Node], problems: &ProblemContext<'_>) -> CheckResult {
    const CHECK: &str = "nodes";
    let mut found: Vec<(NodeProblem, String)> = Vec::new();
    for problem in NodeProblem::iter() {
        let affected: Vec<&Node> = nodes
            .iter()
            .filter(|node| problems.problems_of(node).contains(&problem))
            .collect();
        if !affected.is_empty() {
            let text = format!(
                "{} {} ({})",
                affected.len(),
                problem.words(),
                name_some(&affected)
            );
            found.push((problem, text));
        }
    }
    let Some((worst, _)) = found.first() else {
        return CheckResult::ok(CHECK, format!("{} without a problem", nodes.len()));
    };
    let todo = match worst {
        NodeProblem::Down | NodeProblem::CrashLooping => {
            "wnm status shows the last error; wnm logs NODE what the node says; the next run starts it again"
        }
        NodeProblem::Silent => "wnm logs NODE; wnm restart NODE if it does not answer again",
        NodeProblem::NoPeers => "check the network and the firewall: the UDP ports must be reachable",
        NodeProblem::Shunned => "wnm logs NODE; the setting shunned_remove replaces such nodes",
        NodeProblem::NotEarning => "compare it with the other nodes: wnm status NODE --columns all",
        NodeProblem::Outdated => "wnm plan shows when it is upgraded; wnm upgrade NODE does it now",
    };
    let is_failure = matches!(worst, NodeProblem::Down);
    let what = found
        .into_iter()
        .map(|(_, text)| text)
        .collect::<Vec<_>>()
        .join(", ");
    match is_failure {
        true => CheckResult::failed(CHECK, what, todo),
        false => CheckResult::warning(CHECK, what, todo),
    }
}

/// A warning if something is paused.
pub(super) fn pause(store: &Store, now: Timestamp) -> Option<CheckResult> {
    let paused = store.pauses().ok()?.describe(now)?;
    Some(CheckResult::warning("pause", paused, "wnm resume ends it"))
}
