//! The lab: tests on a real Debian with systemd, cron, sudo and ufw. They need root and several minutes, so
//! `cargo test` skips them with a message; `tests/lab/run` runs them.

use std::process::Command;

#[test]
fn lab_runs_where_it_is_enabled() {
    let asked = std::env::var("LAB").unwrap_or_default();
    if asked.is_empty() {
        eprintln!("SKIPPED: the lab stories; LAB=1 plays them, or tests/lab/run");
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/run");
    let status = Command::new(script)
        .env("LAB", asked)
        .status()
        .expect("tests/lab/run starts");
    assert!(status.success(), "tests/lab/run: {status}");
}

#[test]
fn scripts_of_the_lab_pass_shellcheck() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab");
    let files = std::fs::read_dir(folder)
        .expect("the folder of the lab")
        .flatten();
    for path in files
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_none_or(|ending| ending == "sh"))
    {
        let status = Command::new("bash")
            .arg("-n")
            .arg(&path)
            .status()
            .expect("bash is there");
        assert!(status.success(), "{}", path.display());
    }
}
