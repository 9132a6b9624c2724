//! Warnings of a takeover: a code for each kind, and a sentence.

use std::fmt;
use std::path::PathBuf;

/// The kind of a warning. Its code is the same in all versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum WarningCode {
    /// The data directory of a node does not exist.
    DataDirMissing,
    /// `NodeDetails` and systemd differ.
    BeliefDiffers,
    /// `NodeDetails` has a node without a unit.
    #[strum(serialize = "phantom-in-nodedetails")]
    Phantom,
    /// A node directory with an identity and without a unit.
    OrphanDataDir,
    /// A node directory without identity and without a unit.
    LeftoverDataDir,
    /// A log directory without a unit.
    LeftoverLogDir,
    /// The node is in another network than most.
    OtherNetwork,
    /// The unit names no network.
    NetworkUnsaid,
    /// Its ports do not follow from its number.
    PortOffFormula,
    /// The data directory is not below the storage of new nodes.
    StorageElsewhere,
    /// Arguments that anm never wrote.
    ExtraArguments,
    /// An environment that anm never wrote.
    EnvironmentDiffers,
    /// The unit has drop-ins.
    DropIns,
    /// The unit was changed after systemd read it.
    UnitChanged,
    /// The process has other arguments than the unit.
    ProcessDiffers,
    /// The unit has no valid rewards address.
    WalletUnusable,
    /// Two units with one number.
    IdCollision,
    /// Two units with one port.
    PortCollision,
    /// A unit that lacks what a node needs.
    UnitMalformed,
    /// A unit that anm did not write.
    ForeignUnit,
    /// It does not run, but something answers at its metrics port.
    AnswersThoughStopped,
    /// It runs and does not answer yet.
    Silent,
    /// anm's lock, left by a run that was killed.
    StaleBlock,
    /// The cap was below the number of nodes.
    NodeCapRaised,
    /// anm downloaded new binaries; wnm does not.
    AntupScheduleDropped,
    /// wnm does not use a program or order file of the operator.
    ControlDropped,
    /// The file that sets the wallet of each new node is a program.
    WalletFileIsProgram,
    /// An invalid rewards address was skipped.
    RewardsAddressUnusable,
    /// A number with a leading zero, which a shell reads as octal.
    LeadingZero,
    /// Settings of anm contradict each other.
    SettingsAtOdds,
    /// anm does not set a setting.
    SettingMissing,
    /// The operator's setting overrides anm's.
    SettingOverridden,
    /// The script has several delays, or none.
    ScriptUnclear,
    /// New nodes join another network than most nodes.
    NetworkOfNewNodes,
    /// Units of another manager whose ports overlap.
    OtherManager,
}

impl WarningCode {
    /// The code as it is printed: `data-dir-missing`.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }
}

/// A warning for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub code: WarningCode,
    /// The node: `antnode0009`.
    pub node: Option<String>,
    /// The file or directory, if it is not about a node.
    pub path: Option<PathBuf>,
    /// The sentence.
    pub say: String,
}

impl Warning {
    /// About the machine.
    pub fn new(code: WarningCode, say: impl fmt::Display) -> Warning {
        Warning {
            code,
            node: None,
            path: None,
            say: say.to_string(),
        }
    }

    /// About a node.
    pub fn of_node(code: WarningCode, node: &str, say: impl fmt::Display) -> Warning {
        Warning {
            node: Some(node.to_owned()),
            ..Warning::new(code, say)
        }
    }

    /// About a file or folder.
    pub fn of_path(code: WarningCode, path: impl Into<PathBuf>, say: impl fmt::Display) -> Warning {
        Warning {
            path: Some(path.into()),
            ..Warning::new(code, say)
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(node) = &self.node {
            write!(f, " {node}")?;
        }
        if let Some(path) = &self.path {
            write!(f, " {}", path.display())?;
        }
        write!(f, ": {}", self.say)
    }
}
