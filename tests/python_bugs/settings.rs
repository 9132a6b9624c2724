//! Settings of the Python wnm.

use std::fs;

use crate::stage::Stage;

/// Writes a settings file.
fn write(stage: &Stage, name: &str, text: &str) {
    let folder = stage.home().join(".local/share/wnm");
    fs::create_dir_all(&folder).expect("the folder of settings");
    fs::write(folder.join(name), text).expect("a file of settings");
}

/// A column of table `machine`.
fn kept(stage: &Stage, column: &str) -> String {
    let sql = format!("SELECT ifnull(CAST({column} AS TEXT), 'null') FROM machine");
    stage
        .look()
        .query_row(&sql, [], |row| row.get(0))
        .expect("the machine")
}

#[test]
fn fault_66_disable_config_never_enables() {
    let stage = Stage::colony(&[]);
    let disable = ["--force_action", "disable_config", "--no_upnp", "--antctl_debug"];
    stage.wnm(&disable).done();
    assert_eq!(
        (kept(&stage, "no_upnp"), kept(&stage, "antctl_debug")),
        ("0".into(), "0".into())
    );
    stage.force("update_config --no_upnp").done();
    assert_eq!(kept(&stage, "no_upnp"), "1");
    stage.wnm(&disable).done();
    assert_eq!(kept(&stage, "no_upnp"), "0");
}

#[test]
fn fault_67_flag_with_hyphens_is_the_same_flag() {
    let stage = Stage::colony(&["--no-upnp", "--antctl-debug", "--node-cap", "7"]);
    let all = || ["no_upnp", "antctl_debug", "node_cap"].map(|column| kept(&stage, column));
    assert_eq!(all(), ["1", "1", "7"]);
    stage.force("update_config --no-upnp --antctl-debug").done();
    assert_eq!(all(), ["1", "1", "7"]);
    stage
        .wnm(&["--force-action", "disable_config", "--no-upnp"])
        .done();
    assert_eq!(all(), ["0", "1", "7"]);
}

#[test]
fn fault_68_switches_in_a_config_file_work_after_init() {
    let stage = Stage::colony(&[]);
    write(&stage, "config", "no_upnp=true\nantctl_debug\n");
    stage.force("update_config").done();
    assert_eq!(
        (kept(&stage, "no_upnp"), kept(&stage, "antctl_debug")),
        ("1".into(), "1".into())
    );
    write(&stage, "config", "no_upnp=false\n");
    stage.force("update_config").done();
    assert_eq!(
        (kept(&stage, "no_upnp"), kept(&stage, "antctl_debug")),
        ("0".into(), "1".into())
    );
}

#[test]
fn fault_69_dotenv_is_read_wherever_process_manager_is_set() {
    let init = ["--init", "--rewards_address", "faucet"];
    let flag = ["--process_manager", "setsid+user"];
    for (words, variables, extra) in [
        (&flag[..], &[][..], ""),
        (&[], &[("PROCESS_MANAGER", "setsid+user")], ""),
        (&[], &[], "PROCESS_MANAGER=setsid+user\n"),
    ] {
        let stage = Stage::new();
        write(&stage, ".env", &format!("NODE_CAP=44\n{extra}"));
        stage.wnm_with(variables, &[&init[..], words].concat()).done();
        assert_eq!(kept(&stage, "node_cap"), "44");
        assert_eq!(kept(&stage, "process_manager"), "setsid+user");
    }
}

#[test]
fn fault_70_empty_variable_overrides_nothing() {
    let stage = Stage::new();
    write(&stage, "config", "node_cap=43\n");
    let init = [
        "--init",
        "--rewards_address",
        "faucet",
        "--process_manager",
        "setsid+user",
    ];
    stage.wnm_with(&[("NODE_CAP", "")], &init).done();
    assert_eq!(kept(&stage, "node_cap"), "43");
    write(&stage, "config", "node_cap=42\n");
    stage
        .wnm_with(&[("NODE_CAP", "")], &["--force_action", "update_config"])
        .done();
    assert_eq!(kept(&stage, "node_cap"), "42");
}

#[test]
fn fault_71_process_manager_with_an_equals_sign_has_the_same_paths() {
    let stage = Stage::new();
    let init = |words: &[&str]| {
        let all = [&["--init", "--dry_run", "--rewards_address", "faucet"], words].concat();
        let ran = stage.wnm(&all).plain();
        (ran.code, ran.stdout, ran.stderr)
    };
    let apart = init(&["--process_manager", "systemd+sudo"]);
    assert_eq!(init(&["--process_manager=systemd+sudo"]), apart);
    assert!((apart.1 + &apart.2).contains("/var/antctl/colony.db"));
    let user = init(&["--process_manager=setsid+user"]);
    assert!((user.1 + &user.2).contains(&stage.database().display().to_string()));
}

#[test]
fn fault_72_host_and_last_stopped_at_are_kept() {
    let stage = Stage::colony(&["--host", "127.0.0.2", "--last_stopped_at", "1700000000"]);
    let both = || (kept(&stage, "host"), kept(&stage, "last_stopped_at"));
    // A survey after the same boot keeps it; only a later boot changes it.
    assert_eq!(both().0, "127.0.0.2");
    stage
        .force("update_config --host 127.0.0.3 --last_stopped_at 1700000005")
        .done();
    assert_eq!(both(), ("127.0.0.3".into(), "1700000005".into()));
    let fresh = Stage::new();
    fresh.init(&["--last_stopped_at", "1700000000"]).done();
    assert_eq!(kept(&fresh, "last_stopped_at"), "1700000000");
}

#[test]
fn fault_73_value_out_of_range_is_rejected() {
    for words in [
        &["--port_start", "0"][..],
        &["--port_start=-1"],
        &["--port_start", "66"],
        &["--metrics_port_start", "999"],
        &[
            "--port_start",
            "55",
            "--metrics_port_start",
            "55",
            "--rpc_port_start",
            "55",
        ],
        &["--donate_address", "garbage"],
    ] {
        let stage = Stage::new();
        stage.init(words).code(2).complains();
        assert!(!stage.database().exists(), "after {words:?}");
    }
    let stage = Stage::colony(&[]);
    let before = stage.wnm(&["--report", "machine-config"]).done().stdout;
    for flag in [
        "--node_cap=-5",
        "--cpu_less_than=-5",
        "--mem_remove=250",
        "--delay_remove=-1",
        "--max_concurrent_operations=-2",
        "--donate_address=garbage",
    ] {
        stage
            .wnm(&["--force_action", "update_config", flag])
            .code(2)
            .complains();
    }
    let after = stage.wnm(&["--report", "machine-config"]).done().stdout;
    assert_eq!(after, before);
}

#[test]
fn fault_74_version_is_printed_with_any_other_arguments() {
    let stage = Stage::new();
    for words in [
        &["--version", "--init"][..],
        &["--init", "--version"],
        &["--version", "-q"],
    ] {
        let ran = stage.wnm(words).done();
        assert_eq!(
            ran.stdout.trim(),
            concat!("wnm version ", env!("CARGO_PKG_VERSION"))
        );
        assert_eq!(ran.stderr, "");
    }
    assert!(!stage.base().exists());
}
