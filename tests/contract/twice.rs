//! Repeated actions: when a run acted but could not record it, the next run repeats the action without
//! harm.

use super::ground::{Ground, Kind};

pub fn start_stop_upgrade_and_removal_can_be_repeated(kind: &Kind) {
    let Some(ground) = Ground::of(kind, 2, &[]) else {
        return;
    };
    let (pid, other) = (ground.pid_of(1), ground.pid_of(2));
    let identity = ground.identity_of(1);
    ground.set(&[1], "status = 'STOPPED'");
    ground.order("start", 1);
    assert_eq!(ground.pid_of(1), pid, "what runs is not started");

    for _ in 0..2 {
        ground.set(&[1], "status = 'RUNNING'");
        ground.order("stop", 1);
        assert_eq!(
            (ground.row(1).status.as_str(), ground.process_of(1)),
            ("STOPPED", None)
        );
    }
    ground.order("start", 1);
    ground.all_run(2);

    ground.publish("0.4.18");
    let before = ground.pid_of(1);
    ground.order("upgrade", 1);
    let upgraded = ground.pid_of(1);
    assert_ne!(upgraded, before, "it runs the new one");
    ground.set(&[1], "version = '0.4.17', status = 'RUNNING'");
    ground.order("upgrade", 1);
    assert_eq!(ground.pid_of(1), upgraded, "what is new is not renewed");
    ground.all_run(2);
    assert_eq!(ground.row(1).version.as_deref(), Some("0.4.18"));
    assert_eq!(ground.identity_of(1), identity);
    ground.is_whole(2);

    ground.tamper("CREATE TABLE kept AS SELECT * FROM node WHERE id = 1");
    ground.order("remove", 1);
    assert_eq!(ground.ids(), [2]);
    let (folders, services) = (ground.folders(), ground.services());
    ground.tamper("INSERT INTO node SELECT * FROM kept; DROP TABLE kept");
    ground.order("remove", 1);
    assert_eq!(ground.ids(), [2]);
    assert_eq!((ground.folders(), ground.services()), (folders, services));
    assert_eq!(ground.pid_of(2), other, "nobody else noticed");
    ground.is_whole(1);
}
