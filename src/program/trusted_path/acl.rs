//! POSIX access control lists of Linux: who can write a file besides those that its mode shows.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// An account or a group that can write, besides the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AclEntry {
    User(u32),
    Group(u32),
}

/// The entries of the list of `path` that can write, without the owner; none if it has no list. The lists of macOS have
/// another format and are not read.
pub(super) fn grants(path: &Path) -> Option<Vec<AclEntry>> {
    // A list of more than 500 entries counts as if everybody could write.
    let mut list = [0; 4096];
    let length = match rustix::fs::lgetxattr(path, "system.posix_acl_access", &mut list) {
        Ok(length) => length,
        Err(rustix::io::Errno::RANGE) => return Some(vec![AclEntry::Group(u32::MAX)]),
        Err(_) => return None,
    };
    let owner = std::fs::symlink_metadata(path).ok()?.gid();
    Some(read(&list[..length], owner))
}

/// The entries that can write after the mask is applied. A list is a version, then eight bytes per entry: kind, rights
/// and number.
fn read(list: &[u8], owner: u32) -> Vec<AclEntry> {
    const WRITE: u16 = 2;
    const USER: u16 = 2;
    const GROUP_OF_FILE: u16 = 4;
    const GROUP: u16 = 8;
    const MASK: u16 = 0x10;
    let entries: Vec<(u16, u16, u32)> = list
        .get(4..)
        .unwrap_or_default()
        .chunks_exact(8)
        .map(|entry| {
            let half = |at: usize| u16::from_le_bytes([entry[at], entry[at + 1]]);
            let number = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
            (half(0), half(2), number)
        })
        .collect();
    if entries
        .iter()
        .any(|(kind, rights, _)| *kind == MASK && rights & WRITE == 0)
    {
        return Vec::new();
    }
    entries
        .into_iter()
        .filter(|(_, rights, _)| rights & WRITE != 0)
        .filter_map(|(kind, _, number)| match kind {
            USER => Some(AclEntry::User(number)),
            GROUP => Some(AclEntry::Group(number)),
            GROUP_OF_FILE => Some(AclEntry::Group(owner)),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut bytes = 2_u32.to_le_bytes().to_vec();
        for (kind, rights, number) in entries {
            bytes.extend(kind.to_le_bytes());
            bytes.extend(rights.to_le_bytes());
            bytes.extend(number.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn finds_writers_that_are_not_masked() {
        const NOBODY: u32 = u32::MAX;
        let entries = [
            (1, 7, NOBODY),
            (2, 7, 1002),
            (2, 5, 1003),
            (4, 5, NOBODY),
            (8, 2, 50),
            (0x20, 5, NOBODY),
        ];
        let with_mask = |rights| [&entries[..], &[(0x10, rights, NOBODY)]].concat();
        assert_eq!(
            read(&list(&with_mask(7)), 100),
            [AclEntry::User(1002), AclEntry::Group(50)]
        );
        assert_eq!(read(&list(&with_mask(5)), 100), []);
        assert_eq!(read(&list(&[(4, 6, NOBODY)]), 100), [AclEntry::Group(100)]);
        assert_eq!(read(&[], 100), []);
        assert_eq!(read(&[2, 0, 0, 0, 1], 100), []);
    }
}
