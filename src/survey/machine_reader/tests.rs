use std::cell::Cell;
use std::fs::{File, Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;

use super::*;

fn executable(path: &Path) {
    File::create(path).unwrap();
    set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// A gauge whose binaries all say `said`, and how often they were asked.
fn machine_reader(said: &'static str) -> (SystemReader, Rc<Cell<u32>>) {
    let asked = Rc::new(Cell::new(0));
    let count = Rc::clone(&asked);
    let machine_reader = SystemReader::new(Box::new(move |_| {
        count.set(count.get() + 1);
        Ok(said.to_owned())
    }));
    (machine_reader, asked)
}

const SAID: &str = include_str!("../../../tests/fixtures/antnode-0.4.17/version.txt");

#[test]
fn reads_the_machine() {
    the_machine_is_read_by(machine_reader(SAID).0);
}

/// What runs on macOS, run here.
#[test]
fn reads_the_machine_without_proc() {
    let (mut machine_reader, _) = machine_reader(SAID);
    machine_reader.source = Box::new(portable::SysinfoCounters::new());
    let boot = machine_reader.read(Path::new("/")).unwrap().boot.0;
    assert!(
        (boot
            - SystemReader::new(Box::new(|_| Ok(String::new())))
                .read(Path::new("/"))
                .unwrap()
                .boot
                .0)
            .abs()
            <= 2
    );
    the_machine_is_read_by(machine_reader);
}

#[test]
fn without_proc_ticks_start_at_zero_in_each_run() {
    let tally = portable::SysinfoCounters::new();
    let (first, _) = tally.read().unwrap();
    assert_eq!((first.cpu_total, first.cpu_idle), (0, 0));
    std::thread::sleep(std::time::Duration::from_millis(250));
    let (next, _) = tally.read().unwrap();
    assert!(
        (250_000..60_000_000).contains(&next.cpu_total),
        "{}",
        next.cpu_total
    );
    assert!(next.cpu_idle <= next.cpu_total);
    assert!(next.disk_read >= first.disk_read && next.net_sent >= first.net_sent);
}

fn the_machine_is_read_by(machine_reader: SystemReader) {
    let read = machine_reader.read(Path::new("/")).unwrap();
    assert!(read.counters.at_ms > 1_600_000_000_000);
    assert!(read.boot.0 > 1_000_000_000 && read.boot.0 * 1000 <= read.counters.at_ms + 1000);
    assert!(read.cpus >= 1);
    assert!(read.memory_available <= read.memory_total && read.memory_total > 0);
    assert!(read.disk_used + read.disk_free <= read.disk_total);
    assert!(read.counters.cpu_idle <= read.counters.cpu_total);
    let again = machine_reader.read(Path::new("/")).unwrap();
    assert!(again.counters.cpu_total >= read.counters.cpu_total);
    assert!(again.counters.net_received >= read.counters.net_received);
}

#[test]
fn missing_storage_is_measured_at_its_parent() {
    let (machine_reader, _) = machine_reader(SAID);
    let home = tempfile::tempdir().unwrap();
    let there = machine_reader.read(home.path()).unwrap();
    let not_yet = machine_reader.read(&home.path().join("autonomi/node")).unwrap();
    assert_eq!(there.disk_total, not_yet.disk_total);
    assert_eq!(machine_reader.device(&home.path().join("autonomi/node")), None);
    assert!(machine_reader.device(home.path()).is_some());
}

#[test]
fn runs_a_binary_once() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("antnode");
    executable(&path);
    let (machine_reader, asked) = machine_reader(SAID);
    let binary = machine_reader.binary(&path, &[]).unwrap();
    assert_eq!(binary.version.as_str(), "0.4.17");
    let link = home.path().join("link");
    fs::hard_link(&path, &link).unwrap();
    let known = [binary.clone()];
    assert_eq!(machine_reader.binary(&path, &known).unwrap(), binary);
    assert_eq!(
        machine_reader.binary(&link, &known).unwrap().version,
        binary.version
    );
    assert_eq!(asked.get(), 1);
    fs::write(&path, "another").unwrap();
    machine_reader.binary(&path, &known).unwrap();
    assert_eq!(asked.get(), 2);
}

#[test]
fn keeps_the_whole_version_and_rejects_other_output() {
    let said = |text: &str| version_said(text).map(|version| version.as_str().to_owned());
    assert_eq!(
        said("Autonomi Node v0.4.18-rc.1\nmore").as_deref(),
        Some("0.4.18-rc.1")
    );
    assert_eq!(
        said("warning: x\n Autonomi Node v0.5.0 (abc)").as_deref(),
        Some("0.5.0")
    );
    for text in [
        "",
        "antctl 0.13",
        "Autonomi Node v",
        "Autonomi Node vlatest",
        "v0.4.17",
    ] {
        assert_eq!(said(text), None, "{text}");
    }
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("antnode");
    executable(&path);
    let (machine_reader, _) = machine_reader("hello\u{7} there\nworld");
    let error = machine_reader.binary(&path, &[]).unwrap_err().to_string();
    assert!(
        error.ends_with("it answered `hello there` and not `Autonomi Node v...`"),
        "{error}"
    );
}

#[test]
fn reports_missing_and_broken_binaries() {
    let home = tempfile::tempdir().unwrap();
    let (willing, _) = machine_reader(SAID);
    let missing = home.path().join("antnode");
    let error = willing.binary(&missing, &[]).unwrap_err();
    assert_eq!(
        error,
        SurveyError::NoBinary {
            looked: vec![missing.clone()]
        }
    );
    assert_eq!(
        error.to_string(),
        format!("find `antnode`: looked for `{}`", missing.display())
    );
    File::create(&missing).unwrap();
    for path in [missing.as_path(), home.path()] {
        let error = willing.binary(path, &[]).unwrap_err();
        assert_eq!(
            error,
            SurveyError::NotExecutable {
                path: path.to_owned()
            }
        );
    }
    executable(&missing);
    let hanging = SystemReader::new(Box::new(|_| Err("no end after 5 s".to_owned())));
    let error = hanging.binary(&missing, &[]).unwrap_err().to_string();
    assert!(error.ends_with("for its version: no end after 5 s"), "{error}");
}

#[test]
fn unreadable_path_does_not_count_as_missing() {
    let home = tempfile::tempdir().unwrap();
    let (file, closed) = (home.path().join("file"), home.path().join("closed"));
    File::create(&file).unwrap();
    fs::create_dir(&closed).unwrap();
    set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
    let (machine_reader, _) = machine_reader(SAID);
    let astray = home.path().join("link");
    std::os::unix::fs::symlink("/no/disk/here", &astray).unwrap();
    let is_there = |roots: &[PathBuf]| -> Vec<bool> {
        machine_reader
            .has_root(roots)
            .iter()
            .map(|root| root.is_there())
            .collect()
    };
    let (empty, new) = (home.path().join("empty"), home.path().join("new"));
    fs::create_dir(&empty).unwrap();
    fs::create_dir_all(new.join("lost+found")).unwrap();
    let roots = [
        home.path().to_owned(),
        closed.clone(),
        home.path().join("gone"),
        file.clone(),
        file.join("under"),
        astray.clone(),
        astray.join("under"),
        empty,
        new.clone(),
    ];
    assert_eq!(
        is_there(&roots),
        [true, true, false, false, false, true, false, true, true]
    );
    let bare = |root: &PathBuf| machine_reader.is_bare(root);
    assert!(roots[7..].iter().all(bare) && !bare(&roots[0]));
    File::create(new.join("antnode")).unwrap();
    assert!(!bare(&new));
    let device = machine_reader.device(home.path());
    assert_eq!(machine_reader.has_root(&[new]), [RootState::There { device }]);
    // Root sees into the closed one, and then it is known to be gone.
    let readable = fs::read_dir(&closed).is_ok();
    assert_eq!(is_there(&[closed.join("under")]), [!readable]);
    set_permissions(&closed, Permissions::from_mode(0o755)).unwrap();
}
