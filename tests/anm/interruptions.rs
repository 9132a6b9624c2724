//! A takeover that must wait, fails or is killed; and rollbacks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use wnm::commands::init::anm::{give_back, take_over};
use wnm::store::Store;
use wnm::takeover::anm::after_takeover::FinishedTakeover;
use wnm::takeover::anm::{node_details_file, paths};

use super::takeover::{backups, colony, kept, patiently, same, take};
use crate::stage::anm::Machine;

fn cron(machine: &Machine) -> Option<String> {
    fs::read_to_string(machine.path(paths::CRON)).ok()
}

/// Checks that anm is unchanged: cron file, block file, and no colony.
fn is_anms(machine: &Machine, before: &[String], cron_before: Option<&str>, block_before: Option<&str>) {
    assert_eq!(cron(machine).as_deref(), cron_before);
    let block = fs::read_to_string(machine.path(paths::BLOCK)).ok();
    assert_eq!(block.as_deref(), block_before);
    assert!(Store::open_read_only(&machine.path("/var/antctl/colony.db")).is_err());
    assert!(!machine.path("/etc/cron.d/wnm").exists());
    assert!(!machine.path("/var/lib/wnm/anm.json").exists());
    same(before, &kept(machine));
}

#[test]
fn anm_run_that_does_not_end_makes_the_takeover_undo_everything() {
    let machine = Machine::new(Some("mid-run"));
    let (before, line) = (kept(&machine), cron(&machine));
    let block = fs::read_to_string(machine.path(paths::BLOCK)).unwrap();
    let error = take(&machine, &[("anm_wait", "200")]).unwrap_err();
    assert!(
        error.to_string().contains("200 s") && error.to_string().contains("anms.sh"),
        "{error}"
    );
    is_anms(&machine, &before, line.as_deref(), Some(&block));
}

#[test]
fn takeover_continues_after_a_running_anm_ends() {
    let mut machine = Machine::new(Some("mid-run"));
    let (processes, block) = (machine.runtime("processes.txt"), machine.path(paths::BLOCK));
    machine.when_waiting(move || {
        let _ = (fs::write(&processes, ""), fs::remove_file(&block));
    });
    take(&machine, &[]).unwrap();
    assert_eq!(colony(&machine).nodes().unwrap().len(), 14);
    assert_eq!(cron(&machine), None);
}

#[test]
fn takeover_waits_for_an_anm_run_that_starts_after_the_cron_file_is_removed() {
    let mut machine = Machine::new(None);
    let (processes, block) = (machine.runtime("processes.txt"), machine.path(paths::BLOCK));
    let waited = std::sync::atomic::AtomicUsize::new(0);
    // cron had read its table: the block file appears a second later and stays for a minute and a half.
    machine.when_waiting(
        move || match waited.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => {
                fs::write(&block, "").unwrap();
                fs::write(&processes, "/bin/bash /usr/bin/anms.sh\n").unwrap();
            }
            90 => {
                fs::remove_file(&block).unwrap();
                fs::write(&processes, "").unwrap();
            }
            n => assert!(n < 90 || !block.exists(), "nobody else made a block"),
        },
    );
    take(&machine, &[]).unwrap();
    let takeover = colony(&machine).takeover().unwrap().unwrap();
    assert!(takeover.at.since(crate::stage::anm::NOW) >= 90, "{takeover:?}");
}

#[test]
fn block_file_without_a_process_is_stale_after_a_minute() {
    let machine = Machine::new(None);
    fs::write(machine.path(paths::BLOCK), "").unwrap();
    take(&machine, &[]).unwrap();
    let takeover = colony(&machine).takeover().unwrap().unwrap();
    assert!(takeover.at.since(crate::stage::anm::NOW) >= 60, "{takeover:?}");
    assert!(
        fs::read_to_string(machine.path(paths::BLOCK))
            .unwrap()
            .contains("wnm")
    );
}

#[test]
fn cron_file_is_not_restored_when_anm_is_ordered_to_destroy_all_meanwhile() {
    let mut machine = Machine::new(Some("mid-run"));
    let config = machine.path(paths::CONFIG);
    machine.when_waiting(move || {
        let _ = fs::remove_file(&config);
    });
    let error = take(&machine, &[]).unwrap_err();
    assert!(error.to_string().contains("config"), "{error}");
    assert_eq!(cron(&machine), None, "its next run would destroy all nodes");
    assert!(error.hint.unwrap().contains("cp -p"));
}

#[test]
fn missing_cron_file_is_not_created() {
    let machine = Machine::new(None);
    fs::remove_file(machine.path(paths::CRON)).unwrap();
    take(&machine, &[]).unwrap();
    assert_eq!(colony(&machine).nodes().unwrap().len(), 14);
    let told = back(&machine, &[("confirm", "true")]).unwrap();
    assert!(told.contains("is not made"), "{told}");
    assert_eq!(cron(&machine), None);
}

/// The same with an event at the nth query of systemd; returns the error.
fn meddled(nth: usize, meddle: impl Fn(&Path) + Send + Sync + 'static) -> String {
    let mut machine = Machine::new(None);
    let folder = machine.folder().to_owned();
    let line = cron(&machine);
    machine.when_shown(nth, move || meddle(&folder));
    let error = take(&machine, &[]).unwrap_err();
    let after = kept(&machine);
    is_anms(&machine, &after, line.as_deref(), None);
    error.to_string()
}

#[test]
fn unit_or_process_that_changes_during_the_import_undoes_the_takeover() {
    // The preview, the evaluation, the backup, the second evaluation, and the checks before and after the
    // import.
    const AT_ITS_END: usize = 6;
    let restarted = meddled(AT_ITS_END, |folder| {
        let shown = folder.join("runtime/systemctl_show/antnode0012.service.txt");
        let text = fs::read_to_string(&shown).unwrap();
        fs::write(&shown, text.replace("MainPID=", "MainPID=9")).unwrap();
    });
    assert!(
        restarted.contains("the process of unit `antnode0012.service` was"),
        "{restarted}"
    );
    let edited = meddled(AT_ITS_END - 1, |folder| {
        // Between two reads of one file.
        let unit = folder.join("root/etc/systemd/system/antnode0012.service");
        fs::remove_file(unit).unwrap();
    });
    assert!(edited.contains("antnode0012.service"), "{edited}");
}

#[test]
fn changes_of_the_last_anm_run_are_taken_over_and_backed_up() {
    let mut machine = Machine::new(None);
    let folder = machine.folder().to_owned();
    machine.when_waiting(move || {
        let units = folder.join("root/etc/systemd/system");
        if units.join("antnode0017.service").exists() {
            return;
        }
        let text = fs::read_to_string(units.join("antnode0012.service")).unwrap();
        let text = text
            .replace("0012", "0017")
            .replace("55012", "55017")
            .replace("13012", "13017");
        fs::write(units.join("antnode0017.service"), text).unwrap();
        fs::create_dir(folder.join("root/var/antctl/services/antnode0017")).unwrap();
    });
    take(&machine, &[]).unwrap();
    assert_eq!(colony(&machine).nodes().unwrap().len(), 15);
    let copy = backups(&machine)[0].join("files/etc/systemd/system/antnode0017.service");
    assert!(copy.exists());
}

/// Returns the server to anm.
fn back(machine: &Machine, flags: &[(&str, &str)]) -> Result<String, wnm::error::ExitError> {
    patiently(|| give_back(&machine.session(flags), &machine.server()))
}

#[test]
fn gaps_in_numbers_or_two_storages_require_force_to_return_the_server() {
    let machine = Machine::new(None);
    let (before, line) = (kept(&machine), cron(&machine));
    take(&machine, &[]).unwrap();
    let taken = machine.tree();
    let error = back(&machine, &[]).unwrap_err();
    assert!(error.to_string().contains("wrong nodes"), "{error}");
    same(&taken, &machine.tree());
    let foreseen = back(&machine, &[("confirm", "true"), ("dry_run", "true")]).unwrap();
    assert!(foreseen.contains("14 nodes"), "{foreseen}");
    same(&taken, &machine.tree());

    fs::write(machine.path(paths::SHUNNED), "MaxShunnedNode=4\n").unwrap();
    let told = back(&machine, &[("confirm", "true")]).unwrap();
    assert!(told.contains("14 nodes are anm's again"), "{told}");
    let mut after = kept(&machine);
    let is_details = |line: &String| line.contains("/NodeDetails");
    after.retain(|line| !is_details(line));
    let before: Vec<String> = before.into_iter().filter(|line| !is_details(line)).collect();
    same(&before, &after);
    assert_eq!(cron(&machine), line);
    for gone in [
        paths::BLOCK,
        paths::SHUNNED,
        "/etc/cron.d/wnm",
        "/var/antctl/colony.db",
        "/var/lib/wnm/anm.json",
    ] {
        assert!(!machine.path(gone).exists(), "{gone}");
    }
    assert!(backups(&machine)[0].join("colony.db").exists());
    let believed = node_details_file::read(&fs::read_to_string(machine.path(paths::NODE_DETAILS)).unwrap());
    let of = |name: &str| believed.iter().find(|detail| detail.name == name).unwrap();
    assert_eq!(believed.len(), 14, "no phantom");
    assert_eq!(
        (of("antnode001").key.as_str(), of("antnode001").is_running),
        ("001", true)
    );
    assert!(
        !of("antnode0014").is_running,
        "systemd says so, whatever anm believed"
    );
    assert!(!of("antnode001").peer_id.is_empty());

    let again = back(&machine, &[("confirm", "true")]).unwrap_err();
    assert!(again.to_string().contains("no takeover"), "{again}");
    take(&machine, &[]).unwrap();
    assert_eq!(colony(&machine).nodes().unwrap().len(), 14);
}

#[test]
fn pending_order_to_destroy_all_nodes_prevents_a_return_even_with_force() {
    for order in ["gone", "Action"] {
        let machine = Machine::new(None);
        take(&machine, &[]).unwrap();
        if order == "gone" {
            fs::remove_file(machine.path(paths::CONFIG)).unwrap();
        } else {
            fs::write(machine.path("/var/antctl/override"), "Action=4\n").unwrap();
        }
        let before = machine.tree();
        back(&machine, &[("confirm", "true")]).unwrap_err();
        same(&before, &machine.tree());
    }
}

#[test]
fn successor_does_nothing_after_anm_is_back() {
    let machine = Machine::new(None);
    let line = cron(&machine).unwrap();
    take(&machine, &[]).unwrap();
    let server = machine.server();
    let legacy = FinishedTakeover::of(&server).unwrap().unwrap();
    legacy.refuse_if_anm_is_back(&server).unwrap();
    fs::write(machine.path(paths::CRON), line).unwrap();
    let error = legacy.refuse_if_anm_is_back(&server).unwrap_err();
    assert!(error.to_string().contains("`/etc/cron.d/anm` is back"), "{error}");
    assert!(error.hint().unwrap().contains("--rollback_anm"));
}

#[test]
fn ntracking_file_matches_the_nodes_and_keeps_its_mode() {
    let machine = Machine::new(None);
    take(&machine, &[]).unwrap();
    let path = machine.path(paths::NODE_DETAILS);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let server = machine.server();
    let legacy = FinishedTakeover::of(&server).unwrap().unwrap();
    let database = Path::new("/var/antctl/colony.db");
    let mut nodes = colony(&machine).nodes().unwrap();
    nodes[0].state = wnm::colony::NodeState::Removing;
    let before = fs::read_to_string(&path).unwrap();
    let other = Path::new("/other/colony.db");
    assert!(!legacy.update_node_details(&server, other, &nodes).unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    assert!(legacy.update_node_details(&server, database, &nodes).unwrap());
    assert!(
        !legacy.update_node_details(&server, database, &nodes).unwrap(),
        "what is so already is not written"
    );
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 1);
    let told = node_details_file::read(&text);
    assert_eq!(told.len(), 13);
    assert!(
        told.iter()
            .any(|detail| detail.key == "0002" && detail.name == "antnode002" && !detail.is_running)
    );
    assert!(
        told.iter()
            .any(|detail| detail.key == "1001" && detail.is_running)
    );
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn replaced_collector_keeps_its_schedule_user_and_file() {
    let machine = Machine::new(None);
    let theirs = fs::read_to_string(machine.path(paths::COLLECTOR_CRON)).unwrap();
    take(&machine, &[("ntracking", "replace")]).unwrap();
    assert!(!machine.path(paths::COLLECTOR_CRON).exists());
    let ours = fs::read_to_string(machine.path("/etc/cron.d/wnm_influx")).unwrap();
    let line = ours.lines().last().unwrap();
    assert!(line.starts_with("*/20 * * * *  weave  "), "{line}");
    assert!(
        line.ends_with(
            "--report influx-resources --report_format ntracking > /tmp/influx-resources/influx-resources"
        ),
        "{line}"
    );
    back(&machine, &[("confirm", "true")]).unwrap();
    assert_eq!(
        fs::read_to_string(machine.path(paths::COLLECTOR_CRON)).unwrap(),
        theirs
    );
    assert!(!machine.path("/etc/cron.d/wnm_influx").exists());
}

/// The programs with which a takeover changes files; each call may be the last.
const TOOLS: [&str; 7] = ["cp", "install", "mv", "ln", "rm", "sync", "sha256sum"];

/// A folder with these programs; the nth call acts, or not, and then kills its caller.
fn deadly(folder: &Path) -> PathBuf {
    let bin = folder.join("bin");
    fs::create_dir(&bin).unwrap();
    for tool in TOOLS {
        let real = ["/usr/bin", "/bin"]
            .iter()
            .map(|dir| Path::new(dir).join(tool))
            .find(|path| path.exists());
        let text = format!(
            "#!/bin/sh\nn=$(($(cat '{count}') + 1))\necho $n >'{count}'\n[ \"$n\" -gt \"$WNM_LAST_CALL\" ] && kill -9 $PPID && exit 1\nexec {real} \"$@\"\n",
            count = folder.join("count").display(),
            real = real.unwrap().display(),
        );
        fs::write(bin.join(tool), text).unwrap();
        fs::set_permissions(bin.join(tool), fs::Permissions::from_mode(0o755)).unwrap();
    }
    bin
}

/// Runs `what` of [`in_a_process_of_its_own`] in a child process that is killed at this call of a program;
/// returns whether it finished, and the number of calls.
fn killed_after(machine: &Machine, bin: &Path, what: &str, calls: usize) -> (bool, usize) {
    let count = machine.folder().join("count");
    fs::write(&count, "0").unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "anm::interruptions::in_a_process_of_its_own",
            "--test-threads",
            "1",
        ])
        .env("PATH", path)
        .env("WNM_LAST_CALL", calls.to_string())
        .env("WNM_ANM_MACHINE", machine.folder())
        .env("WNM_ANM_WHAT", what)
        .output()
        .unwrap();
    let was_killed = child.status.code().is_none();
    let said = String::from_utf8_lossy(&child.stdout).into_owned() + &String::from_utf8_lossy(&child.stderr);
    assert!(was_killed || child.status.success(), "{said}");
    (
        !was_killed,
        fs::read_to_string(count).unwrap().trim().parse().unwrap(),
    )
}

/// The child process of [`killed_after`]; does nothing when run directly.
#[test]
fn in_a_process_of_its_own() {
    let Some(folder) = std::env::var_os("WNM_ANM_MACHINE") else {
        return;
    };
    let machine = Machine::at(folder.into());
    match std::env::var("WNM_ANM_WHAT").unwrap().as_str() {
        "take" => take(&machine, &[]).unwrap(),
        "back" => back(&machine, &[("confirm", "true")]).unwrap(),
        what => panic!("{what}"),
    };
}

/// The distance between calls that are killed.
fn stride() -> usize {
    match std::env::var("WNM_STRESS").as_deref() {
        Ok("full") => 1,
        _ => 7,
    }
}

/// The tree without temporary files of interrupted writes.
fn settled(machine: &Machine) -> Vec<String> {
    let mut tree = kept(machine);
    tree.retain(|line| !line.contains("/var/antctl/.block.wnm"));
    tree
}

#[test]
fn takeover_killed_anywhere_is_undone_or_continues() {
    let machine = Machine::new(None);
    let bin = deadly(machine.folder());
    let (is_done, all) = killed_after(&machine, &bin, "take", usize::MAX >> 1);
    assert!(is_done && all > 20, "{all} calls");
    for calls in (1..all).step_by(stride()) {
        let machine = Machine::new(None);
        let bin = deadly(machine.folder());
        let (before, line) = (kept(&machine), cron(&machine));
        let (is_done, _) = killed_after(&machine, &bin, "take", calls);
        assert!(!is_done, "{calls}");
        same(&before, &settled(&machine));
        // Either anm still has its machine, or it cannot act.
        let is_anms = cron(&machine) == line;
        let is_blocked =
            fs::read_to_string(machine.path(paths::BLOCK)).is_ok_and(|text| text.contains("wnm"));
        assert!(is_anms || cron(&machine).is_none(), "{calls}");
        assert!(is_blocked || !machine.path("/etc/cron.d/wnm").exists(), "{calls}");
        // Every second one is rolled back before the next call.
        if calls / stride() % 2 == 1 && !is_anms {
            back(&machine, &[("confirm", "true")]).unwrap_or_else(|error| panic!("{calls}: {error}"));
            assert_eq!(cron(&machine), line, "{calls}");
            assert!(!machine.path(paths::BLOCK).exists(), "{calls}");
            assert!(!machine.path("/etc/cron.d/wnm").exists(), "{calls}");
        }
        let before = settled(&machine);
        match take(&machine, &[]) {
            Ok(report) => assert!(report.contains("14 nodes"), "{calls}: {report}"),
            // It recorded that everything is done, and was killed during the final sync.
            Err(error) => assert!(
                calls + 2 >= all && error.to_string().contains("already"),
                "{calls}: {error}"
            ),
        }
        assert_eq!(colony(&machine).nodes().unwrap().len(), 14, "{calls}");
        assert_eq!(cron(&machine), None);
        assert!(machine.path("/etc/cron.d/wnm").exists());
        same(&before, &settled(&machine));
    }
}

#[test]
fn rollback_killed_anywhere_continues() {
    let taken = || {
        let machine = Machine::new(None);
        let line = cron(&machine);
        take(&machine, &[]).unwrap();
        (machine, line)
    };
    let (machine, _) = taken();
    let bin = deadly(machine.folder());
    let (is_done, all) = killed_after(&machine, &bin, "back", usize::MAX >> 1);
    assert!(is_done && all > 10, "{all} calls");
    for calls in (1..all).step_by(stride()) {
        let (machine, line) = taken();
        let bin = deadly(machine.folder());
        let (is_done, _) = killed_after(&machine, &bin, "back", calls);
        assert!(!is_done, "{calls}");
        // The cron file is restored last: with it anm has everything.
        if cron(&machine).is_none() {
            let refused = take_over(&machine.session(&[]), &machine.server());
            assert!(refused.is_err(), "{calls}");
            back(&machine, &[("confirm", "true")]).unwrap_or_else(|error| panic!("{calls}: {error}"));
            assert_eq!(cron(&machine), line, "{calls}");
            assert!(!machine.path(paths::BLOCK).exists());
            assert!(!machine.path("/etc/cron.d/wnm").exists());
        }
    }
}
