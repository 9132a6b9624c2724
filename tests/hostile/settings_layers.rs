//! Malicious settings in every layer: each is rejected with one clear error, or kept exactly as written.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use wnm::settings::table::{Lifetime, ValueType};
use wnm::settings::table::{SETTINGS, Setting};

use crate::stage::{Ran, Stage};

use super::resource_limits::{MOST_KB, measured};

/// Far more than reading settings takes, even on a busy machine.
const MOST_TIME: Duration = Duration::from_secs(10);

/// A command that reads only the given settings, no machine, and prints the result.
const ASK: [&str; 3] = ["--report", "machine-config", "--json"];

fn words() -> Vec<String> {
    let short = [
        "-rf",
        "--all",
        "; rm -rf \"$HOME\"",
        "$(touch ran)",
        "`touch ran`",
        "%n %s %%n %i",
        "'",
        "\"",
        "a\\",
        "..",
        "../../etc",
        "/",
        "//",
        "/etc/passwd",
        "/proc/self/mem",
        "~root",
        "${HOME",
        "$NOBODY",
        "two\nlines = 3",
        "\u{1b}[2J\u{7}",
        "\u{feff}",
        "\u{202e}\u{0}".trim_end_matches('\0'),
        "70000",
        "-1",
        "\u{1F600}",
        "A=1 B='\n'",
        "A=$(id)",
        "0x",
        "faucet:1e400",
        "127.0.0.1:1/../#",
    ];
    let mut words: Vec<String> = short.map(str::to_owned).into();
    // Two variables of the maximum length are too long for one command on some systems.
    words.push("x".repeat(100_000));
    words.push(format!("/{}", "y/".repeat(30_000)));
    words.push(format!("A={}", "z".repeat(66_000)));
    words
}

fn texts() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| {
        let is_text = !matches!(
            setting.value_type,
            ValueType::Whole { .. } | ValueType::Load | ValueType::Thousands | ValueType::Switch
        );
        // Settings that only flags may set are rejected in other layers, except those that a report reads
        // from its own flags.
        is_text
            && setting.lifetime != Lifetime::Flag
            && !["report", "report_format", "dbpath", "config"].contains(&setting.name)
    })
}

/// Runs it and returns whether the value was rejected; the error must name the setting and its source in
/// one line.
fn is_refused(ran: &Ran, setting: &Setting, place: &str, word: &str) -> bool {
    let what = format!(
        "{} = {word:.80?} in {place}: {:?} {:.900}",
        setting.name, ran.code, ran.stderr
    );
    let shown = ran.stderr.replace('\n', "");
    assert!(!shown.contains(char::is_control), "{what}");
    assert!(ran.stderr.len() < 4_000, "{what}");
    match ran.code {
        Some(0) => false,
        Some(2) => {
            assert!(ran.stderr.contains(place), "{what}");
            // A second line is another setting, and an unclosed quote is invalid.
            let is_named = ran.stderr.contains(setting.name);
            assert!(is_named || word.contains('\n') || place == ".env", "{what}");
            assert_eq!(ran.stdout, "", "{what}");
            true
        }
        _ => panic!("{what}"),
    }
}

/// A report prints the value as written, except for surrounding blanks and `~`.
fn is_kept(ran: &Ran, setting: &Setting, word: &str) {
    let told = &ran.json()[setting.name];
    let told = told.as_str().map_or_else(|| told.to_string(), str::to_owned);
    let is_said = told == word.trim()
        || matches!(setting.value_type, ValueType::Choice(_)) && told.eq_ignore_ascii_case(word.trim())
        || matches!(setting.value_type, ValueType::Storage) && told.starts_with('/')
        || matches!(setting.value_type, ValueType::Address)
        || told == "null" && word.trim().is_empty();
    assert!(is_said, "{} became {told:.80?} from {word:.80?}", setting.name);
}

/// Writes one setting in the form of a layer.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Flag,
    Variable,
    Dotenv,
    DotenvBare,
    Toml,
    Line,
}

const WAYS: [Way; 6] = [
    Way::Flag,
    Way::Line,
    Way::Variable,
    Way::Dotenv,
    Way::Toml,
    Way::DotenvBare,
];

impl Way {
    /// The text that the error must contain.
    fn place(self) -> &'static str {
        match self {
            Way::Flag => "'--",
            Way::Variable => "variable",
            Way::Dotenv | Way::DotenvBare => ".env",
            Way::Toml | Way::Line => "config",
        }
    }

    /// Whether the layer keeps the value as written; without quotes, some characters have a meaning.
    fn is_exact(self) -> bool {
        matches!(self, Way::Flag | Way::Variable | Way::Toml)
    }

    fn ask(self, stage: &Stage, setting: &Setting, word: &str) -> Option<Ran> {
        let variable = setting.variable();
        if matches!(self, Way::Variable | Way::Dotenv | Way::DotenvBare) && variable.is_none() {
            return None;
        }
        let (name, upper) = (setting.name, variable.unwrap_or_default());
        let text = match self {
            Way::Flag => return Some(stage.wnm(&[&ASK[..], &[&format!("--{name}={word}")]].concat())),
            Way::Variable => return Some(stage.wnm_with(&[(&format!("WNM_{upper}"), word)], &ASK)),
            Way::Dotenv => format!("{upper}='{}'\n", word.replace('\'', "\\'")),
            Way::DotenvBare => format!("{upper}={word}\n"),
            Way::Toml => format!("{name} = {}\n", serde_json::to_string(word).expect("a text")),
            Way::Line => format!("{name}={word}\n"),
        };
        let file = stage.home().join(".local/share/wnm").join(self.place());
        fs::write(&file, text).expect("a file of settings");
        let ran = stage.wnm(&ASK);
        fs::remove_file(&file).expect("it goes");
        Some(ran)
    }
}

#[test]
fn every_layer_rejects_a_value_or_keeps_it_as_written() {
    let stage = Stage::colony(&[]);
    fs::create_dir_all(stage.home().join(".local/share/wnm")).expect("a folder for settings");
    let before = fs::read(stage.database()).expect("a database");
    let is_full = std::env::var("WNM_STRESS").is_ok_and(|stress| stress == "full");
    let (mut turn, mut refused, mut taken) = (0, 0, 0);
    for (setting, word) in texts().flat_map(|setting| words().into_iter().map(move |word| (setting, word))) {
        // By default each value meets each setting in two of the layers; the full run uses all layers.
        let ways = if is_full { WAYS.len() } else { 1 };
        for _ in 0..ways {
            turn += 1;
            let way = WAYS[turn % WAYS.len()];
            let Some(ran) = way.ask(&stage, setting, &word) else {
                continue;
            };
            if is_refused(&ran, setting, way.place(), &word) {
                refused += 1;
                continue;
            }
            taken += 1;
            if way.is_exact() && setting.is_persistent() {
                is_kept(&ran, setting, &word);
            }
        }
        // The next setting uses other layers for the same values.
        turn += 2 * usize::from(!is_full && word.starts_with("A=z"));
    }
    eprintln!("{refused} refused, {taken} taken");
    assert!(refused > 300 && taken > 80, "{refused} and {taken}");
    assert_eq!(fs::read(stage.database()).expect("a database"), before);
    assert!(!stage.home().join("ran").exists(), "and nothing was run");
}

/// The paths of the settings files, below the home.
const PLACES: [&str; 4] = [
    ".local/share/wnm/config",
    "wnm/config",
    ".local/share/wnm/.env",
    "named",
];

/// Creates something at a path.
type Maker = Box<dyn Fn(&Path)>;

/// What replaces a settings file, and the expected error.
fn things() -> Vec<(&'static str, Maker)> {
    fn text(text: impl Into<Vec<u8>>) -> Maker {
        let text = text.into();
        Box::new(move |path| fs::write(path, &text).expect("a file"))
    }
    vec![
        (
            "nobody writes to it",
            Box::new(|path| {
                let made = Command::new("mkfifo").arg(path).status();
                assert!(made.expect("mkfifo runs").success());
            }),
        ),
        (
            "it is a folder",
            Box::new(|path| fs::create_dir(path).expect("a folder")),
        ),
        (
            "longer than 128 KiB",
            Box::new(|path| symlink("/dev/zero", path).expect("a link")),
        ),
        (
            "longer than 128 KiB",
            Box::new(|path| {
                fs::File::create(path)
                    .and_then(|file| file.set_len(1 << 30))
                    .expect("a file")
            }),
        ),
        (
            "Too many levels",
            Box::new(|path| symlink(path, path).expect("a link")),
        ),
        (
            "permission denied",
            Box::new(|path| {
                fs::write(path, "node_cap = 3\n").expect("a file");
                fs::set_permissions(path, fs::Permissions::from_mode(0o000)).expect("its mode");
            }),
        ),
        (
            "longer than 128 KiB",
            text(format!("NODE_CAP={}\n", "9".repeat(1 << 20))),
        ),
        ("longer than 128 KiB", text("\n".repeat(10 << 20))),
        ("not UTF-8", text(*b"NODE_CAP=\xff\xfe\n")),
        ("not UTF-8", text(*b"\xff\xfeN\0O\0D\0E\0_\0C\0A\0P\0=\x003\0")),
        ("node_cap", text(*b"NODE_CAP=\x003\n")),
        ("node_cap", text(format!("NODE_CAP={}\n", "9".repeat(100_000)))),
        ("line 1", text(format!("WNM_{}=1\n", "x".repeat(100_000)))),
        (
            "start_args",
            text(format!("START_ARGS={}\n", "x ".repeat(40_000))),
        ),
    ]
}

/// Contents that only one of the two kinds of file can have.
fn forms() -> Vec<(usize, &'static str, String)> {
    let doubled: String = (1..30)
        .map(|n| format!("A{n}=${{A{0}}}${{A{0}}}\n", n - 1))
        .collect();
    let deep = 20_000;
    vec![
        (
            2,
            "longer than 256 KiB after its variables are expanded",
            format!("A0=0123456789\n{doubled}"),
        ),
        (
            2,
            "missing closing quote",
            "NODE_CAP=\"3\nCPU_REMOVE=70".to_owned(),
        ),
        (
            0,
            "unknown setting 'a",
            format!("a = {}1{}\n", "[".repeat(deep), "]".repeat(deep)),
        ),
        (
            0,
            "unknown setting 'a",
            format!("a = {}1{}\n", "{a=".repeat(deep), "}".repeat(deep)),
        ),
        (0, "unknown setting 'a", format!("a{} = 1\n", ".a".repeat(deep))),
        (0, "node_cpa", format!("[a{}]\nnode_cpa = 3\n", ".a".repeat(deep))),
        (0, "node_cap", "node_cap = [[[[3]]]]\n".to_owned()),
        (
            0,
            "start_args",
            format!(
                "start_args = [{}]\n",
                "\"x\", ".repeat(16_000) + &"[],".repeat(100)
            ),
        ),
        (0, "unknown setting 'x'", "x = 1\n".repeat(20_000)),
    ]
}

/// Contents that are accepted, up to the maximum size of a file.
fn crowds() -> [(usize, String); 3] {
    let lines = |line: fn(usize) -> String| (0..9_000).map(line).collect::<String>();
    [
        (2, lines(|n| format!("OTHERS{n}=1\n"))),
        (0, lines(|n| format!("[a.b{n}]\n")) + "node_cap = 20\n"),
        (0, lines(|_| "node_cap = 20\n".to_owned()).replace(" = ", " ")),
    ]
}

fn asked(stage: &Stage, place: &str) -> Ran {
    let named = stage.home().join("named");
    let named = named.to_str().expect("plain");
    let words = match place {
        "named" => [&ASK[..], &["--config", named]].concat(),
        _ => ASK.to_vec(),
    };
    let (ran, took, most) = measured(stage.command(&words));
    assert!(took < MOST_TIME, "{place}: it took {took:?}: {ran}");
    assert!(most < MOST_KB, "{place}: it took {most} kB: {ran}");
    ran
}

#[test]
fn rejects_a_settings_file_that_is_no_regular_file_without_blocking() {
    let stage = Stage::colony(&[]);
    for place in PLACES {
        let path = stage.home().join(place);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    }
    let before = fs::read(stage.database()).expect("a database");
    let refused = |place: &str, says: &str| {
        let ran = asked(&stage, place).code(2).complains().prints_nothing();
        assert!(ran.stderr.contains(place), "{place} is named in {ran}");
        assert!(ran.stderr.contains(says), "`{says}` in {ran}");
        assert!(ran.stderr.len() < 1_000, "{ran}");
    };
    for (says, make) in things() {
        for place in PLACES {
            let path = stage.home().join(place);
            make(&path);
            // root may read everything.
            if says != "permission denied" || fs::read(&path).is_err() {
                refused(place, says);
            }
            fs::remove_file(&path)
                .or_else(|_| fs::remove_dir(&path))
                .expect("it goes");
        }
    }
    for (place, text) in crowds() {
        let path = stage.home().join(PLACES[place]);
        fs::write(&path, text).expect("a file");
        asked(&stage, PLACES[place]).done();
        fs::remove_file(&path).expect("it goes");
    }
    for (place, says, text) in forms() {
        let path = stage.home().join(PLACES[place]);
        fs::write(&path, text).expect("a file");
        refused(PLACES[place], says);
        fs::remove_file(&path).expect("it goes");
    }
    assert_eq!(fs::read(stage.database()).expect("a database"), before);
}

#[test]
fn reads_settings_files_of_common_editors_and_shells() {
    let stage = Stage::colony(&[]);
    let cap = |ran: Ran| ran.done().json()["node_cap"].clone();
    for place in PLACES {
        let path = stage.home().join(place);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, "\u{feff}# mine\r\nNODE_CAP=7\r\n\r\n").expect("a file");
        assert_eq!(cap(asked(&stage, place)), 7, "{place}");
        fs::remove_file(&path).expect("it goes");
        // A common way to disable a settings file.
        symlink("/dev/null", &path).expect("a link");
        assert_eq!(cap(asked(&stage, place)), 20, "{place}");
        fs::remove_file(&path).expect("it goes");
    }
    let mut shell = Command::new("sh");
    let script = "(sleep 0.2; echo node_cap = 6) | \"$1\" --report machine-config --json --config /dev/stdin";
    shell.args(["-c", script, "sh", env!("CARGO_BIN_EXE_wnm")]);
    assert_eq!(cap(Ran::of(stage.at_home(shell, &[]))), 6);
}

#[test]
fn home_with_any_name_is_accepted_and_printed_safely() {
    let stage = Stage::colony(&[]);
    let long = "h".repeat(100_000);
    for home in [
        "/tmp/a\nb",
        "/tmp/\u{1b}[31m\u{7}",
        "relative",
        "/dev/null",
        "/proc/self/mem",
        "",
        &long,
    ] {
        for words in [
            &["--report", "node-status"][..],
            &["--dry_run"],
            &["--init", "--rewards_address", "faucet"],
        ] {
            let mut command =
                stage.command(&[words, &["--process_manager", "setsid+user", "--dry_run"]].concat());
            command.env("HOME", home);
            let (ran, took, most) = measured(command);
            assert!(
                took < MOST_TIME && most < MOST_KB,
                "{home:.80?}: {took:?}, {most} kB"
            );
            assert!(
                matches!(ran.code, Some(0..=2)),
                "{home:.80?}: {:?} {:.900}",
                ran.code,
                ran.stderr
            );
            let is_plain = |c: char| !c.is_control() || c == '\n';
            assert!(
                ran.stderr.chars().all(is_plain),
                "{home:.80?}: {:.900?}",
                ran.stderr
            );
        }
    }
}
