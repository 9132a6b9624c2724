//! Nodes as jobs of launchd, with a simulated `launchctl` that behaves like that of macOS.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::process::Command;

use crate::stage::{Stage, simulated};

pub mod machine;
mod operator_jobs;

use machine::{Machine, Mode, of};

/// Runs each test with jobs of the user and with jobs of the system.
macro_rules! both {
    ($($test:ident),+ $(,)?) => {
        mod user {
            $(#[test]
            fn $test() {
                super::$test(super::Mode::User);
            })+
        }
        mod sudo {
            $(#[test]
            fn $test() {
                super::$test(super::Mode::Sudo);
            })+
        }
    };
}

both! {
    job_is_created_stopped_started_and_removed,
    python_reads_the_property_list,
    killed_job_is_restarted_by_launchd_and_found_by_the_next_survey,
    survey_queries_all_jobs_in_one_call,
    upgrade_keeps_the_identity_and_can_be_repeated,
    upgrade_that_does_not_start_is_rolled_back,
    job_that_does_not_start_is_removed_and_its_exit_status_reported,
    jobs_loaded_or_stopped_by_the_operator_are_handled,
    lost_or_damaged_property_list_is_written_again,
    old_launchctl_with_load_unload_and_list_works,
    job_that_launchd_does_not_stop_is_reported_and_kept,
    nodes_of_the_python_wnm_keep_running,
    nodes_of_the_python_wnm_are_imported_after_its_database_was_lost,
}

/// A separate process writes the program, so that no forked child has it open.
fn write_program(place: &std::path::Path, text: &str) {
    let fresh = place.with_extension("new");
    let status = Command::new("/bin/sh")
        .args(["-c", "printf %s \"$2\" >\"$1\" && chmod 755 \"$1\"", "sh"])
        .args([fresh.as_os_str(), text.as_ref()])
        .status();
    assert!(status.unwrap().success());
    fs::rename(&fresh, place).unwrap();
}

fn job_is_created_stopped_started_and_removed(mode: Mode) {
    let Some(stage) = of(mode, 1, &[]) else {
        return;
    };
    let (pid, identity) = (stage.process(1).unwrap().pid, stage.identity(1));
    assert_eq!(stage.row(1).service, "com.autonomi.antnode-1");
    stage.calls();
    stage.tamper("UPDATE node SET status = 'STOPPED'");
    stage.order("start", 1);
    assert_eq!(stage.process(1).unwrap().pid, pid, "twice is once");
    assert_eq!(stage.calls(), Vec::<String>::new());

    let job = format!("{}/com.autonomi.antnode-1", stage.domain());
    stage.order("stop", 1);
    assert_eq!(stage.process(1), None);
    assert_eq!(
        stage.calls(),
        [
            format!("launchctl disable {job}"),
            format!("launchctl bootout {job}")
        ],
        "it does not come back with the next login"
    );
    stage.tamper("UPDATE node SET status = 'RUNNING'");
    stage.order("stop", 1);
    assert_eq!(stage.calls(), [format!("launchctl disable {job}")]);

    stage.order("start", 1);
    assert_eq!(
        stage.calls(),
        [
            format!("launchctl enable {job}"),
            format!("launchctl bootstrap {} {}", stage.domain(), stage.named(1))
        ]
    );
    assert_eq!(stage.identity(1), identity);
    stage.survey();
    stage.check_consistency(true);

    stage.order("remove", 1);
    assert!(!stage.plist(1).exists() && !stage.root(1).exists());
    assert!(stage.rows().is_empty() && stage.processes().is_empty());
    assert!(!stage.state().join("disabled/com.autonomi.antnode-1").exists());
}

fn python_reads_the_property_list(mode: Mode) {
    let Some(stage) = of(
        mode,
        1,
        &["--environment", "GREETING='50% <of> $HOME & more' B=\"it's\""],
    ) else {
        return;
    };
    let said = Command::new("python3")
        .arg("-c")
        .arg("import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))")
        .arg(stage.plist(1))
        .output();
    let Ok(said) = said.map_err(|_| eprintln!("SKIPPED: python3 is not here to read the property list"))
    else {
        return;
    };
    let job: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    let root = stage.known(stage.root(1)).to_str().unwrap().to_owned();
    let console = stage.known(stage.logs()).join("antnode0001/console.log");
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
    let user = match mode {
        Mode::User => serde_json::Value::Null,
        Mode::Sudo => "ant".into(),
    };
    assert_eq!(job["UserName"], user);
}

fn killed_job_is_restarted_by_launchd_and_found_by_the_next_survey(mode: Mode) {
    let Some(stage) = of(mode, 1, &[]) else {
        return;
    };
    let old = stage.process(1).unwrap().pid;
    crate::stage::kill(old, nix::sys::signal::Signal::SIGKILL);
    stage.wait_for("launchd starts it again", |stage| {
        stage.process(1).is_some_and(|process| process.pid != old)
    });
    stage.survey_until_running(1);
    stage.check_consistency(true);
}

fn survey_queries_all_jobs_in_one_call(mode: Mode) {
    let Some(stage) = of(mode, 4, &[]) else {
        return;
    };
    let seen = stage.home().join("asked");
    let real = simulated("launchctl");
    let spy = stage.tools().join("launchctl");
    fs::remove_file(&spy).unwrap();
    let script = format!(
        "#!/bin/sh\necho \"$*\" >>'{}'\nexec '{}' \"$@\"\n",
        seen.display(),
        real.display()
    );
    write_program(&spy, &script);
    for id in 1..=4 {
        stage.set_fault(id, "mute");
    }
    stage.survey();
    assert_eq!(
        fs::read_to_string(seen).unwrap(),
        format!("print {}\n", stage.domain())
    );
    for id in 1..=4 {
        stage.clear_fault(id);
    }
}

fn upgrade_keeps_the_identity_and_can_be_repeated(mode: Mode) {
    let Some(stage) = of(mode, 1, &[]) else {
        return;
    };
    let (old, identity) = (stage.process(1).unwrap().pid, stage.identity(1));
    stage.install("0.4.18");
    stage.calls();
    stage.order("upgrade", 1);
    let new = stage.process(1).unwrap().pid;
    assert!(new != old && stage.identity(1) == identity);
    assert_eq!(
        stage.calls(),
        [format!(
            "launchctl kickstart -k {}/com.autonomi.antnode-1",
            stage.domain()
        )]
    );
    stage.until(
        "it tells its version",
        |stage| stage.of_version("0.4.18") == 1,
        Stage::survey,
    );

    // A killed run that did not record the upgrade repeats it, and nothing is restarted.
    stage.tamper("UPDATE node SET version = '0.4.17', status = 'RUNNING'");
    stage.order("upgrade", 1);
    assert_eq!(stage.process(1).unwrap().pid, new);

    // A run killed between the new binary and the restart leaves the old binary.
    let kept = match mode {
        Mode::User => stage.root(1).join(".antnode.old"),
        // Beside the node's folder, where the node cannot replace it.
        Mode::Sudo => stage.storage().join(".antnode0001.antnode.old"),
    };
    fs::copy(stage.root(1).join("antnode"), &kept).unwrap();
    stage.tamper("UPDATE node SET version = '0.4.17', status = 'RUNNING'");
    stage.order("upgrade", 1);
    assert_ne!(stage.process(1).unwrap().pid, new);
    assert!(!kept.exists());
}

fn upgrade_that_does_not_start_is_rolled_back(mode: Mode) {
    let Some(stage) = of(mode, 1, &[]) else {
        return;
    };
    let identity = stage.identity(1);
    write_program(
        &stage.home().join(".local/bin/antnode"),
        "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Autonomi Node v0.4.18' && exit\nexit 9\n",
    );
    let ran = stage.force("upgrade --service_name antnode0001").code(3);
    let ran = ran.says("launchd has loaded it and does not run it, exit status 9");
    ran.says("its old binary is back and runs");
    assert_eq!(stage.identity(1), identity);
    stage.survey_until_running(1);
    assert_eq!(stage.of_version("0.4.17"), 1);
}

fn job_that_does_not_start_is_removed_and_its_exit_status_reported(mode: Mode) {
    let Some(stage) = of(mode, 0, &[]) else {
        return;
    };
    write_program(
        &stage.home().join(".local/bin/antnode"),
        "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Autonomi Node v0.4.18' && exit\nexit 9\n",
    );
    stage
        .force("add")
        .code(3)
        .says("start `antnode0001`: launchd has loaded it and does not run it, exit status 9");
    assert!(stage.rows().is_empty() && !stage.root(1).exists() && !stage.plist(1).exists());
}

fn jobs_loaded_or_stopped_by_the_operator_are_handled(mode: Mode) {
    for code in ["", "code-37"] {
        let Some(stage) = of(mode, 2, &[]) else {
            return;
        };
        if !code.is_empty() {
            stage.turn(code);
        }
        let job = |id: u32| format!("{}/com.autonomi.antnode-{id}", stage.domain());
        // The operator stopped and disabled it.
        stage.launchctl(&["bootout", &job(1)]);
        stage.launchctl(&["disable", &job(1)]);
        stage.tamper("UPDATE node SET status = 'STOPPED' WHERE id = 1");
        stage.order("start", 1);
        assert!(stage.process(1).is_some());
        // The operator stopped it, then wnm stops and removes it.
        stage.launchctl(&["bootout", &job(2)]);
        stage.tamper("UPDATE node SET status = 'RUNNING' WHERE id = 2");
        stage.order("stop", 2);
        fs::remove_file(stage.plist(2)).unwrap();
        stage.order("remove", 2);
        stage.survey();
        stage.check_consistency(true);
    }
}

fn lost_or_damaged_property_list_is_written_again(mode: Mode) {
    for broken in [
        None,
        Some("garbage"),
        Some("<plist version=\"1.0\"><dict/></plist>"),
    ] {
        let Some(stage) = of(mode, 1, &[]) else {
            return;
        };
        let text = fs::read_to_string(stage.plist(1)).unwrap();
        stage.order("stop", 1);
        match broken {
            None => fs::remove_file(stage.plist(1)).unwrap(),
            Some(broken) => fs::write(stage.plist(1), broken).unwrap(),
        }
        stage.order("start", 1);
        assert_eq!(fs::read_to_string(stage.plist(1)).unwrap(), text);
        assert!(stage.process(1).is_some());
    }
}

fn old_launchctl_with_load_unload_and_list_works(mode: Mode) {
    let Some(stage) = Machine::new(mode) else {
        return;
    };
    stage.turn("old");
    stage.init(&["--process_manager", stage.kind()]).done();
    stage.survey();
    stage.force("add --count 2").done();
    stage.survey_until_running(2);
    let (old, identity) = (stage.process(1).unwrap().pid, stage.identity(1));
    stage.install("0.4.18");
    stage.order("upgrade", 1);
    assert!(stage.process(1).unwrap().pid != old && stage.identity(1) == identity);
    stage.order("stop", 2);
    stage.order("start", 2);
    stage.order("remove", 2);
    stage.survey_until_running(1);
    stage.check_consistency(true);
    let told = stage.calls().join("\n");
    for verb in ["launchctl load -w ", "launchctl unload -w ", "launchctl unload /"] {
        assert!(told.contains(verb), "{verb} in {told}");
    }
}

#[test]
fn missing_launchd_domain_is_an_error_with_a_hint() {
    let stage = of(Mode::User, 1, &[]).unwrap();
    stage.order("stop", 1);
    stage.turn("no-domain");
    let ran = stage.force("start --service_name antnode0001").code(3);
    ran.says("Could not find domain")
        .says("use `launchd+sudo` for nodes that run without a login")
        .plain();
    // Nobody is logged in, so nothing of the user runs, and the node counts as stopped.
    stage.tamper("UPDATE node SET status = 'RUNNING'");
    stage.order("stop", 1);
}

fn job_that_launchd_does_not_stop_is_reported_and_kept(mode: Mode) {
    let Some(stage) = of(mode, 1, &[]) else {
        return;
    };
    stage.turn("not-stopped");
    stage
        .force("stop --service_name antnode0001")
        .code(3)
        .says("Operation not permitted");
    assert!(stage.process(1).is_some());
    stage.force("remove --service_name antnode0001").code(3);
    assert!(stage.root(1).join("secret-key").exists() && stage.plist(1).exists());
    fs::remove_file(stage.state().join("not-stopped")).unwrap();
    stage.order("remove", 1);
    assert!(stage.rows().is_empty() && !stage.root(1).exists());
}

/// The property list of the Python wnm: without `--enable-metrics-server`, with one log folder for all
/// nodes and the console log in it.
fn python_property_list(stage: &Machine, id: u32) -> String {
    let row = stage.row(id);
    let (root, logs, cache) = (
        stage.known(&row.root),
        stage.known(stage.logs()),
        stage.known(stage.base().join("bootstrap-cache")),
    );
    let root = root.display();
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

/// Turns the nodes of a colony into nodes of the Python wnm: its property lists, loaded as it does, and its
/// rows.
fn turn_into_python_nodes(stage: &Machine, manager_type: &str) {
    for id in stage.ids() {
        stage.order("stop", id);
        fs::write(stage.plist(id), python_property_list(stage, id)).unwrap();
        stage.launchctl(&["load", "-w", &stage.named(id)]);
        let id_text = format!("antnode{id:04}");
        fs::create_dir_all(stage.logs().join(id_text)).unwrap();
    }
    stage.tamper(&format!(
        "UPDATE node SET manager_type = '{manager_type}', method = '{manager_type}', log_dir = NULL, status = 'RUNNING',
             service = printf('antnode%04d.service', id)"
    ));
    stage.wait_for("the jobs run", |stage| {
        stage.processes().len() == stage.rows().len()
    });
}

fn nodes_of_the_python_wnm_keep_running(mode: Mode) {
    let whole = match mode {
        Mode::User => "launchd+user",
        Mode::Sudo => "launchd+sudo",
    };
    let releases = [
        (whole, "e2f4a512d24c.sql"),
        ("launchd", "3249fcc20390_fresh.sql"),
        ("launchctl", "eeec2af7114c_nov6.sql"),
    ];
    for (manager_type, dump) in releases {
        let Some(stage) = of(mode, 2, &["--node_cap", "2"]) else {
            return;
        };
        turn_into_python_nodes(&stage, manager_type);
        stage.replace_with_python_database(
            dump,
            &format!(
                "UPDATE machine SET process_manager = '{manager_type}', cpu_remove = 100;
                 UPDATE node SET version = '0.4.17'"
            ),
        );
        let pids: Vec<i32> = stage.processes().iter().map(|process| process.pid).collect();
        let texts = || [1, 2].map(|id| fs::read_to_string(stage.plist(id)).unwrap());
        let (text, identities) = (texts(), [1, 2].map(|id| stage.identity(id)));
        stage.calls();
        stage.wnm(&crate::adoption::ADOPT).done();
        stage.survey_until_running(2);
        for _ in 0..10 {
            stage.cycle();
        }
        let after: Vec<i32> = stage.processes().iter().map(|process| process.pid).collect();
        assert_eq!(after, pids);
        assert_eq!([1, 2].map(|id| stage.identity(id)), identities);
        assert_eq!(stage.calls(), Vec::<String>::new());
        assert_eq!(texts(), text, "they are as they wrote them");
        assert_eq!(stage.in_state("RUNNING"), 2);
        // From now on they are nodes like any other.
        stage.order("stop", 2);
        stage.order("start", 2);
        stage.install("0.4.18");
        stage.cycle_until("both are upgraded", |stage| stage.of_version("0.4.18") == 2);
        assert_eq!([1, 2].map(|id| stage.identity(id)), identities);
        // A removal deletes all its files.
        stage.order("remove", 1);
        assert!(!stage.plist(1).exists() && !stage.root(1).exists());
        let logs = stage.logs();
        assert!(!logs.join("antnode0001").exists() && !logs.join("antnode0001.log").exists());
        assert!(logs.join("antnode0002.log").exists());
    }
}

fn nodes_of_the_python_wnm_are_imported_after_its_database_was_lost(mode: Mode) {
    let Some(stage) = of(mode, 2, &[]) else {
        return;
    };
    turn_into_python_nodes(&stage, "launchd");
    let before = stage.rows();
    let pids: Vec<i32> = stage.processes().iter().map(|process| process.pid).collect();
    fs::remove_file(stage.database()).unwrap();
    stage
        .init(&["--process_manager", stage.kind(), "--import"])
        .done();
    stage.survey_until_running(2);
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
            Some(stage.logs().join(format!("antnode{:04}", after.id)))
        );
    }
}

#[test]
fn changes_of_root_files_use_sudo_and_queries_do_not() {
    let Some(stage) = of(Mode::Sudo, 1, &[]) else {
        return;
    };
    stage.order("stop", 1);
    stage.survey();
    stage.order("remove", 1);
    let told = fs::read_to_string(stage.seen("/var/log/sudo")).unwrap();
    let told: Vec<&str> = told.lines().collect();
    let plist = "/Library/LaunchDaemons/com.autonomi.antnode-1.plist";
    let staging = "/Library/LaunchDaemons/.com.autonomi.antnode-1.plist.new";
    let gid = 1000;
    for expected in [
        format!("-n install -d -m 0755 -o ant -g {gid} -- /var/antctl/services/antnode0001"),
        format!("-n install -d -m 0755 -o ant -g {gid} -- /var/log/antnode/antnode0001"),
        format!("-n install -m 0644 -- /dev/stdin {staging}"),
        format!("-n mv -fT -- {staging} {plist}"),
        "-n launchctl enable system/com.autonomi.antnode-1".to_owned(),
        format!("-n launchctl bootstrap system {plist}"),
        "-n launchctl disable system/com.autonomi.antnode-1".to_owned(),
        "-n launchctl bootout system/com.autonomi.antnode-1".to_owned(),
        format!("-n rm -f -- {plist}"),
        "-n rm -rf --one-file-system -- /var/antctl/services/antnode0001".to_owned(),
    ] {
        assert!(told.contains(&expected.as_str()), "`{expected}` in {told:#?}");
    }
    let asks = told.iter().filter(|line| line.contains("launchctl print"));
    assert_eq!(asks.collect::<Vec<_>>(), Vec::<&&str>::new(), "anybody may ask");
}
