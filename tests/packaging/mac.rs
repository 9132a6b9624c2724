//! Files for macOS: the launchd job that the doctor looks for, and the Homebrew formula of a release.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::stage::{Ran, Stage};

const TOP: &str = env!("CARGO_MANIFEST_DIR");
const FILL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/homebrew/fill");

#[test]
fn launchd_job_runs_wnm_each_minute() {
    let path = Path::new(TOP).join("packaging/launchd/org.wnm.wnm.plist");
    let job = plist::Value::from_file(&path).expect("a property list");
    let job = job.as_dictionary().expect("a dictionary");
    let mut keys: Vec<&str> = job.keys().map(String::as_str).collect();
    keys.sort_unstable();
    // No other keys: KeepAlive would start a run as soon as one ends, and ProcessType would slow down the
    // nodes.
    assert_eq!(
        keys,
        [
            "AbandonProcessGroup",
            "EnvironmentVariables",
            "Label",
            "ProgramArguments",
            "StandardErrorPath",
            "StandardOutPath",
            "StartInterval"
        ]
    );
    let label = job["Label"].as_string().expect("a label");
    assert_eq!(
        path.file_name().and_then(|name| name.to_str()),
        Some(&*format!("{label}.plist"))
    );
    let doctor =
        fs::read_to_string(Path::new(TOP).join("src/commands/doctor/schedule.rs")).expect("the doctor");
    assert!(
        doctor.contains(&format!("\"{label}\"")),
        "the doctor looks for it"
    );
    assert_eq!(job["StartInterval"].as_signed_integer(), Some(60));
    assert_eq!(job["AbandonProcessGroup"].as_boolean(), Some(true));
    let words: Vec<&str> = job["ProgramArguments"]
        .as_array()
        .expect("words")
        .iter()
        .filter_map(|word| word.as_string())
        .collect();
    assert_eq!(
        words,
        ["/Users/op/.local/bin/wnm", "--quiet"],
        "where install.sh puts it"
    );
    for log in ["StandardOutPath", "StandardErrorPath"] {
        let log = job[log].as_string().expect("a file");
        assert!(
            log.starts_with("/Users/op/Library/Logs/"),
            "launchd puts in no `~`: {log}"
        );
    }
}

#[test]
fn formula_matches_the_source_of_the_release() {
    let formula = fs::read_to_string(Path::new(TOP).join("packaging/homebrew/wnm.rb")).expect("the formula");
    for line in formula
        .lines()
        .filter(|line| line.contains("sha256") || line.contains("version "))
    {
        assert!(
            line.contains('@') || line.contains("version.to_s"),
            "nothing is made up: {line}"
        );
    }
    let stage = Stage::new();
    fs::create_dir(stage.home().join("wnm-9.8.7")).expect("a folder");
    let manifest = fs::read_to_string(Path::new(TOP).join("Cargo.toml")).expect("Cargo.toml");
    let ours = format!("\nversion = \"{}\"\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(manifest.matches(&ours).count(), 1);
    let manifest = manifest.replace(&ours, "\nversion = \"9.8.7\"\n");
    fs::write(stage.home().join("wnm-9.8.7/Cargo.toml"), manifest).expect("a manifest");
    let run = |program: &str, words: &[&str]| {
        let mut command = Command::new(program);
        command.args(words).current_dir(stage.home());
        Ran::of(command)
    };
    run("tar", &["-czf", "source.tar.gz", "wnm-9.8.7"]).done();
    let sum = run("sha256sum", &["source.tar.gz"]).done().stdout;
    let url = "https://example.org/wnm-9.8.7.tar.gz";
    let filled = run(FILL, &["https://example.org/wnm", url, "source.tar.gz"])
        .done()
        .stdout;
    for line in [
        "  homepage \"https://example.org/wnm\"",
        &format!("  url \"{url}\""),
        "  version \"9.8.7\"",
        &format!("  sha256 \"{}\"", sum.split(' ').next().expect("a sum")),
        &format!("  license \"{}\"", env!("CARGO_PKG_LICENSE")),
    ] {
        assert!(filled.lines().any(|said| said == line), "{line}: {filled}");
    }
    assert!(!filled.contains('@'), "no gap is left: {filled}");
    fs::write(stage.home().join("wnm.rb"), &filled).expect("the formula");
    if Command::new("ruby").arg("--version").output().is_ok() {
        run("ruby", &["-wc", "wnm.rb"]).done();
    } else {
        eprintln!("SKIPPED: there is no ruby to read the formula");
    }
    for words in [
        &["https://example.org", "http://example.org/a", "source.tar.gz"][..],
        &["https://example.org", "https://example.org/|e", "source.tar.gz"],
        &["https://example.org", url, "none.tar.gz"],
        &["https://example.org", url],
    ] {
        let ran = run(FILL, words).code(1);
        assert!(
            ran.stdout.is_empty() && ran.stderr.starts_with("packaging/homebrew/fill: "),
            "{ran}"
        );
    }
}

#[test]
fn formula_tests_the_output_of_the_program() {
    let formula = fs::read_to_string(Path::new(TOP).join("packaging/homebrew/wnm.rb")).expect("the formula");
    let stage = Stage::new();
    for (said, words) in [
        ("Utils.safe_popen_read(bin/\"wnm\", \"--man\")", &["--man"][..]),
        (
            "\"--completions\", shells: [:bash, :zsh, :fish]",
            &["--completions", "bash"],
        ),
        ("shells: [:bash, :zsh, :fish]", &["--completions", "zsh"]),
        ("shells: [:bash, :zsh, :fish]", &["--completions", "fish"]),
        ("#{bin}/wnm --version", &["--version"]),
    ] {
        assert!(formula.contains(said), "{said}");
        assert!(!stage.wnm(words).done().stdout.is_empty(), "{words:?}");
    }
    assert!(
        formula.contains("run [opt_bin/\"wnm\", \"--quiet\"]\n    run_type :interval\n    interval 60\n")
    );
    let ran = stage.wnm(&["--report", "node-status"]).code(1);
    assert!(ran.stderr.contains("there is no colony"), "{ran}");
}
