//! A stage with systemd nodes: the `systemctl` is a simulated one that runs them as real processes and can
//! fail.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::stage::Stage;

/// A machine with that systemctl and no colony.
pub fn machine() -> Stage {
    let stage = Stage::new();
    let place = stage.home().join(".local/bin/systemctl");
    fs::write(&place, include_str!("../fakes/systemctl")).expect("a stand-in for systemctl");
    fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).expect("it may be run");
    fs::create_dir_all(stage.home().join(".systemctl")).expect("its folder");
    stage
}

/// A colony of services without nodes.
pub fn colony(settings: &[&str]) -> Stage {
    let stage = machine();
    let mut all = vec!["--process_manager", "systemd+user"];
    all.extend(settings);
    stage.init(&all).done();
    stage.survey();
    stage
}

/// A colony of `count` running services; the calls of systemctl so far are deleted.
pub fn of(count: usize, settings: &[&str]) -> Stage {
    let stage = colony(settings);
    stage
        .wnm(&["--force_action", "add", "--count", &count.to_string()])
        .done();
    stage.survey_until_running(count);
    forget(&stage);
    stage
}

/// The calls of systemctl since the last [`forget`].
pub fn calls(stage: &Stage) -> Vec<String> {
    let calls = fs::read_to_string(stage.home().join(".systemctl/calls")).unwrap_or_default();
    calls.lines().map(str::to_owned).collect()
}

/// Deletes the recorded calls of systemctl.
pub fn forget(stage: &Stage) {
    let _ = fs::remove_file(stage.home().join(".systemctl/calls"));
}

/// Makes systemctl fail: `how` is one of its words, `whom` a unit or `all`.
pub fn spoil(stage: &Stage, how: &str, whom: &str) {
    fs::write(stage.home().join(".systemctl").join(how), format!("{whom}\n")).expect("the order is written");
}

/// Ends the failure.
pub fn mend(stage: &Stage, how: &str) {
    fs::remove_file(stage.home().join(".systemctl").join(how)).expect("the order is taken back");
}

/// The unit file of a node.
pub fn unit(stage: &Stage, id: u32) -> PathBuf {
    stage
        .home()
        .join(".config/systemd/user")
        .join(format!("antnode{id:04}.service"))
}
