//! Paths in which only root and we can replace anything.
//!
//! Root must not write, rename or delete where another account can put a symlink between the check and the use. To check
//! the file itself does not help. To check all its ancestors does: then only root and we can change the path.

mod acl;

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use nix::unistd::{Gid, Group};

use super::Program;
use super::user_account::{self, Account, NODE_USER};
use crate::colony::Mode;
use acl::AclEntry;

/// Linux follows this many symlinks in a path.
const MAX_SYMLINKS: u32 = 40;

/// Members of these groups can become root, by sudo or by packaging/sudoers.
const ROOT_GROUPS: [&str; 4] = ["sudo", "wheel", "admin", "wnm"];

/// Groups below this number belong to the system, and the administrator chooses their members.
const FIRST_USER_GROUP: u32 = 1000;
/// The group `users`, of which everybody may be a member.
const USERS: u32 = 100;

/// A path that another user could replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UntrustedPath {
    /// The ancestor, or the path itself, that makes it untrusted.
    pub at: PathBuf,
    writer: OtherWriter,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum OtherWriter {
    Account(String),
    /// By an access control list.
    Granted(String),
    Group(String),
    Everybody,
    SymlinkLoop,
}

impl fmt::Display for UntrustedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.display();
        match &self.writer {
            OtherWriter::Account(name) => write!(
                f,
                "`{at}` belongs to `{name}`, who could replace what root uses there"
            ),
            OtherWriter::Granted(name) => write!(
                f,
                "`{at}` can be written by `{name}`, who could replace what root uses there"
            ),
            OtherWriter::Group(name) => write!(
                f,
                "`{at}` can be written by the group `{name}`, which could replace what root uses there"
            ),
            OtherWriter::Everybody => write!(
                f,
                "`{at}` can be written by everybody, who could replace what root uses there"
            ),
            OtherWriter::SymlinkLoop => write!(f, "`{at}` is a symlink that leads in circles"),
        }
    }
}

impl UntrustedPath {
    /// The account that owns it, if that is the reason.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        match &self.writer {
            OtherWriter::Account(name) => Some(name),
            _ => None,
        }
    }

    /// The group that can write it, if that is the reason.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        match &self.writer {
            OtherWriter::Group(name) => Some(name),
            _ => None,
        }
    }

    /// Whether the path is in the account's home, whose owner should not change.
    fn is_home_of(&self, name: &str) -> bool {
        user_account::named(name)
            .is_ok_and(|owner| owner.home != Path::new("/") && self.at.starts_with(&owner.home))
    }

    /// How to fix it.
    #[must_use]
    pub fn hint(&self) -> String {
        let at = shell_words::quote(&self.at.to_string_lossy()).into_owned();
        match &self.writer {
            OtherWriter::Account(name) if self.is_home_of(name) => {
                format!(
                    "it is in the home of `{name}`: keep these nodes where only root can write, or run wnm as `{name}`"
                )
            }
            OtherWriter::Account(name) if user_account::is_root() => {
                format!("run wnm as `{name}`, or give it to root: `chown root {at}`")
            }
            OtherWriter::Account(_) => format!("give it to root: `sudo chown root {at}`"),
            OtherWriter::Granted(_) => format!("`sudo setfacl -b {at}`"),
            OtherWriter::Group(_) | OtherWriter::Everybody => format!("`sudo chmod go-w {at}`"),
            OtherWriter::SymlinkLoop => "choose another path".to_owned(),
        }
    }
}

/// Whether wnm has root's rights in this mode, so that it may only use trusted paths.
#[must_use]
pub fn is_required(mode: Mode) -> bool {
    mode == Mode::Sudo || user_account::is_root()
}

/// Who can create the missing part of a trusted path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustedAncestor {
    /// Nothing is missing, or only root and we can create it.
    Exclusive,
    /// Everybody can create this first missing directory. It must be created by a call that fails if it exists, before
    /// anything in it.
    Shared(PathBuf),
}

/// The first part of `path` that another user could replace. Symlinks are followed as the system follows them. Missing
/// parts count as ours.
#[must_use]
pub fn find_untrusted(path: &Path) -> Option<UntrustedPath> {
    check(path).err()
}

/// [`find_untrusted`], which also finds a directory in which everybody could create the missing part.
#[must_use]
pub fn find_not_exclusive(path: &Path) -> Option<UntrustedPath> {
    match check(path) {
        Ok(TrustedAncestor::Exclusive) => None,
        Ok(TrustedAncestor::Shared(first)) => Some(UntrustedPath {
            at: first.parent().map_or(first.clone(), Path::to_owned),
            writer: OtherWriter::Everybody,
        }),
        Err(found) => Some(found),
    }
}

/// Checks that no other user can replace a part of `path`; returns who can create what is missing.
///
/// # Errors
/// With the first part that another user could replace.
pub fn check(path: &Path) -> Result<TrustedAncestor, UntrustedPath> {
    check_except(path, None)
}

/// [`find_untrusted`] for an operation with the rights of the account `own`, which may own parts of the path itself.
#[must_use]
pub fn find_untrusted_except(path: &Path, own: u32) -> Option<UntrustedPath> {
    check_except(path, Some(own)).err()
}

fn check_except(path: &Path, own: Option<u32>) -> Result<TrustedAncestor, UntrustedPath> {
    let mut left: VecDeque<OsString> = parts(path);
    let mut at = PathBuf::from("/");
    let mut links = 0;
    // Whether everybody can create files in the directory `at`, but only delete their own.
    let mut is_shared = match fs::symlink_metadata(&at) {
        Ok(seen) => check_part(&at, &seen, own)?,
        Err(_) => return Ok(TrustedAncestor::Exclusive),
    };
    while let Some(part) = left.pop_front() {
        if part == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&part);
        let Ok(seen) = fs::symlink_metadata(&next) else {
            return Ok(if is_shared {
                TrustedAncestor::Shared(next)
            } else {
                TrustedAncestor::Exclusive
            });
        };
        if seen.is_symlink() {
            links += 1;
            if links > MAX_SYMLINKS {
                return Err(UntrustedPath {
                    at: next,
                    writer: OtherWriter::SymlinkLoop,
                });
            }
            if let Some(found) = is_shared.then(|| owned_by_other(&next, &seen, own)).flatten() {
                return Err(found);
            }
            let target = fs::read_link(&next).unwrap_or_default();
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            for part in parts(&target).into_iter().rev() {
                left.push_front(part);
            }
            continue;
        }
        is_shared = check_part(&next, &seen, own)?;
        at = next;
    }
    if is_shared {
        // Nothing of ours may be created directly in such a directory.
        return Err(UntrustedPath {
            at,
            writer: OtherWriter::Everybody,
        });
    }
    Ok(TrustedAncestor::Exclusive)
}

fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|part| match part {
            Component::Normal(part) => Some(part.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect()
}

/// Whether everybody can create files in a directory but only delete their own, as in `/tmp`; an error if another user
/// could replace what is in it.
fn check_part(path: &Path, seen: &Metadata, own: Option<u32>) -> Result<bool, UntrustedPath> {
    if let Some(found) = owned_by_other(path, seen, own) {
        return Err(found);
    }
    let untrusted = |writer| {
        Err(UntrustedPath {
            at: path.to_owned(),
            writer,
        })
    };
    let is_sticky = seen.is_dir() && seen.mode() & 0o1000 != 0;
    if seen.mode() & 0o002 != 0 {
        return if is_sticky {
            Ok(true)
        } else {
            untrusted(OtherWriter::Everybody)
        };
    }
    if seen.mode() & 0o020 == 0 {
        return Ok(false);
    }
    // With an access control list, the group bits of the mode are the most that any entry allows.
    let grants = acl::grants(path).unwrap_or_else(|| vec![AclEntry::Group(seen.gid())]);
    let writer = grants.into_iter().find_map(|grant| match grant {
        AclEntry::User(uid) => {
            (own != Some(uid) && !is_trusted(uid)).then(|| OtherWriter::Granted(account_name(uid)))
        }
        AclEntry::Group(gid) => (!is_trusted_group(gid, own)).then(|| OtherWriter::Group(group_name(gid))),
    });
    match writer {
        None => Ok(false),
        Some(_) if is_sticky => Ok(true),
        Some(writer) => untrusted(writer),
    }
}

fn account_name(uid: u32) -> String {
    user_account::of(uid).map_or_else(|| uid.to_string(), |owner| owner.name)
}

fn group_name(gid: u32) -> String {
    let group = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
    group.map_or_else(|| gid.to_string(), |group| group.name)
}

/// Whether a group that can write contains only trusted accounts: it belongs to the system, or is the private group of a
/// trusted account. A group with the nodes' account is never trusted, except for operations with the rights of that account.
fn is_trusted_group(gid: u32, own: Option<u32>) -> bool {
    if gid == 0 {
        return true;
    }
    let group = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
    let has_nodes = user_account::named(NODE_USER).is_ok_and(|nodes| {
        let is_member = |group: &Group| group.mem.contains(&nodes.name);
        own != Some(nodes.uid)
            && !is_trusted(nodes.uid)
            && (nodes.gid == gid || group.as_ref().is_some_and(is_member))
    });
    if gid < FIRST_USER_GROUP && gid != USERS {
        return !has_nodes;
    }
    let Some(group) = group.filter(|_| !has_nodes) else {
        return false;
    };
    let is_trusted = |uid| own == Some(uid) || is_trusted(uid);
    let owner = user_account::named(&group.name).ok();
    owner.is_some_and(|owner| owner.gid == gid && is_trusted(owner.uid))
        && group
            .mem
            .iter()
            .all(|member| user_account::named(member).is_ok_and(|member| is_trusted(member.uid)))
}

/// Whether an account is root, ours, or can become root.
fn is_trusted(uid: u32) -> bool {
    uid == 0
        || uid == user_account::uid()
        || user_account::of(uid).is_some_and(|account| can_become_root(&account))
}

fn owned_by_other(path: &Path, seen: &Metadata, own: Option<u32>) -> Option<UntrustedPath> {
    let uid = seen.uid();
    if own == Some(uid) || is_trusted(uid) || is_unmapped(uid) {
        return None;
    }
    Some(UntrustedPath {
        at: path.to_owned(),
        writer: OtherWriter::Account(account_name(uid)),
    })
}

fn can_become_root(account: &Account) -> bool {
    ROOT_GROUPS
        .iter()
        .filter_map(|group| Group::from_name(group).ok().flatten())
        .any(|group| group.gid.as_raw() == account.gid || group.mem.contains(&account.name))
        || user_account::is_root() && can_run_shell_as_root(&account.name)
}

/// Whether sudo lets an account run a shell as root, which a file in `/etc/sudoers.d` may allow without any group. Asked
/// once per run: a thousand nodes may be in directories of one account.
fn can_run_shell_as_root(name: &str) -> bool {
    static ANSWERS: Mutex<BTreeMap<String, bool>> = Mutex::new(BTreeMap::new());
    let mut answers = ANSWERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(answer) = answers.get(name) {
        return *answer;
    }
    let asked = Program::new("sudo").args(["-n", "-l", "-U", name, "--", "/bin/sh"]);
    let answer = !name.starts_with('-') && asked.ask().is_ok_and(|ended| ended.code() == Some(0));
    answers.insert(name.to_owned(), answer);
    answer
}

/// Whether `uid` stands for all accounts that a container does not have; no process in the container has their rights.
fn is_unmapped(uid: u32) -> bool {
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u32>().ok();
    if number("/proc/sys/kernel/overflowuid") != Some(uid) {
        return false;
    }
    let maps = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    !maps.lines().any(|line| {
        let range: Vec<u32> = line
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        matches!(range[..], [from, _, count] if uid >= from && uid - from < count)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use tempfile::TempDir;

    use super::*;

    fn bits(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn trusts_own_directory_in_shared_directory() {
        let folder = TempDir::new().unwrap();
        assert_eq!(find_untrusted(folder.path()), None);
        assert_eq!(find_untrusted(&folder.path().join("not/yet")), None);
        assert_eq!(find_untrusted(Path::new("/usr/bin")), None);
    }

    #[test]
    fn distrusts_everything_below_a_writable_directory() {
        let folder = TempDir::new().unwrap();
        let open = folder.path().join("open");
        let inner = open.join("inner");
        fs::create_dir_all(&inner).unwrap();
        bits(&open, 0o777);
        assert_eq!(find_untrusted(&inner).map(|found| found.at), Some(open.clone()));
        // In a sticky directory our files are trusted, and the directory itself is not.
        bits(&open, 0o1777);
        assert_eq!(find_untrusted(&inner), None);
        assert_eq!(find_untrusted(&open).map(|found| found.at), Some(open.clone()));
        bits(&open, 0o755);
        assert_eq!(find_untrusted(&inner), None);
    }

    #[test]
    fn missing_directory_is_shared_if_everybody_can_create_it() {
        let folder = TempDir::new().unwrap();
        let shared = folder.path().join("shared");
        fs::create_dir(&shared).unwrap();
        bits(&shared, 0o1777);
        let (first, deep) = (shared.join("colony"), shared.join("colony/services/antnode0001"));
        assert_eq!(check(&deep), Ok(TrustedAncestor::Shared(first.clone())));
        fs::create_dir(&first).unwrap();
        assert_eq!(check(&deep), Ok(TrustedAncestor::Exclusive));
        assert_eq!(
            check(&folder.path().join("not/yet")),
            Ok(TrustedAncestor::Exclusive)
        );
    }

    #[test]
    fn checks_targets_of_symlinks() {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["trusted", "open"] {
            fs::create_dir(at(name)).unwrap();
        }
        bits(&at("open"), 0o777);
        symlink(at("trusted"), at("straight")).unwrap();
        symlink(at("trusted"), at("open/through")).unwrap();
        symlink("open/through", at("crooked")).unwrap();
        symlink("round", at("round")).unwrap();
        assert_eq!(find_untrusted(&at("straight/antnode0001")), None);
        assert_eq!(
            find_untrusted(&at("crooked/antnode0001")).map(|found| found.at),
            Some(at("open"))
        );
        assert!(
            find_untrusted(&at("round"))
                .unwrap()
                .to_string()
                .contains("circles")
        );
    }

    #[test]
    fn trusts_system_groups_and_private_groups_of_trusted_accounts() {
        // `root`, `staff` and `syslog` of the system, then `users`.
        for (gid, is_closed) in [
            (0, true),
            (50, true),
            (104, true),
            (USERS, false),
            (4_000_000_000, false),
        ] {
            assert_eq!(is_trusted_group(gid, None), is_closed, "{gid}");
        }
        if let Some(own) = user_account::own().filter(|own| own.gid >= FIRST_USER_GROUP) {
            let group = Group::from_gid(Gid::from_raw(own.gid)).unwrap();
            let is_private = group.is_some_and(|group| group.name == own.name && group.mem.is_empty());
            assert_eq!(is_trusted_group(own.gid, None), is_private);
        }
    }

    #[test]
    fn distrusts_directory_of_another_account() {
        if !user_account::is_root() {
            eprintln!("SKIPPED: only root can give a folder away");
            return;
        }
        let folder = TempDir::new().unwrap();
        let theirs = folder.path().join("theirs");
        fs::create_dir(&theirs).unwrap();
        chown(&theirs, Some(1), None).unwrap();
        let found = find_untrusted(&theirs.join("antnode0001")).unwrap();
        assert!(found.owner().is_some(), "{found}");
        assert!(found.to_string().contains("belongs to `"), "{found}");
        assert!(found.hint().contains("chown root"), "{}", found.hint());
        assert_eq!(find_untrusted_except(&theirs.join("antnode0001"), 1), None);
        assert!(find_untrusted_except(&theirs.join("antnode0001"), 2).is_some());
    }
}
