//! A simulated antnode: a real process that takes antnode's arguments, keeps antnode's files and answers
//! `/metadata` and `/metrics` with the pages of the real 0.4.17. It stores no data and connects to no
//! network.
//!
//! Its version is 0.4.17, or the one at the end of its own file in the form `antnode-version:0.4.18`: a
//! copy with a few bytes appended is another version, without compiling twice.
//!
//! The file `SIM_ANTNODE` in its root directory, or the environment variable of that name, makes it
//! misbehave:
//!
//! | word | effect |
//! | --- | --- |
//! | `mute` | accepts connections and never answers |
//! | `slow`, `slow:MS` | answers after 3 s, or after this many milliseconds |
//! | `garbled` | answers with something that is no antnode page |
//! | `says:VERSION` | reports this version |
//! | `shunned:N` | reports that N peers shun it |
//! | `mortal:SECONDS` | exits by itself with code 1 (read when it starts) |
//! | `refuse`, `refuse:VERSION` | does not start, or not as that version, code 1 (read when it starts) |
//! | `rpcless` | opens no RPC port (read when it starts) |
//! | `rpcmute` | accepts RPC connections and never answers |
//!
//! The others are read for each request, so that a node can misbehave and recover while it runs.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const METADATA: &str = include_str!("../fixtures/antnode-0.4.17/metadata.http");
const METRICS: &str = include_str!("../fixtures/antnode-0.4.17/metrics.http");
const VERSION_TEXT: &str = include_str!("../fixtures/antnode-0.4.17/version.txt");
const RECORDED_VERSION: &str = "0.4.17";
const RECORDED_PEER: &str = "12D3KooWHoPeXNXLgJQHyun46Ts1ypTHMgBN4rFzehPj9AhMwq9q";
const VERSION_MARK: &str = "antnode-version:";
/// The time without a request after which a connection is closed.
const IDLE: Duration = Duration::from_secs(2);
/// Small, because thousands of nodes may run at once.
const STACK: usize = 64 * 1024;

/// The whole program; the demo contains it and calls it as well.
pub fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match Arguments::parse(&words) {
        Ok(Asked::Run(arguments)) => run(&arguments),
        Ok(Asked::Version) => say(&VERSION_TEXT.replacen(RECORDED_VERSION, &version(), 1)),
        Ok(Asked::PackageVersion) => say("2025.7.1.1\n"),
        Ok(Asked::CrateVersion) => say(&format!("{}\n", version())),
        Ok(Asked::Help) => say("Usage: antnode [OPTIONS] [COMMAND]\n"),
        Err(complaint) => {
            let _ = writeln!(
                io::stderr(),
                "error: {complaint}\n\nUsage: antnode [OPTIONS] [COMMAND]"
            );
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "Error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn say(text: &str) -> io::Result<()> {
    io::stdout().write_all(text.as_bytes())
}

enum Asked {
    Run(Arguments),
    Version,
    PackageVersion,
    CrateVersion,
    Help,
}

#[derive(Default)]
struct Arguments {
    root: Option<PathBuf>,
    logs: Option<PathBuf>,
    bootstrap: Option<PathBuf>,
    port: u16,
    metrics: Option<u16>,
    /// Answers the first bytes of an RPC connection, and nothing more.
    rpc: Option<String>,
    wallet: Option<String>,
    network: Option<String>,
}

impl Arguments {
    /// Parses the command line as antnode does: it stops at the first unknown argument.
    fn parse(words: &[String]) -> Result<Asked, String> {
        let mut read = Arguments::default();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let (name, inline) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (word.as_str(), None),
            };
            let mut value = || {
                inline
                    .clone()
                    .or_else(|| rest.next().cloned())
                    .ok_or(format!("a value is required for '{name}'"))
            };
            match name {
                "--version" => return Ok(Asked::Version),
                "--package-version" => return Ok(Asked::PackageVersion),
                "--crate-version" => return Ok(Asked::CrateVersion),
                "-h" | "--help" => return Ok(Asked::Help),
                "--root-dir" => read.root = Some(value()?.into()),
                "--log-output-dest" => read.logs = Some(value()?.into()),
                "--bootstrap-cache-dir" => read.bootstrap = Some(value()?.into()),
                "--port" => read.port = port(name, &value()?)?,
                "--metrics-server-port" => read.metrics = Some(port(name, &value()?)?),
                "--rewards-address" => read.wallet = Some(wallet(value()?)?),
                "--ip"
                | "--log-format"
                | "--max-log-files"
                | "--max-archived-log-files"
                | "--network-id"
                | "--peer"
                | "--network-contacts-url" => drop(value()?),
                "--rpc" => read.rpc = Some(value()?),
                "--alpha"
                | "--enable-metrics-server"
                | "--no-upnp"
                | "--first"
                | "--local"
                | "--ignore-cache"
                | "--relay"
                | "--write-older-cache-files"
                | "--stop-on-upgrade" => {}
                "evm-arbitrum-one" | "evm-arbitrum-sepolia-test" if read.network.is_none() => {
                    read.network = Some(name.to_owned());
                }
                _ => return Err(format!("unexpected argument '{word}' found")),
            }
        }
        Ok(Asked::Run(read))
    }
}

fn port(name: &str, text: &str) -> Result<u16, String> {
    text.parse()
        .map_err(|_| format!("invalid value '{text}' for '{name}'"))
}

fn wallet(text: String) -> Result<String, String> {
    let digits = text.strip_prefix("0x").unwrap_or(&text);
    if digits.len() == 40 && digits.chars().all(|c| c.is_ascii_hexdigit()) {
        Ok(text)
    } else {
        Err(format!("invalid value '{text}' for '--rewards-address'"))
    }
}

/// The version in this file. Read from `/proc/self/exe`, because an upgrade replaces the file at the path.
fn version() -> String {
    own_file()
        .and_then(|file| read_version(file).ok().flatten())
        .unwrap_or_else(|| RECORDED_VERSION.to_owned())
}

/// The version at the end of the running file, if there is one.
pub fn appended_version() -> Option<String> {
    read_version(own_file()?).ok().flatten()
}

fn own_file() -> Option<fs::File> {
    fs::File::open("/proc/self/exe")
        .or_else(|_| fs::File::open(std::env::current_exe()?))
        .ok()
}

fn read_version(mut file: fs::File) -> io::Result<Option<String>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(64)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let tail = String::from_utf8_lossy(&tail);
    Ok(tail
        .rsplit_once(VERSION_MARK)
        .map(|(_, version)| version.trim_end_matches(['\0', '\n']).to_owned()))
}

/// How it misbehaves, if at all.
enum Illness {
    Mute,
    Slow(Duration),
    Garbled,
    Says(String),
    Shunned(u64),
    Mortal(Duration),
    Refuse,
    Rpcless,
    Rpcmute,
}

impl Illness {
    fn of(root: &Path) -> Option<Illness> {
        let text = fs::read_to_string(root.join("SIM_ANTNODE"))
            .or_else(|_| std::env::var("SIM_ANTNODE"))
            .ok()?;
        let (word, figure) = text
            .trim()
            .split_once(':')
            .map_or((text.trim(), None), |(w, f)| (w, f.parse().ok()));
        match word {
            "mute" => Some(Illness::Mute),
            "slow" => Some(Illness::Slow(Duration::from_millis(figure.unwrap_or(3000)))),
            "garbled" => Some(Illness::Garbled),
            "says" => text
                .trim()
                .split_once(':')
                .map(|(_, version)| Illness::Says(version.to_owned())),
            "shunned" => Some(Illness::Shunned(figure.unwrap_or(1))),
            "mortal" => Some(Illness::Mortal(Duration::from_secs(figure.unwrap_or(1)))),
            "refuse" => {
                let which = text.trim().split_once(':').map(|(_, which)| which.to_owned());
                which
                    .is_none_or(|which| which == version())
                    .then_some(Illness::Refuse)
            }
            "rpcless" => Some(Illness::Rpcless),
            "rpcmute" => Some(Illness::Rpcmute),
            _ => None,
        }
    }
}

/// Everything that a request needs.
struct Simulated {
    root: PathBuf,
    version: String,
    peer: String,
    records: usize,
    started: Instant,
}

fn run(arguments: &Arguments) -> io::Result<()> {
    if arguments.wallet.is_none() || arguments.network.is_none() {
        return Err(io::Error::other("a rewards address and a network are required"));
    }
    let root = arguments
        .root
        .clone()
        .ok_or_else(|| io::Error::other("this antnode needs --root-dir"))?;
    let illness = Illness::of(&root);
    if matches!(illness, Some(Illness::Refuse)) {
        return Err(io::Error::other("told to refuse"));
    }
    // Kept open, so that a second node on the same port fails.
    let _node_port = UdpSocket::bind(("0.0.0.0", arguments.port))?;
    let listener = TcpListener::bind(("127.0.0.1", arguments.metrics.unwrap_or(0)))?;
    let node = Arc::new(align_with_settings(&root, arguments)?);
    if let (Some(address), false) = (&arguments.rpc, matches!(illness, Some(Illness::Rpcless))) {
        let (listener, root) = (TcpListener::bind(address)?, root.clone());
        thread::Builder::new()
            .stack_size(STACK)
            .spawn(move || greet(&listener, &root))?;
    }
    if let Some(Illness::Mortal(life)) = illness {
        thread::Builder::new().stack_size(STACK).spawn(move || {
            thread::sleep(life);
            std::process::exit(1);
        })?;
    }
    let muted = Mutex::new(Vec::new());
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        if matches!(Illness::of(&root), Some(Illness::Mute)) {
            if let Ok(mut kept) = muted.lock() {
                kept.push(stream);
            }
            continue;
        }
        let node = Arc::clone(&node);
        // Closes the connection after two seconds of silence, so that no thread waits for long.
        let _ = thread::Builder::new()
            .stack_size(STACK)
            .spawn(move || drop(converse(&node, stream)));
    }
    Ok(())
}

/// Answers the preface of HTTP/2 with empty settings; if muted, not at all.
fn greet(listener: &TcpListener, root: &Path) {
    let mut held = Vec::new();
    for mut stream in listener.incoming().flatten() {
        if !matches!(Illness::of(root), Some(Illness::Rpcmute)) {
            let _ = stream.read(&mut [0; 33]);
            let _ = stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
            continue;
        }
        held.push(stream);
    }
}

/// Creates the files of a node. The key is its identity: an existing one is kept.
fn align_with_settings(root: &Path, arguments: &Arguments) -> io::Result<Simulated> {
    fs::create_dir_all(root.join("record_store"))?;
    for folder in [&arguments.logs, &arguments.bootstrap].into_iter().flatten() {
        fs::create_dir_all(folder)?;
    }
    let key_path = root.join("secret-key");
    let key = match fs::read(&key_path) {
        Ok(key) => key,
        Err(_) => {
            let mut key = vec![0; 32];
            fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
            fs::write(&key_path, &key)?;
            for record in 0..1 + usize::from(key[0] % 5) {
                fs::write(root.join(format!("record_store/record-{record}")), b"a chunk")?;
            }
            key
        }
    };
    fs::write(root.join("antnode.pid"), std::process::id().to_string())?;
    let node = Simulated {
        root: root.to_owned(),
        version: version(),
        peer: peer_id(&key),
        records: fs::read_dir(root.join("record_store"))?.count(),
        started: Instant::now(),
    };
    if let Some(logs) = &arguments.logs {
        let mut log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(logs.join("antnode.log"))?;
        writeln!(log, "antnode v{} started, PeerId is {}", node.version, node.peer)?;
    }
    let _ = say(&format!("Node started\n\nPeerId is {}\n", node.peer));
    Ok(node)
}

/// The same key always gives the same peer ID, in the form of a real one.
fn peer_id(key: &[u8]) -> String {
    const LETTERS: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut id = String::from("12D3KooW");
    for place in 0..RECORDED_PEER.len() - id.len() {
        let mut hasher = DefaultHasher::new();
        (key, place).hash(&mut hasher);
        id.push(char::from(
            LETTERS[(hasher.finish() % LETTERS.len() as u64) as usize],
        ));
    }
    id
}

/// Answers the requests of one connection until the client closes it or the time is over.
fn converse(node: &Simulated, stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_nodelay(true)?;
    let mut answers = stream.try_clone()?;
    let mut requests = BufReader::with_capacity(1024, stream);
    loop {
        let mut first = String::new();
        if requests.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let mut last_one = first.ends_with("HTTP/1.0\r\n");
        loop {
            let mut header = String::new();
            if requests.read_line(&mut header)? == 0 || header.trim().is_empty() {
                break;
            }
            last_one |= header
                .to_ascii_lowercase()
                .replace(' ', "")
                .starts_with("connection:close");
        }
        let path = first.split(' ').nth(1).unwrap_or("/");
        let illness = Illness::of(&node.root);
        match illness {
            Some(Illness::Slow(pause)) => thread::sleep(pause),
            Some(Illness::Garbled) => return answers.write_all(b"220 mail.example ESMTP\r\n"),
            _ => {}
        }
        let body = match path {
            "/metadata" => Some(
                body_of(METADATA)
                    .replace(RECORDED_VERSION, said(node, illness.as_ref()))
                    .replace(RECORDED_PEER, &node.peer),
            ),
            "/metrics" => Some(metrics(node, illness.as_ref())),
            _ => None,
        };
        answers.write_all(response(body.as_deref()).as_bytes())?;
        if last_one {
            return Ok(());
        }
    }
}

/// The version that it reports.
fn said<'a>(node: &'a Simulated, illness: Option<&'a Illness>) -> &'a str {
    match illness {
        Some(Illness::Says(version)) => version,
        _ => &node.version,
    }
}

fn response(body: Option<&str>) -> String {
    let status = if body.is_some() { "200 OK" } else { "404 Not Found" };
    let body = body.unwrap_or_default();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/openmetrics-text;charset=utf-8;version=1.0.0\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The recorded page without the HTTP header.
fn body_of(recorded: &str) -> &str {
    recorded
        .split_once("\r\n\r\n")
        .or_else(|| recorded.split_once("\n\n"))
        .map_or("", |(_, body)| body)
}

fn metrics(node: &Simulated, illness: Option<&Illness>) -> String {
    let shunned = if let Some(Illness::Shunned(count)) = illness {
        *count
    } else {
        0
    };
    let memory = resident_bytes() as f64 / 1e6;
    let figures = [
        ("ant_node_uptime ", node.started.elapsed().as_secs().to_string()),
        ("ant_networking_records_stored ", node.records.to_string()),
        ("ant_networking_shunned_count_total ", shunned.to_string()),
        ("ant_networking_shunned_by_close_group ", shunned.to_string()),
        ("ant_networking_process_memory_used_mb ", format!("{memory:.4}")),
    ];
    body_of(METRICS)
        .lines()
        .map(|line| {
            let live = figures.iter().find(|(name, _)| line.starts_with(name));
            live.map_or_else(
                || format!("{line}\n"),
                |(name, figure)| format!("{name}{figure}\n"),
            )
        })
        .collect()
}

fn resident_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()));
    pages.unwrap_or(0) * 4096
}
