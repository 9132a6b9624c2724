//! Reads files that other users may have created, with limits of size and time, so that a pipe or an endless file cannot
//! block wnm.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;

/// Timeout for reading a pipe.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause before an empty pipe is read again.
const PAUSE: Duration = Duration::from_millis(10);

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{}", describe(.0))]
    Io(io::Error),
    #[error("it is a folder")]
    Folder,
    /// Neither a file nor anything that may take the place of one.
    #[error("it is no file")]
    NoFile,
    #[error("it is a pipe, and nobody writes to it")]
    Idle,
    /// It did not end within [`PATIENCE`].
    #[error("it did not end within {} s", PATIENCE.as_secs())]
    Slow,
    /// It is longer than this many bytes.
    #[error("it is longer than {} KiB", .0 >> 10)]
    Long(u64),
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

fn open(path: &Path, more: OFlag) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NONBLOCK | more).bits())
        .open(path)
}

/// The content of a file of at most `most` bytes. Symlinks are followed; only regular files are read.
pub fn bytes_in(path: &Path, most: u64) -> Result<Vec<u8>, ReadError> {
    let file = open(path, OFlag::empty()).map_err(ReadError::Io)?;
    if !file.metadata().map_err(ReadError::Io)?.is_file() {
        return Err(ReadError::NoFile);
    }
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(ReadError::Io)?;
    short(bytes, most)
}

/// As [`bytes_in`], but also reads `/dev/null` and pipes, which an operator may pass in place of a file.
pub fn bytes_from(path: &Path, most: u64) -> Result<Vec<u8>, ReadError> {
    let mut file = open(path, OFlag::O_NOCTTY).map_err(ReadError::Io)?;
    let seen = file.metadata().map_err(ReadError::Io)?.file_type();
    if seen.is_dir() {
        return Err(ReadError::Folder);
    }
    let begun = Instant::now();
    let mut bytes = Vec::new();
    let mut piece = [0; 8 * 1024];
    while bytes.len() as u64 <= most {
        match file.read(&mut piece) {
            Ok(0) if bytes.is_empty() && seen.is_fifo() => return Err(ReadError::Idle),
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(PAUSE),
            Err(error) => return Err(ReadError::Io(error)),
        }
        if begun.elapsed() > PATIENCE {
            return Err(ReadError::Slow);
        }
    }
    short(bytes, most)
}

fn short(bytes: Vec<u8>, most: u64) -> Result<Vec<u8>, ReadError> {
    match bytes.len() as u64 <= most {
        true => Ok(bytes),
        false => Err(ReadError::Long(most)),
    }
}

/// The content of a short text file; None if it is not a regular file. Nodes may put symlinks, pipes and endless files
/// there.
#[must_use]
pub fn words_in(path: &Path) -> Option<String> {
    const MOST: u64 = 1 << 20;
    let file = open(path, OFlag::O_NOFOLLOW).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::PathBuf;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    fn said(path: impl Into<PathBuf>) -> String {
        bytes_from(&path.into(), 1024).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_file_is_waited_for_no_longer_than_it_takes() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        assert_eq!(said(&pipe), "it is a pipe, and nobody writes to it");
        assert_eq!(said("/dev/zero"), "it is longer than 1 KiB");
        assert_eq!(said(folder.path()), "it is a folder");
        assert!(bytes_from(Path::new("/dev/null"), 1024).unwrap().is_empty());
        assert!(matches!(bytes_in(&pipe, 1024), Err(ReadError::NoFile)));
        assert!(matches!(
            bytes_in(Path::new("/dev/null"), 1024),
            Err(ReadError::NoFile)
        ));
        assert!(words_in(&pipe).is_none());
    }

    #[test]
    fn a_pipe_that_is_written_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        // Both ends, so that nobody waits for the other.
        let mut writer = OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
        writer.write_all(b"node_cap = 3\n").unwrap();
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || bytes_from(&pipe, 1024)
        });
        sleep(PAUSE * 5);
        writer.write_all(b"no_upnp\n").unwrap();
        sleep(PAUSE * 5);
        drop(writer);
        assert_eq!(reader.join().unwrap().unwrap(), b"node_cap = 3\nno_upnp\n");
    }

    #[test]
    fn a_file_is_read_up_to_its_limit_and_no_further() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, [b'a'; 1024]).unwrap();
        assert_eq!(bytes_from(&file, 1024).unwrap().len(), 1024);
        assert_eq!(bytes_in(&file, 1024).unwrap().len(), 1024);
        File::options()
            .append(true)
            .open(&file)
            .unwrap()
            .set_len(1 << 40)
            .unwrap();
        assert_eq!(said(&file), "it is longer than 1 KiB");
        assert!(matches!(bytes_in(&file, 1024), Err(ReadError::Long(1024))));
    }
}
