//! The lab: stories on a real Debian with systemd, cron, sudo and ufw. They need root and minutes, so
//! `cargo test` leaves them out and says so; `tests/lab/run` plays them.

use std::process::Command;

#[test]
fn the_lab_plays_where_it_is_asked_for() {
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
fn the_scripts_of_the_lab_are_sound() {
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
