//! The terminal: colours, width, and a progress line.
//!
//! Under cron, in a pipe, with `NO_COLOR` and with `TERM=dumb` there are no colours and no progress line. wnm changes no
//! terminal mode and does not hide the cursor, so that a killed run leaves the terminal usable.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::progress::{Progress, Work};

/// Whether text is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coloring {
    /// Without colours, for files and other programs.
    #[default]
    Plain,
    /// With colours, for a terminal.
    Colour,
}

/// The colours and styles of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
    /// Bold and red, for errors.
    Alarm,
}

impl Color {
    fn code(self) -> &'static str {
        match self {
            Color::Bold => "1",
            Color::Dim => "2",
            Color::Red => "31",
            Color::Green => "32",
            Color::Yellow => "33",
            Color::Cyan => "36",
            Color::Alarm => "1;31",
        }
    }
}

impl Coloring {
    /// The text, in this colour if colours are on.
    #[must_use]
    pub fn paint(self, ink: Color, text: &str) -> String {
        match self {
            Coloring::Plain => text.to_owned(),
            Coloring::Colour => format!("\x1b[{}m{text}\x1b[0m", ink.code()),
        }
    }
}

/// The terminal that stdout and stderr are connected to, if any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terminal {
    /// Colours of the result on stdout.
    pub out: Coloring,
    /// Colours of errors and the log on stderr. The progress line is shown only with colours.
    pub err: Coloring,
    /// The width of stdout in columns. None: not a terminal.
    pub columns: Option<usize>,
    /// Whether an operator can answer questions: stdin, stdout and stderr are all terminals.
    pub has_operator: bool,
}

impl Terminal {
    /// `out` and `err`: whether stdout and stderr are terminals. `NO_COLOR`, unless it is empty, and `TERM` may disable
    /// colours.
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

    /// The same terminal, with or without an operator.
    #[must_use]
    pub fn with_operator(self, has_operator: bool) -> Terminal {
        Terminal { has_operator, ..self }
    }

    /// Prints a line for the operator.
    pub fn print(self, text: &str) {
        write(format!("{text}\n").as_bytes());
    }

    /// Prints a question and reads a line. None: the operator ended the input.
    ///
    /// # Errors
    /// When the terminal is closed.
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

    /// The progress line if it is `wanted` and stderr has colours, else nothing.
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
    // A serial line does not report its width.
    match size {
        Some((width, _)) if width.0 > 0 => usize::from(width.0),
        _ => 80,
    }
}

/// The progress line.
#[derive(Clone, Copy, Debug)]
struct ProgressLine;

/// The work that the progress line shows. There is one terminal, so one at a time.
static SHOWN: Mutex<Option<Shown>> = Mutex::new(None);

struct Shown {
    work: Work,
    total: usize,
    done: usize,
    begun: Instant,
    drawn: Option<Instant>,
}

/// Shorter surveys have no progress line.
const DELAY: Duration = Duration::from_millis(200);
/// The shortest time between two updates: people do not read faster.
const REDRAW: Duration = Duration::from_millis(100);
/// Returns to the first column and clears the line.
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
    let delay = match shown.work {
        Work::Survey => DELAY,
        Work::Steps => Duration::ZERO,
    };
    let is_due = match shown.drawn {
        None => shown.begun.elapsed() >= delay,
        Some(last) => last.elapsed() >= REDRAW || shown.done == shown.total,
    };
    if is_due {
        shown.drawn = Some(Instant::now());
        print(shown);
    }
}

fn print(shown: &Shown) {
    let columns = width(terminal_size::terminal_size_of(io::stderr()));
    let mut line = ERASE.to_vec();
    line.extend(
        progress_line(
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

/// Errors are ignored: a closed terminal must not stop the work.
fn write(bytes: &[u8]) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(bytes);
    let _ = stderr.flush();
}

/// The progress line after `elapsed`: what is done, and the estimated time for the rest.
fn progress_line(work: Work, done: usize, total: usize, elapsed: Duration, columns: usize) -> String {
    let what = match work {
        Work::Survey => "surveying nodes",
        Work::Steps => "executing steps",
    };
    let rest = match done {
        0 => "ETA -".to_owned(),
        done => {
            let left = elapsed.as_secs_f64() / done as f64 * (total - done.min(total)) as f64;
            format!("ETA {}", span(left.ceil() as u64))
        }
    };
    let words = format!("{done}/{total} {rest}");
    // Two spaces and two brackets. The last column stays free, because some terminals wrap after it.
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

/// Stderr for the log: log lines appear above the progress line.
#[derive(Clone, Copy, Debug)]
pub struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let shown = shown();
        let drawn = shown.as_ref().filter(|shown| shown.drawn.is_some());
        if drawn.is_some() {
            write(ERASE);
        }
        // An error is ignored: it could only be reported on stderr, and must not end the run.
        let _ = io::stderr().write_all(bytes);
        if let Some(shown) = drawn {
            print(shown);
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

    use super::{Color, Coloring, Terminal, progress_line};
    use crate::progress::Work;

    #[test]
    fn colours_need_a_terminal_and_no_opt_out() {
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
    fn plain_text_is_unchanged() {
        assert_eq!(Coloring::Plain.paint(Color::Alarm, "error:"), "error:");
        assert_eq!(
            Coloring::Colour.paint(Color::Alarm, "error:"),
            "\x1b[1;31merror:\x1b[0m"
        );
    }

    #[test]
    fn progress_line_shows_what_is_done_and_the_remaining_time() {
        let after = |done, seconds, columns| {
            progress_line(Work::Survey, done, 400, Duration::from_secs(seconds), columns)
        };
        assert_eq!(after(0, 1, 40), "surveying nodes [.........] 0/400 ETA -");
        assert_eq!(
            after(100, 5, 60),
            format!(
                "surveying nodes [{}{}] 100/400 ETA 15 s",
                "#".repeat(6),
                ".".repeat(18)
            )
        );
        assert!(after(1, 2, 100).ends_with(" 1/400 ETA 13 min 18 s"));
        assert_eq!(after(400, 9, 30), "surveying nodes 400/400 ETA 0");
        for columns in 0..200 {
            assert!(
                after(123, 4, columns).len() <= columns.saturating_sub(1),
                "{columns}"
            );
        }
        assert!(progress_line(Work::Steps, 1, 2, Duration::ZERO, 80).starts_with("executing steps [####"));
    }
}
