//! Our own account, and the other accounts of this machine.

use std::path::PathBuf;

use nix::unistd::{Uid, User, geteuid};

use super::ProgramError;

/// The account that nodes run as in sudo mode.
pub const NODE_USER: &str = "ant";

/// One account of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub home: PathBuf,
}

/// Our own user id.
#[must_use]
pub fn uid() -> u32 {
    geteuid().as_raw()
}

/// Whether we are root.
#[must_use]
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// Our own account; none if our user id has none, as in some containers.
#[must_use]
pub fn own() -> Option<Account> {
    of(uid())
}

/// The account with this user id.
#[must_use]
pub fn of(uid: u32) -> Option<Account> {
    User::from_uid(Uid::from_raw(uid))
        .ok()
        .flatten()
        .map(Account::from)
}

/// The account called `name`.
pub fn named(name: &str) -> Result<Account, ProgramError> {
    User::from_name(name)
        .ok()
        .flatten()
        .map(Account::from)
        .ok_or_else(|| ProgramError::NoUser {
            name: name.to_owned(),
        })
}

impl From<User> for Account {
    fn from(user: User) -> Account {
        Account {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            home: user.dir,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{named, own, uid};

    #[test]
    fn finds_own_account_by_name() {
        if let Some(own) = own() {
            assert_eq!(named(&own.name).unwrap().uid, uid());
        }
        assert!(named("no-such-user-here").is_err());
    }
}
