//! Killed runs: whatever parts of a node a killed run left, the next run finishes its work.

use std::fs;
use std::path::Path;

use super::manager_stage::{Kind, ManagerStage};

/// Deletes a file or folder if it exists.
fn lose(path: &Path) {
    let _ = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
}

/// Deletes everything in a folder except the node's binary.
fn unlive(root: &Path) {
    for entry in fs::read_dir(root).expect("a folder").flatten() {
        if entry.file_name() != "antnode" {
            lose(&entry.path());
        }
    }
}

pub fn next_run_finishes_a_killed_add(kind: &Kind) {
    let count = if kind.is_antctl() { 3 } else { 6 };
    let cap = count.to_string();
    let Some(stage) = ManagerStage::of(kind, count, &["--node_cap", &cap]) else {
        return;
    };
    let ids = stage.ids();
    for id in &ids {
        stage.order("stop", *id);
    }
    let rows = stage.rows();
    let services: Vec<_> = ids.iter().map(|id| stage.service(*id)).collect();
    // Each node got one step further; only the last one had started.
    for row in &rows[..count - 1] {
        unlive(&row.root);
    }
    if kind.is_antctl() {
        // antctl had created the nodes, but wnm had not read the result: the rows have the requested
        // values.
        let storage = if kind.has_sudo {
            "/var/antctl/services".into()
        } else {
            stage.storage()
        };
        let asked = format!("printf('{}/antnode%04d', id)", storage.display());
        stage.set(
            &ids,
            &format!(
                "root_dir = {asked}, binary = {asked} || '/antnode', service = printf('antnode%04d', id)"
            ),
        );
    } else {
        let lose_all = |id: usize, pieces: &[&Path]| {
            pieces.iter().for_each(|piece| lose(piece));
            lose(rows[id - 1].logs.as_deref().expect("logs"));
            lose(&services[id - 1]);
        };
        lose_all(1, &[&rows[0].root]);
        lose_all(2, &[&rows[1].root.join("antnode")]);
        lose_all(3, &[]);
        lose(&services[3]);
    }
    stage.set(&ids, "status = 'RESTARTING', timestamp = unixepoch()");
    stage.had_begun("add", &ids);
    stage.cycle();
    stage.all_run(count);
    assert_eq!(stage.ids(), ids, "{}", stage.describe());
    stage.is_consistent(count);
}

pub fn next_run_finishes_a_killed_removal(kind: &Kind) {
    let Some(stage) = ManagerStage::of(kind, 5, &["--node_cap", "5"]) else {
        return;
    };
    stage.set_cap(0);
    let (ids, rows) = (stage.ids(), stage.rows());
    // The first is complete. The others are stopped, and each has lost one part more.
    for id in &ids[1..] {
        stage.order("stop", *id);
    }
    let logs = |at: usize| rows[at].logs.clone().expect("logs");
    lose(&stage.service(3));
    lose(&stage.service(4));
    lose(&logs(3));
    lose(&stage.service(5));
    lose(&logs(4));
    lose(&rows[4].root);
    stage.had_begun("remove", &ids);
    stage.cycle();
    assert_eq!(stage.ids(), [0; 0], "{}", stage.describe());
    stage.is_bare();
}

pub fn next_run_finishes_a_killed_stop_or_upgrade(kind: &Kind) {
    let Some(stage) = ManagerStage::of(kind, 4, &["--node_cap", "4"]) else {
        return;
    };
    let identities: Vec<Vec<u8>> = stage.ids().into_iter().map(|id| stage.identity_of(id)).collect();
    // One was to be stopped and still runs; one has stopped but its row says RUNNING.
    stage.order("stop", 2);
    stage.set(&[2], "status = 'RUNNING'");
    stage.had_begun("stop", &[1, 2]);
    // One was upgraded but its row has the old version; one was not upgraded yet.
    stage.publish("0.4.18");
    stage.order("upgrade", 3);
    let upgraded = stage.pid_of(3);
    stage.set(&[3], "version = '0.4.17', status = 'RUNNING'");
    stage.had_begun("upgrade", &[3, 4]);
    stage
        .force("survey")
        .done()
        .says("a run that was killed had begun");
    assert_eq!(stage.in_state("STOPPED"), 2, "{}", stage.describe());
    assert_eq!(stage.pid_of(3), upgraded, "it was upgraded before");
    stage.is_consistent(2);
    stage.all_run(2);
    assert_eq!(stage.of_version("0.4.18"), 2, "{}", stage.describe());
    stage.cycle_until("all run, and all the new one", |stage| {
        stage.in_state("RUNNING") == 4 && stage.of_version("0.4.18") == 4
    });
    for (id, identity) in stage.ids().into_iter().zip(identities) {
        assert_eq!(stage.identity_of(id), identity, "the identity of node {id}");
    }
    stage.is_consistent(4);
}
