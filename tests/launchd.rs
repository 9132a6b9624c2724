//! Nodes as jobs of launchd: given a `launchctl` that behaves as that of macOS does, when wnm runs, then its
//! nodes are jobs that live, die and come back as the operator expects.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::stage::{Stage, simulated};

/// A machine with launchd, and no colony.
fn machine() -> Stage {
    let stage = Stage::new();
    std::os::unix::fs::symlink(simulated("launchctl"), stage.home().join(".local/bin/launchctl")).unwrap();
    fs::create_dir_all(stage.home().join(".launchctl")).unwrap();
    stage
}

/// A colony of `count` jobs that run.
fn of(count: usize, settings: &[&str]) -> Stage {
    let stage = machine();
    let mut all = vec!["--process_manager", "launchd+user"];
    all.extend(settings);
    stage.init(&all).done();
    stage.survey();
    if count > 0 {
        stage
            .wnm(&["--force_action", "add", "--count", &count.to_string()])
            .done();
    }
    stage.until(
        "all run",
        |stage| stage.in_state("RUNNING") == count,
        Stage::survey,
    );
    stage
}

fn order(stage: &Stage, what: &str, id: u32) {
    stage
        .wnm(&[
            "--force_action",
            what,
            "--service_name",
            &format!("antnode{id:04}"),
        ])
        .done();
}

fn plist(stage: &Stage, id: u32) -> PathBuf {
    stage
        .home()
        .join(format!("Library/LaunchAgents/com.autonomi.antnode-{id}.plist"))
}

/// What launchctl was told since this was last asked.
fn calls(stage: &Stage) -> Vec<String> {
    let path = stage.home().join(".launchctl/calls");
    let calls = fs::read_to_string(&path).unwrap_or_default();
    let _ = fs::remove_file(path);
    calls.lines().map(str::to_owned).collect()
}

/// Makes launchctl another one; see the simulated launchctl for the words.
fn turn(stage: &Stage, mood: &str) {
    fs::write(stage.home().join(".launchctl").join(mood), "").unwrap();
}

/// Writes a program without holding it open: somebody may be forking.
fn write_program(place: &std::path::Path, text: &str) {
    let fresh = place.with_extension("new");
    let status = Command::new("/bin/sh")
        .args(["-c", "printf %s \"$2\" >\"$1\" && chmod 755 \"$1\"", "sh"])
        .args([fresh.as_os_str(), text.as_ref()])
        .status();
    assert!(status.unwrap().success());
    fs::rename(&fresh, place).unwrap();
}

fn domain() -> String {
    format!("gui/{}", nix::unistd::geteuid())
}

#[test]
fn a_node_lives_its_whole_life_as_a_job() {
    let stage = of(1, &[]);
    let (pid, identity) = (stage.process(1).unwrap().pid, stage.identity(1));
    assert_eq!(stage.row(1).service, "com.autonomi.antnode-1");
    calls(&stage);
    stage.tamper("UPDATE node SET status = 'STOPPED'");
    order(&stage, "start", 1);
    assert_eq!(stage.process(1).unwrap().pid, pid, "twice is once");
    assert_eq!(calls(&stage), Vec::<String>::new());

    let job = format!("{}/com.autonomi.antnode-1", domain());
    order(&stage, "stop", 1);
    assert_eq!(stage.process(1), None);
    assert_eq!(
        calls(&stage),
        [
            format!("launchctl disable {job}"),
            format!("launchctl bootout {job}")
        ],
        "it does not come back with the next login"
    );
    stage.tamper("UPDATE node SET status = 'RUNNING'");
    order(&stage, "stop", 1);
    assert_eq!(calls(&stage), [format!("launchctl disable {job}")]);

    order(&stage, "start", 1);
    assert_eq!(
        calls(&stage),
        [
            format!("launchctl enable {job}"),
            format!("launchctl bootstrap {} {}", domain(), plist(&stage, 1).display())
        ]
    );
    assert_eq!(stage.identity(1), identity);
    stage.survey();
    stage.agree(true);

    order(&stage, "remove", 1);
    assert!(!plist(&stage, 1).exists() && !stage.root(1).exists());
    assert!(stage.rows().is_empty() && stage.processes().is_empty());
    assert!(
        !stage
            .home()
            .join(".launchctl/disabled/com.autonomi.antnode-1")
            .exists()
    );
}

#[test]
fn a_job_is_a_property_list_to_others_too() {
    let stage = of(
        1,
        &["--environment", "GREETING='50% <of> $HOME & more' B=\"it's\""],
    );
    let said = Command::new("python3")
        .arg("-c")
        .arg("import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))")
        .arg(plist(&stage, 1))
        .output();
    let Ok(said) = said.map_err(|_| eprintln!("SKIPPED: python3 is not here to read the property list"))
    else {
        return;
    };
    let job: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    let root = stage.root(1).to_str().unwrap().to_owned();
    let console = stage.base().join("logs/antnode0001/console.log");
    let words: Vec<&str> = job["ProgramArguments"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|word| word.as_str())
        .collect();
    assert_eq!(words[0], format!("{root}/antnode"));
    assert_eq!(
        words[1..],
        stage.process(1).unwrap().words[1..words.len()],
        "the process was told the same"
    );
    assert!(words.contains(&"--enable-metrics-server"));
    assert_eq!(job["Label"], "com.autonomi.antnode-1");
    assert_eq!(job["WorkingDirectory"], root.as_str());
    assert_eq!(job["StandardOutPath"], console.to_str().unwrap());
    assert_eq!(job["StandardErrorPath"], console.to_str().unwrap());
    assert_eq!(
        (&job["RunAtLoad"], &job["KeepAlive"]),
        (&true.into(), &true.into())
    );
    assert_eq!(
        job["EnvironmentVariables"],
        serde_json::json!({"GREETING": "50% <of> $HOME & more", "B": "it's"})
    );
}

#[test]
fn what_dies_is_started_again_by_launchd_and_seen_by_the_next_survey() {
    let stage = of(1, &[]);
    let old = stage.process(1).unwrap().pid;
    crate::stage::kill(old, nix::sys::signal::Signal::SIGKILL);
    stage.wait_for("launchd starts it again", |stage| {
        stage.process(1).is_some_and(|process| process.pid != old)
    });
    stage.until("it runs", |stage| stage.in_state("RUNNING") == 1, Stage::survey);
    stage.agree(true);
}

#[test]
fn all_nodes_are_looked_at_in_one_call() {
    let stage = of(4, &[]);
    let seen = stage.home().join("asked");
    let real = simulated("launchctl");
    let spy = stage.home().join(".local/bin/launchctl");
    fs::remove_file(&spy).unwrap();
    let script = format!(
        "#!/bin/sh\necho \"$*\" >>'{}'\nexec '{}' \"$@\"\n",
        seen.display(),
        real.display()
    );
    write_program(&spy, &script);
    for id in 1..=4 {
        stage.sicken(id, "mute");
    }
    stage.survey();
    assert_eq!(fs::read_to_string(seen).unwrap(), format!("print {}\n", domain()));
    for id in 1..=4 {
        stage.cure(id);
    }
}

#[test]
fn an_upgrade_keeps_the_identity_and_is_done_once() {
    let stage = of(1, &[]);
    let (old, identity) = (stage.process(1).unwrap().pid, stage.identity(1));
    stage.install("0.4.18");
    calls(&stage);
    order(&stage, "upgrade", 1);
    let new = stage.process(1).unwrap().pid;
    assert!(new != old && stage.identity(1) == identity);
    assert_eq!(
        calls(&stage),
        [format!(
            "launchctl kickstart -k {}/com.autonomi.antnode-1",
            domain()
        )]
    );
    stage.until(
        "it tells its version",
        |stage| stage.of_version("0.4.18") == 1,
        Stage::survey,
    );

    // A run that was killed before it noted the end of it does it again, and nothing is restarted for that.
    stage.tamper("UPDATE node SET version = '0.4.17', status = 'RUNNING'");
    order(&stage, "upgrade", 1);
    assert_eq!(stage.process(1).unwrap().pid, new);

    // One that was killed between the new binary and the restart left the old one at hand.
    fs::copy(stage.root(1).join("antnode"), stage.root(1).join(".antnode.old")).unwrap();
    stage.tamper("UPDATE node SET version = '0.4.17', status = 'RUNNING'");
    order(&stage, "upgrade", 1);
    assert_ne!(stage.process(1).unwrap().pid, new);
    assert!(!stage.root(1).join(".antnode.old").exists());
}

#[test]
fn an_upgrade_that_will_not_start_is_taken_back() {
    let stage = of(1, &[]);
    let identity = stage.identity(1);
    write_program(
        &stage.home().join(".local/bin/antnode"),
        "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Autonomi Node v0.4.18' && exit\nexit 9\n",
    );
    let ran = stage
        .wnm(&["--force_action", "upgrade", "--service_name", "antnode0001"])
        .code(3);
    let ran = ran.says("launchd has loaded it and does not run it, exit status 9");
    ran.says("its old binary is back and runs");
    assert_eq!(stage.identity(1), identity);
    stage.until("it runs", |stage| stage.in_state("RUNNING") == 1, Stage::survey);
    assert_eq!(stage.of_version("0.4.17"), 1);
}

#[test]
fn a_job_that_cannot_start_is_unmade_and_its_last_exit_told() {
    let stage = of(0, &[]);
    write_program(
        &stage.home().join(".local/bin/antnode"),
        "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Autonomi Node v0.4.18' && exit\nexit 9\n",
    );
    stage
        .wnm(&["--force_action", "add"])
        .code(3)
        .says("start `antnode0001`: launchd has loaded it and does not run it, exit status 9");
    assert!(stage.rows().is_empty() && !stage.root(1).exists() && !plist(&stage, 1).exists());
}

#[test]
fn jobs_loaded_or_ended_behind_wnms_back_are_no_obstacle() {
    for code in ["", "code-37"] {
        let stage = of(2, &[]);
        if !code.is_empty() {
            turn(&stage, code);
        }
        let launchctl = |words: &[&str]| {
            let status = Command::new(simulated("launchctl"))
                .args(words)
                .env("HOME", stage.home())
                .status()
                .unwrap();
            assert!(status.success(), "{words:?}");
        };
        let job = |id: u32| format!("{}/com.autonomi.antnode-{id}", domain());
        // Ended by hand, and kept from starting.
        launchctl(&["bootout", &job(1)]);
        launchctl(&["disable", &job(1)]);
        stage.tamper("UPDATE node SET status = 'STOPPED' WHERE id = 1");
        order(&stage, "start", 1);
        assert!(stage.process(1).is_some());
        // Ended by hand, then stopped and removed by wnm.
        launchctl(&["bootout", &job(2)]);
        stage.tamper("UPDATE node SET status = 'RUNNING' WHERE id = 2");
        order(&stage, "stop", 2);
        fs::remove_file(plist(&stage, 2)).unwrap();
        order(&stage, "remove", 2);
        stage.survey();
        stage.agree(true);
    }
}

#[test]
fn a_job_that_was_lost_or_broken_is_written_anew() {
    for broken in [
        None,
        Some("garbage"),
        Some("<plist version=\"1.0\"><dict/></plist>"),
    ] {
        let stage = of(1, &[]);
        let text = fs::read_to_string(plist(&stage, 1)).unwrap();
        order(&stage, "stop", 1);
        match broken {
            None => fs::remove_file(plist(&stage, 1)).unwrap(),
            Some(broken) => fs::write(plist(&stage, 1), broken).unwrap(),
        }
        order(&stage, "start", 1);
        assert_eq!(fs::read_to_string(plist(&stage, 1)).unwrap(), text);
        assert!(stage.process(1).is_some());
    }
}

#[test]
fn an_old_launchctl_knows_load_unload_and_list_only() {
    let stage = machine();
    turn(&stage, "old");
    stage.init(&["--process_manager", "launchd+user"]).done();
    stage.survey();
    stage.wnm(&["--force_action", "add", "--count", "2"]).done();
    stage.until("both run", |stage| stage.in_state("RUNNING") == 2, Stage::survey);
    let (old, identity) = (stage.process(1).unwrap().pid, stage.identity(1));
    stage.install("0.4.18");
    order(&stage, "upgrade", 1);
    assert!(stage.process(1).unwrap().pid != old && stage.identity(1) == identity);
    order(&stage, "stop", 2);
    order(&stage, "start", 2);
    order(&stage, "remove", 2);
    stage.until("it runs", |stage| stage.in_state("RUNNING") == 1, Stage::survey);
    stage.agree(true);
    let told = calls(&stage).join("\n");
    for verb in ["launchctl load -w ", "launchctl unload -w ", "launchctl unload /"] {
        assert!(told.contains(verb), "{verb} in {told}");
    }
}

#[test]
fn a_launchd_that_is_not_there_is_told_with_what_to_do() {
    let stage = of(1, &[]);
    order(&stage, "stop", 1);
    turn(&stage, "no-domain");
    let ran = stage
        .wnm(&["--force_action", "start", "--service_name", "antnode0001"])
        .code(3);
    ran.says("Could not find domain")
        .says("are for `launchd+sudo`")
        .plain();
    // Nobody is logged in: nothing of theirs runs, and so it is stopped.
    stage.tamper("UPDATE node SET status = 'RUNNING'");
    order(&stage, "stop", 1);
}

#[test]
fn a_job_that_launchd_does_not_end_is_told_and_kept() {
    let stage = of(1, &[]);
    turn(&stage, "not-stopped");
    stage
        .wnm(&["--force_action", "stop", "--service_name", "antnode0001"])
        .code(3)
        .says("Operation not permitted");
    assert!(stage.process(1).is_some());
    stage
        .wnm(&["--force_action", "remove", "--service_name", "antnode0001"])
        .code(3);
    assert!(stage.root(1).join("secret-key").exists() && plist(&stage, 1).exists());
    fs::remove_file(stage.home().join(".launchctl/not-stopped")).unwrap();
    order(&stage, "remove", 1);
    assert!(stage.rows().is_empty() && !stage.root(1).exists());
}

/// What the Python wnm writes: no `--enable-metrics-server`, one folder of logs for all, the console beside it.
fn as_the_peer_writes(stage: &Stage, id: u32) -> String {
    let row = stage.row(id);
    let (root, logs, cache) = (
        row.root.display(),
        stage.base().join("logs"),
        stage.base().join("bootstrap-cache"),
    );
    let words = format!(
        "{root}/antnode\n--no-upnp\n--bootstrap-cache-dir\n{}\n--root-dir\n{root}\n--port\n{}\n\
         --metrics-server-port\n{}\n--log-output-dest\n{}\n--max-log-files\n1\n--max-archived-log-files\n1\n\
         --rewards-address\n{}\nevm-arbitrum-one",
        cache.display(),
        row.port,
        row.metrics_port,
        logs.display(),
        row.wallet
    );
    let words: Vec<String> = words
        .lines()
        .map(|word| format!("        <string>{word}</string>"))
        .collect();
    let console = logs.join(format!("antnode{id:04}.log"));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
         \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n    <key>Label</key>\n    \
         <string>com.autonomi.antnode-{id}</string>\n\n    <key>ProgramArguments</key>\n    <array>\n{}\n    </array>\n\n    \
         <key>WorkingDirectory</key>\n    <string>{root}</string>\n\n    <key>StandardOutPath</key>\n    \
         <string>{console}</string>\n\n    <key>StandardErrorPath</key>\n    <string>{console}</string>\n\n    \
         <key>RunAtLoad</key>\n    <true/>\n\n    <key>KeepAlive</key>\n    <true/>\n\n    \
         <key>EnvironmentVariables</key>\n    <dict>\n        <key>SIM_NOTE</key>\n        <string>1</string>\n    </dict>\n</dict>\n</plist>\n",
        words.join("\n"),
        console = console.display()
    )
}

/// Makes the nodes of a colony those of the Python wnm: its property lists, loaded its way, and its rows.
fn hand_over_to_the_peer(stage: &Stage, manager_type: &str) {
    for id in stage.ids() {
        order(stage, "stop", id);
        fs::write(plist(stage, id), as_the_peer_writes(stage, id)).unwrap();
        let status = Command::new(simulated("launchctl"))
            .args(["load", "-w"])
            .arg(plist(stage, id))
            .env("HOME", stage.home())
            .status();
        assert!(status.unwrap().success());
        let id_text = format!("antnode{id:04}");
        fs::create_dir_all(stage.base().join("logs").join(id_text)).unwrap();
    }
    stage.tamper(&format!(
        "UPDATE node SET manager_type = '{manager_type}', method = '{manager_type}', log_dir = NULL, status = 'RUNNING',
             service = printf('antnode%04d.service', id)"
    ));
    stage.wait_for("the jobs run", |stage| {
        stage.processes().len() == stage.rows().len()
    });
}

#[test]
fn what_the_python_wnm_ran_goes_on_without_a_restart() {
    for manager_type in ["launchd+user", "launchd", "launchctl"] {
        let stage = of(2, &["--node_cap", "2"]);
        hand_over_to_the_peer(&stage, manager_type);
        let pids: Vec<i32> = stage.processes().iter().map(|process| process.pid).collect();
        let text = fs::read_to_string(plist(&stage, 1)).unwrap();
        calls(&stage);
        stage.until("both run", |stage| stage.in_state("RUNNING") == 2, Stage::survey);
        stage.cycle();
        let after: Vec<i32> = stage.processes().iter().map(|process| process.pid).collect();
        assert_eq!(after, pids);
        assert_eq!(calls(&stage), Vec::<String>::new());
        assert_eq!(
            fs::read_to_string(plist(&stage, 1)).unwrap(),
            text,
            "it is as they wrote it"
        );
        // Nothing of it is left when it goes.
        order(&stage, "remove", 1);
        assert!(!plist(&stage, 1).exists() && !stage.root(1).exists());
        let logs = stage.base().join("logs");
        assert!(!logs.join("antnode0001").exists() && !logs.join("antnode0001.log").exists());
        assert!(logs.join("antnode0002.log").exists());
    }
}

#[test]
fn what_the_python_wnm_ran_is_imported_where_its_database_is_lost() {
    let stage = of(2, &[]);
    hand_over_to_the_peer(&stage, "launchd");
    let before = stage.rows();
    let pids: Vec<i32> = stage.processes().iter().map(|process| process.pid).collect();
    fs::remove_file(stage.database()).unwrap();
    stage
        .init(&["--process_manager", "launchd+user", "--import"])
        .done();
    stage.until("both run", |stage| stage.in_state("RUNNING") == 2, Stage::survey);
    let after: Vec<i32> = stage.processes().iter().map(|process| process.pid).collect();
    assert_eq!(after, pids);
    for (before, after) in before.iter().zip(stage.rows()) {
        assert_eq!(
            (before.id, before.port, before.metrics_port),
            (after.id, after.port, after.metrics_port)
        );
        assert_eq!((&before.root, &before.wallet), (&after.root, &after.wallet));
        assert_eq!(after.service, format!("com.autonomi.antnode-{}", after.id));
        assert_eq!(
            after.logs,
            Some(stage.base().join(format!("logs/antnode{:04}", after.id)))
        );
    }
}
