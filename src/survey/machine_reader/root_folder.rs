//! A folder with files of `/proc` and `/sys`, for tests.

use std::fs;

use tempfile::TempDir;

/// A root folder with these files, each by its path and its text.
pub(super) fn root(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}
