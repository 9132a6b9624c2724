//! The events of a colony: load, deaths, misbehaving nodes, new versions, changed caps, and killed runs.

use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::measurements::Figures;
use crate::stage::{Random, Stage, kill};

/// The state of the colony's environment.
pub struct Life {
    /// The cap.
    nodes: usize,
    /// The last number of the newest antnode's version.
    version: usize,
    /// Misbehaving nodes, each with the number of cycles left.
    ill: Vec<(u32, usize)>,
}

impl Life {
    pub fn new(nodes: usize) -> Life {
        Life {
            nodes,
            version: 17,
            ill: Vec::new(),
        }
    }

    /// Lets a random event happen, or none; returns the CPU usage meanwhile.
    pub fn happen(&mut self, stage: &Stage, random: &mut Random, figures: &mut Figures) -> i64 {
        self.recover(stage);
        if random.is_one_in(2 * self.nodes) {
            self.version += 1;
            stage.install(&format!("0.4.{}", self.version));
            figures.versions += 1;
        }
        match random.below(12) {
            0 | 1 => {
                let processes = stage.processes();
                for _ in 0..1 + random.below(3) {
                    if let Some(victim) = processes.get(random.below(processes.len())) {
                        kill(victim.pid, Signal::SIGKILL);
                        figures.deaths += 1;
                    }
                }
            }
            2 => {
                // A node that never answers costs each survey five seconds, so there is at most one, and
                // rarely.
                let (word, length) = match random.below(10) {
                    0 => ("mute", 4),
                    1..4 => ("refuse", 10),
                    _ => ("shunned:3", 5),
                };
                let ids = stage.ids();
                if let Some(id) = ids.get(random.below(ids.len())).filter(|_| self.ill.len() < 3) {
                    stage.set_fault(*id, word);
                    self.ill.push((*id, 1 + random.below(length)));
                    figures.illnesses += 1;
                }
            }
            3 => self.cap(stage, self.nodes - random.below(self.nodes / 10 + 2)),
            4 => self.cap(stage, self.nodes),
            5 | 6 => return 71 + random.below(29) as i64,
            7 | 8 => {
                stage.simulate_minute(0);
                killed(stage, Duration::from_millis(random.below(900) as u64), random);
                figures.killed(stage);
            }
            _ => {}
        }
        5
    }

    /// Ends all faults and waits until the colony settles.
    pub fn rest(&mut self, stage: &Stage) {
        self.ill.iter_mut().for_each(|(_, rest)| *rest = 0);
        self.recover(stage);
        self.cap(stage, self.nodes);
        let newest = format!("0.4.{}", self.version);
        stage.until(
            "all nodes run the newest version",
            |stage| stage.in_state("RUNNING") == self.nodes && stage.of_version(&newest) == self.nodes,
            |stage| {
                stage.tamper("UPDATE node SET retry_at = retry_at - 60");
                stage.simulate_minute(0);
                let ran = stage.wnm(&[]);
                assert!(matches!(ran.code, Some(0 | 3)), "{ran}");
            },
        );
        // What killed runs left is deleted with the next change of a binary or the next removal.
        stage.cycle();
    }

    fn recover(&mut self, stage: &Stage) {
        for (id, rest) in &mut self.ill {
            *rest = rest.saturating_sub(1);
            if *rest == 0 {
                // Does nothing where the node is gone.
                let _ = std::fs::remove_file(stage.root(*id).join("SIM_ANTNODE"));
            }
        }
        self.ill.retain(|(_, rest)| *rest > 0);
    }

    fn cap(&self, stage: &Stage, cap: usize) {
        let ran = stage.wnm(&[
            "--node_cap",
            &cap.to_string(),
            "--force_action",
            "update_config",
            "--confirm",
        ]);
        assert_eq!(ran.code, Some(0), "{ran}");
    }
}

/// A cycle that is killed after this time unless it has ended: alone, or with everything it started, as by
/// a reboot.
fn killed(stage: &Stage, after: Duration, random: &mut Random) {
    let mut command = stage.command(&[]);
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    let mut child = command.spawn().expect("wnm starts");
    std::thread::sleep(after);
    if random.is_one_in(2) {
        let _ = killpg(Pid::from_raw(child.id() as i32), Signal::SIGKILL);
    } else {
        let _ = child.kill();
    }
    let _ = child.wait();
}
