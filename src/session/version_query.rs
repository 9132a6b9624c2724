//! Runs `antnode --version` with no more rights than the account that could replace the program.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::program::user_account::{self, Account};
use crate::program::{Program, trusted_path};
use crate::settings::NODE_USER;
use crate::survey;

/// The account without special rights.
const NOBODY: &str = "nobody";

/// The output of `PROGRAM --version`.
pub(super) fn version(path: &Path) -> Result<String, String> {
    let program = Program::new(path).arg("--version").limit(survey::VERSION_LIMIT);
    let program = match account_to_use(path) {
        Some(account_to_use) => program.as_account(&account_to_use),
        None => program,
    };
    program
        .run()
        .map(|ended| ended.stdout)
        .map_err(|error| error.to_string())
}

/// The account to run a program as, if another account can replace the program. Otherwise that account would get the
/// rights of root, or a node those of the operator.
///
/// It is the first such account on the path, because it can redirect the rest of the path.
fn account_to_use(path: &Path) -> Option<Account> {
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
    let account_to_use = user_account::of(owner)?;
    (user_account::is_root() || account_to_use.name == NODE_USER).then_some(account_to_use)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown};

    use super::*;

    #[test]
    fn runs_programs_of_ourselves_and_of_root_as_ourselves() {
        let folder = tempfile::TempDir::new().unwrap();
        assert_eq!(account_to_use(&folder.path().join("antnode")), None);
        assert_eq!(account_to_use(Path::new("/usr/bin/env")), None);
    }

    #[test]
    fn root_runs_programs_of_another_account_as_that_account() {
        if !user_account::is_root() {
            eprintln!("SKIPPED: needs root");
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

        // Through a symlink of root, in a directory of root below one of another account, and in one that all may write.
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
