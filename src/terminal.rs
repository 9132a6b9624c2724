//! The terminal, where there is one: colours, its width, and one line at its foot that shows progress.
//!
//! Under cron, in a pipe, with `NO_COLOR` or on a terminal that is `dumb` there is nothing of it. It is only
//! written to: no mode is changed and no cursor hidden, so that a run may die at any moment and leave it sane.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::progress::{Progress, Work};

/// Whether text is painted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coloring {
    /// As it is, for files and other programs.
    #[default]
    Plain,
    /// For people who sit before it.
    Colour,
}

/// What text may be painted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    Bold,
    Dim,
    Underlined,
    Red,
    Green,
    Yellow,
    Cyan,
    /// Bold and red: an error.
    Alarm,
}

impl Color {
    fn code(self) -> &'static str {
        match self {
            Color::Bold => "1",
            Color::Dim => "2",
            Color::Underlined => "1;4",
            Color::Red => "31",
            Color::Green => "32",
            Color::Yellow => "33",
            Color::Cyan => "36",
            Color::Alarm => "1;31",
        }
    }
}

impl Coloring {
    /// The text, painted or as it is.
    #[must_use]
    pub fn paint(self, ink: Color, text: &str) -> String {
        match self {
            Coloring::Plain => text.to_owned(),
            Coloring::Colour => format!("\x1b[{}m{text}\x1b[0m", ink.code()),
        }
    }
}

/// What stdout and stderr lead to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terminal {
    /// How results are painted.
    pub out: Coloring,
    /// How errors and the log are painted; progress is shown only where they are.
    pub err: Coloring,
    /// How many columns stdout has; None: it is no terminal.
    pub columns: Option<usize>,
    /// Whether somebody sits there who can be asked: stdin, stdout and stderr are all terminals.
    pub has_operator: bool,
}

impl Terminal {
    /// What is known of stdout and stderr: whether each is a terminal, and what the environment says of
    /// colours: `NO_COLOR` unless it is empty, and `TERM`.
    #[must_use]
    pub fn of(out: bool, err: bool, no_color: Option<&str>, term: Option<&str>) -> Terminal {
        let plain = no_color.is_some_and(|value| !value.is_empty())
            || term.is_none_or(|term| term.is_empty() || term == "dumb");
        let style = |is_terminal: bool| match is_terminal && !plain {
            true => Coloring::Colour,
            false => Coloring::Plain,
        };
        Terminal {
            out: style(out),
            err: style(err),
            columns: out.then(|| width(terminal_size::terminal_size())),
            has_operator: false,
        }
    }

    /// The same terminal, with or without somebody who answers.
    #[must_use]
    pub fn with_operator(self, has_operator: bool) -> Terminal {
        Terminal { has_operator, ..self }
    }

    /// Says something to the operator, in a line of its own.
    pub fn tell(self, text: &str) {
        write(format!("{text}\n").as_bytes());
    }

    /// Asks a question and waits for a line; None when the operator ended the input.
    ///
    /// # Errors
    /// When the terminal has gone.
    pub fn ask(self, question: &str) -> io::Result<Option<String>> {
        write(format!("{} ", self.err.paint(Color::Bold, question)).as_bytes());
        let mut line = String::new();
        match io::stdin().read_line(&mut line)? {
            0 => {
                write(b"\n");
                Ok(None)
            }
            _ => Ok(Some(line)),
        }
    }

    /// Who hears of progress: the line at the foot of the terminal, if there is one and it is `wanted`.
    #[must_use]
    pub fn progress(self, wanted: bool) -> &'static dyn Progress {
        if wanted && self.err == Coloring::Colour {
            &ProgressLine
        } else {
            &crate::progress::NoProgress
        }
    }
}

fn width(size: Option<(terminal_size::Width, terminal_size::Height)>) -> usize {
    // One that does not tell (a serial line) has the 80 columns of old.
    match size {
        Some((width, _)) if width.0 > 0 => usize::from(width.0),
        _ => 80,
    }
}

/// The line at the foot of the terminal.
#[derive(Clone, Copy, Debug)]
struct ProgressLine;

/// The work that is shown there. Only one at a time, as there is only one terminal.
static SHOWN: Mutex<Option<Shown>> = Mutex::new(None);

struct Shown {
    work: Work,
    total: usize,
    done: usize,
    begun: Instant,
    drawn: Option<Instant>,
}

/// A survey that is over sooner is not worth a line.
const PATIENCE: Duration = Duration::from_millis(200);
/// Nobody reads faster.
const REDRAW: Duration = Duration::from_millis(100);
/// Back to the first column, and what stands there is gone.
const ERASE: &[u8] = b"\r\x1b[K";

impl Progress for ProgressLine {
    fn begin(&self, work: Work, total: usize) {
        let mut shown = shown();
        *shown = (total > 1).then(|| Shown {
            work,
            total,
            done: 0,
            begun: Instant::now(),
            drawn: None,
        });
        draw(shown.as_mut());
    }

    fn advance(&self, parts: usize) {
        let mut shown = shown();
        if let Some(work) = shown.as_mut() {
            work.done = work.done.saturating_add(parts).min(work.total);
        }
        draw(shown.as_mut());
    }

    fn end(&self) {
        let ended = shown().take();
        if ended.is_some_and(|work| work.drawn.is_some()) {
            write(ERASE);
        }
    }
}

fn shown() -> MutexGuard<'static, Option<Shown>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn draw(shown: Option<&mut Shown>) {
    let Some(shown) = shown else { return };
    let patience = match shown.work {
        Work::Survey => PATIENCE,
        Work::Steps => Duration::ZERO,
    };
    let is_due = match shown.drawn {
        None => shown.begun.elapsed() >= patience,
        Some(last) => last.elapsed() >= REDRAW || shown.done == shown.total,
    };
    if is_due {
        shown.drawn = Some(Instant::now());
        put(shown);
    }
}

fn put(shown: &Shown) {
    let columns = width(terminal_size::terminal_size_of(io::stderr()));
    let mut line = ERASE.to_vec();
    line.extend(
        foot(
            shown.work,
            shown.done,
            shown.total,
            shown.begun.elapsed(),
            columns,
        )
        .into_bytes(),
    );
    write(&line);
}

/// A terminal that has gone away is no reason to stop the work.
fn write(bytes: &[u8]) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(bytes);
    let _ = stderr.flush();
}

/// The line as it is shown after `elapsed`: what is done, and how long the rest will take at this pace.
fn foot(work: Work, done: usize, total: usize, elapsed: Duration, columns: usize) -> String {
    let what = match work {
        Work::Survey => "asking nodes",
        Work::Steps => "carrying out",
    };
    let rest = match done {
        0 => "ETA -".to_owned(),
        done => {
            let left = elapsed.as_secs_f64() / done as f64 * (total - done.min(total)) as f64;
            format!("ETA {}", span(left.ceil() as u64))
        }
    };
    let words = format!("{done}/{total} {rest}");
    // Two blanks, two brackets, and the last column stays free: some terminals wrap when it is written to.
    let room = columns.saturating_sub(what.len() + words.len() + 5).min(40);
    let line = if room < 5 {
        format!("{what} {words}")
    } else {
        let full = done.min(total) * room / total.max(1);
        format!("{what} [{}{}] {words}", "#".repeat(full), ".".repeat(room - full))
    };
    line.chars().take(columns.saturating_sub(1)).collect()
}

fn span(seconds: u64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds:02} s"),
    }
}

/// Stderr for the log: its lines appear above the one that shows progress.
#[derive(Clone, Copy, Debug)]
pub struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let shown = shown();
        let drawn = shown.as_ref().filter(|shown| shown.drawn.is_some());
        if drawn.is_some() {
            write(ERASE);
        }
        // What stderr does not take is lost: who logs would complain of it there, and end the run in the middle.
        let _ = io::stderr().write_all(bytes);
        if let Some(shown) = drawn {
            put(shown);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::stderr().flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Color, Coloring, Terminal, foot};
    use crate::progress::Work;

    #[test]
    fn colours_are_for_a_terminal_that_can_and_an_operator_who_wants_them() {
        let styles = |out, err, no_color, term| {
            let terminal = Terminal::of(out, err, no_color, term);
            (terminal.out, terminal.err)
        };
        let (plain, colour) = (Coloring::Plain, Coloring::Colour);
        assert_eq!(styles(true, true, None, Some("xterm")), (colour, colour));
        assert_eq!(styles(false, true, Some(""), Some("xterm")), (plain, colour));
        assert_eq!(styles(false, false, None, Some("xterm")), (plain, plain));
        for (no_color, term) in [
            (Some("1"), Some("xterm")),
            (None, Some("dumb")),
            (None, Some("")),
            (None, None),
        ] {
            assert_eq!(styles(true, true, no_color, term), (plain, plain));
        }
        assert_eq!(Terminal::of(false, true, None, Some("xterm")).columns, None);
        assert!(Terminal::of(true, true, Some("1"), None).columns.is_some());
    }

    #[test]
    fn plain_text_is_left_as_it_is() {
        assert_eq!(Coloring::Plain.paint(Color::Alarm, "error:"), "error:");
        assert_eq!(
            Coloring::Colour.paint(Color::Alarm, "error:"),
            "\x1b[1;31merror:\x1b[0m"
        );
    }

    #[test]
    fn the_foot_tells_what_is_done_and_how_long_the_rest_takes() {
        let after =
            |done, seconds, columns| foot(Work::Survey, done, 400, Duration::from_secs(seconds), columns);
        assert_eq!(after(0, 1, 40), "asking nodes [............] 0/400 ETA -");
        assert_eq!(
            after(100, 5, 60),
            format!(
                "asking nodes [{}{}] 100/400 ETA 15 s",
                "#".repeat(6),
                ".".repeat(21)
            )
        );
        assert!(after(1, 2, 100).ends_with(" 1/400 ETA 13 min 18 s"));
        assert_eq!(after(400, 9, 30), "asking nodes 400/400 ETA 0 s");
        for columns in 0..200 {
            assert!(
                after(123, 4, columns).len() <= columns.saturating_sub(1),
                "{columns}"
            );
        }
        assert!(foot(Work::Steps, 1, 2, Duration::ZERO, 80).starts_with("carrying out [####"));
    }
}
