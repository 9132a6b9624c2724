//! Ground to stand on: places in which nobody but root and ourselves can exchange anything.
//!
//! Root must not write, rename or erase where another account may put a link in its way between the look and the
//! deed. A look at the thing itself cannot help; a look at all that leads to it does, as then only root or we could
//! change it.

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

/// As many as Linux itself follows.
const LINKS: u32 = 40;

/// Accounts of these groups are root's already: by sudo, or by packaging/sudoers.
const MASTERS: [&str; 4] = ["sudo", "wheel", "admin", "wnm"];

/// Below this a group is the system's own, and who is in it is the administrator's choice; but for `users`.
const FIRST_OF_PEOPLE: u32 = 1000;
const USERS: u32 = 100;

/// Where somebody else could exchange what we are about to handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UntrustedPath {
    /// The folder or file on the way, or at its end.
    pub at: PathBuf,
    whose: PathOwner,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PathOwner {
    Account(String),
    /// By a list beside the mode.
    Granted(String),
    Group(String),
    Everybody,
    Nobody,
}

impl fmt::Display for UntrustedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.display();
        match &self.whose {
            PathOwner::Account(name) => write!(
                f,
                "`{at}` belongs to `{name}`, who could exchange what root handles there"
            ),
            PathOwner::Granted(name) => write!(
                f,
                "`{at}` can be written by `{name}`, who could exchange what root handles there"
            ),
            PathOwner::Group(name) => write!(
                f,
                "`{at}` can be written by the group `{name}`, which could exchange what root handles there"
            ),
            PathOwner::Everybody => write!(
                f,
                "`{at}` can be written by everybody, who could exchange what root handles there"
            ),
            PathOwner::Nobody => write!(f, "`{at}` leads in circles"),
        }
    }
}

impl UntrustedPath {
    /// The account whose it is, where that is what is wrong with it.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        match &self.whose {
            PathOwner::Account(name) => Some(name),
            _ => None,
        }
    }

    /// The group that may write it, where that is what is wrong with it.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        match &self.whose {
            PathOwner::Group(name) => Some(name),
            _ => None,
        }
    }

    /// Whether the place is the account's home or in it: that is no folder to take away.
    fn is_home_of(&self, name: &str) -> bool {
        user_account::named(name)
            .is_ok_and(|owner| owner.home != Path::new("/") && self.at.starts_with(&owner.home))
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        let at = shell_words::quote(&self.at.to_string_lossy()).into_owned();
        match &self.whose {
            PathOwner::Account(name) if self.is_home_of(name) => {
                format!(
                    "that is where `{name}` is at home: have these nodes where only root may write, or run wnm as `{name}`"
                )
            }
            PathOwner::Account(name) if user_account::is_root() => {
                format!("run wnm as `{name}`, or make it root's: `chown root {at}`")
            }
            PathOwner::Account(_) => format!("make it root's: `sudo chown root {at}`"),
            PathOwner::Granted(_) => format!("`sudo setfacl -b {at}`"),
            PathOwner::Group(_) | PathOwner::Everybody => format!("`sudo chmod go-w {at}`"),
            PathOwner::Nobody => "name another place".to_owned(),
        }
    }
}

/// Whether wnm acts with root's rights in this mode, so that the ground matters.
#[must_use]
pub fn matters(mode: Mode) -> bool {
    mode == Mode::Sudo || user_account::is_root()
}

/// What a path that nobody else has a hand in stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustedAncestor {
    /// On what is there already, or will be made where only we make names.
    Firm,
    /// This is not there, and everybody may make it: it must be made by a call that fails where there is something, and
    /// before all that lies in it.
    Contested(PathBuf),
}

/// The first place on the way to `path`, itself among them, where somebody else has a hand in; links are followed as
/// the system follows them. What is not there yet is made by us.
#[must_use]
pub fn weak(path: &Path) -> Option<UntrustedPath> {
    footing(path).err()
}

/// The same for who counts on what is there: what is not, where everybody may make it, may be there a moment later.
#[must_use]
pub fn unsure(path: &Path) -> Option<UntrustedPath> {
    match footing(path) {
        Ok(TrustedAncestor::Firm) => None,
        Ok(TrustedAncestor::Contested(first)) => Some(UntrustedPath {
            at: first.parent().map_or(first.clone(), Path::to_owned),
            whose: PathOwner::Everybody,
        }),
        Err(weak) => Some(weak),
    }
}

/// The same, and how safely what is not there yet can be made.
///
/// # Errors
/// That first place.
pub fn footing(path: &Path) -> Result<TrustedAncestor, UntrustedPath> {
    footing_of(path, None)
}

/// The first weak place for what is handled with the rights of the account `own` alone: what it could exchange it could do
/// itself.
#[must_use]
pub fn weak_but_for(path: &Path, own: Option<u32>) -> Option<UntrustedPath> {
    footing_of(path, own).err()
}

fn footing_of(path: &Path, own: Option<u32>) -> Result<TrustedAncestor, UntrustedPath> {
    let mut left: VecDeque<OsString> = parts(path);
    let mut at = PathBuf::from("/");
    let mut links = 0;
    // Whether all may put things into the folder we stand in, and only their owners take them away.
    let mut is_shared = match fs::symlink_metadata(&at) {
        Ok(seen) => judge(&at, &seen, own)?,
        Err(_) => return Ok(TrustedAncestor::Firm),
    };
    while let Some(part) = left.pop_front() {
        if part == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&part);
        let Ok(seen) = fs::symlink_metadata(&next) else {
            return Ok(if is_shared {
                TrustedAncestor::Contested(next)
            } else {
                TrustedAncestor::Firm
            });
        };
        if seen.is_symlink() {
            links += 1;
            if links > LINKS {
                return Err(UntrustedPath {
                    at: next,
                    whose: PathOwner::Nobody,
                });
            }
            if let Some(weak) = is_shared.then(|| foreign(&next, &seen, own)).flatten() {
                return Err(weak);
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
        is_shared = judge(&next, &seen, own)?;
        at = next;
    }
    if is_shared {
        // A folder where everybody may make a name is no place for ours.
        return Err(UntrustedPath {
            at,
            whose: PathOwner::Everybody,
        });
    }
    Ok(TrustedAncestor::Firm)
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

/// Whether all may make names in a folder, as in `/tmp`; an error where somebody could exchange what is in it.
fn judge(path: &Path, seen: &Metadata, own: Option<u32>) -> Result<bool, UntrustedPath> {
    if let Some(weak) = foreign(path, seen, own) {
        return Err(weak);
    }
    let weak = |whose| {
        Err(UntrustedPath {
            at: path.to_owned(),
            whose,
        })
    };
    let is_sticky = seen.is_dir() && seen.mode() & 0o1000 != 0;
    if seen.mode() & 0o002 != 0 {
        return if is_sticky {
            Ok(true)
        } else {
            weak(PathOwner::Everybody)
        };
    }
    if seen.mode() & 0o020 == 0 {
        return Ok(false);
    }
    // Where there is a list, what the mode says of the group is the most that anybody on it has.
    let grants = acl::grants(path).unwrap_or_else(|| vec![AclEntry::Group(seen.gid())]);
    let stranger = grants.into_iter().find_map(|grant| match grant {
        AclEntry::User(uid) => {
            (own != Some(uid) && !is_trusted(uid)).then(|| PathOwner::Granted(account_name(uid)))
        }
        AclEntry::Group(gid) => (!is_closed_group(gid, own)).then(|| PathOwner::Group(group_name(gid))),
    });
    match stranger {
        None => Ok(false),
        Some(_) if is_sticky => Ok(true),
        Some(whose) => weak(whose),
    }
}

fn account_name(uid: u32) -> String {
    user_account::of(uid).map_or_else(|| uid.to_string(), |owner| owner.name)
}

fn group_name(gid: u32) -> String {
    let group = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
    group.map_or_else(|| gid.to_string(), |group| group.name)
}

/// Whether a group that may write is the system's own, or the private one of an account that could do as much without
/// it, with nobody else in it. None is that has nodes in it, but for what is done with their rights alone.
fn is_closed_group(gid: u32, own: Option<u32>) -> bool {
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
    if gid < FIRST_OF_PEOPLE && gid != USERS {
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

/// Whether an account is root, ours, or as good as root.
fn is_trusted(uid: u32) -> bool {
    uid == 0 || uid == user_account::uid() || user_account::of(uid).is_some_and(|account| is_master(&account))
}

fn foreign(path: &Path, seen: &Metadata, own: Option<u32>) -> Option<UntrustedPath> {
    let uid = seen.uid();
    if own == Some(uid) || is_trusted(uid) || is_unmapped(uid) {
        return None;
    }
    Some(UntrustedPath {
        at: path.to_owned(),
        whose: PathOwner::Account(account_name(uid)),
    })
}

fn is_master(account: &Account) -> bool {
    MASTERS
        .iter()
        .filter_map(|group| Group::from_name(group).ok().flatten())
        .any(|group| group.gid.as_raw() == account.gid || group.mem.contains(&account.name))
        || user_account::is_root() && may_all(&account.name)
}

/// Whether sudo lets an account run a shell as root: a file in `/etc/sudoers.d` may say so, and no group. Asked once
/// a run: a thousand nodes may lie in what is one account's.
fn may_all(name: &str) -> bool {
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

/// In a container that has only some of the machine's accounts, what is of the others looks like nobody's; nobody in
/// there has their rights.
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
    fn our_own_folder_is_firm_also_where_all_may_make_theirs() {
        let folder = TempDir::new().unwrap();
        assert_eq!(weak(folder.path()), None);
        assert_eq!(weak(&folder.path().join("not/yet")), None);
        assert_eq!(weak(Path::new("/usr/bin")), None);
    }

    #[test]
    fn a_folder_that_others_may_write_is_weak_with_all_that_is_below() {
        let folder = TempDir::new().unwrap();
        let open = folder.path().join("open");
        let inner = open.join("inner");
        fs::create_dir_all(&inner).unwrap();
        bits(&open, 0o777);
        assert_eq!(weak(&inner).map(|weak| weak.at), Some(open.clone()));
        // Where all may make names, ours are firm and the folder itself is not.
        bits(&open, 0o1777);
        assert_eq!(weak(&inner), None);
        assert_eq!(weak(&open).map(|weak| weak.at), Some(open.clone()));
        bits(&open, 0o755);
        assert_eq!(weak(&inner), None);
    }

    #[test]
    fn what_is_not_there_yet_is_contested_where_all_may_make_it() {
        let folder = TempDir::new().unwrap();
        let shared = folder.path().join("shared");
        fs::create_dir(&shared).unwrap();
        bits(&shared, 0o1777);
        let (first, deep) = (shared.join("colony"), shared.join("colony/services/antnode0001"));
        assert_eq!(footing(&deep), Ok(TrustedAncestor::Contested(first.clone())));
        fs::create_dir(&first).unwrap();
        assert_eq!(footing(&deep), Ok(TrustedAncestor::Firm));
        assert_eq!(footing(&folder.path().join("not/yet")), Ok(TrustedAncestor::Firm));
    }

    #[test]
    fn a_link_is_as_firm_as_where_it_leads_and_what_it_leads_through() {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["firm", "open"] {
            fs::create_dir(at(name)).unwrap();
        }
        bits(&at("open"), 0o777);
        symlink(at("firm"), at("straight")).unwrap();
        symlink(at("firm"), at("open/through")).unwrap();
        symlink("open/through", at("crooked")).unwrap();
        symlink("round", at("round")).unwrap();
        assert_eq!(weak(&at("straight/antnode0001")), None);
        assert_eq!(
            weak(&at("crooked/antnode0001")).map(|weak| weak.at),
            Some(at("open"))
        );
        assert!(weak(&at("round")).unwrap().to_string().contains("circles"));
    }

    #[test]
    fn a_group_of_people_is_closed_only_where_it_is_the_private_one_of_a_trusted_account() {
        // Root's, `staff` and `syslog` of the system, and `users`, in which all people are.
        for (gid, is_closed) in [
            (0, true),
            (50, true),
            (104, true),
            (USERS, false),
            (4_000_000_000, false),
        ] {
            assert_eq!(is_closed_group(gid, None), is_closed, "{gid}");
        }
        if let Some(own) = user_account::own().filter(|own| own.gid >= FIRST_OF_PEOPLE) {
            let group = Group::from_gid(Gid::from_raw(own.gid)).unwrap();
            let is_private = group.is_some_and(|group| group.name == own.name && group.mem.is_empty());
            assert_eq!(is_closed_group(own.gid, None), is_private);
        }
    }

    #[test]
    fn what_is_another_accounts_is_weak() {
        if !user_account::is_root() {
            eprintln!("SKIPPED: only root can give a folder away");
            return;
        }
        let folder = TempDir::new().unwrap();
        let theirs = folder.path().join("theirs");
        fs::create_dir(&theirs).unwrap();
        chown(&theirs, Some(1), None).unwrap();
        let weak = weak(&theirs.join("antnode0001")).unwrap();
        assert!(weak.owner().is_some(), "{weak}");
        assert!(weak.to_string().contains("belongs to `"), "{weak}");
        assert!(weak.hint().contains("chown root"), "{}", weak.hint());
        assert_eq!(weak_but_for(&theirs.join("antnode0001"), Some(1)), None);
        assert!(weak_but_for(&theirs.join("antnode0001"), Some(2)).is_some());
    }
}
