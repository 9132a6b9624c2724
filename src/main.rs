//! The process: its arguments and surroundings in, its output and exit code out.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use wnm::settings::Variables;
use wnm::terminal::Terminal;

fn main() -> ExitCode {
    let variables = Variables::of_process();
    let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
    let terminal = Terminal::of(out, err, variables.get("NO_COLOR"), variables.get("TERM"))
        .with_operator(out && err && io::stdin().is_terminal());
    match wnm::cycle::run(env::args_os().collect(), variables, terminal) {
        Ok(ended) => {
            if !ended.output.is_empty() {
                // A reader that has gone (`wnm … | head`) has seen all it wanted.
                let _ = writeln!(io::stdout().lock(), "{}", ended.output);
            }
            ExitCode::from(ended.code)
        }
        Err(error) => {
            let _ = writeln!(io::stderr().lock(), "{}", error.told(terminal.err));
            ExitCode::from(error.kind.code())
        }
    }
}
