//! Packaging: installation from a built program or a release archive, with man page and completions;
//! removal keeps everything of the operator's.

mod ansible;
mod dashboard;
mod debian;
mod mac;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::stage::{Ran, Stage};

const INSTALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/install.sh");
const ARCHIVE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/archive");
const INSTALLED: [&str; 5] = [
    "bin/wnm",
    "share/man/man1/wnm.1",
    "share/bash-completion/completions/wnm",
    "share/zsh/site-functions/_wnm",
    "share/fish/vendor_completions.d/wnm.fish",
];

/// A script of the package, run as the operator of this stage.
fn script(stage: &Stage, path: &str, words: &[&str]) -> Ran {
    let mut command = Command::new("/bin/sh");
    command
        .arg(path)
        .args(words)
        .env_clear()
        .env("HOME", stage.home())
        .env("PATH", "/usr/bin:/bin")
        .current_dir(stage.home());
    Ran::of(command)
}

fn is_installed(stage: &Stage) {
    for name in INSTALLED {
        let file = fs::read(stage.home().join(".local").join(name)).expect(name);
        assert!(!file.is_empty(), "{name}");
    }
    let told = Ran::of({
        let mut command = Command::new(stage.home().join(".local/bin/wnm"));
        command.arg("--version").env_clear();
        command
    });
    assert!(told.done().stdout.starts_with("wnm version "));
}

#[test]
fn installs_over_an_older_version_and_uninstalls_without_the_colony() {
    let stage = Stage::colony(&[]);
    for _ in 0..2 {
        let ran = script(&stage, INSTALL, &[env!("CARGO_BIN_EXE_wnm")]).done();
        assert!(ran.stdout.contains("installed wnm version"), "{ran}");
        is_installed(&stage);
    }
    script(&stage, INSTALL, &["--remove"]).done();
    for name in INSTALLED {
        assert!(!stage.home().join(".local").join(name).exists(), "{name}");
    }
    assert!(stage.database().exists(), "the colony stays");
    assert!(
        stage.home().join(".local/bin/antnode").exists(),
        "so does antnode"
    );
    stage.cycle();
}

#[test]
fn installs_a_release_archive_and_rejects_a_broken_one() {
    let stage = Stage::new();
    let name = "wnm-test";
    script(&stage, ARCHIVE, &[env!("CARGO_BIN_EXE_wnm"), name]).done();
    let archive = stage.home().join("wnm-test.tar.gz");
    let word = archive.to_str().expect("a plain path");
    script(&stage, INSTALL, &[word]).done();
    is_installed(&stage);
    script(&stage, INSTALL, &["--remove"]).done();
    let sum = stage.home().join("wnm-test.tar.gz.sha256");
    fs::write(sum, "0000  wnm-test.tar.gz\n").expect("a wrong sum");
    let ran = script(&stage, INSTALL, &[word]).code(1);
    assert!(ran.stderr.contains("the checksum of"), "{ran}");
    assert!(!stage.home().join(".local/bin/wnm").exists());
}

#[test]
fn failed_installation_gives_an_error_and_writes_nothing() {
    let stage = Stage::new();
    let before = stage.tree();
    for (words, said) in [
        (&["/no/such/wnm"][..], "no file `/no/such/wnm`"),
        (&["/bin/false"], "does not run on this machine"),
        (&["--sytem"], "unexpected argument `--sytem`"),
        (&["a", "b"], "unexpected argument `b`"),
    ] {
        let ran = script(&stage, INSTALL, words).code(1);
        assert!(ran.stderr.contains(said), "{ran}");
    }
    assert_eq!(stage.tree(), before);
}

#[test]
fn scripts_pass_shellcheck() {
    let is_there = Command::new("shellcheck").arg("--version").output().is_ok();
    let others = [
        "deb/build",
        "deb/postinst",
        "deb/prerm",
        "deb/postrm",
        "homebrew/fill",
    ];
    let others = others.map(|name| format!("{}/packaging/{name}", env!("CARGO_MANIFEST_DIR")));
    for path in [INSTALL, ARCHIVE]
        .into_iter()
        .chain(others.iter().map(String::as_str))
    {
        let mut check = if is_there {
            Command::new("shellcheck")
        } else {
            eprintln!("skipped: there is no shellcheck; sh -n in its place");
            let mut command = Command::new("sh");
            command.arg("-n");
            command
        };
        let checked = check.arg(path).output().expect("a checker");
        assert!(
            checked.status.success(),
            "{}",
            String::from_utf8_lossy(&checked.stdout)
        );
    }
}

#[test]
fn public_ci_runs_the_same_checks() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(top.join(".github/workflows").join(name)).expect(name);
    assert!(read("ci.yml").contains("run: .ci/run\n"));
    let release = read("release.yml");
    for target in ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"] {
        assert!(release.contains(target), "{target}");
    }
    // Our files in the release workflow exist and are executable.
    for script in [
        ".ci/static",
        "packaging/archive",
        "packaging/deb/build",
        "packaging/homebrew/fill",
    ] {
        assert!(release.contains(&format!(" {script} ")), "{script}");
        let mode = fs::metadata(top.join(script)).expect(script).permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{script}");
    }
}
