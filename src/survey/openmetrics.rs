//! A page of a node, `/metadata` or `/metrics`, to what of it is kept: pure, in pieces as they arrive.
//!
//! Only samples whose name is wanted are read further; comments and all other samples cost the search
//! for their line's end. No page is ever held whole.

use std::io::BufRead;

use crate::colony::Figures;

mod number;

use number::Number;

/// No wanted sample is longer; what is longer is passed over without being held.
const LINE_MOST: usize = 16 * 1024;
/// No version and no peer id is longer; what is longer is none.
const TEXT_MOST: usize = 256;

const VERSION: (&[u8], &[u8]) = (b"ant_node_antnode_version_info", b"antnode_version");
const PEER_ID: (&[u8], &[u8]) = (b"ant_networking_peer_id_info", b"peer_id");

/// How a sample becomes a figure.
enum Keep {
    /// Whole numbers; of several samples the first that is a number.
    First(fn(&mut Figures) -> &mut i64),
    /// A counter: its samples, one for each set of labels, are summed.
    Sum(fn(&mut Figures) -> &mut i64),
    /// As `First`, in hundredths.
    Hundredths(fn(&mut Figures) -> &mut i64),
    /// The rewards: decimal text with all its digits.
    Amount,
}

/// Every metric that is kept, by its exact name. `gets` has none: antnode does not tell it.
const WANTED: [(&[u8], Keep); 16] = [
    (b"ant_node_uptime", Keep::First(|f| &mut f.uptime)),
    (b"ant_networking_records_stored", Keep::First(|f| &mut f.records)),
    (
        b"ant_networking_shunned_by_close_group",
        Keep::First(|f| &mut f.shunned),
    ),
    (
        b"ant_networking_connected_peers",
        Keep::First(|f| &mut f.connected_peers),
    ),
    (b"ant_node_put_record_ok_total", Keep::Sum(|f| &mut f.puts)),
    (
        b"ant_networking_process_memory_used_mb",
        Keep::Hundredths(|f| &mut f.mem),
    ),
    (
        b"ant_networking_process_cpu_usage_percentage",
        Keep::Hundredths(|f| &mut f.cpu),
    ),
    (
        b"ant_networking_open_connections",
        Keep::First(|f| &mut f.open_connections),
    ),
    (
        b"ant_networking_peers_in_routing_table",
        Keep::First(|f| &mut f.total_peers),
    ),
    (
        b"ant_networking_bad_peers_count_total",
        Keep::Sum(|f| &mut f.bad_peers),
    ),
    (
        b"ant_networking_relevant_records",
        Keep::First(|f| &mut f.rel_records),
    ),
    (b"ant_networking_max_records", Keep::First(|f| &mut f.max_records)),
    (b"ant_node_current_reward_wallet_balance", Keep::Amount),
    (
        b"ant_networking_received_payment_count",
        Keep::First(|f| &mut f.payment_count),
    ),
    (b"ant_networking_live_time", Keep::First(|f| &mut f.live_time)),
    (
        b"ant_networking_estimated_network_size",
        Keep::First(|f| &mut f.network_size),
    ),
];

/// The place of the uptime in `WANTED`.
const UPTIME: usize = 0;

/// What one page told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The label `antnode_version`, exactly; only an antnode has it.
    pub version: Option<String>,
    /// The label `peer_id`.
    pub peer_id: Option<String>,
    /// What the page does not tell is zero.
    pub figures: Figures,
    /// Bit by bit, which of `WANTED` the page told.
    told: u32,
}

impl Page {
    /// Reads a whole page.
    #[must_use]
    pub fn read(body: &[u8]) -> Page {
        let mut scan = Scan::default();
        scan.feed(body);
        scan.finish()
    }

    /// The uptime, if the page gave one: only an antnode does.
    #[must_use]
    pub fn uptime(&self) -> Option<i64> {
        (self.told & (1 << UPTIME) != 0).then_some(self.figures.uptime)
    }

    fn sample(&mut self, line: &[u8]) {
        let line = line.trim_ascii();
        // The one glance that most lines get: comments and other libraries' metrics end here.
        if !line.starts_with(b"ant_n") {
            return;
        }
        let end = line
            .iter()
            .position(|byte| matches!(byte, b'{' | b' ' | b'\t'))
            .unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        if name == VERSION.0 {
            take_label(&mut self.version, rest, VERSION.1);
        } else if name == PEER_ID.0 {
            take_label(&mut self.peer_id, rest, PEER_ID.1);
        } else if let Some(index) = WANTED.iter().position(|(wanted, _)| *wanted == name)
            && let Some(number) = value(rest)
        {
            self.keep(index, &number);
        }
    }

    fn keep(&mut self, index: usize, number: &Number) {
        let bit = 1 << index;
        let first = self.told & bit == 0;
        match &WANTED[index].1 {
            Keep::First(field) if first => *field(&mut self.figures) = number.whole(),
            Keep::Hundredths(field) if first => *field(&mut self.figures) = number.hundredths(),
            Keep::Amount if first => self.figures.rewards = number.text(),
            Keep::Sum(field) => {
                let sum = field(&mut self.figures);
                *sum = sum.saturating_add(number.whole());
            }
            Keep::First(_) | Keep::Hundredths(_) | Keep::Amount => {}
        }
        self.told |= bit;
    }
}

/// Reads a page in pieces. Holds no more than a line of it.
#[derive(Debug, Default)]
pub struct Scan {
    page: Page,
    /// The beginning of a line whose end has not come.
    held: Vec<u8>,
    /// The line at hand is too long to be wanted.
    overlong: bool,
    /// `# EOF` was read: nothing after it counts.
    ended: bool,
}

impl Scan {
    /// Reads on.
    pub fn feed(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() && !self.ended {
            // `skip_until` is the standard library's fast search for a byte, and reading from a slice cannot fail.
            let mut rest = piece;
            let taken = rest.skip_until(b'\n').unwrap_or(piece.len());
            let (line, whole) = match piece[..taken].strip_suffix(b"\n") {
                Some(line) => (line, true),
                None => (&piece[..taken], false),
            };
            if self.overlong || self.held.len() + line.len() > LINE_MOST {
                self.held.clear();
                self.overlong = !whole;
            } else if whole && self.held.is_empty() {
                self.line(line);
            } else {
                self.held.extend_from_slice(line);
                if whole {
                    self.held_line();
                }
            }
            piece = rest;
        }
    }

    /// What the page told; a last line needs no end.
    #[must_use]
    pub fn finish(mut self) -> Page {
        self.held_line();
        self.page
    }

    /// What the page told in the lines that came whole.
    #[must_use]
    pub fn broken_off(self) -> Page {
        self.page
    }

    fn held_line(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.line(&held);
    }

    fn line(&mut self, line: &[u8]) {
        if line.first() == Some(&b'#') {
            self.ended = line.trim_ascii_end() == b"# EOF";
        } else {
            self.page.sample(line);
        }
    }
}

/// The value of a sample, from what follows its name; None when it is no number.
fn value(rest: &[u8]) -> Option<Number<'_>> {
    let after = match rest.first() {
        Some(b'{') => &rest[labels_end(rest)?..],
        _ => rest,
    };
    // A timestamp or an exemplar may follow; neither is wanted.
    let mut words = after
        .split(|byte| matches!(byte, b' ' | b'\t'))
        .filter(|word| !word.is_empty());
    Number::read(words.next()?)
}

/// Behind the closing brace of a label set; braces and spaces inside quotes do not count.
fn labels_end(labels: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    for (index, byte) in labels.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return Some(index + 1),
            _ => {}
        }
    }
    None
}

/// Takes the label `key` of a sample into `slot`, unless that is filled: the first counts.
fn take_label(slot: &mut Option<String>, rest: &[u8], key: &[u8]) {
    if slot.is_none() {
        *slot = label(rest, key);
    }
}

/// The text of label `key` in `{a="x",b="y"}`. What is empty, endless or holds control characters is
/// nobody's version or name.
fn label(labels: &[u8], key: &[u8]) -> Option<String> {
    let mut rest = labels.strip_prefix(b"{")?;
    loop {
        rest = rest.trim_ascii_start();
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let name = rest[..equals].trim_ascii_end();
        rest = rest[equals + 1..].trim_ascii_start().strip_prefix(b"\"")?;
        let mut text = Vec::new();
        let mut bytes = rest.iter().enumerate();
        let end = loop {
            match bytes.next()? {
                (end, b'"') => break end,
                (_, b'\\') => match bytes.next()?.1 {
                    b'n' => text.push(b'\n'),
                    escaped => text.push(*escaped),
                },
                (_, byte) => text.push(*byte),
            }
        };
        if name == key {
            let text = String::from_utf8_lossy(&text);
            let sound = (1..=TEXT_MOST).contains(&text.len()) && !text.contains(char::is_control);
            return sound.then(|| text.into_owned());
        }
        rest = rest[end + 1..].trim_ascii_start().strip_prefix(b",")?;
    }
}
