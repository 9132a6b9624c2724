//! A machine where any user can mount filesystems: the test runs itself again in a namespace.

use std::path::Path;
use std::process::Command;

use crate::stage::{Ran, Stage};

/// Set inside the namespace.
const SIGN: &str = "WNM_GROUND";

/// Runs `play` where filesystems can be mounted; `name` is the test's own name without the crate. Skipped
/// with a message on stderr where namespaces are not allowed.
pub fn on_own_ground(name: &str, play: impl FnOnce()) {
    if std::env::var_os(SIGN).is_some() {
        return play();
    }
    let unshared = |program: &Path| {
        let mut unshare = Command::new("unshare");
        unshare.args([
            "--user",
            "--map-user=1000",
            "--map-group=1000",
            "--keep-caps",
            "--mount",
            "--",
        ]);
        unshare.arg(program);
        unshare
    };
    let mut tried = unshared(Path::new("sh"));
    let folder = tempfile::TempDir::new().expect("a folder");
    tried.args([
        "-c",
        "mount -t tmpfs none \"$1\" && exec setpriv --ambient-caps=-all true",
        "sh",
    ]);
    match tried.arg(folder.path()).output() {
        Ok(tried) if tried.status.success() => {}
        Ok(tried) => {
            let why = String::from_utf8_lossy(&tried.stderr);
            eprintln!("SKIPPED: no disk can be mounted here: {}", why.trim());
            return;
        }
        Err(error) => {
            eprintln!("SKIPPED: no disk can be mounted here: unshare: {error}");
            return;
        }
    }
    let mut again = unshared(&std::env::current_exe().expect("this program"));
    again.args([name, "--exact", "--nocapture"]).env(SIGN, "1");
    // Mounts cannot be deleted from outside and are gone with the namespace; the other files must be
    // deleted.
    again.env("TMPDIR", folder.path());
    let ended = again.output().expect("it runs once more");
    let (out, err) = (
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr),
    );
    assert!(ended.status.success(), "on its own ground:\n{out}\n{err}");
    assert!(out.contains("1 passed"), "`{name}` is the test's name:\n{out}");
    eprint!("{err}");
}

/// Mounts a new filesystem of this size.
pub fn mount(place: &Path, bytes: u64) {
    std::fs::create_dir_all(place).expect("a mount point");
    let size = format!("size={bytes},mode=755");
    tool("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", text(place)]);
}

/// Bind-mounts a folder in another place.
pub fn bind(folder: &Path, place: &Path) {
    std::fs::create_dir_all(place).expect("a mount point");
    tool("mount", &["--bind", text(folder), text(place)]);
}

/// Makes a mount read-only or writable.
pub fn remount(place: &Path, how: &str) {
    tool("mount", &["-o", &format!("remount,bind,{how}"), text(place)]);
}

/// Unmounts it, even while it is in use.
pub fn unmount(place: &Path) {
    tool("umount", &["-l", text(place)]);
}

fn tool(program: &str, words: &[&str]) {
    let done = Command::new(program).args(words).output().expect("it runs");
    let why = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{program} {words:?}: {why}");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

/// wnm without the permission to mount.
pub fn wnm(stage: &Stage, words: &[&str]) -> Ran {
    let mut all = vec![
        "--inh-caps=-all",
        "--ambient-caps=-all",
        "--",
        env!("CARGO_BIN_EXE_wnm"),
    ];
    all.extend(words);
    Ran::of(stage.at_home(Command::new("setpriv"), &all))
}
