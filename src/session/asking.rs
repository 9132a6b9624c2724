//! Asking programs for their version, with no more rights than who could exchange them has.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::program::Program;
use crate::program::account::{self, Account};
use crate::settings::NODE_USER;
use crate::survey;

/// What a program says of its version.
pub(super) fn version(path: &Path) -> Result<String, String> {
    let program = Program::new(path).arg("--version").limit(survey::VERSION_LIMIT);
    let program = match keeper(path) {
        Some(keeper) => program.in_name_of(&keeper),
        None => program,
    };
    program
        .run()
        .map(|ended| ended.stdout)
        .map_err(|error| error.to_string())
}

/// In whose name a program is run that lies in a folder of somebody else's, who can exchange it at any time:
/// nobody gets root's rights by that, and no node those of the operator.
fn keeper(path: &Path) -> Option<Account> {
    let owner = fs::metadata(path.parent()?).ok()?.uid();
    if owner == 0 || owner == account::uid() {
        return None;
    }
    let keeper = account::of(owner)?;
    (account::is_root() || keeper.name == NODE_USER).then_some(keeper)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown};

    use super::*;

    #[test]
    fn what_lies_in_our_own_folder_or_in_roots_is_run_as_ourselves() {
        let folder = tempfile::TempDir::new().unwrap();
        assert_eq!(keeper(&folder.path().join("antnode")), None);
        assert_eq!(keeper(Path::new("/usr/bin/env")), None);
    }

    #[test]
    fn root_runs_what_lies_in_the_folder_of_another_in_that_ones_name() {
        if !account::is_root() {
            eprintln!("SKIPPED: only root has others' rights to give up");
            return;
        }
        let nobody = account::named("nobody").unwrap();
        let folder = tempfile::TempDir::new().unwrap();
        let program = folder.path().join("antnode");
        fs::write(&program, "#!/bin/sh\nid -u\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        chown(folder.path(), Some(nobody.uid), Some(nobody.gid)).unwrap();
        assert_eq!(version(&program).unwrap().trim(), nobody.uid.to_string());
    }
}
