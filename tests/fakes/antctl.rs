//! A simulated antctl 0.14.2. It keeps the registry, writes the units, prints the output of the recordings,
//! and has the same weaknesses as the real one: it has no lock, calls every running node over RPC before
//! any action, finds processes by their executables, does not reload systemd after changing units, counts
//! removed nodes when it numbers new ones, and keeps their ports.
//!
//! It starts and stops services with the `systemctl` in PATH, and finds the home and data as the real one
//! does. Called through sudo, it acts as root: everything is in `/var/antctl`, and nodes run as `ant`. It
//! appends its arguments to `~/.antctl/calls`, or `/var/lib/antctl/calls` as root. The file `sick` beside
//! that makes it misbehave:
//!
//! | word | effect |
//! | --- | --- |
//! | `hang:VERB` | never ends |
//! | `fail:VERB` | fails without doing anything |
//! | `halt:VERB` | acts, creates the file `halted`, then waits without output until it or its caller ends |
//! | `lose:add` | reports an added node whose entry another antctl has overwritten |
//! | `shift:add` | adds a node with other ports than requested |
//! | `deaf:start` | starts the node, waits for peers without success, and fails |

#![allow(clippy::print_stdout, reason = "what it says there is what it is made for")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use nix::unistd::{User, chown};
use serde_json::{Value, json};

/// The bootstrap cache that all of root's nodes share.
const CACHE: &str = "/var/antctl/bootstrap_cache";

/// A failed command: its text for stderr and its exit code.
type End = (String, u8);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let home = PathBuf::from(std::env::var("HOME").unwrap_or_default());
    let is_root = std::env::var_os("SUDO_USER").is_some();
    let here = if is_root {
        PathBuf::from("/var/lib/antctl")
    } else {
        home.join(".antctl")
    };
    let _ = fs::create_dir_all(&here);
    note(&here, &words);
    let _alone = alone(&here);
    let mut words = words.as_slice();
    while let Some((first, rest)) = words.split_first() {
        match first.as_str() {
            "--debug" | "--trace" => eprintln!("[2026-11-23T18:13:16Z DEBUG antctl 827] Executing cmd"),
            "--version" => return told("Autonomi Node Manager v0.14.2\nGit info:  / \nBuild date: \n"),
            "--crate-version" => return told("0.14.2\n"),
            _ => break,
        }
        words = rest;
    }
    let Some((verb, words)) = words.split_first() else {
        return told("");
    };
    let data = std::env::var("XDG_DATA_HOME").map_or_else(|_| home.join(".local/share"), PathBuf::from);
    let node = if is_root {
        PathBuf::from("/var/antctl")
    } else {
        data.join("autonomi/node")
    };
    let antctl = Antctl {
        is_root,
        services: if is_root {
            node.join("services")
        } else {
            node.clone()
        },
        releases: if is_root {
            node.join("releases")
        } else {
            node.join("../releases")
        },
        node,
        units: if is_root {
            PathBuf::from("/etc/systemd/system")
        } else {
            home.join(".config/systemd/user")
        },
        sick: fs::read_to_string(here.join("sick"))
            .unwrap_or_default()
            .trim()
            .to_owned(),
    };
    if antctl.is("hang", verb) {
        loop {
            std::thread::sleep(Duration::from_secs(3600));
        }
    }
    let done = if antctl.is("fail", verb) {
        Err(fault("told to fail"))
    } else {
        match verb.as_str() {
            "add" => antctl.add(words),
            "start" => antctl.start(words),
            "stop" => antctl.stop(words),
            "remove" => antctl.remove(words),
            "upgrade" => antctl.upgrade(words),
            "status" => antctl.status(words),
            "reset" => antctl.reset(words),
            other => Err((format!("error: unrecognized subcommand '{other}'\n"), 2)),
        }
    };
    if antctl.is("halt", verb) {
        let _ = fs::write(here.join("halted"), "");
        let caller = std::os::unix::process::parent_id();
        while std::os::unix::process::parent_id() == caller {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err((text, code)) => {
            eprint!("{text}");
            ExitCode::from(code)
        }
    }
}

/// Records in `~/.antctl/overlaps` that another antctl is running, because each would overwrite the other's
/// changes of the registry. The marker is removed when the result is dropped.
fn alone(here: &Path) -> Option<fs::File> {
    let lock = fs::File::create(here.join("at-work")).ok()?;
    if lock.try_lock().is_err() {
        let _ = fs::write(here.join("overlaps"), "");
    }
    Some(lock)
}

fn told(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}

fn note(here: &Path, words: &[String]) {
    let calls = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(here.join("calls"));
    let backtrace =
        std::env::var("RUST_BACKTRACE").map_or(String::new(), |value| format!("RUST_BACKTRACE={value} "));
    if let Ok(mut calls) = calls {
        let _ = writeln!(calls, "{backtrace}antctl {}", words.join(" "));
    }
    let runtime = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(here.join("runtime"));
    if let Ok(mut runtime) = runtime {
        let _ = writeln!(
            runtime,
            "{}",
            std::env::var("XDG_RUNTIME_DIR").unwrap_or_default()
        );
    }
}

/// Writes the error in colour, as the real one always does.
fn fault(text: &str) -> End {
    let text = format!(
        "Error: \n   0: \x1b[91m{text}\x1b[0m\n\nLocation:\n   \x1b[35msrc/cmd/node.rs\x1b[0m:\x1b[35m837\x1b[0m\n\n\
         Backtrace omitted. Run with RUST_BACKTRACE=1 environment variable to display it.\n\
         Run with RUST_BACKTRACE=full to include source snippets.\n"
    );
    (text, 1)
}

fn misused(text: &str) -> End {
    (
        format!("error: {text}\n\nFor more information, try '--help'.\n"),
        2,
    )
}

fn banner(text: &str) {
    let line = "═".repeat(text.len() + 6);
    println!("╔{line}╗\n║   {text}   ║\n╚{line}╝");
}

struct Antctl {
    is_root: bool,
    /// The folder of the registry.
    node: PathBuf,
    /// The default folder of the nodes' data.
    services: PathBuf,
    /// The server that antnode is downloaded from.
    releases: PathBuf,
    units: PathBuf,
    sick: String,
}

/// The arguments of a command: options with their values, and the others.
struct Words {
    options: Vec<(String, Option<String>)>,
}

impl Words {
    fn read(words: &[String], bare: &[&str], valued: &[&str]) -> Result<Words, End> {
        let mut options = Vec::new();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            if bare.contains(&word.as_str()) {
                options.push((word.clone(), None));
            } else if valued.contains(&word.as_str()) {
                let value = rest.next().cloned();
                options.push((
                    word.clone(),
                    Some(value.ok_or_else(|| misused("a value is required"))?),
                ));
            } else {
                return Err(misused(&format!("unexpected argument '{word}' found")));
            }
        }
        Ok(Words { options })
    }

    fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(option, _)| option == name)
    }

    fn all(&self, name: &str) -> Vec<String> {
        let named = self.options.iter().filter(|(option, _)| option == name);
        named.filter_map(|(_, value)| value.clone()).collect()
    }

    fn value(&self, name: &str) -> Option<String> {
        self.all(name).pop()
    }

    fn port(&self, name: &str) -> Result<Option<u16>, End> {
        let value = self.value(name);
        value
            .map(|text| {
                text.parse()
                    .map_err(|_| misused(&format!("invalid value '{text}' for '{name}'")))
            })
            .transpose()
    }
}

/// antnode's options that `add` passes on unchanged.
const PASSED_BARE: [&str; 6] = [
    "--alpha",
    "--first",
    "--ignore-cache",
    "--local",
    "--no-upnp",
    "--relay",
];
const PASSED: [&str; 5] = [
    "--peer",
    "--network-id",
    "--max-log-files",
    "--max-archived-log-files",
    "--log-format",
];

impl Antctl {
    fn is(&self, how: &str, verb: &str) -> bool {
        self.sick == format!("{how}:{verb}")
    }

    fn path(&self) -> PathBuf {
        self.node.join("node_registry.json")
    }

    fn load(&self) -> Result<Value, End> {
        if self.is_root && !self.path().exists() {
            // Whether root called it.
            let _ = fs::create_dir_all(&self.node).and_then(|()| fs::write(self.path(), ""));
        }
        match fs::read_to_string(self.path()) {
            Ok(text) if !text.trim().is_empty() => {
                serde_json::from_str(&text).map_err(|error| fault(&error.to_string()))
            }
            _ => Ok(
                json!({"daemon": null, "environment_variables": null, "nat_status": null,
                           "nodes": [], "save_path": self.path()}),
            ),
        }
    }

    fn save(&self, registry: &Value) -> Result<(), End> {
        fs::create_dir_all(&self.node)
            .and_then(|()| fs::write(self.path(), registry.to_string()))
            .map_err(|error| fault(&error.to_string()))
    }

    fn add(&self, words: &[String]) -> Result<(), End> {
        // The network is a subcommand; the arguments after it belong to it, and it has no options.
        let at = words.iter().position(|word| word.starts_with("evm-"));
        let at = at.ok_or_else(|| misused("'antctl add' requires a subcommand but one was not provided"))?;
        if let Some(late) = words.get(at + 1) {
            return Err(misused(&format!("unexpected argument '{late}' found")));
        }
        let mut valued = vec![
            "--count",
            "--data-dir-path",
            "--log-dir-path",
            "--node-port",
            "--metrics-port",
            "--rpc-port",
            "--path",
            "--version",
            "--env",
            "--rewards-address",
            "--node-ip",
            "--user",
        ];
        valued.extend(PASSED);
        let asked = Words::read(
            &words[..at],
            &[&PASSED_BARE[..], &["--auto-restart"]].concat(),
            &valued,
        )?;
        let wallet = asked.value("--rewards-address").ok_or_else(|| {
            misused("the following required arguments were not provided: --rewards-address")
        })?;
        if asked.has("--first") && asked.has("--count") {
            return Err(misused(
                "the argument '--first' cannot be used with '--count <COUNT>'",
            ));
        }
        banner("Add Antnode Services");
        println!("1 service(s) to be added");
        let mut registry = self.load()?;
        let nodes = registry["nodes"].as_array().cloned().unwrap_or_default();
        let mut ports = [None; 3];
        for (place, name) in ["--node-port", "--metrics-port", "--rpc-port"].iter().enumerate() {
            ports[place] = asked.port(name)?;
            if let Some(port) = ports[place]
                && nodes.iter().any(|node| ports_of(node).contains(&port))
            {
                return Err(fault(&format!("Port {port} is being used by another service")));
            }
        }
        let number = nodes.len() + 1;
        let name = format!("antnode{number}");
        let source = match (asked.value("--path"), asked.value("--version")) {
            (Some(path), _) => PathBuf::from(path),
            // The release server of this stage.
            (None, version) => {
                println!("Retrieving latest version for antnode...");
                let version = version.unwrap_or_else(|| "latest".to_owned());
                self.releases.join(format!("antnode-{version}"))
            }
        };
        let (version, _) = version_of(&source)?;
        let file = match asked.value("--path") {
            Some(path) => Path::new(&path)
                .file_name()
                .map(|name| name.to_string_lossy().into_owned()),
            None => None,
        };
        let data = asked
            .value("--data-dir-path")
            .map_or_else(|| self.services.join(&name), |dir| Path::new(&dir).join(&name));
        let logs = match asked.value("--log-dir-path") {
            Some(dir) => Path::new(&dir).join(&name),
            None if self.is_root => Path::new("/var/log/antnode").join(&name),
            None => self.services.join(&name).join("logs"),
        };
        let user = self
            .is_root
            .then(|| asked.value("--user").unwrap_or_else(|| "ant".to_owned()));
        let binary = data.join(file.unwrap_or_else(|| "antnode".to_owned()));
        fs::create_dir_all(&data)
            .and_then(|()| fs::create_dir_all(&logs))
            .map_err(|error| fault(&error.to_string()))?;
        copy(&source, &binary)?;
        // Without root or without that account, the node belongs to the caller.
        let owner = user
            .as_deref()
            .and_then(|name| User::from_name(name).ok().flatten());
        let cache = PathBuf::from(CACHE);
        if owner.is_some() {
            let _ = fs::create_dir_all(&cache);
        }
        for path in [&data, &logs, &binary, &cache] {
            let _ = owner
                .as_ref()
                .map(|owner| chown(path, Some(owner.uid), Some(owner.gid)));
        }
        if self.is("shift", "add") {
            ports[1] = ports[1].map(|port| port + 1);
        }
        let mut passed = Vec::new();
        for (option, value) in &asked.options {
            if PASSED_BARE.contains(&option.as_str()) || PASSED.contains(&option.as_str()) {
                passed.push(option.clone());
                passed.extend(value.clone());
            }
        }
        let environment: Vec<Value> = asked
            .all("--env")
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| json!([name, value]))
            .collect();
        if !environment.is_empty() {
            registry["environment_variables"] = Value::Array(environment);
        }
        let node = json!({
            "alpha": false, "schema_version": 2, "antnode_path": binary, "auto_restart": asked.has("--auto-restart"),
            "connected_peers": null, "data_dir_path": data, "evm_network": "ArbitrumOne", "listen_addr": null,
            "log_dir_path": logs, "metrics_port": ports[1], "node_ip": asked.value("--node-ip"),
            "node_port": ports[0].unwrap_or(50000 + number as u16), "no_upnp": asked.has("--no-upnp"),
            "number": number, "peer_id": null, "pid": null, "rewards_address": wallet.to_lowercase(),
            "reward_balance": null,
            "rpc_socket_addr": format!("127.0.0.1:{}", ports[2].unwrap_or(40000 + number as u16)),
            "service_name": name, "status": "Added", "user": user, "user_mode": !self.is_root, "version": version,
            "x_wallet": wallet, "x_passed": passed,
        });
        self.write_unit(&node, &registry["environment_variables"])?;
        println!(
            "Services Added:\n ✓ {name}\n    - Antnode path: {}\n    - Data path: {}\n    - Log path: {}\n    \
             - RPC port: {}\n[!] Note: newly added services have not been started",
            binary.display(),
            data.display(),
            logs.display(),
            node["rpc_socket_addr"].as_str().unwrap_or_default()
        );
        if self.is("lose", "add") {
            return Ok(());
        }
        if let Some(nodes) = registry["nodes"].as_array_mut() {
            nodes.push(node);
        }
        self.save(&registry)
    }

    fn write_unit(&self, node: &Value, environment: &Value) -> Result<(), End> {
        let text = |key: &str| node[key].as_str().unwrap_or_default().to_owned();
        let mut unit = format!("[Unit]\nDescription={}\n[Service]\n", text("service_name"));
        for pair in environment.as_array().into_iter().flatten() {
            unit += &format!(
                "Environment=\"{}={}\"\n",
                pair[0].as_str().unwrap_or_default(),
                pair[1].as_str().unwrap_or_default()
            );
        }
        let passed: Vec<&str> = node["x_passed"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        unit += &format!(
            "ExecStart={} --rpc {} --root-dir {} --log-output-dest {} {}",
            text("antnode_path"),
            text("rpc_socket_addr"),
            text("data_dir_path"),
            text("log_dir_path"),
            passed.iter().map(|word| format!("{word} ")).collect::<String>()
        );
        if self.is_root {
            unit += &format!("--bootstrap-cache-dir {CACHE} ");
        }
        if let Some(ip) = node["node_ip"].as_str() {
            unit += &format!("--ip {ip} ");
        }
        unit += &format!("--port {} ", node["node_port"]);
        if let Some(port) = node["metrics_port"].as_u64() {
            unit += &format!("--metrics-server-port {port} ");
        }
        unit += &format!(
            "--rewards-address {} --stop-on-upgrade evm-arbitrum-one\nRestart=on-success\n",
            text("x_wallet")
        );
        if let Some(user) = node["user"].as_str() {
            unit += &format!("User={user}\n");
        }
        fs::create_dir_all(&self.units)
            .and_then(|()| fs::write(self.units.join(format!("{}.service", text("service_name"))), unit))
            .map_err(|error| fault(&error.to_string()))
    }

    /// The calls to every node that each command except `add` makes first.
    fn refreshed(&self, full: bool) -> Result<Value, End> {
        let mut registry = self.load()?;
        for node in registry["nodes"].as_array_mut().into_iter().flatten() {
            match pid_of(node) {
                Some(pid) => {
                    node["status"] = json!("Running");
                    node["pid"] = json!(pid);
                    if let Ok((version, _)) = version_of(Path::new(&format!("/proc/{pid}/exe"))) {
                        node["version"] = json!(version);
                    }
                    if full {
                        ask(node)?;
                        node["connected_peers"] = json!([]);
                    }
                }
                None if node["status"] == "Running" => {
                    node["status"] = json!("Stopped");
                    node["pid"] = Value::Null;
                }
                None => {}
            }
        }
        if !registry["nodes"].as_array().is_none_or(Vec::is_empty) {
            self.save(&registry)?;
        }
        Ok(registry)
    }

    /// The positions of the selected nodes.
    fn chosen(&self, registry: &Value, names: &[String]) -> Result<Vec<usize>, End> {
        let nodes = registry["nodes"].as_array().cloned().unwrap_or_default();
        let live = |node: &Value| node["status"] != "Removed";
        if names.is_empty() {
            return Ok((0..nodes.len()).filter(|&at| live(&nodes[at])).collect());
        }
        let place = |name: &String| {
            let found = nodes
                .iter()
                .position(|node| live(node) && node["service_name"] == name.as_str());
            found.ok_or_else(|| fault(&format!("No service named '{name}'")))
        };
        names.iter().map(place).collect()
    }

    fn start(&self, words: &[String]) -> Result<(), End> {
        let asked = Words::read(
            words,
            &[],
            &[
                "--service-name",
                "--interval",
                "--connection-timeout",
                "--peer-id",
            ],
        )?;
        banner("Start Antnode Services");
        let mut registry = self.refreshed(true)?;
        let mut failed = false;
        for at in self.chosen(&registry, &asked.all("--service-name"))? {
            let node = &mut registry["nodes"][at];
            let name = node["service_name"].as_str().unwrap_or_default().to_owned();
            if node["status"] == "Running" {
                println!("The {name} service is already running");
                continue;
            }
            println!("Attempting to start {name}...");
            let outcome = self.systemctl("start", &name).and_then(|()| {
                std::thread::sleep(Duration::from_millis(200));
                let pid = pid_of(node).ok_or("The PID of the process was not found after starting it.")?;
                if self.is("deaf", "start") || !asked.has("--interval") {
                    return Err(unanswered(node));
                }
                ask(node).map_err(|_| unanswered(node))?;
                node["status"] = json!("Running");
                node["pid"] = json!(pid);
                Ok(pid)
            });
            match outcome {
                Ok(pid) => println!("✓ Started {name} service\n  - PID: {pid}"),
                Err(why) => {
                    println!("Failed to start 1 service(s):\n✕ {name}: {why}");
                    failed = true;
                }
            }
        }
        self.save(&registry)?;
        if failed {
            Err(fault("Failed to start one or more services"))
        } else {
            Ok(())
        }
    }

    fn stop(&self, words: &[String]) -> Result<(), End> {
        let asked = Words::read(words, &[], &["--service-name", "--peer-id", "--interval"])?;
        banner("Stop Antnode Services");
        let mut registry = self.refreshed(true)?;
        for at in self.chosen(&registry, &asked.all("--service-name"))? {
            self.stop_one(&mut registry["nodes"][at])?;
        }
        self.save(&registry)
    }

    fn remove(&self, words: &[String]) -> Result<(), End> {
        let asked = Words::read(words, &["--keep-directories"], &["--service-name", "--peer-id"])?;
        banner("Remove Antnode Services");
        let mut registry = self.refreshed(true)?;
        let mut failed = false;
        for at in self.chosen(&registry, &asked.all("--service-name"))? {
            failed |= self
                .remove_one(&mut registry["nodes"][at], asked.has("--keep-directories"))
                .is_err();
        }
        self.save(&registry)?;
        if failed {
            Err(fault("Failed to remove one or more services"))
        } else {
            Ok(())
        }
    }

    fn remove_one(&self, node: &mut Value, keep: bool) -> Result<(), ()> {
        let name = node["service_name"].as_str().unwrap_or_default().to_owned();
        let refuse = |why: &str| {
            println!("Failed to remove 1 service(s):\n✕ {name}: {why}");
            Err(())
        };
        if node["status"] == "Running" {
            return refuse(&format!(
                "Unable to remove a running service [\"{name}\"], stop this service first before removing"
            ));
        }
        if let Err(why) = self.systemctl("disable", &name) {
            return refuse(&why);
        }
        let _ = fs::remove_file(self.units.join(format!("{name}.service")));
        if !keep {
            for key in ["data_dir_path", "log_dir_path"] {
                let _ = fs::remove_dir_all(node[key].as_str().unwrap_or_default());
            }
        }
        node["status"] = json!("Removed");
        println!("✓ Service {name} was removed");
        Ok(())
    }

    fn upgrade(&self, words: &[String]) -> Result<(), End> {
        let valued = [
            "--service-name",
            "--path",
            "--version",
            "--env",
            "--interval",
            "--connection-timeout",
        ];
        let asked = Words::read(words, &["--force", "--do-not-start"], &valued)?;
        banner("Upgrade Antnode Services");
        let source = match (asked.value("--path"), asked.value("--version")) {
            (Some(path), _) => PathBuf::from(path),
            (None, version) => {
                let version = version.unwrap_or_else(|| "latest".to_owned());
                self.releases.join(format!("antnode-{version}"))
            }
        };
        let (version, _) = version_of(&source)?;
        let mut registry = self.refreshed(true)?;
        let environment: Vec<Value> = asked
            .all("--env")
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| json!([name, value]))
            .collect();
        let environment = match environment.is_empty() {
            true => registry["environment_variables"].clone(),
            false => Value::Array(environment),
        };
        let mut failed = false;
        for at in self.chosen(&registry, &asked.all("--service-name"))? {
            let node = &mut registry["nodes"][at];
            self.stop_one(node)?;
            let name = node["service_name"].as_str().unwrap_or_default().to_owned();
            copy(
                &source,
                Path::new(node["antnode_path"].as_str().unwrap_or_default()),
            )?;
            if let Err(why) = self.systemctl("disable", &name) {
                println!("Upgrade summary:\n✕ {name} was not upgraded: Error: {why}");
                failed = true;
                continue;
            }
            let old = std::mem::replace(&mut node["version"], json!(version));
            self.write_unit(node, &environment)?;
            let (old, new) = (old.as_str().unwrap_or_default(), version.as_str());
            if asked.has("--do-not-start") || self.systemctl("start", &name).is_ok() {
                println!("Upgrade summary:\n✓ Forced {name} version change from {old} to {new}.");
            } else {
                println!("Upgrade summary:\n✕ {name} was upgraded from {old} to {new} but it did not start");
                failed = true;
            }
        }
        self.save(&registry)?;
        if failed {
            Err(fault("There was a problem upgrading one or more nodes"))
        } else {
            Ok(())
        }
    }

    fn status(&self, words: &[String]) -> Result<(), End> {
        let asked = Words::read(words, &["--json", "--details", "--fail"], &[])?;
        if asked.has("--json") && asked.has("--details") {
            return Err(misused("the argument '--details' cannot be used with '--json'"));
        }
        let registry = self.refreshed(!asked.has("--json"))?;
        if registry["nodes"].as_array().is_none_or(Vec::is_empty) {
            return Ok(());
        }
        if asked.has("--json") {
            let told = json!({"nodes": registry["nodes"], "daemon": null});
            println!("{}", serde_json::to_string_pretty(&told).unwrap_or_default());
        } else {
            for node in registry["nodes"].as_array().into_iter().flatten() {
                println!("{} - {}", node["service_name"], node["status"]);
            }
        }
        Ok(())
    }

    fn reset(&self, words: &[String]) -> Result<(), End> {
        let asked = Words::read(words, &["--force"], &[])?;
        banner("Reset Antnode Services");
        if !asked.has("--force") {
            println!("Reset aborted");
            return Ok(());
        }
        let mut registry = self.refreshed(true)?;
        let live = self.chosen(&registry, &[])?;
        for &at in &live {
            self.stop_one(&mut registry["nodes"][at])?;
        }
        let mut failed = false;
        for &at in &live {
            failed |= self.remove_one(&mut registry["nodes"][at], false).is_err();
        }
        if failed {
            self.save(&registry)?;
            return Err(fault("Failed to remove one or more services"));
        }
        let _ = fs::remove_file(self.path());
        Ok(())
    }

    fn stop_one(&self, node: &mut Value) -> Result<(), End> {
        let name = node["service_name"].as_str().unwrap_or_default().to_owned();
        match node["status"].as_str() {
            Some("Running") => {
                println!("Attempting to stop {name}...");
                self.systemctl("stop", &name).map_err(|why| fault(&why))?;
                println!("✓ Service {name} with PID {} was stopped", node["pid"]);
                node["status"] = json!("Stopped");
                node["pid"] = Value::Null;
                node["connected_peers"] = Value::Null;
            }
            Some("Stopped") => println!("✓ Service {name} was already stopped"),
            _ => println!("Service {name} has not been started since it was installed"),
        }
        Ok(())
    }

    fn systemctl(&self, verb: &str, name: &str) -> Result<(), String> {
        let user = (!self.is_root).then_some("--user");
        let ended = Command::new("systemctl")
            .args(user)
            .args([verb, &format!("{name}.service")])
            .output()
            .map_err(|error| error.to_string())?;
        if ended.status.success() {
            return Ok(());
        }
        let code = ended.status.code().unwrap_or(-1);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        Err(format!("Command failed with exit code {code}: {said}"))
    }
}

/// The process whose executable is the node's, even if the file was deleted; or any antnode with its old
/// PID.
fn pid_of(node: &Value) -> Option<u32> {
    let binary = node["antnode_path"].as_str()?;
    let runs = |pid: u32| fs::read_link(format!("/proc/{pid}/exe")).ok();
    let is_antnode = |pid: u32| {
        runs(pid).and_then(|exe| Some(exe.file_name()?.to_str()?.starts_with("antnode"))) == Some(true)
    };
    let stored = node["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
    if let Some(pid) = stored.filter(|&pid| is_antnode(pid)) {
        return Some(pid);
    }
    let pids = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_its = |exe: PathBuf| exe.to_string_lossy().trim_end_matches(" (deleted)") == binary;
    if let Some(pid) = pids.find(|&pid| runs(pid).is_some_and(is_its)) {
        return Some(pid);
    }
    let file = fs::read_to_string(Path::new(node["data_dir_path"].as_str()?).join("antnode.pid")).ok()?;
    file.trim().parse().ok().filter(|&pid| is_antnode(pid))
}

fn unanswered(node: &Value) -> String {
    let address = node["rpc_socket_addr"].as_str().unwrap_or_default();
    format!("Could not connect to RPC endpoint 'https://{address}'")
}

/// Calls a node over RPC: fails where the connection is refused, and waits for ever where there is no
/// answer.
fn ask(node: &Value) -> Result<(), End> {
    let address = node["rpc_socket_addr"].as_str().unwrap_or_default();
    for _ in 0..20 {
        if let Ok(mut stream) = TcpStream::connect(address) {
            let _ = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
            let _ = stream.read(&mut [0; 9]);
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    Err(fault(&unanswered(node)))
}

fn ports_of(node: &Value) -> Vec<u16> {
    let plain = ["node_port", "metrics_port"]
        .iter()
        .filter_map(|key| node[*key].as_u64());
    let rpc = node["rpc_socket_addr"]
        .as_str()
        .and_then(|text| text.rsplit_once(':')?.1.parse().ok());
    plain
        .chain(rpc)
        .filter_map(|port| u16::try_from(port).ok())
        .collect()
}

/// The version that a binary reports, and the whole line.
fn version_of(path: &Path) -> Result<(String, String), End> {
    let ended = Command::new(path)
        .arg("--version")
        .output()
        .map_err(|error| fault(&error.to_string()))?;
    let line = String::from_utf8_lossy(&ended.stdout)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    let version = line.split_once('v').and_then(|(_, rest)| rest.split(' ').next());
    let version = version
        .filter(|version| !version.is_empty())
        .unwrap_or_default()
        .to_owned();
    Ok((version, line))
}

/// Overwrites the file in place, as the real one does.
fn copy(from: &Path, to: &Path) -> Result<(), End> {
    let ended = Command::new("cp")
        .arg("--")
        .arg(from)
        .arg(to)
        .output()
        .map_err(|error| fault(&error.to_string()))?;
    if ended.status.success() {
        return Ok(());
    }
    Err(fault(String::from_utf8_lossy(&ended.stderr).trim()))
}
