//! Checks that the machine tells its figures, and whose load it is.

use std::path::Path;

use crate::report::doctor::CheckResult;

use super::context::CheckContext;

/// Names what is not known, and a load that may be the host's; None if there is nothing to say.
pub(super) fn check(context: &CheckContext) -> Option<CheckResult> {
    const CHECK: &str = "figures";
    let now = context
        .world
        .machine_reader
        .read(&context.settings.node_storage)
        .ok()?;
    let mut unknown = Vec::new();
    if now.counters.cpu_total == crate::colony::Counters::UNKNOWN {
        unknown.push("cpu (`/proc/stat`)");
    }
    if now.memory_total == 0 {
        unknown.push("memory (`/proc/meminfo`)");
    }
    if now.load.iter().any(|load| load.is_nan()) {
        unknown.push("load (`/proc/loadavg`)");
    }
    if !unknown.is_empty() {
        return Some(CheckResult::warning(
            CHECK,
            format!(
                "not known: {}; until they are, nothing is added",
                unknown.join(", ")
            ),
            "correct what hides these files, or what makes their figures wrong",
        ));
    }
    is_in_container(Path::new("/")).then(|| {
        CheckResult::ok(
            CHECK,
            format!(
                "in a container: the load {:.2} may be that of the whole host; if so, raise `desired_load_average` and \
                 `max_load_average_allowed`",
                now.load[0]
            ),
        )
    })
}

/// Whether the files of `root` are those of a container whose load average is its host's. lxcfs gives it one of its own.
fn is_in_container(root: &Path) -> bool {
    let marks = [".dockerenv", "run/.containerenv", "run/systemd/container"];
    let mounts = std::fs::read_to_string(root.join("proc/self/mounts")).unwrap_or_default();
    marks.iter().any(|mark| root.join(mark).exists()) && !mounts.contains(" /proc/loadavg ")
}

#[cfg(test)]
mod tests {
    use super::is_in_container;

    #[test]
    fn given_the_mark_of_a_container_when_its_load_is_checked_then_it_may_be_the_hosts_unless_it_has_its_own()
    {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        assert!(!is_in_container(root.path()));
        write("run/systemd/container", "lxc\n");
        assert!(is_in_container(root.path()));
        write("proc/self/mounts", "lxcfs /proc/loadavg fuse.lxcfs rw 0 0\n");
        assert!(!is_in_container(root.path()));
    }
}
