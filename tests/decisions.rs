//! The examples of docs/decisions.md: every block marked `colony` has a machine and its nodes, a line of
//! dashes, and the decisions of the next cycle. The engine must give them word for word, with default
//! settings. `UPDATE=1` writes the engine's decisions to the page.

use std::fmt::Write;
use std::path::Path;

use wnm::colony::{
    Answer, ManagerKind, Node, NodeFigures, NodeId, NodeName, NodeObservation, NodePaths, NodePorts,
    NodeReading, NodeState, ProcessState, ProcessStatus, Rates, ServiceName, Timestamp, Version,
};
use wnm::plan::node_checks::SURVEYS_IN_A_ROW;
use wnm::plan::{self, MachineFigures, PlanInput, Policy, StorageFolder, TakeoverPolicy, Template, Trigger};
use wnm::report::{Format, plan as report};
use wnm::settings::locations::{self, HostFacts, Operator, Platform};
use wnm::settings::{self, Provided, Settings, Source, Variables, defaults, table};

/// 2026-11-24T12:00:00Z.
const NOW: Timestamp = Timestamp(1_795_521_600);
const DIVIDER: &str = "---\n";

#[test]
fn every_example_of_the_page_has_the_engines_decision() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/decisions.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let mut answered = String::new();
    let mut examples = 0;
    let mut rest = page.as_str();
    while let Some((before, block)) = rest.split_once("```colony\n") {
        let (block, after) = block.split_once("```").expect("a block that ends");
        let (given, _) = block.split_once(DIVIDER).expect("a line of dashes");
        let answer = Example::read(given).answer();
        write!(answered, "{before}```colony\n{given}{DIVIDER}{answer}```").expect("text");
        examples += 1;
        rest = after;
    }
    answered.push_str(rest);
    assert!(examples >= 10, "{examples} examples");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &answered).expect("the page is written");
        return;
    }
    let wrong = answered.lines().zip(page.lines()).find(|(is, said)| is != said);
    assert_eq!(wrong, None, "what the engine answers, and what the page says");
    assert_eq!(answered.lines().count(), page.lines().count());
}

/// The steps of the page are those of the engine, in the same order.
#[test]
fn steps_of_the_page_are_those_of_the_engine() {
    use wnm::plan::Task::*;
    let page = include_str!("../docs/decisions.md");
    let mut rest = page;
    for task in [
        RemoveExpired,
        ResurveyRebooted,
        RemoveDead,
        RestFull,
        RemoveStopped,
        RemoveRunning,
        Stop,
        RemoveShunned,
        Upgrade,
        Start,
        RestartHung,
        Add,
        Rest,
    ] {
        let row = format!("| `{task}` | {} |", task.priority());
        let place = rest.find(&row).unwrap_or_else(|| panic!("`{row}` in its place"));
        rest = &rest[place..];
    }
}

/// A machine, its nodes, and the result of a survey.
struct Example {
    settings: Settings,
    template: Template,
    gauged: MachineFigures,
    binary: Option<Version>,
    nodes: Vec<Node>,
    seen: Vec<NodeObservation>,
    disk_is_there: bool,
    takeover: Option<TakeoverPolicy>,
}

impl Example {
    fn read(given: &str) -> Example {
        let mut said = vec![("node_storage".to_owned(), "/mnt/nodes".to_owned())];
        let line_of = |name: &str| {
            let mut lines = given.lines().filter_map(|line| line.split_once(' '));
            lines
                .find(|(word, _)| *word == name)
                .map_or("", |(_, rest)| rest.trim())
        };
        for line in given.lines() {
            let word = line.split(' ').next().expect("a word");
            assert!(
                ["settings", "machine", "antnode", "nodes", "survey"].contains(&word),
                "`{line}`"
            );
        }
        for (name, value) in pairs(line_of("settings")) {
            said.push((name.to_owned(), value.to_owned()));
        }
        let mut gauged = MachineFigures {
            boot: NOW.plus(-30 * 86_400),
            used_cpu_percent: 20.0,
            used_mem_percent: 30.0,
            used_hd_percent: 40.0,
            load: [0.5; 3],
            ..MachineFigures::default()
        };
        let mut last_stop = NOW.plus(-86_400);
        let mut disk_is_there = true;
        let mut takeover = None;
        for (name, value) in pairs(line_of("machine")) {
            match (name, value) {
                ("disk", "gone") => disk_is_there = false,
                ("cpu", value) => gauged.used_cpu_percent = number(value),
                ("memory", value) => gauged.used_mem_percent = number(value),
                ("disk", value) => gauged.used_hd_percent = number(value),
                ("load", value) => gauged.load = [number(value); 3],
                ("loads", value) => {
                    let mut loads = value.split('/').map(number);
                    gauged.load = std::array::from_fn(|_| loads.next().expect("three load averages"));
                }
                ("mean", value) => {
                    gauged.sustained = Some(Rates {
                        used_cpu_percent: number(value.trim_start_matches("cpu ")),
                        ..Rates::UNKNOWN
                    });
                }
                ("waited", value) => {
                    let (cpu, io) = value.split_once('/').expect("two parts of the time");
                    gauged.waits.cpu_some = Some(number(cpu));
                    gauged.waits.io_full = Some(number(io));
                }
                ("cpus", value) => {
                    gauged.cpus = value.parse().expect("a number");
                    gauged.memory_mb = 16_000.0;
                }
                ("sent", value) => gauged.netio_write_bytes = number(value),
                ("booted", value) => gauged.boot = ago(value),
                ("stopped", value) => last_stop = ago(value),
                ("taken", "over just now") => {
                    takeover = Some(TakeoverPolicy {
                        at: NOW,
                        is_confirmed: false,
                    });
                }
                ("taken", value) => {
                    takeover = Some(TakeoverPolicy {
                        at: ago(value.trim_start_matches("over ")),
                        is_confirmed: true,
                    });
                }
                _ => panic!("`{name} {value}` of a machine"),
            }
        }
        said.push(("last_stopped_at".to_owned(), last_stop.to_string()));
        let (settings, template) = settle_settings(&said);
        let binary = match line_of("antnode") {
            "" => Some("0.4.17"),
            "none" => None,
            version => Some(version),
        };
        let mut example = Example {
            settings,
            template,
            gauged,
            binary: binary.map(Version::new),
            nodes: Vec::new(),
            seen: Vec::new(),
            disk_is_there,
            takeover,
        };
        for part in parts(line_of("nodes")) {
            example.people(part);
        }
        for part in parts(line_of("survey")) {
            example.survey(part);
        }
        example
    }

    /// `1-5 RUNNING`, `5 STOPPED stopped by a limit 60 s ago 2x`, `6 RESTARTING for 60 s and answering`, `6 STOPPED 0.4.16`, `7 RESTARTING for 60 s`, `8 STOPPED retried in 60 s`, `9 RUNNING
    /// 0.4.16 retried in 60 s`.
    fn people(&mut self, part: &str) {
        let (ids, rest) = part.split_once(' ').expect("ids and a state");
        let (first, last) = ids.split_once('-').unwrap_or((ids, ids));
        let mut words = rest.split(' ');
        let state = *NodeState::ALL
            .iter()
            .find(|state| Some(state.word()) == words.clone().next())
            .unwrap_or_else(|| panic!("a state in `{part}`"));
        words.next();
        let words: Vec<_> = words.collect();
        for id in first.parse().expect("an id")..=last.parse::<u32>().expect("an id") {
            let mut node = node(id, state);
            match words[..] {
                [] => {}
                [version] => node.version = Some(Version::new(version)),
                ["using", "cpu", percent] => {
                    node.figures.cpu = (number(percent) * 100.0) as i64;
                    node.figures.mem = 10_000;
                }
                ["stopped", "by", "a", "limit", seconds, "s", "ago", times] => {
                    node.since = NOW.plus(-whole(seconds));
                    node.memory.pressure_stopped_at = Some(node.since);
                    node.memory.pressure_stops = times.trim_end_matches('x').parse().expect("a count");
                }
                ["for", seconds, "s", "and", "answering"] => {
                    node.since = NOW.plus(-whole(seconds));
                    node.memory.last_seen = Some(NOW);
                }
                ["for", seconds, "s"] => node.since = NOW.plus(-whole(seconds)),
                ["retried", "in", seconds, "s"] => put_off(&mut node, seconds),
                [version, "retried", "in", seconds, "s"] => {
                    node.version = Some(Version::new(version));
                    put_off(&mut node, seconds);
                }
                _ => panic!("`{part}`"),
            }
            self.seen.push(NodeObservation {
                answer: match state {
                    NodeState::Running | NodeState::Restarting | NodeState::Upgrading => up(&node, 0),
                    NodeState::Disabled => Answer::Unasked,
                    _ => Answer::Down,
                },
                has_root: state != NodeState::Dead,
                process: None,
            });
            self.nodes.push(node);
        }
    }

    /// `3 down`, `4 mute and alive`, `4 mute and gone` (each for the third time), `5 without its folder`,
    /// `6 shunned by 12` (for the third time).
    fn survey(&mut self, part: &str) {
        let (ids, rest) = part.split_once(' ').expect("ids and what was seen");
        let (first, last) = ids.split_once('-').unwrap_or((ids, ids));
        let ids = whole(first)..=whole(last);
        let of_them = self
            .nodes
            .iter_mut()
            .zip(&mut self.seen)
            .filter(|(node, _)| ids.contains(&i64::from(node.id.0)));
        for (node, seen) in of_them {
            match rest.split(' ').collect::<Vec<_>>()[..] {
                ["down"] => seen.answer = Answer::Down,
                ["mute", "and", how] => {
                    node.memory.silent = SURVEYS_IN_A_ROW - 1;
                    seen.answer = Answer::Silent;
                    seen.process = Some(match how {
                        "alive" => ProcessStatus::running(4711),
                        "gone" => ProcessStatus::without(ProcessState::Stopped),
                        _ => panic!("`{part}`"),
                    });
                }
                ["without", "its", "folder"] => {
                    seen.has_root = false;
                    seen.answer = Answer::Down;
                }
                ["shunned", "by", peers] => {
                    node.memory.shunned = SURVEYS_IN_A_ROW - 1;
                    seen.answer = up(node, whole(peers));
                }
                _ => panic!("`{part}`"),
            }
        }
    }

    /// The changes by the survey, then the output of `--report plan`; or the safety stop.
    fn answer(self) -> String {
        let policy = Policy {
            takeover: self.takeover,
            ..self.settings.policy()
        };
        let storage = StorageFolder {
            path: self.settings.node_storage.clone(),
            present: self.disk_is_there,
            device_before: None,
            device_now: None,
        };
        let before = self.nodes.clone();
        let updated = match plan::update_states(self.nodes, &self.seen, &[storage], &policy, false, NOW) {
            Ok(updated) => updated,
            Err(stop) => return format!("{stop}\n"),
        };
        let output = plan::plan_cycle::plan(
            &updated.nodes,
            &PlanInput {
                policy: &policy,
                template: &self.template,
                machine: &self.gauged,
                binary: self.binary.as_ref(),
                trigger: Trigger::Ordinary,
                port_in_use: &|_| None,
                now: NOW,
            },
        );
        let mut text = String::new();
        for (before, after) in before.iter().zip(&updated.nodes) {
            if before.state != after.state {
                let (id, was, is) = (before.id, before.state.word(), after.state.word());
                writeln!(text, "Node {id} was {was} and is {is}.").expect("text");
            }
        }
        let report = report::render(
            &report::PlanPreview {
                at: NOW,
                policy: &policy,
                output: &output,
                nodes: &updated.nodes,
                safety_stop: None,
            },
            Format::Text,
        );
        let (told, _) = report.split_once("Limits: ").expect("the features come last");
        text + told
    }
}

/// The settings of a colony on a machine with 4 CPUs, with defaults for everything else.
fn settle_settings(said: &[(String, String)]) -> (Settings, Template) {
    let operator = Operator {
        user: "op".to_owned(),
        uid: 1000,
        home: "/home/op".into(),
    };
    let machine = HostFacts {
        platform: Platform::Linux,
        peek: &|_| wnm::colony::StoredPlace::Nothing,
        systemd: &|_| true,
    };
    let variables = Variables::default();
    let place = locations::find(&[], &operator, &machine, &variables).expect("a place");
    let mut provided = defaults::values(&place, 4, NOW);
    let wallet = [("rewards_address".to_owned(), "faucet".to_owned())];
    for (name, value) in said.iter().chain(&wallet) {
        provided.push(Provided {
            setting: table::find(name).unwrap_or_else(|| panic!("no setting `{name}`")),
            text: value.clone(),
            source: Source::Flag,
        });
    }
    let resolved = settings::resolve(&provided, &place, &variables).expect("settings that can be");
    let template = resolved.settings.template(&place);
    (resolved.settings, template)
}

/// A node of the colony; higher ids are younger.
fn node(id: u32, state: NodeState) -> Node {
    let name = NodeName::of(NodeId(id));
    let root = Path::new("/mnt/nodes").join(name.full());
    let low = u16::try_from(id).expect("a small id");
    Node {
        id: NodeId(id),
        service: ServiceName(format!("{}.service", name.full())),
        name,
        manager: ManagerKind::from_choice("systemd+user").expect("a manager"),
        ports: NodePorts {
            node: 55_000 + low,
            metrics: 13_000 + low,
            rpc: 30_000 + low,
        },
        wallet: None,
        peer_id: None,
        host: "127.0.0.1".to_owned(),
        user: "op".to_owned(),
        network: "evm-arbitrum-one".to_owned(),
        environment: None,
        home: NodePaths {
            binary: root.join("antnode"),
            logs: None,
            root,
        },
        version: Some(Version::new("0.4.17")),
        born: NOW.plus(i64::from(id) - 100_000),
        state,
        since: NOW.plus(-60),
        figures: NodeFigures::default(),
        memory: Default::default(),
    }
}

/// An action on it failed once; a running node has answered until then.
fn put_off(node: &mut Node, seconds: &str) {
    node.memory.start_failures = 1;
    node.memory.retry_at = Some(NOW.plus(whole(seconds)));
    node.memory.last_seen = (node.state == NodeState::Running).then_some(node.since);
}

fn up(node: &Node, shunned: i64) -> Answer {
    Answer::Up(Box::new(NodeReading {
        version: node.version.clone().expect("a version"),
        peer_id: None,
        figures: Some(NodeFigures {
            shunned,
            ..node.figures.clone()
        }),
    }))
}

fn parts(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn pairs(line: &str) -> impl Iterator<Item = (&str, &str)> {
    parts(line).map(|part| part.split_once(' ').expect("a name and a value"))
}

fn number(value: &str) -> f64 {
    value
        .trim_end_matches(" %")
        .trim_end_matches(" B/s")
        .parse()
        .expect("a number")
}

fn whole(value: &str) -> i64 {
    value.parse().expect("a whole number")
}

/// `60 s ago`.
fn ago(value: &str) -> Timestamp {
    NOW.plus(-whole(value.trim_end_matches(" s ago")))
}
