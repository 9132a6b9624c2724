//! The demo: `cargo test --release --test demo`.
//!
//! Shows a day of a colony in one minute on this machine without changing it: a temporary home, simulated
//! nodes that are real processes, delays of a second, and simulated minutes between runs. It prints what
//! wnm does, checks that it really happened, and exits with 1 otherwise. It leaves no process and no file,
//! however it ends.
#![expect(clippy::print_stdout, reason = "it is made to be watched")]

#[path = "../fakes/antnode.rs"]
mod antnode;
mod cast;
#[path = "../stage/ports.rs"]
mod ports;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cast::{Machine, Node, guard};

/// The time limit of one scene.
const PATIENCE: Duration = Duration::from_secs(40);
const CAP: usize = 6;

fn main() -> ExitCode {
    // A copy of this program with a version at its end is a node.
    if antnode::appended_version().is_some() {
        return antnode::main();
    }
    if let Some(folder) = std::env::args().skip_while(|word| word != "--guard").nth(1) {
        return guard(folder.as_ref());
    }
    let begun = Instant::now();
    let outcome = Machine::new().and_then(|mut machine| {
        let played = play(&mut machine);
        let left = machine.clean();
        played.and(left)
    });
    match outcome {
        Ok(()) => {
            println!(
                "\nThe colony did all it should, in {} s. Nothing is left of it.",
                begun.elapsed().as_secs()
            );
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("\nFAILED: {why}");
            ExitCode::FAILURE
        }
    }
}

fn play(machine: &mut Machine) -> Result<(), String> {
    found(machine)?;
    grow(machine)?;
    let identities = machine.identities();
    lose_one(machine)?;
    upgrade(machine)?;
    press_and_relieve(machine)?;
    require(
        machine.identities() == identities,
        "every node is still who it was",
    )?;
    shrink(machine)?;
    report(machine)?;
    tear_down(machine)
}

fn found(machine: &mut Machine) -> Result<(), String> {
    act("An operator founds a colony: at most 6 nodes, two things at a time, delays of one second");
    machine.install("0.4.17")?;
    let (port, metrics) = (machine.node_ports(), machine.metrics_ports());
    let cap = CAP.to_string();
    let mut words = vec![
        "--init",
        "--rewards_address",
        "faucet",
        "--process_manager",
        "setsid+user",
    ];
    words.extend([
        "--port_start",
        &port,
        "--metrics_port_start",
        &metrics,
        "--rpc_port_start",
        "64",
    ]);
    words.extend([
        "--node_cap",
        &cap,
        "--delay_start",
        "1",
        "--delay_upgrade",
        "1",
        "--delay_remove",
        "1",
    ]);
    words.extend(["--max_concurrent_starts", "2", "--max_concurrent_upgrades", "2"]);
    words.extend([
        "--max_concurrent_removals",
        "2",
        "--max_concurrent_operations",
        "2",
    ]);
    // The CPU limits stay at 50 and 70 %; the other limits are not part of the demo.
    words.extend([
        "--mem_less_than",
        "99",
        "--mem_remove",
        "100",
        "--hd_less_than",
        "99",
        "--hd_remove",
        "100",
    ]);
    words.extend([
        "--desired_load_average",
        "5000",
        "--max_load_average_allowed",
        "10000",
    ]);
    println!("  $ wnm {}", words.join(" "));
    machine.wnm(&words)?;
    require(
        machine.nodes()?.is_empty(),
        "the colony is there and has no nodes yet",
    )
}

fn grow(machine: &mut Machine) -> Result<(), String> {
    act("Cron runs wnm again and again: the colony grows to its cap");
    cycles(machine, &[], |nodes| nodes.len() == CAP && all(nodes, "RUNNING"))?;
    require(machine.processes().len() == CAP, "6 processes run")?;
    let before = machine.processes();
    cycle(machine, &[])?;
    require(
        machine.processes() == before,
        "one more run leaves a colony alone that is as it should be",
    )
}

fn lose_one(machine: &mut Machine) -> Result<(), String> {
    act("A node dies");
    let victim = machine
        .processes()
        .into_iter()
        .nth(3)
        .ok_or("no process to kill")?;
    machine.kill(victim)?;
    println!("  killed process {victim}");
    cycle(machine, &[])?;
    cycles(machine, &[], |nodes| all(nodes, "RUNNING"))?;
    require(machine.processes().len() == CAP, "it is back")
}

fn upgrade(machine: &mut Machine) -> Result<(), String> {
    act("antnode 0.4.18 is installed: two nodes at a time go over to it");
    machine.install("0.4.18")?;
    cycles(machine, &[], |nodes| {
        all(nodes, "RUNNING") && nodes.iter().all(|node| node.version.as_deref() == Some("0.4.18"))
    })?;
    let running = machine.running_versions();
    require(
        running == BTreeSet::from(["0.4.18".to_owned()]),
        "every process runs 0.4.18",
    )
}

fn press_and_relieve(machine: &mut Machine) -> Result<(), String> {
    act("The processors are busy: 90 % for minutes, where 70 % is the limit");
    machine.busy = 90;
    cycles(machine, &[], |nodes| count(nodes, "STOPPED") >= CAP / 2)?;
    cycle(machine, &[])?;
    let stopped = count(&machine.nodes()?, "STOPPED");
    require(
        stopped == CAP / 2,
        "half of the nodes go on, because other programs cause the load",
    )?;
    require(
        machine.processes().len() == CAP - stopped,
        "what it calls stopped has no process",
    )?;
    require(machine.nodes()?.len() == CAP, "no node is lost by it")?;
    act("They are busy at 60 %: more than the 50 % below which nodes are added, less than 70 %");
    machine.busy = 60;
    let before = machine.processes();
    cycle(machine, &[])?;
    let after = machine.processes();
    require(
        before.iter().all(|process| after.contains(process)),
        "none is stopped",
    )?;
    act("The pressure is gone: nodes start again");
    machine.busy = 5;
    cycles(machine, &[], |nodes| all(nodes, "RUNNING"))?;
    require(machine.processes().len() == CAP, "6 processes run")
}

fn shrink(machine: &mut Machine) -> Result<(), String> {
    act("The operator lowers the cap to 3: the youngest go");
    println!("  $ wnm --node_cap 3");
    cycles(machine, &["--node_cap", "3"], |nodes| {
        nodes.len() == 3 && all(nodes, "RUNNING")
    })?;
    require(machine.processes().len() == 3, "3 processes run")?;
    let folders = machine.folders();
    require(
        folders == ["antnode0001", "antnode0002", "antnode0003"],
        "only the folders of the oldest are left",
    )
}

fn report(machine: &mut Machine) -> Result<(), String> {
    act("What the operator sees");
    for words in [
        &["--report", "node-status"][..],
        &["--report", "node-status-details", "--service_name", "antnode0001"],
    ] {
        println!("  $ wnm {}", words.join(" "));
        println!(
            "{}",
            machine
                .wnm(words)?
                .lines()
                .map(|line| format!("    {line}\n"))
                .collect::<String>()
        );
    }
    act("And why it did what it did: from the table `event`, one line of each kind");
    machine.reasons()?.iter().for_each(|line| println!("    {line}"));
    Ok(())
}

fn tear_down(machine: &mut Machine) -> Result<(), String> {
    act("All of it is taken down");
    require(
        machine.wnm(&["--force_action", "teardown"]).is_err(),
        "not without --confirm",
    )?;
    machine.wnm(&["--force_action", "teardown", "--confirm"])?;
    require(machine.nodes()?.is_empty(), "no node is in the database")?;
    require(machine.processes().is_empty(), "no process is left")?;
    require(machine.folders().is_empty(), "no folder of a node is left")
}

/// Runs cycles until the nodes are in the expected state. The first gets `words`: settings are stored.
fn cycles(machine: &mut Machine, words: &[&str], so: impl Fn(&[Node]) -> bool) -> Result<(), String> {
    let begun = Instant::now();
    let mut words = words;
    loop {
        for line in changes(machine, words)? {
            tell(machine, &line);
        }
        words = &[];
        let nodes = machine.nodes()?;
        if so(&nodes) {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!(
                "it never came true; the nodes are {nodes:?}; wnm said:\n{}",
                machine.last_words()
            ));
        }
        std::thread::sleep(Duration::from_millis(400));
    }
}

/// Runs one cycle and prints the differences.
fn cycle(machine: &mut Machine, words: &[&str]) -> Result<(), String> {
    let lines = changes(machine, words)?;
    if lines.is_empty() {
        tell(machine, "nothing to do");
    }
    lines.iter().for_each(|line| tell(machine, line));
    Ok(())
}

fn tell(machine: &Machine, line: &str) {
    println!("  {:>5.1} s  {line}", machine.age().as_secs_f64());
}

/// Runs wnm once and returns the differences of the nodes as text.
fn changes(machine: &mut Machine, words: &[&str]) -> Result<Vec<String>, String> {
    let before = machine.nodes()?;
    machine.simulate_minute(machine.busy)?;
    machine.wnm(words)?;
    let after = machine.nodes()?;
    let mut said: Vec<(String, Vec<String>)> = Vec::new();
    let mut say = |what: &str, node: &Node| match said.iter_mut().find(|(said, _)| said == what) {
        Some((_, nodes)) => nodes.push(node.service.clone()),
        None => said.push((what.to_owned(), vec![node.service.clone()])),
    };
    for node in &after {
        match before.iter().find(|old| old.service == node.service) {
            None => say("added", node),
            Some(old) if old.state != node.state => say(became(node), node),
            Some(_) => {}
        }
    }
    let gone = before
        .iter()
        .filter(|old| !after.iter().any(|node| node.service == old.service));
    gone.for_each(|old| say("gone", old));
    let run = machine.processes().len();
    let lines = said
        .into_iter()
        .map(|(what, nodes)| format!("{what:<14} {}", nodes.join(", ")));
    let mut lines: Vec<_> = lines.collect();
    if let Some(last) = lines.last_mut() {
        *last = format!("{last:<50} {run} processes");
    }
    Ok(lines)
}

fn became(node: &Node) -> &str {
    match node.state.as_str() {
        "RUNNING" => "runs",
        "STOPPED" => "stopped",
        "RESTARTING" => "started",
        "UPGRADING" => "upgraded",
        "REMOVING" => "to be removed",
        other => other,
    }
}

fn act(title: &str) {
    println!("\n{title}");
}

fn require(so: bool, what: &str) -> Result<(), String> {
    println!("  {} {what}", if so { "checked:" } else { "NOT SO:" });
    if so {
        Ok(())
    } else {
        Err(format!("it is not so that {what}"))
    }
}

fn all(nodes: &[Node], state: &str) -> bool {
    !nodes.is_empty() && nodes.iter().all(|node| node.state == state)
}

fn count(nodes: &[Node], state: &str) -> usize {
    nodes.iter().filter(|node| node.state == state).count()
}
