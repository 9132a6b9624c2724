//! What must be known before the colony is opened: the user, the mode, and where all files are.

use std::fmt;
use std::path::{Path, PathBuf};

use super::error::SettingsError;
use super::parse_value::{self, Value};
use super::path_value::PathScope;
use super::source::{Provided, strongest};
use super::variables::Variables;
pub use crate::colony::Platform;
use crate::colony::{ManagerKind, Mode, StoredPlace};

/// The user who runs wnm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    pub user: String,
    pub uid: u32,
    /// Absolute.
    pub home: PathBuf,
}

impl Operator {
    /// The effective user of this process; the home directory is `HOME`, or else that of the user database.
    pub fn from_process(variables: &Variables) -> Result<Operator, SettingsError> {
        let uid = nix::unistd::geteuid();
        let entry = nix::unistd::User::from_uid(uid).ok().flatten();
        let named = variables.get("HOME").map(PathBuf::from);
        let home = named
            .or_else(|| entry.as_ref().map(|user| user.dir.clone()))
            .filter(|home| home.is_absolute())
            .ok_or(SettingsError::NoHome)?;
        let user = match entry {
            Some(user) => user.name,
            None => variables
                .get("USER")
                .map_or_else(|| uid.to_string(), str::to_owned),
        };
        Ok(Operator {
            user,
            uid: uid.as_raw(),
            home: home.components().collect(),
        })
    }

    #[must_use]
    pub fn is_root(&self) -> bool {
        self.uid == 0
    }
}

/// Facts of the machine on which the locations depend.
pub struct HostFacts<'a> {
    pub platform: Platform,
    /// Reads the `process_manager` that the colony at a path stores.
    pub peek: &'a dyn Fn(&Path) -> StoredPlace,
    /// Whether systemd can be used in this mode. Called only if nothing else decides.
    pub systemd: &'a dyn Fn(Mode) -> bool,
}

/// The paths of a colony and its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locations {
    pub platform: Platform,
    pub operator: Operator,
    pub mode: Mode,
    /// The process manager: given in this run, or stored in the colony, or the best that this machine has.
    pub manager: ManagerKind,
    pub base_dir: PathBuf,
    pub db_path: PathBuf,
    pub lock_path: PathBuf,
    /// The default directory of the nodes.
    pub node_storage: PathBuf,
    /// Contains one log directory for each node.
    pub logs: PathBuf,
    pub bootstrap_cache: PathBuf,
    /// Contains one antnode program of each version.
    pub bin_dir: PathBuf,
}

impl fmt::Display for Locations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", self.db_path.display(), self.manager)
    }
}

/// Finds the locations. The mode is that of `process_manager` if it is given, else that of an existing colony (at
/// `dbpath`, else at the two default paths, the one of this user's mode first), else it depends on the user.
pub fn find(
    provided: &[Provided],
    operator: &Operator,
    machine: &HostFacts<'_>,
    variables: &Variables,
) -> Result<Locations, SettingsError> {
    let scope = PathScope {
        home: &operator.home,
        variables,
    };
    let meant = |name: &str| -> Result<Option<Value>, SettingsError> {
        strongest(provided, name)
            .filter(|value| value.source.is_explicit())
            .map(|value| {
                parse_value::parse(value.setting, &value.text, &scope)
                    .map(|meaning| meaning.value)
                    .map_err(|why| value.invalid(why))
            })
            .transpose()
    };
    let database = match meant("dbpath")? {
        Some(Value::Path(path)) => Some(path),
        _ => None,
    };
    let is_on = |name: &str| meant(name).map(|value| value == Some(Value::On(true)));
    let said = match meant("process_manager")? {
        Some(Value::Text(word)) => ManagerKind::from_choice(&word),
        // The nodes of anm are system units, whoever runs the takeover or the rollback.
        _ if is_on("migrate_anm")? || is_on("rollback_anm")? => Some(ManagerKind::ANM),
        _ => None,
    };
    let (own, other) = match operator.is_root() {
        true => (Mode::Sudo, Mode::User),
        false => (Mode::User, Mode::Sudo),
    };
    let stored_at = |path: &Path, bare| match (machine.peek)(path) {
        StoredPlace::Manager(word) => ManagerKind::from_stored(&word, bare),
        StoredPlace::Nothing | StoredPlace::Unreadable => None,
    };
    let manager = said
        .or_else(|| stored_at(database.as_deref()?, own))
        .or_else(|| {
            [own, other]
                .into_iter()
                .find_map(|mode| stored_at(&base(machine.platform, mode, operator).join("colony.db"), mode))
        })
        .unwrap_or_else(|| {
            // If a colony is damaged, the run must fail, and not make another colony.
            let is_there = |mode: &Mode| {
                let path = base(machine.platform, *mode, operator).join("colony.db");
                database.is_none() && (machine.peek)(&path) != StoredPlace::Nothing
            };
            let mode = [own, other].into_iter().find(is_there).unwrap_or(own);
            ManagerKind::default_for(machine.platform, mode, |mode| (machine.systemd)(mode))
        });
    Ok(lay_out(manager, database, operator, machine.platform))
}

fn base(platform: Platform, mode: Mode, operator: &Operator) -> PathBuf {
    match (platform, mode) {
        (Platform::Linux, Mode::User) => operator.home.join(".local/share/autonomi"),
        (Platform::Linux, Mode::Sudo) => PathBuf::from("/var/antctl"),
        (Platform::MacOs, Mode::User) => operator.home.join("Library/Application Support/autonomi"),
        (Platform::MacOs, Mode::Sudo) => PathBuf::from("/Library/Application Support/autonomi"),
    }
}

fn lay_out(
    manager: ManagerKind,
    database: Option<PathBuf>,
    operator: &Operator,
    platform: Platform,
) -> Locations {
    let mode = manager.mode;
    let base_dir = base(platform, mode, operator);
    let (node_storage, logs, bootstrap_cache) = match (platform, mode) {
        (Platform::Linux, Mode::User) => (
            base_dir.join("node"),
            base_dir.join("logs"),
            base_dir.join("bootstrap-cache"),
        ),
        (Platform::Linux, Mode::Sudo) => (
            base_dir.join("services"),
            PathBuf::from("/var/log/antnode"),
            base_dir.join("bootstrap-cache"),
        ),
        (Platform::MacOs, Mode::User) => (
            base_dir.join("node"),
            operator.home.join("Library/Logs/autonomi"),
            operator.home.join("Library/Caches/autonomi/bootstrap-cache"),
        ),
        (Platform::MacOs, Mode::Sudo) => (
            base_dir.join("node"),
            PathBuf::from("/Library/Logs/autonomi"),
            PathBuf::from("/Library/Caches/autonomi/bootstrap-cache"),
        ),
    };
    Locations {
        platform,
        operator: operator.clone(),
        mode,
        manager,
        db_path: database.unwrap_or_else(|| base_dir.join("colony.db")),
        lock_path: base_dir.join("wnm_active"),
        bin_dir: base_dir.join("bin"),
        node_storage,
        logs,
        bootstrap_cache,
        base_dir,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::fixtures::operator;
    use super::super::source::{Provided, Source};
    use super::super::table;
    use super::super::variables::Variables;
    use super::{HostFacts, Locations, Platform, find};
    use crate::colony::Mode;
    use crate::colony::StoredPlace;

    fn said(name: &str, text: &str) -> Provided {
        Provided {
            setting: table::find(name).unwrap(),
            text: text.to_owned(),
            source: Source::Flag,
        }
    }

    fn place(uid: u32, provided: &[Provided], colonies: &[(&str, &str)], systemd: bool) -> Locations {
        find(
            provided,
            &operator(uid),
            &HostFacts {
                platform: Platform::Linux,
                peek: &|path: &Path| {
                    let kept = colonies.iter().find(|(at, _)| path == Path::new(at));
                    kept.map_or(StoredPlace::Nothing, |(_, kind)| {
                        StoredPlace::Manager((*kind).to_owned())
                    })
                },
                systemd: &|_| systemd,
            },
            &Variables::default(),
        )
        .unwrap()
    }

    #[test]
    fn mode_depends_on_the_user_on_a_new_machine() {
        let user = place(1000, &[], &[], true);
        assert_eq!(user.manager.to_string(), "systemd+user");
        assert_eq!(
            user.db_path,
            Path::new("/home/op/.local/share/autonomi/colony.db")
        );
        assert_eq!(
            user.lock_path,
            Path::new("/home/op/.local/share/autonomi/wnm_active")
        );
        assert_eq!(
            user.node_storage,
            Path::new("/home/op/.local/share/autonomi/node")
        );
        assert_eq!(place(1000, &[], &[], false).manager.to_string(), "setsid+user");
        let root = place(0, &[], &[], true);
        assert_eq!(root.manager.to_string(), "systemd+sudo");
        assert_eq!(root.node_storage, Path::new("/var/antctl/services"));
        assert_eq!(root.logs, Path::new("/var/log/antnode"));
    }

    #[test]
    fn existing_colony_decides_the_mode() {
        let system = ("/var/antctl/colony.db", "antctl");
        let own = ("/home/op/.local/share/autonomi/colony.db", "setsid+user");
        assert_eq!(
            place(1000, &[], &[system], true).manager.to_string(),
            "antctl+sudo"
        );
        assert_eq!(
            place(1000, &[], &[system], true).db_path,
            Path::new("/var/antctl/colony.db")
        );
        assert_eq!(
            place(1000, &[], &[system, own], true).manager.to_string(),
            "setsid+user"
        );
        let path = [said("dbpath", "sqlite:///~/my.db")];
        let elsewhere = place(1000, &path, &[own, ("/home/op/my.db", "systemd+sudo")], true);
        assert_eq!(elsewhere.mode, Mode::Sudo);
        assert_eq!(elsewhere.db_path, Path::new("/home/op/my.db"));
        assert_eq!(elsewhere.base_dir, Path::new("/var/antctl"));
    }

    #[test]
    fn given_manager_decides_the_mode() {
        let own = ("/home/op/.local/share/autonomi/colony.db", "setsid+user");
        let sudo = place(1000, &[said("process_manager", "systemd+sudo")], &[own], false);
        assert_eq!(sudo.manager.to_string(), "systemd+sudo");
        assert_eq!(sudo.mode, Mode::Sudo);
        let zen = place(1000, &[said("process_manager", "antctl+zen")], &[], false);
        assert_eq!(zen.mode, Mode::User);
    }

    #[test]
    fn macos_has_its_own_directories() {
        let on_mac = |uid| {
            let machine = HostFacts {
                platform: Platform::MacOs,
                peek: &|_| StoredPlace::Nothing,
                systemd: &|_| panic!("macOS has no systemd"),
            };
            find(&[], &operator(uid), &machine, &Variables::default()).unwrap()
        };
        let user = on_mac(501);
        assert_eq!(user.manager.to_string(), "launchd+user");
        assert_eq!(
            user.node_storage,
            Path::new("/home/op/Library/Application Support/autonomi/node")
        );
        assert_eq!(
            user.bootstrap_cache,
            Path::new("/home/op/Library/Caches/autonomi/bootstrap-cache")
        );
        assert_eq!(on_mac(0).logs, Path::new("/Library/Logs/autonomi"));
    }

    #[test]
    fn rejects_invalid_values() {
        let machine = HostFacts {
            platform: Platform::Linux,
            peek: &|_| StoredPlace::Nothing,
            systemd: &|_| true,
        };
        let refused = |name, text| {
            find(
                &[said(name, text)],
                &operator(1000),
                &machine,
                &Variables::default(),
            )
            .unwrap_err()
            .to_string()
        };
        assert!(
            refused("process_manager", "docker")
                .starts_with("invalid value 'docker' for '--process_manager'; possible values: ")
        );
        assert!(refused("dbpath", "mysql://x").contains("'--dbpath'"));
    }
}
