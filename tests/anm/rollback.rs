//! Returning a server that anm itself could have left, without `--confirm`; and imports that are
//! interrupted or inconsistent.

use std::fs;

use wnm::colony::Node;
use wnm::takeover::anm::build::TakeoverPlan;
use wnm::takeover::anm::options::TakeoverOptions;
use wnm::takeover::anm::steps::{self, Successor};
use wnm::takeover::anm::{TakeoverError, node_details_file, paths};

use super::takeover::{backups, colony, kept, patiently, same, take};
use crate::stage::Stage;
use crate::stage::anm::Machine;

/// Nodes 1 to 3 with equal settings in one storage.
fn plain() -> Machine {
    let machine = Machine::new(None);
    let units = machine.path("/etc/systemd/system");
    let text = fs::read_to_string(units.join("antnode0012.service")).unwrap();
    for folder in [
        "/etc/systemd/system",
        "/var/antctl/services",
        "/var/log/antnode",
        "/mnt/ant-data/services",
    ] {
        for entry in fs::read_dir(machine.path(folder)).unwrap().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => fs::remove_dir_all(path).unwrap(),
                false => fs::remove_file(path).unwrap(),
            }
        }
    }
    for number in 1..=3 {
        add(&machine, &text, number);
    }
    machine
}

fn add(machine: &Machine, unit: &str, number: u32) {
    let name = format!("antnode{number:04}");
    let root = machine.path("/var/antctl/services").join(&name);
    fs::create_dir(&root).unwrap();
    fs::write(root.join("secret-key"), "key").unwrap();
    let text = unit
        .replace("antnode0012", &name)
        .replace("55012", &format!("{}", 55_000 + number))
        .replace("13012", &format!("{}", 13_000 + number));
    let file = machine
        .path("/etc/systemd/system")
        .join(format!("{name}.service"));
    fs::write(file, text).unwrap();
}

fn give_back(machine: &Machine) -> Result<String, wnm::error::ExitError> {
    patiently(|| wnm::commands::init::anm::give_back(&machine.session(&[]), &machine.server()))
}

#[test]
fn nodes_in_anms_own_numbering_are_returned_without_force() {
    let machine = plain();
    let before = kept(&machine);
    let report = take(&machine, &[]).unwrap();
    assert!(report.contains("3 nodes (3 STOPPED)"), "{report}");
    assert!(!report.contains("--ntracking replace"), "{report}");
    let told = give_back(&machine).unwrap();
    assert!(told.starts_with("3 nodes are anm's again"), "{told}");
    assert!(!told.contains("warning"), "{told}");
    let without_details = |tree: Vec<String>| -> Vec<String> {
        let is_other = |line: &String| !line.contains("/NodeDetails");
        tree.into_iter().filter(is_other).collect()
    };
    same(&without_details(before), &without_details(kept(&machine)));
    let believed = node_details_file::read(&fs::read_to_string(machine.path(paths::NODE_DETAILS)).unwrap());
    let keys: Vec<&str> = believed.iter().map(|detail| detail.key.as_str()).collect();
    assert_eq!(keys, ["0001", "0002", "0003"]);
}

#[test]
fn nodes_added_and_removed_since_give_a_warning_about_their_order() {
    let machine = plain();
    take(&machine, &[]).unwrap();
    let units = machine.path("/etc/systemd/system");
    let third = fs::read_to_string(units.join("antnode0003.service")).unwrap();
    add(
        &machine,
        &third
            .replace("0003", "0012")
            .replace("55003", "55012")
            .replace("13003", "13012"),
        4,
    );
    let told = give_back(&machine).unwrap();
    assert!(
        told.contains("wnm added antnode0004 since; anm does not know their order"),
        "{told}"
    );
    assert!(told.starts_with("4 nodes"), "{told}");
}

#[test]
fn changed_anm_settings_require_force() {
    let machine = plain();
    take(&machine, &[]).unwrap();
    let config = machine.path(paths::CONFIG);
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.clone() + "NodeCap=5\n").unwrap();
    let error = give_back(&machine).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`/var/antctl/config` is not what it was"),
        "{error}"
    );
    fs::write(&config, text).unwrap();
    give_back(&machine).unwrap();
}

/// A successor that stores other rows than it was given.
struct Careless(Spoil);

type Spoil = fn(&mut Vec<Node>);

impl Successor for Careless {
    fn exists(&self) -> Result<bool, TakeoverError> {
        Ok(false)
    }

    fn apply_settings(&self, _: &mut TakeoverPlan) -> Result<(), TakeoverError> {
        Ok(())
    }

    fn make(
        &self,
        judgement: &TakeoverPlan,
        check: &dyn Fn(&[Node]) -> Result<(), TakeoverError>,
    ) -> Result<(), TakeoverError> {
        let mut rows = judgement.nodes.clone();
        (self.0)(&mut rows);
        check(&rows)
    }

    fn inventory(&self, _: &TakeoverPlan) -> String {
        String::new()
    }
}

#[test]
fn rows_that_differ_from_the_units_are_never_stored() {
    let wrongs: [(Spoil, &str); 6] = [
        (|rows| drop(rows.pop()), "has no row"),
        (|rows| rows[0].id = rows[1].id, "two rows are node 2"),
        (
            |rows| rows[0].service = rows[1].service.clone(),
            "two rows are of `antnode0002.service`",
        ),
        (
            |rows| rows[0].ports.metrics = rows[1].ports.metrics,
            "two enabled rows have port 13002",
        ),
        (
            |rows| rows[1].state = wnm::colony::NodeState::Stopped,
            "its row says STOPPED",
        ),
        (|rows| rows.push(rows[0].clone()), "there are 4 rows of 3 units"),
    ];
    for (wrong, says) in wrongs {
        let machine = plain();
        // The second one runs.
        fs::write(
            machine.runtime("systemctl_show/antnode0002.service.txt"),
            "LoadState=loaded\nActiveState=active\nSubState=running\nMainPID=22\n",
        )
        .unwrap();
        let cron = fs::read_to_string(machine.path(paths::CRON)).unwrap();
        let wish = TakeoverOptions {
            database: "/var/antctl/colony.db".as_ref(),
            user: "weave",
            collector: None,
            limit: std::time::Duration::from_secs(900),
        };
        let error = steps::take_over(&machine.server(), &wish, &Careless(wrong)).unwrap_err();
        assert!(error.to_string().contains(says), "{says}: {error}");
        assert_eq!(
            fs::read_to_string(machine.path(paths::CRON)).unwrap(),
            cron,
            "{says}"
        );
        assert!(!machine.path(paths::BLOCK).exists(), "{says}");
        assert!(!machine.path("/etc/cron.d/wnm").exists(), "{says}");
        assert_eq!(backups(&machine).len(), 1);
    }
}

#[test]
fn wnms_settings_override_anms_but_no_cap_removes_a_node() {
    let machine = plain();
    let variables = [
        ("CPU_LESS_THAN", "33"),
        ("WNM_HD_REMOVE", "93"),
        ("SURVEY_DELAY", "7"),
    ];
    let session = machine.session_in(&variables, &[("node_cap", "2"), ("cpu_remove", "91")]);
    let report = patiently(|| wnm::commands::init::anm::take_over(&session, &machine.server())).unwrap();
    assert!(
        report.contains("setting-overridden: cpu_remove is `91`, as you set (flag), and not anm's `75`"),
        "{report}"
    );
    let said = colony(&machine).stored_settings().unwrap();
    let of = |name: &str| said.iter().find(|(own, _)| own == name).unwrap().1.clone();
    assert_eq!(of("cpu_remove").as_deref(), Some("91"));
    assert_eq!(
        of("node_cap").as_deref(),
        Some("3"),
        "the nearest to 2 that keeps all"
    );
    assert!(
        report
            .contains("node-cap-raised: node_cap=2 (flag) is below the 3 nodes of this server: raised to 3"),
        "{report}"
    );
    assert_eq!(of("hd_remove").as_deref(), Some("93"), "it was meant for wnm");
    assert_eq!(
        of("cpu_less_than").as_deref(),
        Some("55"),
        "it may be there by accident"
    );
    assert_eq!(of("survey_delay").as_deref(), Some("7"), "anm has no such thing");
}

#[test]
fn conflicting_takeover_flags_are_rejected() {
    let stage = Stage::new();
    for (words, says) in [
        (&["--migrate_anm"][..], "`--migrate_anm` requires `--init`"),
        (&["--migrate-anm"], "`--migrate_anm` requires `--init`"),
        (
            &["--anm_wait", "5"],
            "`--anm_wait` requires `--init --migrate_anm`",
        ),
        (&["--init", "--ntracking", "replace"], "`--ntracking` requires"),
        (
            &["--init", "--migrate_anm", "--import"],
            "`--import` cannot be combined with `--migrate_anm`",
        ),
        (
            &["--init", "--rollback_anm"],
            "`--rollback_anm` cannot be combined with other commands",
        ),
        (
            &["--init", "--migrate_anm", "--process_manager", "setsid+user"],
            "`setsid+user` cannot run anm's nodes",
        ),
    ] {
        stage.wnm(words).code(2).says(says);
    }
}
