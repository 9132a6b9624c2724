//! Jobs that an operator wrote: each is imported as launchd runs it, or skipped with a message.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::machine::{Machine, Mode};
use crate::import::processes::programs;

const WALLET: &str = "0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a";

fn folder(stage: &Machine) -> PathBuf {
    stage.home().join("Library/LaunchAgents")
}

fn port(stage: &Machine, number: u16) -> (u16, u16) {
    let (nodes, metrics) = stage.thousands();
    let of = |thousand: String| thousand.parse::<u16>().unwrap() * 1000 + number;
    (of(nodes), of(metrics))
}

fn text(word: &str) -> String {
    let word = word.replace('&', "&amp;").replace('<', "&lt;");
    format!("<string>{word}</string>")
}

/// A property list with these keys.
fn plist(stage: &Machine, file: &str, keys: &str) -> PathBuf {
    fs::create_dir_all(folder(stage)).unwrap();
    let path = folder(stage).join(format!("{file}.plist"));
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\"><dict>";
    fs::write(&path, format!("{head}<!-- mine -->{keys}</dict></plist>\n")).unwrap();
    path
}

fn label(label: &str) -> String {
    format!("<key>Label</key>{}", text(label))
}

fn arguments(words: &[&str]) -> String {
    let words: String = words.iter().map(|word| text(word)).collect();
    format!("<key>KeepAlive</key><true/><key>ProgramArguments</key><array>{words}</array>")
}

/// A root directory with an antnode.
fn root(stage: &Machine, name: &str) -> PathBuf {
    let root = stage.home().join(name);
    fs::create_dir_all(&root).unwrap();
    let to = root.join("antnode");
    let copied = std::process::Command::new("cp")
        .arg(stage.home().join(".local/bin/antnode"))
        .arg(to)
        .status();
    assert!(copied.unwrap().success());
    root
}

fn import(stage: &Machine, more: &[&str]) -> crate::stage::Ran {
    let words: Vec<&str> = crate::import::IMPORT[..27].to_vec();
    stage.wnm(&[&words, &["launchd+user"][..], more].concat())
}

fn bytes(stage: &Machine) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder(stage)).unwrap().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

#[test]
fn jobs_of_an_operator_are_imported_and_never_rewritten() {
    let stage = Machine::new(Mode::User).unwrap();
    let ports = |number| {
        let (node, metrics) = port(&stage, number);
        (node.to_string(), metrics.to_string())
    };
    // A `Program` with another first argument; values with special characters.
    let one = root(&stage, "my disk/it's \"50%\" $HOME & <co>/antnode0001");
    let (node, metrics) = ports(1);
    let program = one.join("antnode").display().to_string();
    let words = [
        "antnode-by-another-name",
        &format!("--root-dir={}", one.display()),
        &format!("--port={node}"),
        &format!("--metrics-server-port={metrics}"),
        "--ip",
        "127.0.0.1",
        "--rewards-address",
        WALLET,
        "evm-arbitrum-one",
    ];
    let first = format!(
        "{}<key>Program</key>{}{}<key>EnvironmentVariables</key><dict><key>GREETING</key>{}<key>SIZE</key>{}</dict>",
        label("com.autonomi.antnode-1"),
        text(&program),
        arguments(&words),
        text("a=b 'c' \"d\" $e %f <g> & ☃"),
        text("")
    );
    plist(&stage, "com.autonomi.antnode-1", &first);
    // A label with leading zeros, and relative paths; a binary property list.
    let two = root(&stage, "a disk/antnode7");
    let (node, metrics) = ports(7);
    let words = [
        "antnode7/antnode",
        "--root-dir",
        "antnode7",
        "--port",
        &node,
        "--metrics-server-port",
        &metrics,
        "--log-output-dest",
        "antnode7/logs",
        "--rewards-address",
        WALLET,
        "evm-arbitrum-one",
    ];
    let second = format!(
        "{}{}<key>WorkingDirectory</key>{}",
        label("com.autonomi.antnode-0007"),
        arguments(&words),
        text(&stage.home().join("a disk").display().to_string())
    );
    let path = plist(&stage, "com.autonomi.antnode-0007", &second);
    plist::Value::from_file(&path)
        .unwrap()
        .to_file_binary(&path)
        .unwrap();
    for file in ["com.autonomi.antnode-1", "com.autonomi.antnode-0007"] {
        let path = folder(&stage).join(format!("{file}.plist"));
        stage.launchctl(&["load", "-w", path.to_str().unwrap()]);
    }
    // A property list whose job is not loaded.
    let three = root(&stage, "a disk/antnode0012");
    let (node, metrics) = ports(12);
    let words = [
        &three.join("antnode").display().to_string(),
        "--root-dir",
        &three.display().to_string(),
        "--port",
        &node,
        "--metrics-server-port",
        &metrics,
        "--rewards-address",
        WALLET,
        "evm-arbitrum-one",
    ];
    plist(
        &stage,
        "com.autonomi.antnode-12",
        &format!("{}{}", label("com.autonomi.antnode-12"), arguments(&words)),
    );
    stage.wait_for("two answer", |stage| {
        let words: Vec<&str> = crate::import::IMPORT[..27].to_vec();
        let ran = stage.wnm(&[&words, &["launchd+user", "--dry_run", "--json"][..]].concat());
        let nodes = ran.json();
        let nodes = nodes.as_array().unwrap().iter();
        nodes.filter(|node| node["status"] == "RUNNING").count() == 2
    });
    let (files, running) = (bytes(&stage), programs(&stage));
    import(&stage, &["--node_cap", "3"])
        .done()
        .says("imported 3 nodes (2 RUNNING, 1 STOPPED)");
    assert_eq!(stage.ids(), [1, 7, 12]);
    assert_eq!(stage.row(1).root, one);
    assert_eq!(stage.row(7).root, two);
    assert_eq!(stage.row(7).logs, Some(two.join("logs")));
    assert_eq!(stage.row(7).service, "com.autonomi.antnode-0007");
    let environment: String = stage
        .look()
        .query_row("SELECT environment FROM node WHERE id = 1", [], |row| row.get(0))
        .unwrap();
    assert_eq!(
        shell_words::split(&environment).unwrap(),
        ["GREETING=a=b 'c' \"d\" $e %f <g> & ☃", "SIZE="]
    );
    stage.survey();
    for _ in 0..10 {
        stage.cycle();
    }
    let now = programs(&stage);
    assert_eq!(now.len(), 3, "{}", stage.describe());
    assert!(
        running.keys().all(|pid| now.contains_key(pid)),
        "{}",
        stage.events()
    );
    assert_eq!(bytes(&stage), files, "no file was rewritten");
    assert_eq!(stage.in_state("RUNNING"), 3, "{}", stage.describe());

    // Stop and start use the same job.
    for name in ["antnode0001", "antnode7"] {
        stage
            .wnm(&["--force_action", "stop", "--service_name", name])
            .done();
        stage
            .wnm(&["--force_action", "start", "--service_name", name])
            .done();
    }
    stage.survey_until_running(3);
    assert_eq!(bytes(&stage), files);
}

#[test]
fn jobs_that_wnm_cannot_manage_are_skipped_with_a_message() {
    let stage = Machine::new(Mode::User).unwrap();
    let good = |number: u16, at: &Path| {
        let (node, metrics) = port(&stage, number);
        arguments(&[
            &at.join("antnode").display().to_string(),
            "--root-dir",
            &at.display().to_string(),
            "--port",
            &node.to_string(),
            "--metrics-server-port",
            &metrics.to_string(),
            "--rewards-address",
            WALLET,
        ])
    };
    let family = |number: &str| format!("com.autonomi.antnode-{number}");
    let at = root(&stage, "disk/antnode0001");
    plist(&stage, &family("1"), &(label(&family("1")) + &good(1, &at)));
    // One label in two files and one file with another name; a label of another program.
    plist(&stage, &family("01"), &(label(&family("1")) + &good(1, &at)));
    plist(&stage, "copy-of-mine", &(label(&family("1")) + &good(1, &at)));
    plist(&stage, "com.me.node", &(label("com.me.node") + &good(2, &at)));
    // No property list, or one that cannot be read completely.
    fs::write(folder(&stage).join(family("3") + ".plist"), "garbage \0 \u{1}").unwrap();
    let long = format!(
        "{}{}<!--{}-->",
        label(&family("4")),
        good(4, &at),
        "x".repeat(70_000)
    );
    plist(&stage, &family("4"), &long);
    fs::create_dir(folder(&stage).join(family("5") + ".plist")).unwrap();
    let pipe = folder(&stage).join(family("6") + ".plist");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
    std::os::unix::fs::symlink("/nowhere", folder(&stage).join(family("7") + ".plist")).unwrap();
    let nested = label(&family("8")) + &"<key>a</key><dict>".repeat(2000) + &"</dict>".repeat(2000);
    plist(&stage, &family("8"), &nested);
    // No node, an incomplete node, and one outside of its folder.
    plist(
        &stage,
        &family("9"),
        &(label(&family("9")) + &arguments(&["/bin/sleep", "5"])),
    );
    let program = format!("<key>Program</key>{}", text("/opt/antnode"));
    plist(&stage, &family("10"), &(label(&family("10")) + &program));
    let odd = good(11, &at).replace(
        "<string>--port</string>",
        "<integer>1</integer><string>--port</string>",
    );
    plist(&stage, &family("11"), &(label(&family("11")) + &odd));
    plist(
        &stage,
        &family("12"),
        &(label(&family("12")) + &good(12, &at.join("../x"))),
    );
    plist(
        &stage,
        "com.apple.other",
        &(label("com.apple.other") + &arguments(&["/bin/sleep", "5"])),
    );
    // A job without a file.
    let stray = plist(
        &stage,
        &family("13"),
        &(label(&family("13")) + &arguments(&["/bin/sleep", "60"])),
    );
    stage.launchctl(&["load", "-w", stray.to_str().unwrap()]);
    fs::remove_file(&stray).unwrap();

    let files = bytes(&stage);
    let mut ran = import(&stage, &["--dry_run"]).done();
    for (file, why) in [
        (family("01"), "its label is `com.autonomi.antnode-1`"),
        ("copy-of-mine".to_owned(), "its label is `com.autonomi.antnode-1`"),
        ("com.me.node".to_owned(), "its label is `com.me.node`"),
        (family("3"), "it is not a property list of a job"),
        (family("4"), "it is longer than 64 KiB"),
        (family("5"), "it is no file"),
        (family("6"), "it is no file"),
        (family("7"), "it cannot be read"),
        (
            family("8"),
            "it does not run an antnode with `--root-dir` and `--port`",
        ),
        (
            family("9"),
            "it does not run an antnode with `--root-dir` and `--port`",
        ),
        (
            family("10"),
            "it does not run an antnode with `--root-dir` and `--port`",
        ),
        (family("11"), "it is not a property list of a job"),
        (family("12"), "is not an absolute path without `..`"),
    ] {
        let line = ran
            .stderr
            .lines()
            .find(|line| line.contains(&format!("/{file}.plist` is ignored")));
        assert!(
            line.is_some_and(|line| line.contains(why)),
            "{file}: {why} in {ran}"
        );
    }
    ran = ran.says("ignoring the launchd job `com.autonomi.antnode-13`: its file is not in");
    assert!(ran.stdout.contains("1 node ("), "{ran}");
    assert!(!ran.stderr.contains("com.apple.other"), "{ran}");
    assert_eq!(bytes(&stage), files);
    stage.launchctl(&["bootout", &format!("{}/{}", stage.domain(), family("13"))]);
}
