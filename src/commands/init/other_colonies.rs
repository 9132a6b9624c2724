//! Nodes that belong to another colony of this machine: an import leaves them alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::session::Session;
use crate::store::Store;
use crate::takeover::import::ImportedNode;

/// Removes the nodes that another colony has in its database, and returns a warning for each of these colonies.
pub(super) fn leave_out(session: &Session, seen: &mut Vec<ImportedNode>) -> Vec<String> {
    let mut warnings = Vec::new();
    for path in databases(session) {
        // A file that is no colony, or that this user cannot read, has nothing to tell.
        let Ok(rows) = Store::open_read_only(&path).and_then(|store| store.node_rows()) else {
            continue;
        };
        let roots: BTreeSet<&PathBuf> = rows.nodes.iter().map(|node| &node.home.root).collect();
        let before = seen.len();
        seen.retain(|one| !roots.contains(&one.node.home.root));
        match before - seen.len() {
            0 => {}
            count => warnings.push(format!(
                "{count} of the nodes found belong to the colony `{}` and are not imported",
                path.display()
            )),
        }
    }
    warnings
}

/// The databases of other colonies: those at the default places. Another file may be a backup of this colony.
fn databases(session: &Session) -> Vec<PathBuf> {
    let place = &session.place;
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let own = real(&place.db_path);
    let defaults = [
        place.base_dir.join("colony.db"),
        place.operator.home.join(".local/share/autonomi/colony.db"),
        PathBuf::from("/var/antctl/colony.db"),
    ];
    let others: BTreeSet<PathBuf> = defaults.iter().map(|path| real(path)).collect();
    others
        .into_iter()
        .filter(|path| path.is_file() && *path != own)
        .collect()
}
