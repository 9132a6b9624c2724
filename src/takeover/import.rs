//! Makes nodes of a colony from found nodes: their states, their ids, and the settings that they have in common. It only
//! computes; the found nodes are passed in.
//!
//! An import changes no node. If two nodes use the same port, root or service, one of them becomes DISABLED, so that wnm
//! does not act on it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::path::{Path, PathBuf};

use crate::colony::{
    Answer, Node, NodeId, NodeObservation, NodePorts, NodeState, ProcessState, ProcessStatus, Timestamp,
};
use crate::plan::{self, Policy};

/// A node as its manager describes it, and the observation of it. Here `process` is always read.
#[derive(Clone, Debug)]
pub struct ImportedNode {
    pub node: Node,
    pub observation: NodeObservation,
    /// The arguments of its process, if they differ from its service, which was edited since.
    pub runs: Option<RunningNode>,
}

/// The arguments of a process that must match its service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningNode {
    pub pid: u32,
    pub root: PathBuf,
    pub port: u16,
    pub metrics_port: u16,
}

impl RunningNode {
    /// How the process differs from its service: the arguments of both, and whether wnm would query the wrong port or
    /// directory.
    fn against(&self, node: &Node) -> Option<(String, String, bool)> {
        let quoted = |path: &Path| shell_words::quote(&path.to_string_lossy()).into_owned();
        let all = [
            ("--root-dir", quoted(&self.root), quoted(&node.home.root)),
            ("--port", self.port.to_string(), node.ports.node.to_string()),
            (
                "--metrics-server-port",
                self.metrics_port.to_string(),
                node.ports.metrics.to_string(),
            ),
        ];
        let other: Vec<_> = all.iter().filter(|(_, runs, says)| runs != says).collect();
        if other.is_empty() {
            return None;
        }
        let line = |side: fn(&(&str, String, String)) -> String| {
            let words: Vec<String> = other.iter().map(|one| side(one)).collect();
            words.join(" ")
        };
        Some((
            line(|(name, runs, _)| format!("{name} {runs}")),
            line(|(name, _, says)| format!("{name} {says}")),
            other.iter().any(|(name, _, _)| *name != "--port"),
        ))
    }
}

/// The imported nodes.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Sorted by id; each id occurs once.
    pub nodes: Vec<Node>,
    /// Warnings for the operator, one line each.
    pub warnings: Vec<String>,
}

/// Determines the state and the id of each node. The colony has the nodes `there` already.
#[must_use]
pub fn import_nodes(seen: Vec<ImportedNode>, there: &[Node], policy: &Policy, now: Timestamp) -> Batch {
    let mut batch = Batch::default();
    for one in seen {
        let node = to_node(one, policy, now, &mut batch.warnings);
        batch.nodes.push(node);
    }
    assign_ids(&mut batch, there);
    disable_conflicting(&mut batch, there);
    batch.nodes.sort_by_key(|node| node.id);
    batch
}

/// A node with its current state.
fn to_node(seen: ImportedNode, policy: &Policy, now: Timestamp, warnings: &mut Vec<String>) -> Node {
    let ImportedNode {
        mut node,
        observation,
        runs,
    } = seen;
    let service = node.service.0.clone();
    node.since = now;
    if let Some((runs, (told, says, is_lost))) = runs.and_then(|runs| Some((runs.pid, runs.against(&node)?)))
    {
        let why = format!("process {runs} runs with `{told}`, but its service was changed to `{says}`");
        if is_lost {
            // A survey would query the wrong port, and wnm would then restart the node.
            warnings.push(format!(
                "`{service}` is DISABLED: {why}; restart it, or edit the service back, then `wnm --force_action start \
                 --service_name {}`",
                node.name.full()
            ));
            disable(&mut node, why);
            return node;
        }
        warnings.push(format!(
            "`{service}`: {why}; restart it, or revert the service; the database has the values of the service"
        ));
    }
    if !observation.has_root {
        // Not DEAD, because wnm removes dead nodes, and its disk may just not be mounted.
        let root = node.home.root.display();
        let why = format!("its root directory `{root}` is missing");
        warnings.push(format!("`{service}` is DISABLED: {why}"));
        disable(&mut node, why);
        return node;
    }
    if node.ports.metrics == 0 {
        let why = "it has no `--metrics-server-port`, so it cannot be surveyed";
        warnings.push(format!("`{service}` is DISABLED: {why}"));
        disable(&mut node, why.to_owned());
        return node;
    }
    if is_running(observation.process) && !matches!(observation.answer, Answer::Up(_)) {
        let port = node.ports.metrics;
        warnings.push(format!(
            "`{service}` runs, but does not answer on port {port} yet"
        ));
        node.state = NodeState::Restarting;
        return node;
    }
    node.state = NodeState::Stopped;
    // Uses the same code as a survey.
    let updated = plan::update_states(vec![node.clone()], &[observation], &[], policy, true, now);
    let mut node = updated.ok().and_then(|mut all| all.nodes.pop()).unwrap_or(node);
    node.since = now;
    node
}

/// Gives each node its own id. Of two nodes with the same number, the running one keeps it, else the one with the newer
/// identity; the other gets the lowest id above all others. The nodes `there` keep theirs.
fn assign_ids(batch: &mut Batch, there: &[Node]) {
    let taken: BTreeSet<NodeId> = there.iter().map(|node| node.id).collect();
    batch.nodes.sort_by_key(|node| {
        let rank = std::cmp::Reverse((is_up(node), node.born));
        (node.id, rank, node.service.0.clone())
    });
    let highest = batch.nodes.last().map(|node| node.id).max(taken.last().copied());
    let mut next = highest.map_or(0, |id| id.0);
    let mut last = NodeId(0);
    for node in &mut batch.nodes {
        if node.id.0 != 0 && node.id != last && !taken.contains(&node.id) {
            last = node.id;
            continue;
        }
        next = next.saturating_add(1);
        batch.warnings.push(if node.id.0 == 0 {
            format!("`{}` has no number in its name; its id is {next}", node.service)
        } else {
            format!(
                "the id of `{}` is {next}, because another node has {}",
                node.service, node.id
            )
        });
        node.id = NodeId(next);
    }
}

/// Disables nodes that have the same port, root or service as another node. The nodes `there` are not changed.
fn disable_conflicting(batch: &mut Batch, there: &[Node]) {
    let mut order: Vec<usize> = (0..batch.nodes.len()).collect();
    order.sort_by_key(|at| {
        let node = &batch.nodes[*at];
        (std::cmp::Reverse((is_up(node), node.born)), node.id)
    });
    let mut ports: HashMap<u16, String> = HashMap::new();
    let mut roots: HashMap<PathBuf, String> = HashMap::new();
    let is_active = |node: &&Node| node.state != NodeState::Disabled;
    for node in there.iter().filter(is_active) {
        ports.extend(used_ports(node).map(|port| (port, node.service.0.clone())));
        roots.insert(node.home.root.clone(), node.service.0.clone());
    }
    for at in order {
        let node = &batch.nodes[at];
        if node.state == NodeState::Disabled {
            continue;
        }
        let twice = used_ports(node)
            .find_map(|port| Some((format!("port {port}"), ports.get(&port)?)))
            .or_else(|| {
                let other = roots.get(&node.home.root)?;
                Some((format!("the root `{}`", node.home.root.display()), other))
            });
        match twice {
            None => {
                ports.extend(used_ports(node).map(|port| (port, node.service.0.clone())));
                roots.insert(node.home.root.clone(), node.service.0.clone());
            }
            Some((what, other)) => {
                let why = format!("{what} is `{other}`'s");
                batch
                    .warnings
                    .push(format!("`{}` is DISABLED: {why}", node.service));
                disable(&mut batch.nodes[at], why);
            }
        }
    }
}

/// The ports of a node that are known.
fn used_ports(node: &Node) -> impl Iterator<Item = u16> + use<> {
    let NodePorts {
        node: port,
        metrics,
        rpc,
    } = node.ports;
    [port, metrics, rpc].into_iter().filter(|port| *port != 0)
}

fn disable(node: &mut Node, why: String) {
    node.state = NodeState::Disabled;
    node.memory.last_error = Some(why);
}

fn is_running(process: Option<ProcessStatus>) -> bool {
    process.is_some_and(|process| process.activity == ProcessState::Running)
}

fn is_up(node: &Node) -> bool {
    matches!(node.state, NodeState::Running | NodeState::Restarting)
}

/// The value of one setting that the found nodes have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingHint {
    pub setting: &'static str,
    pub text: String,
    /// The number of nodes with this value.
    pub by: usize,
}

/// The values of the colony before the import.
#[derive(Clone, Copy, Debug)]
pub struct KnownColony<'a> {
    /// The default parent directory of nodes.
    pub storage: &'a Path,
    /// The number of nodes it has.
    pub nodes: usize,
    pub node_cap: i64,
    pub highest_id_used: Option<u32>,
    /// The default arguments of nodes.
    pub words: &'a [String],
}

/// Derives settings from the nodes: the most common value, but for arguments and variables only a value that all nodes
/// share. The cap is at least their number, so that no default removes a node.
#[must_use]
pub fn hints(nodes: &[Node], known: &KnownColony<'_>) -> Vec<SettingHint> {
    let mut hints = Vec::new();
    if nodes.is_empty() {
        return hints;
    }
    let mut hint = |setting, found: Option<(String, usize)>| {
        hints.extend(found.map(|(text, by)| SettingHint { setting, text, by }));
    };
    let thousands = |port: fn(NodePorts) -> u16| {
        let starts = nodes.iter().filter_map(|node| {
            let start = u32::from(port(node.ports)).checked_sub(node.id.0)?;
            (start >= 1000 && start % 1000 == 0).then_some((start / 1000).to_string())
        });
        most_common(starts)
    };
    hint("port_start", thousands(|ports| ports.node));
    hint("metrics_port_start", thousands(|ports| ports.metrics));
    hint("rpc_port_start", thousands(|ports| ports.rpc));
    hint(
        "rewards_address",
        most_common(nodes.iter().filter_map(|node| node.wallet.clone())),
    );
    hint("node_storage", storage(nodes, known.storage));
    let words: Vec<Vec<String>> = nodes.iter().map(|node| extra_args(node, known)).collect();
    let quiet = |words: &[String]| words.iter().any(|word| word == "--no-upnp");
    hint(
        "no_upnp",
        most_common(words.iter().map(|words| quiet(words).to_string())),
    );
    let rest = words.iter().map(|words| {
        let rest = words.iter().filter(|word| *word != "--no-upnp");
        shell_words::join(rest)
    });
    // Other nodes must not get the arguments of the first node of a private network.
    let same = shared_by_all(rest).filter(|(text, _)| !text.contains("--first") && !text.contains("evm-"));
    hint("start_args", same);
    hint(
        "environment",
        shared_by_all(
            nodes
                .iter()
                .map(|node| node.environment.clone().unwrap_or_default()),
        ),
    );
    let count = nodes.len() + known.nodes;
    if i64::try_from(count).is_ok_and(|count| count > known.node_cap) {
        hint("node_cap", Some((count.to_string(), count)));
    }
    if let Some(highest) = nodes
        .iter()
        .filter(|node| node.manager.numbers_its_nodes())
        .map(|node| node.id.0)
        .max()
        && known.highest_id_used.is_none_or(|used| used < highest)
    {
        hint("highest_node_id_used", Some((highest.to_string(), count)));
    }
    hints
}

/// The arguments of a node that have no column.
fn extra_args(node: &Node, known: &KnownColony<'_>) -> Vec<String> {
    match &node.memory.start_args {
        Some(text) => shell_words::split(text).unwrap_or_default(),
        None => known.words.to_vec(),
    }
}

/// Aligns the nodes with the settings of the colony: nodes with exactly the arguments of the settings will follow the
/// settings, and nodes whose two ports follow from the settings get the third port from them too.
pub fn align_with_settings(nodes: &mut [Node], known: &KnownColony<'_>, common: &[String], starts: [u32; 3]) {
    for node in nodes {
        let own = extra_args(node, known);
        node.memory.start_args = (own != common).then(|| shell_words::join(own));
        let [port, metrics, rpc] = starts.map(|start| {
            let port = u64::from(start) * 1000 + u64::from(node.id.0);
            u16::try_from(port).unwrap_or(0)
        });
        if node.ports.rpc == 0 && (node.ports.node, node.ports.metrics) == (port, metrics) {
            node.ports.rpc = rpc;
        }
    }
}

/// The parent directory of most nodes' data, with one directory for each node or more levels; None if it is `usual`.
fn storage(nodes: &[Node], usual: &Path) -> Option<(String, usize)> {
    let is_many = |count: usize| count * 2 > nodes.len();
    let roots = || nodes.iter().map(|node| node.home.root.as_path());
    if is_many(roots().filter(|root| root.starts_with(usual)).count()) {
        return None;
    }
    (1..=2)
        .filter_map(|up| {
            most_common(roots().filter_map(|root| Some(root.ancestors().nth(up)?.to_str()?.to_owned())))
        })
        .find(|(folder, count)| is_many(*count) && folder != "/")
}

/// The most common value and its count; of equally common values the smallest.
fn most_common<T: Ord + Hash>(said: impl Iterator<Item = T>) -> Option<(T, usize)> {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    for one in said {
        *counts.entry(one).or_default() += 1;
    }
    // `max_by` returns the last of equals, so the order is reversed.
    counts.into_iter().rev().max_by_key(|(_, count)| *count)
}

/// The value, if all nodes have the same.
fn shared_by_all(mut said: impl Iterator<Item = String>) -> Option<(String, usize)> {
    let first = said.next()?;
    let mut count = 1;
    for one in said {
        if one != first {
            return None;
        }
        count += 1;
    }
    Some((first, count))
}
