//! macOS: the little code for one system only is listed, and documented in docs/managers.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Files that use a path of Linux, and work without it.
const ASKS_FIRST: &[(&str, &str)] = &[
    (
        "commands/doctor/cron_daemon.rs",
        "the daemon is looked for elsewhere, or not known",
    ),
    (
        "commands/doctor/database.rs",
        "the holder of the lock is not named",
    ),
    ("commands/doctor/figures.rs", "there are no control groups"),
    (
        "commands/doctor/noexec.rs",
        "the options of mounts are not checked",
    ),
    ("commands/init/anm.rs", "anm runs on Linux only"),
    ("firewall/interface.rs", "there is no default interface"),
    ("lock.rs", "who holds the lock stays unsaid"),
    (
        "manager/files/mount_points.rs",
        "no mount is known; the deletion itself compares filesystems",
    ),
    (
        "manager/installed_unit.rs",
        "there is no systemd whose units are read",
    ),
    ("manager/process_scan.rs", "`ps` lists them"),
    ("manager/process_scan/living_roots.rs", "`ps` lists them"),
    ("manager/process_scan/proc_files.rs", "`ps` lists them"),
    ("manager/process_scan/same_folder.rs", "there are no namespaces"),
    ("manager/setsid.rs", "a name in an error that only Linux can have"),
    (
        "manager/setsid/node_files.rs",
        "no process is a service of systemd's",
    ),
    ("manager/systemctl.rs", "there is no systemd"),
    (
        "program/trusted_path.rs",
        "no account is left out of a container's",
    ),
    ("session.rs", "there is no systemd"),
    (
        "settings/path_value.rs",
        "folders that must not hold nodes, where they are",
    ),
    (
        "survey/machine_reader/busy_ports.rs",
        "a port that cannot be bound counts as in use",
    ),
    (
        "survey/machine_reader/linux.rs",
        "gauge/elsewhere.rs is read instead",
    ),
    ("takeover/anm", "anm runs on Linux only"),
    ("takeover/python_wnm.rs", "any user's counts"),
];

#[test]
fn code_for_one_system_is_listed() {
    let found: BTreeSet<String> = sources()
        .into_iter()
        .filter(|(_, code)| {
            ["target_os", "cfg(unix", "target_vendor", "os::linux"]
                .iter()
                .any(|sign| code.contains(sign))
        })
        .map(|(path, _)| path)
        .collect();
    let page = fs::read_to_string(top().join("docs/managers.md")).expect("the page");
    let list = page
        .split("<!-- islands -->")
        .nth(1)
        .and_then(|rest| rest.split("<!-- end -->").next())
        .expect("the list of islands");
    let listed: BTreeSet<String> = list
        .lines()
        .filter_map(|line| line.strip_prefix("| `src/")?.split('`').next().map(str::to_owned))
        .collect();
    assert_eq!(found, listed, "docs/managers.md lists the islands");
}

#[test]
fn code_for_one_system_is_one_line_each() {
    let mut attributes = Vec::new();
    for (path, code) in sources() {
        let lines = code.lines().filter(|line| line.contains("target_os"));
        attributes.extend(
            lines
                .filter(|line| !line.contains("cfg!("))
                .map(|line| format!("{path}: {}", line.trim())),
        );
    }
    // Only code that does not compile elsewhere is excluded; everything else is compiled and checked on
    // every system.
    assert_eq!(
        attributes,
        [
            "program/delete_tree.rs: #[cfg(target_os = \"linux\")]",
            "program/delete_tree.rs: #[cfg(not(target_os = \"linux\"))]",
            "survey/machine_reader/file_sharing.rs: #[cfg(target_os = \"linux\")]",
            "survey/machine_reader/file_sharing.rs: #[cfg(not(target_os = \"linux\"))]",
            "survey/probe.rs: #[cfg(target_os = \"linux\")]"
        ]
    );
}

#[test]
fn linux_files_are_used_only_where_they_may_be_missing() {
    let signs = ["\"/proc", "\"/sys", "\"/run", "`/proc"];
    let found: BTreeSet<String> = sources()
        .into_iter()
        .filter(|(_, code)| signs.iter().any(|sign| code.contains(sign)))
        .map(|(path, _)| match path.strip_prefix("takeover/anm/") {
            Some(_) => "takeover/anm".to_owned(),
            None => path,
        })
        .collect();
    let known: BTreeSet<String> = ASKS_FIRST.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(
        found, known,
        "ASKS_FIRST says what is done where there is no such file"
    );
}

/// All source files without comments and unit tests.
fn sources() -> Vec<(String, String)> {
    let src = top().join("src");
    let mut found = Vec::new();
    walk(&src, &mut found);
    found
        .into_iter()
        .filter(|path| !path.ends_with("tests.rs"))
        .map(|path| {
            let whole = fs::read_to_string(&path).expect("source is text");
            let code = whole.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            let code = code
                .lines()
                .map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n");
            let path = path
                .strip_prefix(&src)
                .expect("below src")
                .to_string_lossy()
                .into_owned();
            (path, code.collect())
        })
        .collect()
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .map(|entry| entry.path())
    {
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}
