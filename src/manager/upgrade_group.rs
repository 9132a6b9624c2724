//! Upgrades several nodes together: their binaries are replaced first, then they are stopped together and started
//! together. A node that does not start gets its old binary back, and is started again.

use crate::colony::{Binary, Node};

use super::node_layout::NodeLayout;
use super::process_scan::{Processes, runs_file};
use super::{ManagerError, ProcessManager};

/// Nodes that are upgraded together.
pub(super) struct UpgradeGroup<'a> {
    manager: &'a dyn ProcessManager,
    layout: &'a NodeLayout,
    new: &'a Binary,
    members: Vec<Member<'a>>,
}

struct Member<'a> {
    node: &'a Node,
    /// Whether the binary on disk differs from the one that the node was started with.
    is_replaced: bool,
    /// None while the node still has to be restarted.
    result: Option<Result<(), ManagerError>>,
}

/// A node whose restart failed, and whether its old binary is back.
struct Failure {
    place: usize,
    why: ManagerError,
    restored: Result<(), ManagerError>,
}

impl<'a> UpgradeGroup<'a> {
    pub(super) fn new(
        manager: &'a dyn ProcessManager,
        layout: &'a NodeLayout,
        nodes: &[&'a Node],
        new: &'a Binary,
    ) -> UpgradeGroup<'a> {
        let member = |node: &&'a Node| Member {
            node,
            is_replaced: false,
            result: None,
        };
        UpgradeGroup {
            manager,
            layout,
            new,
            members: nodes.iter().map(member).collect(),
        }
    }

    /// Upgrades the nodes; `running` are the processes before.
    pub(super) fn run(mut self, running: &Processes) -> Vec<Result<(), ManagerError>> {
        for place in 0..self.members.len() {
            let mut is_replaced = false;
            let result = self.replace_binary(self.members[place].node, running, &mut is_replaced);
            let member = &mut self.members[place];
            (member.result, member.is_replaced) = (result, is_replaced);
        }
        self.restart();
        self.put_back();
        let results = self.members.into_iter().map(|member| member.result);
        results.map(|result| result.unwrap_or(Ok(()))).collect()
    }

    /// Replaces the binary of a node; None if the node then has to be restarted.
    fn replace_binary(
        &self,
        node: &Node,
        running: &Processes,
        is_replaced: &mut bool,
    ) -> Option<Result<(), ManagerError>> {
        let layout = self.layout;
        // A run that was killed between replacement and restart left the old binary behind.
        let was_interrupted = layout.has_old_binary(node);
        match layout.replace_binary(node, self.new, None) {
            Ok(replaced) => *is_replaced = replaced || was_interrupted,
            Err(error) => return Some(Err(error)),
        }
        let processes = running.of(&node.home.root);
        let is_current = |pid| runs_file(pid, &node.home.binary).unwrap_or(!*is_replaced);
        let is_done = !processes.is_empty() && processes.iter().all(|process| is_current(process.pid));
        is_done.then(|| {
            layout.delete_old_binary(node);
            Ok(())
        })
    }

    /// The places of the members that still have to be restarted, and their nodes.
    fn open(&self) -> (Vec<usize>, Vec<&'a Node>) {
        let all = self.members.iter().enumerate();
        let open = all.filter(|(_, member)| member.result.is_none());
        open.map(|(place, member)| (place, member.node)).unzip()
    }

    fn restart(&mut self) {
        let (places, nodes) = self.open();
        if nodes.is_empty() {
            return;
        }
        for (place, stopped) in places.into_iter().zip(self.manager.stop_many(&nodes)) {
            if stopped.is_err() {
                self.members[place].result = Some(stopped);
            }
        }
        let (places, nodes) = self.open();
        for (place, started) in places.into_iter().zip(self.manager.start_many(&nodes)) {
            if started.is_ok() {
                self.layout.delete_old_binary(self.members[place].node);
            }
            self.members[place].result = Some(started);
        }
    }

    /// Puts the old binaries of the nodes back that failed, and starts these nodes again together.
    fn put_back(&mut self) {
        let layout = self.layout;
        let mut failures: Vec<Failure> = Vec::new();
        for (place, member) in self.members.iter_mut().enumerate() {
            if !member.is_replaced {
                continue;
            }
            match member.result.take() {
                Some(Err(why)) => failures.push(Failure {
                    place,
                    why,
                    restored: layout.restore_old_binary(member.node),
                }),
                other => member.result = other,
            }
        }
        let restored = failures.iter().filter(|failure| failure.restored.is_ok());
        let back: Vec<&Node> = restored.map(|failure| self.members[failure.place].node).collect();
        let started = match back.is_empty() {
            true => Vec::new(),
            false => self.manager.start_many(&back),
        };
        let mut started = started.into_iter();
        for failure in failures {
            let rollback = failure.restored.and_then(|()| started.next().unwrap_or(Ok(())));
            let member = &mut self.members[failure.place];
            member.result = Some(Err(ManagerError::NotUpgraded {
                node: member.node.name.full(),
                why: Box::new(failure.why),
                rollback: rollback.err().map(Box::new),
            }));
        }
    }
}
