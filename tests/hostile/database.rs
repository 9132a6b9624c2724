//! A database that an attacker wrote.

use crate::stage::Stage;

#[test]
fn invalid_row_does_not_affect_other_rows() {
    for nonsense in [
        "port = 70000",
        "status = 'DANCING'",
        "manager_type = 'upstart'",
        "root_dir = x'ff00'",
    ] {
        let stage = Stage::running(2, &["--node_cap", "3"]);
        stage.tamper(&format!("UPDATE node SET {nonsense} WHERE id = 2"));
        let ran = stage.pass(&[]).done().plain();
        assert!(
            ran.stderr.contains("table `node`, row ") && ran.stderr.contains("wnm changes neither this row"),
            "{nonsense}: {ran}"
        );
        // It counts as a node; another one is added, and its id is not used again.
        stage.cycle();
        let ids = stage.figure("SELECT count(*) FROM node");
        assert_eq!(ids, 3, "{nonsense}: {}", stage.describe());
        for id in [1, 2, 3] {
            assert_eq!(
                stage.figure(&format!("SELECT count(*) FROM node WHERE id = {id}")),
                1
            );
        }
        stage.wnm(&["--report", "node-status", "--json"]).done().plain();
        stage.force("teardown --confirm").plain();
        assert_eq!(
            stage.figure("SELECT count(*) FROM node"),
            1,
            "the row is left as it was"
        );
        assert_eq!(stage.processes().len(), 1, "and what it may mean is left alone");
    }
}
