//! Nodes that are there become nodes of a colony: how each stands, which number it gets, and what all of them
//! say of the settings. Pure: what was found comes in as values.
//!
//! Nothing is done to a node here or by what comes of it. Where two of them claim the same, one is kept as it
//! stands and the other is DISABLED, which wnm leaves alone.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::path::{Path, PathBuf};

use crate::colony::{
    Answer, Node, NodeId, NodeObservation, NodePorts, NodeState, ProcessState, ProcessStatus, Timestamp,
};
use crate::plan::{self, Policy};

/// A node as its manager told of it, and what was seen of it. `process` is looked at for all.
#[derive(Clone, Debug)]
pub struct ImportedNode {
    pub node: Node,
    pub sighting: NodeObservation,
    /// What its process was told, where that is not what its service says by now.
    pub runs: Option<RunningNode>,
}

/// The words of a process that matter to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningNode {
    pub pid: u32,
    pub root: PathBuf,
    pub port: u16,
    pub metrics_port: u16,
}

impl RunningNode {
    /// How the process differs from what is written: its words, those of the service, and whether wnm would look for
    /// the node in the wrong place.
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

/// What is taken in.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// By their numbers, which are all different.
    pub nodes: Vec<Node>,
    /// What the operator should hear of, a line each.
    pub warnings: Vec<String>,
}

/// How the nodes stand, and under which number each is known from now on.
#[must_use]
pub fn take_in(seen: Vec<ImportedNode>, policy: &Policy, now: Timestamp) -> Batch {
    let mut haul = Batch::default();
    for one in seen {
        let node = stand(one, policy, now, &mut haul.warnings);
        haul.nodes.push(node);
    }
    number(&mut haul);
    part(&mut haul);
    haul.nodes.sort_by_key(|node| node.id);
    haul
}

/// One node in the state it is in.
fn stand(seen: ImportedNode, policy: &Policy, now: Timestamp, warnings: &mut Vec<String>) -> Node {
    let ImportedNode {
        mut node,
        sighting,
        runs,
    } = seen;
    let service = node.service.0.clone();
    node.since = now;
    if let Some((runs, (told, says, is_lost))) = runs.and_then(|runs| Some((runs.pid, runs.against(&node)?)))
    {
        let why = format!("process {runs} runs with `{told}`, and its service says `{says}` by now");
        if is_lost {
            // A survey would look where it is not, and what follows from that is a restart nobody asked for.
            warnings.push(format!(
                "`{service}` is DISABLED: {why}; restart it, or edit the service back, then `wnm --force_action start \
                 --service_name {}`",
                node.name.full()
            ));
            disable(&mut node, why);
            return node;
        }
        warnings.push(format!(
            "`{service}`: {why}; restart it, or edit the service back: its row has the service's word"
        ));
    }
    if !sighting.rooted {
        // Not DEAD, which would be removed by itself: its disk may only not be mounted.
        let root = node.home.root.display();
        let why = format!("its root `{root}` is not there");
        warnings.push(format!("`{service}` is DISABLED: {why}"));
        disable(&mut node, why);
        return node;
    }
    if node.ports.metrics == 0 {
        let why = "it has no `--metrics-server-port`, so nobody can see how it is";
        warnings.push(format!("`{service}` is DISABLED: {why}"));
        disable(&mut node, why.to_owned());
        return node;
    }
    if is_running(sighting.process) && !matches!(sighting.answer, Answer::Up(_)) {
        let port = node.ports.metrics;
        warnings.push(format!("`{service}` runs and does not answer on port {port} yet"));
        node.state = NodeState::Restarting;
        return node;
    }
    node.state = NodeState::Stopped;
    // What a survey makes of an answer is written in one place.
    let settled = plan::settle(vec![node.clone()], &[sighting], &[], policy, true, now);
    let mut node = settled.ok().and_then(|mut all| all.nodes.pop()).unwrap_or(node);
    node.since = now;
    node
}

/// Gives each node a number of its own. Of two with one number the one that runs keeps it, else the one with
/// the younger identity; the other gets the lowest above all.
fn number(haul: &mut Batch) {
    haul.nodes.sort_by_key(|node| {
        let rank = std::cmp::Reverse((is_up(node), node.born));
        (node.id, rank, node.service.0.clone())
    });
    let mut next = haul.nodes.last().map_or(0, |node| node.id.0);
    let mut last = NodeId(0);
    for node in &mut haul.nodes {
        if node.id.0 != 0 && node.id != last {
            last = node.id;
            continue;
        }
        next = next.saturating_add(1);
        haul.warnings.push(if node.id.0 == 0 {
            format!("`{}` has no number in its name and gets {next}", node.service)
        } else {
            format!(
                "`{}` gets the number {next}: another node has {}",
                node.service, node.id
            )
        });
        node.id = NodeId(next);
    }
}

/// Takes out what cannot run beside another: two nodes with one port, one root or one service.
fn part(haul: &mut Batch) {
    let mut order: Vec<usize> = (0..haul.nodes.len()).collect();
    order.sort_by_key(|at| {
        let node = &haul.nodes[*at];
        (std::cmp::Reverse((is_up(node), node.born)), node.id)
    });
    let mut ports: HashMap<u16, usize> = HashMap::new();
    let mut roots: HashMap<PathBuf, usize> = HashMap::new();
    for at in order {
        let node = &haul.nodes[at];
        if node.state == NodeState::Disabled {
            continue;
        }
        let NodePorts {
            node: port,
            metrics,
            rpc,
        } = node.ports;
        let used = [port, metrics, rpc].into_iter().filter(|port| *port != 0);
        let twice = used
            .clone()
            .find_map(|port| Some((format!("port {port}"), *ports.get(&port)?)))
            .or_else(|| {
                let other = roots.get(&node.home.root)?;
                Some((format!("the root `{}`", node.home.root.display()), *other))
            });
        match twice {
            None => {
                ports.extend(used.map(|port| (port, at)));
                roots.insert(node.home.root.clone(), at);
            }
            Some((what, other)) => {
                let why = format!("{what} is `{}`'s", haul.nodes[other].service);
                haul.warnings
                    .push(format!("`{}` is DISABLED: {why}", node.service));
                disable(&mut haul.nodes[at], why);
            }
        }
    }
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

/// What nodes that were found say of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingHint {
    pub setting: &'static str,
    pub text: String,
    /// How many of the nodes say so.
    pub by: usize,
}

/// What is known of the colony before the nodes were asked.
#[derive(Clone, Copy, Debug)]
pub struct KnownColony<'a> {
    /// Where nodes lie unless somebody says otherwise.
    pub storage: &'a Path,
    pub node_cap: i64,
    pub highest_id_used: Option<u32>,
    /// What nodes without words of their own are told.
    pub words: &'a [String],
}

/// What the nodes say of the settings: what most of them have; of words and variables, what all of them have.
/// The cap is never below their number, so that no default takes a node away.
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
        most(starts)
    };
    hint("port_start", thousands(|ports| ports.node));
    hint("metrics_port_start", thousands(|ports| ports.metrics));
    hint("rpc_port_start", thousands(|ports| ports.rpc));
    hint(
        "rewards_address",
        most(nodes.iter().filter_map(|node| node.wallet.clone())),
    );
    hint("node_storage", storage(nodes, known.storage));
    let words: Vec<Vec<String>> = nodes.iter().map(|node| words(node, known)).collect();
    let quiet = |words: &[String]| words.iter().any(|word| word == "--no-upnp");
    hint(
        "no_upnp",
        most(words.iter().map(|words| quiet(words).to_string())),
    );
    let rest = words.iter().map(|words| {
        let rest = words.iter().filter(|word| *word != "--no-upnp");
        shell_words::join(rest)
    });
    // The node that founds a network must not be copied.
    let same = all(rest).filter(|(text, _)| !text.contains("--first") && !text.contains("evm-"));
    hint("start_args", same);
    hint(
        "environment",
        all(nodes
            .iter()
            .map(|node| node.environment.clone().unwrap_or_default())),
    );
    let count = nodes.len();
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

/// A node's words beyond its row.
fn words(node: &Node, known: &KnownColony<'_>) -> Vec<String> {
    match &node.memory.start_args {
        Some(text) => shell_words::split(text).unwrap_or_default(),
        None => known.words.to_vec(),
    }
}

/// Brings the nodes in line with the settings of their colony: those that are told just what it tells all
/// follow its settings from now on, and those whose ports are by its rule have the third port by it as well.
pub fn settle_in(nodes: &mut [Node], known: &KnownColony<'_>, common: &[String], starts: [u32; 3]) {
    for node in nodes {
        let own = words(node, known);
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

/// The folder that most nodes lie in, or below which they have folders of their own; none where they lie in
/// `usual`.
fn storage(nodes: &[Node], usual: &Path) -> Option<(String, usize)> {
    let is_many = |count: usize| count * 2 > nodes.len();
    let roots = || nodes.iter().map(|node| node.home.root.as_path());
    if is_many(roots().filter(|root| root.starts_with(usual)).count()) {
        return None;
    }
    (1..=2)
        .filter_map(|up| {
            most(roots().filter_map(|root| Some(root.ancestors().nth(up)?.to_str()?.to_owned())))
        })
        .find(|(folder, count)| is_many(*count) && folder != "/")
}

/// What is said most often, of equals the first in order, and how often.
fn most<T: Ord + Hash>(said: impl Iterator<Item = T>) -> Option<(T, usize)> {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    for one in said {
        *counts.entry(one).or_default() += 1;
    }
    // The last of equals in a reversed order is the first.
    counts.into_iter().rev().max_by_key(|(_, count)| *count)
}

/// What is said, if all say the same.
fn all(mut said: impl Iterator<Item = String>) -> Option<(String, usize)> {
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
