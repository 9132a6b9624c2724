//! The Debian package has the files and properties listed in Cargo.toml, and every build gives the same
//! package. `tests/lab` installs it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::stage::{Ran, Stage};

const TOP: &str = env!("CARGO_MANIFEST_DIR");

fn manifest() -> toml::Table {
    let text = fs::read_to_string(Path::new(TOP).join("Cargo.toml")).expect("Cargo.toml");
    text.parse().expect("TOML")
}

fn text(command: &mut Command) -> String {
    let done = command.output().expect("a program of dpkg");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {said}");
    String::from_utf8(done.stdout).expect("plain text")
}

#[test]
fn package_has_the_files_of_the_manifest() {
    if ["dpkg-deb", "dpkg-shlibdeps", "readelf", "python3"]
        .iter()
        .any(|tool| Command::new(tool).arg("--version").output().is_err())
    {
        eprintln!("SKIPPED: the Debian package needs dpkg-dev, binutils and python3");
        return;
    }
    let stage = Stage::new();
    let packages = ["one.deb", "two.deb"].map(|name| stage.home().join(name));
    for package in &packages {
        let mut build = Command::new(Path::new(TOP).join("packaging/deb/build"));
        build.arg(env!("CARGO_BIN_EXE_wnm")).arg(package);
        // Fast compression, because it is not kept.
        build
            .env("DPKG_DEB_COMPRESSOR_TYPE", "gzip")
            .env("DPKG_DEB_COMPRESSOR_LEVEL", "1");
        Ran::of(build).done();
    }
    let [one, two] = packages.each_ref().map(|path| fs::read(path).expect("a package"));
    assert!(one == two, "made twice it is the same");

    let manifest = manifest();
    let package = manifest["package"].as_table().expect("a table");
    let deb = &package["metadata"]["deb"];
    let field = |name: &str| {
        text(
            Command::new("dpkg-deb")
                .arg("--field")
                .arg(&packages[0])
                .arg(name),
        )
        .trim()
        .to_owned()
    };
    let word = |value: &toml::Value| value.as_str().expect("a text").to_owned();
    assert_eq!(field("Package"), word(&package["name"]));
    assert_eq!(
        field("Version"),
        format!("{}-{}", word(&package["version"]), word(&deb["revision"]))
    );
    assert_eq!(field("Maintainer"), word(&deb["maintainer"]));
    assert!(field("Depends").starts_with("libc6 (>= "), "{}", field("Depends"));
    assert!(field("Depends").ends_with(", passwd"), "{}", field("Depends"));

    // `-rwxr-xr-x root/root 123 2026-11-24 15:23 ./usr/bin/wnm`
    let listed = text(Command::new("dpkg-deb").arg("--contents").arg(&packages[0]));
    let held: BTreeMap<&str, &str> = listed
        .lines()
        .filter(|line| line.starts_with('-'))
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(words[1], "root/root", "{line}");
            (words[5].trim_start_matches("./"), words[0])
        })
        .collect();
    let assets: Vec<[String; 3]> = deb["assets"].clone().try_into().expect("three words each");
    let wanted: BTreeMap<String, &str> = assets
        .iter()
        .map(|[from, to, mode]| {
            let name = from.rsplit('/').next().expect("a name");
            let to = if to.ends_with('/') {
                format!("{to}{name}")
            } else {
                to.clone()
            };
            (to, if mode == "755" { "-rwxr-xr-x" } else { "-rw-r--r--" })
        })
        .collect();
    let wanted: BTreeMap<&str, &str> = wanted.iter().map(|(to, mode)| (to.as_str(), *mode)).collect();
    assert_eq!(held, wanted);
    assert!(
        !held.keys().any(|path| path.starts_with("etc/sudoers")),
        "rights are root's to give"
    );

    let script = |name: &str| text(Command::new("dpkg-deb").arg("--info").arg(&packages[0]).arg(name));
    assert_eq!(script("conffiles").trim(), "/etc/logrotate.d/wnm");
    for name in ["postinst", "prerm", "postrm"] {
        let lines = script(name);
        let commands: Vec<&str> = lines
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .collect();
        for erases in [
            "rm -r",
            "userdel",
            "groupdel",
            "/var/antctl/",
            "colony.db",
            "/home",
        ] {
            assert!(
                !commands.iter().any(|line| line.contains(erases)),
                "{name}: {erases}"
            );
        }
    }
}

/// The target of a link in the installed README or manual is installed too.
#[test]
fn every_link_of_an_installed_page_has_an_installed_target() {
    let assets: Vec<[String; 3]> = manifest()["package"]["metadata"]["deb"]["assets"]
        .clone()
        .try_into()
        .expect("three words each");
    let installed: BTreeMap<&str, &str> = assets
        .iter()
        .map(|[from, to, _]| (to.as_str(), from.as_str()))
        .collect();
    let mut links = 0;
    for (to, from) in installed.iter().filter(|(to, _)| to.ends_with(".md")) {
        let page = fs::read_to_string(Path::new(TOP).join(from)).expect(from);
        let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in targets.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap_or(link);
            let mut target: Vec<&str> = to.split('/').collect();
            target.pop();
            for part in file.split('/') {
                match part {
                    ".." => drop(target.pop()),
                    part => target.push(part),
                }
            }
            let target = target.join("/");
            assert!(installed.contains_key(target.as_str()), "`{link}` in {from}");
            links += 1;
        }
    }
    assert!(links > 20, "{links} links");
}

#[test]
fn stopping_a_systemd_unit_does_not_stop_nodes() {
    for path in ["wnm.service", "system/wnm.service"] {
        let unit = fs::read_to_string(Path::new(TOP).join("packaging/systemd").join(path)).expect(path);
        for line in [
            "Type=oneshot",
            "KillMode=process",
            "OOMPolicy=continue",
            "TasksMax=infinity",
        ] {
            assert!(unit.lines().any(|said| said == line), "{path}: {line}");
        }
        // Nodes inherit what a run is given.
        for given in [
            "Nice=",
            "PrivateTmp",
            "NoNewPrivileges",
            "ProtectHome",
            "MemoryMax",
        ] {
            assert!(!unit.contains(given), "{path}: {given}");
        }
    }
}
