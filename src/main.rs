//! The process: its arguments and surroundings in, its output and exit code out.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use wnm::error::{ExitError, ExitKind};
use wnm::program::{detached, umask};
use wnm::settings::Variables;
use wnm::terminal::Terminal;

fn main() -> ExitCode {
    detached::close_inherited_files_on_exec();
    umask::set();
    let variables = Variables::from_process();
    let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
    let terminal = Terminal::of(out, err, variables.get("NO_COLOR"), variables.get("TERM"))
        .with_operator(out && err && io::stdin().is_terminal());
    match wnm::commands::run(env::args_os().collect(), variables, terminal) {
        Ok(ended) => {
            let told = match ended.output.as_str() {
                "" => Ok(()),
                output => print(output),
            };
            match told {
                // A reader that has gone (`wnm … | head`) has seen all it wanted.
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    let what = format_args!("cannot write the result to stdout: {error}");
                    complain(&ExitError::new(ExitKind::Incomplete, what), terminal)
                }
                _ => ExitCode::from(ended.code),
            }
        }
        Err(error) => complain(&error, terminal),
    }
}

fn print(output: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{output}")?;
    stdout.flush()
}

fn complain(error: &ExitError, terminal: Terminal) -> ExitCode {
    // Where not even that can be told, the code says it.
    let _ = writeln!(io::stderr().lock(), "{}", error.format(terminal.err));
    ExitCode::from(error.kind.code())
}
