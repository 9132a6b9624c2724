//! What an operator should hear of a takeover: a word for each kind, and a sentence for each case.

use std::fmt;
use std::path::PathBuf;

/// The kind of a warning; its word stays the same from version to version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum WarningCode {
    /// The unit's root is not there.
    DataDirMissing,
    /// anm's own record says otherwise than systemd.
    BeliefDiffers,
    /// anm's own record has a node without a unit.
    #[strum(serialize = "phantom-in-nodedetails")]
    Phantom,
    /// A node's folder with an identity and without a unit.
    OrphanDataDir,
    /// A node's folder without identity and without a unit.
    LeftoverDataDir,
    /// A folder of logs without a unit.
    LeftoverLogDir,
    /// The node is in another network than most.
    OtherNetwork,
    /// The unit names no network.
    NetworkUnsaid,
    /// Its ports do not follow from its number.
    PortOffFormula,
    /// Its root is not below the storage for new nodes.
    StorageElsewhere,
    /// Arguments that anm never wrote.
    ExtraArguments,
    /// An environment that anm never wrote.
    EnvironmentDiffers,
    /// Files that add to the unit.
    DropIns,
    /// The unit was changed after systemd read it.
    UnitChanged,
    /// The process has other arguments than the unit.
    ProcessDiffers,
    /// The unit names no rewards address that can be used.
    WalletUnusable,
    /// Two units with one number.
    IdCollision,
    /// Two units with one port.
    PortCollision,
    /// A unit that lacks what a node needs.
    UnitMalformed,
    /// A unit that anm did not write.
    ForeignUnit,
    /// It does not run, and something answers at its metrics port.
    AnswersThoughStopped,
    /// It runs and does not answer yet.
    Silent,
    /// anm's lock, left by a run that was killed.
    StaleBlock,
    /// The cap was below the number of nodes.
    NodeCapRaised,
    /// anm fetched new binaries; nothing does so now.
    AntupScheduleDropped,
    /// A program of the operator's that anm used is used no more.
    ControlDropped,
    /// The file that sets the wallet of each new node is a program.
    WalletFileIsProgram,
    /// A rewards address that cannot be used was passed over.
    RewardsAddressUnusable,
    /// A number with a zero before it, which a shell counts otherwise.
    LeadingZero,
    /// Settings that do not go together, as anm had them.
    SettingsAtOdds,
    /// A setting that anm has and nothing says.
    SettingMissing,
    /// What the operator said on the command line counts in place of anm's.
    SettingOverridden,
    /// The script names more than one delay.
    ScriptUnclear,
    /// New nodes join another network than those that are there.
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

/// One thing the operator should hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub code: WarningCode,
    /// The node it is about, as `antnode0009`.
    pub node: Option<String>,
    /// The file or folder it is about, where it is no node.
    pub path: Option<PathBuf>,
    /// What is so, and what follows from it.
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
