//! Killed runs: whatever parts of a node a killed run left, the next run finishes its work.

use std::fs;
use std::path::Path;

use super::ground::{Ground, Kind};

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
    let Some(ground) = Ground::of(kind, count, &["--node_cap", &cap]) else {
        return;
    };
    let ids = ground.ids();
    for id in &ids {
        ground.order("stop", *id);
    }
    let rows = ground.rows();
    let services: Vec<_> = ids.iter().map(|id| ground.service(*id)).collect();
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
            ground.storage()
        };
        let asked = format!("printf('{}/antnode%04d', id)", storage.display());
        ground.set(
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
    ground.set(&ids, "status = 'RESTARTING', timestamp = unixepoch()");
    ground.had_begun("add", &ids);
    ground.cycle();
    ground.all_run(count);
    assert_eq!(ground.ids(), ids, "{}", ground.describe());
    ground.is_whole(count);
}

pub fn next_run_finishes_a_killed_removal(kind: &Kind) {
    let Some(ground) = Ground::of(kind, 5, &["--node_cap", "0"]) else {
        return;
    };
    let (ids, rows) = (ground.ids(), ground.rows());
    // The first is complete. The others are stopped, and each has lost one part more.
    for id in &ids[1..] {
        ground.order("stop", *id);
    }
    let logs = |at: usize| rows[at].logs.clone().expect("logs");
    lose(&ground.service(3));
    lose(&ground.service(4));
    lose(&logs(3));
    lose(&ground.service(5));
    lose(&logs(4));
    lose(&rows[4].root);
    ground.had_begun("remove", &ids);
    ground.cycle();
    assert_eq!(ground.ids(), [0; 0], "{}", ground.describe());
    ground.is_bare();
}

pub fn next_run_finishes_a_killed_stop_or_upgrade(kind: &Kind) {
    let Some(ground) = Ground::of(kind, 4, &["--node_cap", "4"]) else {
        return;
    };
    let identities: Vec<Vec<u8>> = ground
        .ids()
        .into_iter()
        .map(|id| ground.identity_of(id))
        .collect();
    // One was to be stopped and still runs; one has stopped but its row says RUNNING.
    ground.order("stop", 2);
    ground.set(&[2], "status = 'RUNNING'");
    ground.had_begun("stop", &[1, 2]);
    // One was upgraded but its row has the old version; one was not upgraded yet.
    ground.publish("0.4.18");
    ground.order("upgrade", 3);
    let upgraded = ground.pid_of(3);
    ground.set(&[3], "version = '0.4.17', status = 'RUNNING'");
    ground.had_begun("upgrade", &[3, 4]);
    ground
        .force("survey")
        .done()
        .says("a run that was killed had begun");
    assert_eq!(ground.in_state("STOPPED"), 2, "{}", ground.describe());
    assert_eq!(ground.pid_of(3), upgraded, "it was upgraded before");
    ground.is_whole(2);
    ground.all_run(2);
    assert_eq!(ground.of_version("0.4.18"), 2, "{}", ground.describe());
    ground.cycle_until("all run, and all the new one", |stage| {
        stage.in_state("RUNNING") == 4 && stage.of_version("0.4.18") == 4
    });
    for (id, identity) in ground.ids().into_iter().zip(identities) {
        assert_eq!(ground.identity_of(id), identity, "the identity of node {id}");
    }
    ground.is_whole(4);
}
