//! The filesystems of nodes outside `node_storage`, as last seen, by the folder that contains the nodes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::params;

use super::error::readable;
use super::{Store, StoreError};

/// The device number of the filesystem of each folder.
pub type FilesystemIds = BTreeMap<PathBuf, u64>;

impl Store {
    /// The filesystems that were stored last.
    pub fn devices(&self) -> Result<FilesystemIds, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT path, device FROM storage")?;
            let rows = statement.query_map([], |row| {
                Ok((
                    PathBuf::from(row.get::<_, String>(0)?),
                    row.get::<_, i64>(1)?.cast_unsigned(),
                ))
            })?;
            // A row that cannot be read is skipped.
            rows.filter_map(|row| readable(row).transpose()).collect()
        })
    }

    /// Replaces the stored filesystems. A path that is not UTF-8 is skipped.
    pub fn keep_devices(&self, devices: &FilesystemIds) -> Result<(), StoreError> {
        self.transact(|transaction| {
            transaction.execute("DELETE FROM storage", [])?;
            let mut insert =
                transaction.prepare_cached("INSERT INTO storage (path, device) VALUES (?1, ?2)")?;
            let texts = devices
                .iter()
                .filter_map(|(path, device)| Some((path.to_str()?, device)));
            for (path, device) in texts {
                insert.execute(params![path, device.cast_signed()])?;
            }
            Ok(())
        })
    }
}

/// The filesystems of `folders`: as seen now, or as `before` if a folder is missing now.
#[must_use]
pub fn remembered<'a>(
    before: &FilesystemIds,
    seen: &[(PathBuf, Option<u64>)],
    folders: impl Iterator<Item = &'a Path>,
) -> FilesystemIds {
    let mut all = before.clone();
    all.extend(
        seen.iter()
            .filter_map(|(path, device)| Some((path.clone(), (*device)?))),
    );
    let wanted: std::collections::BTreeSet<&Path> = folders.collect();
    all.retain(|path, _| wanted.contains(path.as_path()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::colony;

    #[test]
    fn folders_are_stored_while_they_contain_nodes() {
        let store = colony();
        assert_eq!(store.devices().unwrap(), FilesystemIds::new());
        let [one, two, three] = ["/one", "/two", "/three"].map(PathBuf::from);
        let seen = [(one.clone(), Some(u64::MAX - 1)), (two.clone(), Some(8))];
        let folders = || [one.as_path(), &two, &three, &one].into_iter();
        let known = remembered(&FilesystemIds::new(), &seen, folders());
        store.keep_devices(&known).unwrap();
        assert_eq!(
            store.devices().unwrap(),
            FilesystemIds::from([(one.clone(), u64::MAX - 1), (two.clone(), 8)])
        );

        let gone = [(one.clone(), Some(9)), (two.clone(), None)];
        let known = remembered(&known, &gone, folders());
        assert_eq!(
            known,
            FilesystemIds::from([(one.clone(), 9), (two.clone(), 8)]),
            "a missing disk is not forgotten"
        );
        let known = remembered(&known, &gone, std::iter::once(one.as_path()));
        store.keep_devices(&known).unwrap();
        assert_eq!(store.devices().unwrap(), FilesystemIds::from([(one, 9)]));
    }
}
