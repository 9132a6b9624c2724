//! One run's surroundings: who runs it, what was said, where the colony is; and the colony opened in them.

mod antctl_options;
pub mod confirm;
mod orphans;
mod resolve;
mod trust;
mod version_query;

use std::ffi::OsString;
use std::path::Path;

use crate::arguments::{self, Arguments};
use crate::clock::{Clock, RealClock};
use crate::colony::{Binary, Mode, Node, ProcessStatus, Timestamp};
use crate::error::ExitError;
use crate::execute::RemovedNodes;
use crate::firewall;
use crate::lock::{self, CycleLock};
use crate::logging::{self, Verbosity};
use crate::manager::{LaunchPolicy, Managers, systemd};
use crate::plan::{Policy, TakeoverPolicy, Template};
use crate::program::user_account;
use crate::settings::locations::{self, HostFacts, Operator, Platform};
use crate::settings::{self, Locations, LogLevel, Provided, RunOptions, Settings, Variables};
use crate::store::{self, NodeRows, Store, UnreadableRow};
use crate::survey::{self, BinaryLookup, HttpProbe, SystemReader};
use crate::takeover::anm;
use crate::terminal::Terminal;
use crate::world::World;
pub use antctl_options::material;
pub use orphans::{orphans, reserved};

/// What a run knows before it opens anything.
pub struct Session {
    pub variables: Variables,
    pub place: Locations,
    pub run: RunOptions,
    /// What stdout and stderr lead to.
    pub terminal: Terminal,
    /// Of flags, environment and files; the colony and the defaults are not among them.
    pub sayings: Vec<Provided>,
    pub clock: RealClock,
    /// Names this run in events and in the log.
    pub name: String,
}

/// What the words on the command line come to.
pub enum SessionStart {
    /// A run.
    Session(Box<Session>),
    /// A text for stdout, and no run.
    Answer(String),
}

impl Session {
    /// Reads flags, environment and files to their end, finds the colony's place and starts to log.
    ///
    /// # Errors
    /// A flag, key or value that cannot be: exit code 2, and nothing was touched.
    pub fn begin(
        args: Vec<OsString>,
        variables: Variables,
        terminal: Terminal,
    ) -> Result<SessionStart, ExitError> {
        let flags = match arguments::parse(args)? {
            Arguments::Info(topic) => return Ok(SessionStart::Answer(arguments::text(&topic, terminal))),
            Arguments::Run(flags) => flags,
        };
        let operator = Operator::from_process(&variables)?;
        let sayings = settings::read_layers(flags, &variables, &operator.home)?;
        let run = settings::run_options(&sayings, &operator.home, &variables)?;
        logging::start(loudness(run.level()), variables.get("RUST_LOG"), terminal.err);
        let machine = HostFacts {
            platform: Platform::here(),
            peek: &store::peek,
            systemd: &|mode| match mode {
                // What sd_booted(3) asks.
                Mode::Sudo => Path::new("/run/systemd/system").is_dir(),
                Mode::User => systemd::user_session_answers(user_account::uid()),
            },
        };
        let place = locations::find(&sayings, &operator, &machine, &variables)?;
        let clock = RealClock;
        let name = format!("{}-{}", clock.now(), std::process::id());
        Ok(SessionStart::Session(Box::new(Session {
            variables,
            place,
            run,
            terminal,
            sayings,
            clock,
            name,
        })))
    }

    /// Takes the lock of this colony for the rest of the run.
    ///
    /// # Errors
    /// When another run holds it, or there is no colony whose folder could hold it.
    pub fn lock(&self) -> Result<CycleLock, ExitError> {
        if !self.place.base_dir.is_dir() {
            return Err(self.uninitialised());
        }
        self.refuse_weak_ground()?;
        Ok(CycleLock::take(&self.place.lock_path, self.clock.now())?)
    }

    /// What to say where there is no colony.
    #[must_use]
    pub fn uninitialised(&self) -> ExitError {
        ExitError::refused(format_args!(
            "there is no colony at `{}`",
            self.place.db_path.display()
        ))
        .hint("make one with `wnm --init --rewards_address ADDRESS`")
    }

    /// The outside world as these settings want it. Making it touches nothing.
    #[must_use]
    pub fn world(&self, settings: &Settings) -> World {
        let progress = self
            .terminal
            .progress(loudness(self.run.level()) > Verbosity::Error);
        World {
            clock: Box::new(self.clock),
            gauge: Box::new(gauge()),
            probe: Box::new(HttpProbe::heard_by(progress)),
            managers: Managers::real(&self.launch_policy(settings)),
            firewall: firewall::choose(settings.firewall, settings.process_manager.mode),
            progress,
        }
    }

    /// What managers are told of this colony.
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

    /// Where the antnode of new nodes is looked for: `antnode_path`, then PATH.
    #[must_use]
    pub fn lookup<'a>(&'a self, settings: &'a Settings) -> BinaryLookup<'a> {
        BinaryLookup {
            path: &settings.antnode_path,
            search: self.variables.get("PATH").unwrap_or_default(),
        }
    }
}

/// A colony opened for a cycle or an order: nobody else changes it meanwhile.
pub struct Colony {
    pub store: Store,
    pub settings: Settings,
    pub world: World,
    /// As the store has them, in the order of their ids.
    pub nodes: Vec<Node>,
    /// Rows that cannot be what they say.
    pub unread: Vec<UnreadableRow>,
    pub facts: store::MachineFacts,
    /// Where nodes outside of `node_storage` were last seen.
    pub devices: store::FilesystemIds,
    pub last_sample: Option<store::Sample>,
    /// Binaries whose versions are known.
    pub known: Vec<Binary>,
    /// How its nodes came to it, if they were another manager's.
    pub takeover: Option<TakeoverPolicy>,
    /// What new nodes must keep clear of.
    pub reserved: store::ReservedNumbers,
    /// Held until the run ends; a dry run holds none.
    _lock: Option<CycleLock>,
}

impl Colony {
    /// Opens the colony of this session. What was said and differs from what it keeps is kept first, and
    /// counts in this run; a dry run takes no lock and keeps nothing.
    ///
    /// # Errors
    /// When there is no colony, it cannot be read, another run has it, or a setting cannot be.
    pub fn open(session: &Session) -> Result<Colony, ExitError> {
        let dry = session.run.dry_run;
        let lock = if dry { None } else { Some(session.lock()?) };
        let store = if dry {
            Store::open_read_only(&session.place.db_path)
        } else {
            Store::open(&session.place.db_path)
        };
        let store = store.map_err(|error| absent(session, error))?;
        let resolved = session.resolve(Some(&store))?;
        let NodeRows { nodes, unread } = roll(&store)?;
        if !dry && !resolved.changes.is_empty() {
            confirm::check_cap(session, &store, &resolved, &nodes)?;
            session.keep(&store, &resolved)?;
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
            _lock: lock,
        })
    }

    /// The antnode that new nodes are made from; None, and a warning, where there is none.
    pub fn antnode(&self, session: &Session) -> Option<Binary> {
        let found = survey::find_antnode(&*self.world.gauge, session.lookup(&self.settings), &self.known);
        self.material(found.as_ref())
    }

    /// The policy of its settings, with room for the nodes that unread rows may stand for.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let policy = self.settings.policy();
        Policy {
            takeover: self.takeover,
            ..policy.leaving_room(self.unread.len(), self.nodes.len())
        }
    }

    /// What new nodes are made from; never with the id of an unread row or of an orphan, or what a takeover reserved.
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

    /// The processes of `nodes`, each as its own manager sees it; None where that manager cannot tell.
    pub fn processes(&self, nodes: &[Node]) -> Vec<Option<ProcessStatus>> {
        let mut kinds: Vec<_> = nodes.iter().map(|node| node.manager).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut processes = vec![None; nodes.len()];
        for kind in kinds {
            let places: Vec<usize> = (0..nodes.len())
                .filter(|place| nodes[*place].manager == kind)
                .collect();
            let theirs: Vec<Node> = places.iter().map(|place| nodes[*place].clone()).collect();
            match self
                .world
                .managers
                .of(kind)
                .and_then(|manager| manager.inspect(&theirs))
            {
                Ok(seen) => {
                    for (place, process) in places.into_iter().zip(seen) {
                        processes[place] = Some(process);
                    }
                }
                Err(error) => tracing::warn!("cannot look at the processes of {kind}: {error}"),
            }
        }
        processes
    }

    /// The identities of nodes that were removed from this colony.
    #[must_use]
    pub fn removed(&self, session: &Session) -> RemovedNodes {
        RemovedNodes::new(&session.place.base_dir, self.settings.keep_removed)
    }

    /// Now, by the world's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.world.clock.now()
    }
}

/// What the rows tell; those that cannot be read are complained of.
pub fn roll(store: &Store) -> Result<NodeRows, store::StoreError> {
    let roll = store.roll()?;
    for row in &roll.unread {
        tracing::error!(
            "{}; this row is left alone, and so is whatever it may mean",
            row.why
        );
    }
    Ok(roll)
}

/// The store's error, with what to do where there is simply no colony yet.
pub fn absent(session: &Session, error: store::StoreError) -> ExitError {
    match error.fault {
        store::Fault::Absent | store::Fault::Uninitialised => session.uninitialised(),
        _ => error.into(),
    }
}

/// The instruments of this machine.
pub fn gauge() -> SystemReader {
    SystemReader::new(Box::new(version_query::version))
}

fn loudness(level: LogLevel) -> Verbosity {
    match level {
        LogLevel::Critical | LogLevel::Error => Verbosity::Error,
        LogLevel::Warning => Verbosity::Warning,
        LogLevel::Info => Verbosity::Info,
        LogLevel::Debug | LogLevel::Trace => Verbosity::Debug,
    }
}

impl From<settings::SettingsError> for ExitError {
    fn from(error: settings::SettingsError) -> ExitError {
        let fixed = error.is_refusal();
        let error = if fixed {
            ExitError::refused(error)
        } else {
            ExitError::mistaken(error)
        };
        error.hint("nothing was changed")
    }
}

impl From<store::StoreError> for ExitError {
    fn from(error: store::StoreError) -> ExitError {
        use store::Fault;
        let refused = ExitError::refused(&error);
        match error.fault {
            Fault::NotADatabase | Fault::Damaged(_) => refused.hint(
                "put a backup in its place; without one move it away, and `wnm --init --import` finds the nodes again",
            ),
            Fault::Ahead(_) => refused.hint("use that wnm, or the copy that was made before its migration"),
            Fault::Locked => refused.hint("end that program: `sudo find /proc/[0-9]*/fd -lname PATH` names it"),
            Fault::Denied(_) => refused.hint("run wnm as the user whose colony it is"),
            Fault::Full => refused.hint("make room on its disk; the next run goes on"),
            _ => refused,
        }
    }
}

impl From<anm::TakeoverError> for ExitError {
    fn from(error: anm::TakeoverError) -> ExitError {
        let told = ExitError::refused(&error);
        match error.hint() {
            Some(hint) => told.hint(hint),
            None => told,
        }
    }
}

impl From<lock::LockError> for ExitError {
    fn from(error: lock::LockError) -> ExitError {
        let refused = ExitError::refused(&error);
        match error {
            lock::LockError::Held => refused.hint("another run is at work; this one has nothing to do"),
            lock::LockError::Unusable { .. } => refused,
        }
    }
}
