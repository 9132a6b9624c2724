//! The context of a run: its operator, its settings and its paths; and the opened colony.

mod antctl_options;
pub mod confirm;
mod exit_errors;
mod living;
mod orphans;
mod resolve;
mod trust;
mod version_query;

use std::cell::OnceCell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::arguments::{self, Arguments, CommandWords};
use crate::clock::{Clock, RealClock};
use crate::colony::{Binary, Mode, Node, Timestamp};
use crate::error::ExitError;
use crate::execute::RemovedNodes;
use crate::firewall::Firewall;
use crate::lock::RunLock;
use crate::logging::{self, Verbosity};
use crate::manager::process_scan::PlainNodes;
use crate::manager::{LaunchPolicy, Managers, systemd};
use crate::plan::{Policy, TakeoverPolicy, Template};
use crate::program::user_account;
use crate::settings::locations::{self, HostFacts, Operator, Platform};
use crate::settings::{self, Locations, LogLevel, Provided, RunOptions, Settings, Source, Variables};
use crate::store::{self, NodeRows, Store, UnreadableRow};
use crate::survey::{self, BinaryLookup, HttpProbe, SystemReader};
use crate::terminal::Terminal;
use crate::world::World;
pub use antctl_options::node_binary;
pub use living::unknown_nodes;
pub use orphans::{orphans, reserved};

/// The context of a run, before it opens the database.
pub struct Session {
    pub variables: Variables,
    pub place: Locations,
    pub run: RunOptions,
    /// The command in words; None for a run that only has flags.
    pub command: Option<CommandWords>,
    /// The properties of stdout and stderr.
    pub terminal: Terminal,
    /// The values from flags, environment and files, without those of the database and the defaults.
    pub provided: Vec<Provided>,
    pub clock: RealClock,
    /// The name of this run in events and in the log.
    pub name: String,
}

/// The result of parsing the command line.
pub enum SessionStart {
    /// A run.
    Session(Box<Session>),
    /// A text to print instead of a run, such as the help.
    Answer(String),
}

impl Session {
    /// Reads flags, environment and files, finds the paths of the colony, and starts the log.
    ///
    /// # Errors
    /// An invalid flag, key or value: exit code 2, and nothing is changed.
    pub fn begin(
        args: Vec<OsString>,
        variables: Variables,
        terminal: Terminal,
    ) -> Result<SessionStart, ExitError> {
        let (command, flags) = match arguments::parse(args)? {
            Arguments::Info(topic) => return Ok(SessionStart::Answer(arguments::text(&topic, terminal))),
            Arguments::Run(flags) => (None, flags),
            Arguments::Command(command, flags) => (Some(command), flags),
        };
        let operator = Operator::from_process(&variables)?;
        let mut provided = settings::read_layers(flags, &variables, &operator.home)?;
        if command.is_some() {
            // A variable such as `REPORT` does not turn the command into another one.
            provided.retain(|one| one.source == Source::Flag || !arguments::is_request(one.setting));
        }
        let run = settings::run_options(&provided, &operator.home, &variables)?;
        let level = match &command {
            // On a terminal, the answer says what was done.
            Some(_) if terminal.columns.is_some() && run.has_default_level() => LogLevel::Warning,
            _ => run.level(),
        };
        logging::start(verbosity(level), variables.get("RUST_LOG"), terminal.err);
        let machine = HostFacts {
            platform: Platform::here(),
            peek: &store::peek,
            systemd: &|mode| match mode {
                // The test of sd_booted(3).
                Mode::Sudo => Path::new("/run/systemd/system").is_dir(),
                Mode::User => systemd::user_session_answers(user_account::uid()),
            },
        };
        let place = locations::find(&provided, &operator, &machine, &variables)?;
        let clock = RealClock;
        let name = format!("{}-{}", clock.now(), std::process::id());
        Ok(SessionStart::Session(Box::new(Session {
            variables,
            place,
            run,
            command,
            terminal,
            provided,
            clock,
            name,
        })))
    }

    /// Acquires the lock of this colony for the rest of the run.
    ///
    /// # Errors
    /// When another run holds the lock, or there is no colony.
    pub fn lock(&self) -> Result<RunLock, ExitError> {
        if !self.place.base_dir.is_dir() {
            return Err(self.missing_colony_error());
        }
        self.require_trusted_paths()?;
        let place = &self.place;
        Ok(RunLock::take(&place.lock_path, &place.db_path, self.clock.now())?)
    }

    /// The error for a missing colony.
    #[must_use]
    pub fn missing_colony_error(&self) -> ExitError {
        ExitError::refused(format_args!(
            "there is no colony at `{}`",
            self.place.db_path.display()
        ))
        .hint("to create one: `wnm --init --rewards_address ADDRESS`")
    }

    /// The access to the machine, as configured by `settings`. It has no side effects by itself.
    #[must_use]
    pub fn world(&self, settings: &Settings) -> World {
        let progress = self
            .terminal
            .progress(verbosity(self.run.level()) > Verbosity::Error);
        World {
            clock: Box::new(self.clock),
            machine_reader: Box::new(machine_reader()),
            probe: Box::new(HttpProbe::with_progress(progress)),
            managers: Managers::real(&self.launch_policy(settings)),
            firewall: Firewall::of(settings),
            progress,
        }
    }

    /// The settings and paths that managers need.
    #[must_use]
    pub fn launch_policy(&self, settings: &Settings) -> LaunchPolicy {
        LaunchPolicy {
            storage: settings.node_storage.clone(),
            logs: self.place.logs.clone(),
            shelf: self.place.bin_dir.clone(),
            bootstrap_cache: self.place.bootstrap_cache.clone(),
            user_units: self.place.operator.home.join(".config/systemd/user"),
            system_units: "/etc/systemd/system".into(),
            user_agents: self.place.operator.home.join("Library/LaunchAgents"),
            system_daemons: "/Library/LaunchDaemons".into(),
            no_upnp: settings.no_upnp,
            start_args: settings.start_args.clone(),
            user: settings::NODE_USER.to_owned(),
            host: settings.host.clone(),
            antctl: self.antctl_policy(settings),
        }
    }

    /// Where to look for the antnode of new nodes: `antnode_path`, then PATH.
    #[must_use]
    pub fn lookup<'a>(&'a self, settings: &'a Settings) -> BinaryLookup<'a> {
        BinaryLookup {
            path: &settings.antnode_path,
            search: self.variables.get("PATH").unwrap_or_default(),
        }
    }
}

/// A colony that was opened for a cycle or a forced action. Its lock keeps other runs out.
pub struct Colony {
    pub store: Store,
    pub settings: Settings,
    pub world: World,
    /// The nodes of the database, by id.
    pub nodes: Vec<Node>,
    /// Rows that cannot be read or used.
    pub unread: Vec<UnreadableRow>,
    pub facts: store::MachineFacts,
    /// The filesystems on which node directories were last seen.
    pub devices: store::FilesystemIds,
    pub last_sample: Option<store::Sample>,
    /// Binaries with known versions.
    pub known: Vec<Binary>,
    /// The takeover of the nodes from another manager; None if there was none.
    pub takeover: Option<TakeoverPolicy>,
    /// Ids and ports that new nodes must not use.
    pub reserved: store::ReservedNumbers,
    /// The processes of nodes, read when they are first needed.
    processes: OnceCell<Option<PlainNodes>>,
    /// The roots of running nodes without a row, found when they are first needed.
    unknown: OnceCell<Vec<PathBuf>>,
    /// Held until the run ends; a dry run takes no lock.
    _lock: Option<RunLock>,
}

impl Colony {
    /// Opens the colony of this session. Settings that differ from the stored ones are stored first; a dry run takes no
    /// lock and stores nothing.
    ///
    /// # Errors
    /// When there is no colony, it cannot be read, another run holds its lock, or a setting is invalid.
    pub fn open(session: &Session) -> Result<Colony, ExitError> {
        let dry = session.run.dry_run;
        let lock = if dry { None } else { Some(session.lock()?) };
        let store = if dry {
            Store::open_read_only(&session.place.db_path)
        } else {
            Store::open(&session.place.db_path)
        };
        let store = store.map_err(|error| absent(session, error))?;
        let mut resolved = session.resolve(Some(&store))?;
        let NodeRows { nodes, unread } = read_node_rows(&store)?;
        if !dry && !resolved.changes.is_empty() {
            resolved = session.with_confirmed_cap(&store, resolved, &nodes)?;
            session.store_settings(&store, &resolved)?;
        }
        let settings = resolved.settings;
        let world = session.world(&settings);
        Ok(Colony {
            nodes,
            unread,
            facts: store.facts()?,
            devices: store.devices()?,
            last_sample: store.last_sample()?,
            known: store.binaries()?,
            takeover: store.takeover()?,
            reserved: store.reserved()?,
            store,
            settings,
            world,
            processes: OnceCell::new(),
            unknown: OnceCell::new(),
            _lock: lock,
        })
    }

    /// The antnode binary of new nodes. If there is none: None, and a warning in the log.
    pub fn antnode(&self, session: &Session) -> Option<Binary> {
        let found = survey::find_antnode(
            &*self.world.machine_reader,
            session.lookup(&self.settings),
            &self.known,
        );
        self.node_binary(found.as_ref())
    }

    /// The policy from the settings. Its cap counts each unreadable row and each unknown node as a node.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let policy = self.settings.policy();
        Policy {
            takeover: self.takeover,
            ..policy.with_room_for(self.unread.len() + self.unknown_nodes().len(), self.nodes.len())
        }
    }

    /// The template of new nodes, without the ids of unreadable rows, of orphans and of a takeover.
    #[must_use]
    pub fn template(&self, session: &Session) -> Template {
        let mut ids = reserved(&self.world, &self.settings, (&self.nodes, &self.unread));
        ids.extend(&self.reserved.ids);
        let mut reserved_ports = self.reserved_ports();
        reserved_ports.extend(&self.reserved.ports);
        Template {
            reserved: ids,
            reserved_ports,
            ..self.settings.template(&session.place)
        }
    }

    /// The identities of nodes that were removed from this colony.
    #[must_use]
    pub fn removed(&self, session: &Session) -> RemovedNodes {
        RemovedNodes::new(&session.place.base_dir, self.settings.keep_removed)
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.world.clock.now()
    }
}

/// Reads all node rows, and logs an error for each that cannot be read.
pub fn read_node_rows(store: &Store) -> Result<NodeRows, store::StoreError> {
    let rows = store.node_rows()?;
    for row in &rows.unread {
        tracing::error!(
            "{}; wnm changes neither this row nor the node that it may stand for",
            row.why
        );
    }
    Ok(rows)
}

/// The error of the store; if there is no colony yet, with the hint to create one.
pub fn absent(session: &Session, error: store::StoreError) -> ExitError {
    match error.fault {
        store::Fault::Absent | store::Fault::Uninitialised => session.missing_colony_error(),
        _ => error.into(),
    }
}

/// The reader of this machine's readings.
pub fn machine_reader() -> SystemReader {
    SystemReader::new(Box::new(version_query::version))
}

fn verbosity(level: LogLevel) -> Verbosity {
    match level {
        LogLevel::Critical | LogLevel::Error => Verbosity::Error,
        LogLevel::Warning => Verbosity::Warning,
        LogLevel::Info => Verbosity::Info,
        LogLevel::Debug | LogLevel::Trace => Verbosity::Debug,
    }
}
