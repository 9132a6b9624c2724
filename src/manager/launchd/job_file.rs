//! Reads and writes launchd job files, which are property lists.
//!
//! The plist crate does the quoting, so a value may hold anything but a control character.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use plist::{Dictionary, Value};

use crate::manager::discovered_node::{self, DiscoveredNode};
use crate::manager::timeouts::STOP_TIMEOUT;

/// The umask 027.
const NODE_UMASK: u32 = 0o027;

/// The keys of a job that wnm writes and reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFile {
    /// The name by which launchd knows it.
    pub label: String,
    /// The program that is started, whatever its first argument is, and the other arguments.
    pub command: Vec<String>,
    /// Its working directory; launchd's default is `/`.
    pub directory: String,
    pub environment: Vec<(String, String)>,
    /// The file for its stdout and stderr.
    pub console: Option<String>,
    /// The account it runs as, if it names one.
    pub user: Option<String>,
}

impl JobFile {
    /// Its text as XML, or why there can be none.
    ///
    /// launchd starts the job at boot or login, and again whenever it ends.
    pub fn text(&self) -> Result<String, String> {
        let mut keys = Dictionary::new();
        let mut set = |key: &str, value: Value| {
            keys.insert(key.to_owned(), value);
        };
        set("Label", self.label.as_str().into());
        let words = self.command.iter().map(|word| word.as_str().into());
        set("ProgramArguments", Value::Array(words.collect()));
        set("WorkingDirectory", self.directory.as_str().into());
        if !self.environment.is_empty() {
            let pairs = self.environment.iter();
            let pairs = pairs.map(|(name, value)| (name.clone(), Value::from(value.as_str())));
            set("EnvironmentVariables", Value::Dictionary(pairs.collect()));
        }
        if let Some(user) = &self.user {
            set("UserName", user.as_str().into());
        }
        if let Some(console) = &self.console {
            set("StandardOutPath", console.as_str().into());
            set("StandardErrorPath", console.as_str().into());
        }
        // Other accounts may not read what a node writes; a property list has no octal numbers.
        set("Umask", NODE_UMASK.into());
        set("RunAtLoad", true.into());
        set("KeepAlive", true.into());
        // launchd waits this long from SIGTERM to SIGKILL; its default is 20 s.
        set("ExitTimeOut", STOP_TIMEOUT.as_secs().into());
        let mut text = Vec::new();
        Value::Dictionary(keys)
            .to_writer_xml(&mut text)
            .map_err(|error| error.to_string())?;
        text.push(b'\n');
        String::from_utf8(text).map_err(|error| error.to_string())
    }

    /// Reads any job, whoever wrote it, as XML or binary; none if it is no property list of a job.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<JobFile> {
        let value = Value::from_reader(Cursor::new(bytes)).ok()?;
        let keys = value.as_dictionary()?;
        let text = |key: &str| keys.get(key).and_then(Value::as_string).map(str::to_owned);
        let words = keys.get("ProgramArguments").and_then(Value::as_array);
        let words = words.into_iter().flatten().map(Value::as_string);
        // launchd does not start a job with an argument that is no text; without it the others would move.
        let mut command: Vec<String> = words.map(|word| word.map(str::to_owned)).collect::<Option<_>>()?;
        match (text("Program"), command.first_mut()) {
            (Some(program), Some(first)) => *first = program,
            (Some(program), None) => command.push(program),
            (None, _) => {}
        }
        let pairs = keys.get("EnvironmentVariables").and_then(Value::as_dictionary);
        Some(JobFile {
            label: text("Label")?,
            command,
            directory: text("WorkingDirectory").unwrap_or_default(),
            environment: pairs
                .into_iter()
                .flatten()
                .filter_map(|(name, value)| Some((name.clone(), value.as_string()?.to_owned())))
                .collect(),
            console: text("StandardOutPath"),
            user: text("UserName"),
        })
    }

    /// The node that it starts, if any; relative paths begin in its working directory.
    #[must_use]
    pub fn node(&self) -> Option<DiscoveredNode> {
        let mut found = discovered_node::from_words(&self.command, self.environment.clone())?;
        let folder = Path::new("/").join(&self.directory);
        if found.binary.to_string_lossy().contains('/') {
            let binary: PathBuf = folder.join(&found.binary).components().collect();
            found.binary = binary;
        }
        found.resolve_paths(&folder);
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn job() -> JobFile {
        JobFile {
            label: "com.autonomi.antnode-1".into(),
            command: vec!["/s/a b/antnode".into(), "--x".into(), "a<b & \"c\" 100%".into()],
            directory: "/s/a b".into(),
            environment: vec![("A".into(), "two 'words'".into())],
            console: Some("/l/console.log".into()),
            user: None,
        }
    }

    #[test]
    fn writes_job_as_xml() {
        let text = job().text().unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(
            lines.join("\n"),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
             <plist version=\"1.0\">\n<dict>\n\
             <key>Label</key>\n<string>com.autonomi.antnode-1</string>\n\
             <key>ProgramArguments</key>\n<array>\n<string>/s/a b/antnode</string>\n<string>--x</string>\n\
             <string>a&lt;b &amp; &quot;c&quot; 100%</string>\n</array>\n\
             <key>WorkingDirectory</key>\n<string>/s/a b</string>\n\
             <key>EnvironmentVariables</key>\n<dict>\n<key>A</key>\n<string>two &apos;words&apos;</string>\n</dict>\n\
             <key>StandardOutPath</key>\n<string>/l/console.log</string>\n\
             <key>StandardErrorPath</key>\n<string>/l/console.log</string>\n\
             <key>Umask</key>\n<integer>23</integer>\n\
             <key>RunAtLoad</key>\n<true/>\n<key>KeepAlive</key>\n<true/>\n\
             <key>ExitTimeOut</key>\n<integer>10</integer>\n</dict>\n</plist>"
        );
    }

    #[test]
    fn reads_binary_property_list() {
        let mut bytes = Vec::new();
        let value = Value::from_reader(Cursor::new(job().text().unwrap())).unwrap();
        value.to_writer_binary(&mut bytes).unwrap();
        assert_eq!(JobFile::read(&bytes), Some(job()));
    }

    #[test]
    fn rejects_other_texts() {
        for text in ["", "garbage", "<plist version=\"1.0\"><array/></plist>", "<plist"] {
            assert_eq!(JobFile::read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn program_overrides_first_argument() {
        let read = |keys: &str| {
            JobFile::read(format!("<plist version=\"1.0\"><dict>{keys}</dict></plist>").as_bytes())
        };
        let label = "<key>Label</key><string>l</string>";
        let words = "<key>ProgramArguments</key><array><string>node</string><string>--first</string></array>";
        let program = "<key>Program</key><string>/s/antnode</string>";
        let command = |keys: &str| read(&format!("{label}{keys}")).map(|job| job.command.join(" "));
        assert_eq!(command(words).as_deref(), Some("node --first"));
        assert_eq!(
            command(&format!("{words}{program}")).as_deref(),
            Some("/s/antnode --first")
        );
        assert_eq!(command(program).as_deref(), Some("/s/antnode"));
        let odd = words.replace("<string>--first</string>", "<integer>5</integer>");
        assert_eq!(command(&odd), None);
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(
            words in prop::collection::vec("[ -~äß☃]{0,12}", 1..6),
            value in "[ -~ä]{0,12}",
        ) {
            let mut job = job();
            job.command = words;
            job.environment = vec![("N".into(), value)];
            prop_assert_eq!(JobFile::read(job.text().unwrap().as_bytes()), Some(job));
        }

        #[test]
        fn reads_any_bytes_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = JobFile::read(&bytes);
        }
    }
}
