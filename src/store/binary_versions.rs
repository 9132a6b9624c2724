//! The versions of binaries, so that each is run for its version once and not once a minute.

use std::path::{Path, PathBuf};

use rusqlite::params;

use crate::colony::{Binary, BinaryKey, Version};

use super::error::readable;
use super::{Store, StoreError};

impl Store {
    /// Every binary with a known version.
    pub fn binaries(&self) -> Result<Vec<Binary>, StoreError> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT path, size, mtime_ns, inode, version FROM binary ORDER BY path")?;
            let rows = statement.query_map([], |row| {
                Ok(Binary {
                    path: PathBuf::from(row.get::<_, String>(0)?),
                    version: Version::new(row.get::<_, String>(4)?),
                    key: BinaryKey {
                        size: row.get::<_, i64>(1)?.cast_unsigned(),
                        mtime_ns: row.get::<_, i64>(2)?.into(),
                        inode: row.get::<_, i64>(3)?.cast_unsigned(),
                    },
                })
            })?;
            // A binary whose row cannot be read is run again.
            rows.filter_map(|row| readable(row).transpose()).collect()
        })
    }

    /// The version of the antnode for new nodes, as the last run found it: that of `path`, or else the only known one.
    pub fn newest_binary(&self, path: &Path) -> Result<Option<Version>, StoreError> {
        let mut binaries = self.binaries()?;
        if let Some(place) = binaries.iter().position(|binary| binary.path == path) {
            return Ok(Some(binaries.swap_remove(place).version));
        }
        Ok(match binaries.len() {
            1 => binaries.pop().map(|binary| binary.version),
            _ => None,
        })
    }

    /// Stores the version of a binary, replacing the row of the same path. A path or time that cannot be stored is
    /// skipped; the next run then runs the binary again.
    pub fn remember_binary(&self, binary: &Binary) -> Result<(), StoreError> {
        let (Some(path), Ok(mtime_ns)) = (binary.path.to_str(), i64::try_from(binary.key.mtime_ns)) else {
            return Ok(());
        };
        self.transact(|transaction| {
            transaction.execute(
                "INSERT OR REPLACE INTO binary (path, size, mtime_ns, inode, version) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    path,
                    binary.key.size.cast_signed(),
                    mtime_ns,
                    binary.key.inode.cast_signed(),
                    binary.version.as_str()
                ],
            )?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use crate::colony::{Binary, BinaryKey, Version};
    use crate::store::tests::colony;

    #[test]
    fn path_has_its_last_version() {
        let store = colony();
        let binary = |version: &str, mtime_ns: i128| Binary {
            path: PathBuf::from("/home/op/.local/bin/antnode"),
            version: Version::new(version),
            key: BinaryKey {
                size: 34_000_000,
                mtime_ns,
                inode: u64::MAX - 1,
            },
        };
        store
            .remember_binary(&binary("0.4.16", 1_795_000_000_123_456_789))
            .unwrap();
        store
            .remember_binary(&binary("0.4.17", 1_795_000_000_123_456_790))
            .unwrap();
        let known = vec![binary("0.4.17", 1_795_000_000_123_456_790)];
        assert_eq!(store.binaries().unwrap(), known);
        store.remember_binary(&binary("0.5.0", i128::MAX)).unwrap();
        assert_eq!(store.binaries().unwrap(), known);
    }
}
