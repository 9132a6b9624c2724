//! Help: without a colony, home or network, wnm prints its help at once and changes nothing; its output for
//! shells and for man(1) is valid.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::stage::{Ran, Stage};

const TOPICS: &[&[&str]] = &[
    &["--help"],
    &["-h"],
    &["--version"],
    &["-V"],
    &["--man"],
    &["--completions", "bash"],
    &["--completions", "zsh"],
    &["--completions", "fish"],
];

/// wnm without any environment variable.
fn bare(words: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wnm"));
    command.args(words).env_clear().stdin(Stdio::null());
    Ran::of(command)
}

#[test]
fn help_needs_no_home_and_changes_nothing() {
    let stage = Stage::new();
    fs::create_dir_all(stage.base()).expect("a folder for a colony");
    fs::write(stage.database(), "this is no database").expect("a file in its place");
    fs::create_dir_all(stage.home().join("wnm")).expect("a folder for settings");
    fs::write(stage.home().join("wnm/config"), "nonsense = 1\n").expect("settings that cannot be");
    let before = stage.tree();
    for words in TOPICS {
        let told = stage.wnm(words).done().plain();
        assert_eq!(told.stderr, "", "{told}");
        let odd = stage.wnm_with(&[("NODE_CAP", "x"), ("COLUMNS", "30"), ("TERM", "xterm")], words);
        for other in [odd, bare(words)] {
            assert_eq!(
                other.done().stdout,
                told.stdout,
                "the text in a pipe is always the same"
            );
        }
    }
    assert_eq!(stage.tree(), before);
}

#[test]
fn help_has_what_operators_look_for() {
    let help = bare(&["--help"]).done().stdout;
    for words in [
        "Limits:",
        "--node_cap <NODES>",
        "[env: NODE_CAP] [default: 20]",
        "--delay_start <SECONDS>",
        "--survey_delay <MS>",
        "--hdio_read_remove <BYTES/S>",
        "[env: WNM_FIREWALL]",
        "Exit codes:",
    ] {
        assert!(help.contains(words), "`{words}` in:\n{help}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    let short = bare(&["-h"]).done().stdout;
    assert!(
        short.len() * 3 < help.len() && short.contains("wnm --help"),
        "{short}"
    );
}

#[test]
fn unknown_shell_is_rejected() {
    bare(&["--completions", "tcsh"])
        .code(2)
        .says("possible values: bash, zsh, fish");
    bare(&["--completions"])
        .code(2)
        .says("a value is required for '--completions'");
}

#[test]
fn bash_completes_flags_values_and_files() {
    let stage = Stage::new();
    let script = stage.home().join("wnm.bash");
    fs::write(&script, bare(&["--completions", "bash"]).done().stdout).expect("the script is written");
    let completed = |words: &[&str]| -> Vec<String> {
        // The variables that bash sets before it calls the completion function.
        let asking = format!(
            "source {}; COMP_WORDS=({}); COMP_CWORD={}; COMP_TYPE=9; compopt() {{ :; }}; \
             f=$(complete -p wnm); f=${{f##*-F }}; f=${{f%% *}}; \
             $f wnm \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            script.display(),
            words
                .iter()
                .map(|word| format!("'{word}'"))
                .collect::<Vec<_>>()
                .join(" "),
            words.len() - 1,
        );
        let mut bash = Command::new("bash");
        // The script asks the wnm on PATH.
        let programs = Path::new(env!("CARGO_BIN_EXE_wnm")).parent().expect("a folder");
        bash.args(["--norc", "-c", &asking])
            .current_dir(stage.home())
            .env("HOME", stage.home())
            .env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
        let ran = Ran::of(bash).done();
        assert_eq!(ran.stderr, "", "{ran}");
        ran.stdout
            .lines()
            .map(str::to_owned)
            .filter(|word| !word.is_empty())
            .collect()
    };
    assert_eq!(completed(&["wnm", "--node_c"]), ["--node_cap"]);
    assert_eq!(completed(&["wnm", "--force_action", "tear"]), ["teardown"]);
    assert_eq!(
        completed(&["wnm", "--report_format", ""]),
        ["text", "json", "env", "config", "ntracking", "csv"]
    );
    assert_eq!(completed(&["wnm", "--process_manager", "setsid"]).len(), 2);
    assert!(completed(&["wnm", "--report", "node"]).contains(&"node-status-details".to_owned()));
    assert!(completed(&["wnm", "--dry_run", "--js"]).contains(&"--json".to_owned()));
    assert_eq!(completed(&["wnm", "--config", "wnm.b"]), ["wnm.bash"]);
    assert_eq!(completed(&["wnm", "--completions", "z"]), ["zsh"]);
    assert_eq!(completed(&["wnm", "--node-c"]), ["--node-cap"]);
    assert_eq!(completed(&["wnm", "--report=pl"]), ["--report=plan"]);
    assert_eq!(completed(&["wnm", "sta"]), ["status", "start"]);
}

#[test]
fn shells_and_man_accept_the_scripts_and_the_page() {
    let stage = Stage::new();
    for (words, checker) in [
        (&["--completions", "bash"][..], &["bash", "-n"][..]),
        (&["--completions", "zsh"], &["zsh", "-n"]),
        (&["--completions", "fish"], &["fish", "--no-execute"]),
        (&["--man"], &["mandoc", "-Tlint"]),
        (&["--man"], &["groff", "-man", "-ww", "-z"]),
    ] {
        let Some(program) = on_path(checker[0]) else {
            eprintln!("skipped: there is no {}", checker[0]);
            continue;
        };
        let file = stage.home().join("text");
        fs::write(&file, bare(words).done().stdout).expect("the text is written");
        let mut command = Command::new(program);
        command.args(&checker[1..]).arg(&file).env("HOME", stage.home());
        let ran = Ran::of(command).done();
        assert_eq!(
            (ran.stdout.as_str(), ran.stderr.as_str()),
            ("", ""),
            "{checker:?}"
        );
    }
}

fn on_path(program: &str) -> Option<std::path::PathBuf> {
    let found = |folder: &str| Path::new(folder).join(program);
    ["/usr/bin", "/bin", "/usr/local/bin"]
        .map(found)
        .into_iter()
        .find(|path| path.exists())
}
