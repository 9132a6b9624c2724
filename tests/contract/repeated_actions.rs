//! Repeated actions: when a run acted but could not record it, the next run repeats the action without
//! harm.

use super::manager_stage::{Kind, ManagerStage};

pub fn start_stop_upgrade_and_removal_can_be_repeated(kind: &Kind) {
    let Some(stage) = ManagerStage::of(kind, 2, &[]) else {
        return;
    };
    let (pid, other) = (stage.pid_of(1), stage.pid_of(2));
    let identity = stage.identity_of(1);
    stage.set(&[1], "status = 'STOPPED'");
    stage.order("start", 1);
    assert_eq!(stage.pid_of(1), pid, "what runs is not started");

    for _ in 0..2 {
        stage.set(&[1], "status = 'RUNNING'");
        stage.order("stop", 1);
        assert_eq!(
            (stage.row(1).status.as_str(), stage.process_of(1)),
            ("STOPPED", None)
        );
    }
    stage.order("start", 1);
    stage.all_run(2);

    stage.publish("0.4.18");
    let before = stage.pid_of(1);
    stage.order("upgrade", 1);
    let upgraded = stage.pid_of(1);
    assert_ne!(upgraded, before, "it runs the new one");
    stage.set(&[1], "version = '0.4.17', status = 'RUNNING'");
    stage.order("upgrade", 1);
    assert_eq!(stage.pid_of(1), upgraded, "what is new is not renewed");
    stage.all_run(2);
    assert_eq!(stage.row(1).version.as_deref(), Some("0.4.18"));
    assert_eq!(stage.identity_of(1), identity);
    stage.is_consistent(2);

    stage.tamper("CREATE TABLE kept AS SELECT * FROM node WHERE id = 1");
    stage.order("remove", 1);
    assert_eq!(stage.ids(), [2]);
    let (folders, services) = (stage.folders(), stage.services());
    stage.tamper("INSERT INTO node SELECT * FROM kept; DROP TABLE kept");
    stage.order("remove", 1);
    assert_eq!(stage.ids(), [2]);
    assert_eq!((stage.folders(), stage.services()), (folders, services));
    assert_eq!(stage.pid_of(2), other, "nobody else noticed");
    stage.is_consistent(1);
}
