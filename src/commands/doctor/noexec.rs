//! Whether programs can run on the disk of the nodes.

use std::fs;
use std::path::Path;

/// The mount point of the filesystem that contains `place`, if it is mounted with `noexec`.
pub(super) fn mount_point(place: &Path) -> Option<String> {
    let place = place.canonicalize().unwrap_or_else(|_| place.to_owned());
    find(&fs::read_to_string("/proc/self/mounts").ok()?, &place)
}

/// The last line for the longest mount point above `place` decides: later mounts cover earlier ones.
fn find(mounts: &str, place: &Path) -> Option<String> {
    let mut best: Option<(String, bool)> = None;
    for line in mounts.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [_, point, _, options, ..] = words.as_slice() else {
            continue;
        };
        // Blanks and tabs are written as octal numbers.
        let point = point.replace("\\040", " ").replace("\\011", "\t");
        let is_longest = best.as_ref().is_none_or(|(found, _)| point.len() >= found.len());
        if place.starts_with(&point) && is_longest {
            best = Some((point, options.split(',').any(|option| option == "noexec")));
        }
    }
    best.filter(|(_, is_noexec)| *is_noexec).map(|(point, _)| point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filesystem_of_the_longest_mount_point_decides() {
        let mounts = "/dev/a / ext4 rw,relatime 0 0\n/dev/b /mnt/my\\040disk ext4 rw,noexec,nosuid 0 0\n\
            /dev/c /mnt/my\\040disk/inner ext4 rw 0 0\n";
        let point = |path: &str| find(mounts, Path::new(path));
        assert_eq!(point("/mnt/my disk/nodes").as_deref(), Some("/mnt/my disk"));
        assert_eq!(point("/mnt/my disk/inner/nodes"), None);
        assert_eq!(point("/mnt/my diskette"), None);
        let covered = format!("{mounts}/dev/d /mnt/my\\040disk ext4 rw 0 0\n");
        assert_eq!(find(&covered, Path::new("/mnt/my disk/nodes")), None);
    }
}
