//! Unusual characters: a node gets values and paths exactly as the operator wrote them.

use std::fs;

use super::manager_stage::{Kind, ManagerStage};

/// The environment variables of a process.
fn variables(pid: i32) -> Vec<String> {
    let all = fs::read(format!("/proc/{pid}/environ")).expect("its variables");
    let all = String::from_utf8_lossy(&all).into_owned();
    all.split('\0').map(str::to_owned).collect()
}

pub fn values_with_quotes_and_paths_with_spaces_reach_the_node_unchanged(kind: &Kind) {
    // antctl does not quote paths in the units it writes, but it chooses those paths itself.
    let home = if kind.is_antctl() {
        "wnm-contract-"
    } else {
        "wnm 50% of it "
    };
    let Some(stage) = ManagerStage::called(kind, home) else {
        return;
    };
    let words = if kind.is_antctl() {
        "--local --ip 127.0.0.1 --max-log-files=3"
    } else {
        "--local --ip=127.0.0.1 --max-log-files 3 --bootstrap-cache-dir '/tmp/50% \"of\" $HOME; it'\\''s \\ `x`'"
    };
    let settings = [
        "--environment",
        "GREETING='50% of $HOME; {x} `y`' B=\"it's \\\"so\\\" \\\\\" EMPTY= ONE=1",
        "--start_args",
        words,
        "--no_upnp",
    ];
    stage.found(1, &settings);
    if kind.places_nodes() && kind.is_antctl() {
        let odd = stage.home().join("my nodes 50%").display().to_string();
        let ran = stage
            .wnm(&["--force_action", "add", "--node_storage", &odd])
            .code(3);
        assert!(ran.stderr.contains("quotes nothing"), "{ran}");
        assert_eq!(stage.ids(), [1]);
        let storage = if kind.has_sudo {
            "/var/antctl/services".into()
        } else {
            stage.storage()
        };
        let words = ["--force_action", "update_config", "--node_storage"];
        stage
            .wnm(&[&words[..], &[&storage.display().to_string()]].concat())
            .done();
    }
    for pass in ["as it was made", "after a stop, and written anew"] {
        let process = stage.process_of(1).expect("it runs");
        let told: Vec<&str> = process.words.iter().map(String::as_str).collect();
        let has = |name: &str, value: &str| {
            let both = told.windows(2).any(|pair| pair == [name, value]);
            both || told.contains(&format!("{name}={value}").as_str())
        };
        assert!(
            has("--ip", "127.0.0.1") && has("--max-log-files", "3"),
            "{pass}: {told:?}"
        );
        assert!(
            told.contains(&"--local") && told.contains(&"--no-upnp"),
            "{pass}: {told:?}"
        );
        if !kind.is_antctl() {
            assert!(
                has("--bootstrap-cache-dir", "/tmp/50% \"of\" $HOME; it's \\ `x`"),
                "{pass}: {told:?}"
            );
            let in_home = told.iter().any(|word| word.contains("wnm 50% of it "));
            assert!(in_home || kind.has_sudo, "{pass}: {told:?}");
        }
        let variables = variables(process.pid);
        for expected in [
            "GREETING=50% of $HOME; {x} `y`",
            "B=it's \"so\" \\",
            "EMPTY=",
            "ONE=1",
        ] {
            assert!(
                variables.iter().any(|has| has == expected),
                "{pass}: {expected} in {variables:?}"
            );
        }
        stage.order("stop", 1);
        // Only antctl could write the unit again.
        if !kind.is_antctl() {
            fs::remove_file(stage.service(1)).expect("its service");
        }
        stage.order("start", 1);
        stage.all_run(1);
    }
    stage.is_consistent(1);
    stage.force("teardown --confirm").done();
    stage.is_bare();
}
