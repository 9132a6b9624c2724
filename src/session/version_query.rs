//! Asking programs for their version, with no more rights than who could exchange them has.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::program::user_account::{self, Account};
use crate::program::{Program, trusted_path};
use crate::settings::NODE_USER;
use crate::survey;

/// Who may do what everybody may.
const NOBODY: &str = "nobody";

/// What a program says of its version.
pub(super) fn version(path: &Path) -> Result<String, String> {
    let program = Program::new(path).arg("--version").limit(survey::VERSION_LIMIT);
    let program = match keeper(path) {
        Some(keeper) => program.as_account(&keeper),
        None => program,
    };
    program
        .run()
        .map(|ended| ended.stdout)
        .map_err(|error| error.to_string())
}

/// In whose name a program is run that somebody else can exchange at any time: nobody gets root's rights by that, and no
/// node those of the operator.
///
/// The first on the way who could is asked for, as he can lead us to a folder of root's and back.
fn keeper(path: &Path) -> Option<Account> {
    if let Some(weak) = trusted_path::find_untrusted(path) {
        let owner = weak.owner().and_then(|name| user_account::named(name).ok());
        return match owner {
            Some(owner) => (user_account::is_root() || owner.name == NODE_USER).then_some(owner),
            None if user_account::is_root() => [NODE_USER, NOBODY]
                .iter()
                .find_map(|name| user_account::named(name).ok()),
            None => None,
        };
    }
    let owner = fs::metadata(path.parent()?).ok()?.uid();
    if owner == 0 || owner == user_account::uid() {
        return None;
    }
    let keeper = user_account::of(owner)?;
    (user_account::is_root() || keeper.name == NODE_USER).then_some(keeper)
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
        if !user_account::is_root() {
            eprintln!("SKIPPED: only root has others' rights to give up");
            return;
        }
        let nobody = user_account::named("nobody").unwrap();
        let folder = tempfile::TempDir::new().unwrap();
        let program = folder.path().join("antnode");
        fs::write(&program, "#!/bin/sh\nid -u\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        chown(folder.path(), Some(nobody.uid), Some(nobody.gid)).unwrap();
        let asked = |path: &Path| version(path).unwrap().trim().to_owned();
        assert_eq!(asked(&program), nobody.uid.to_string());

        // Through a link of root's, in a folder of root's that can be exchanged, and of one that all may write.
        let link = tempfile::TempDir::new().unwrap();
        fs::set_permissions(link.path(), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(&program, link.path().join("antnode")).unwrap();
        assert_eq!(asked(&link.path().join("antnode")), nobody.uid.to_string());
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(&program, inner.join("antnode")).unwrap();
        assert_eq!(asked(&inner.join("antnode")), nobody.uid.to_string());
        chown(folder.path(), Some(0), Some(0)).unwrap();
        assert_eq!(asked(&inner.join("antnode")), "0");
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o777)).unwrap();
        assert_ne!(asked(&inner.join("antnode")), "0");
    }
}
