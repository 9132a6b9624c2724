//! The process: its arguments and surroundings in, its output and exit code out.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use wnm::settings::Variables;

fn main() -> ExitCode {
    match wnm::cycle::run(env::args_os().collect(), Variables::of_process()) {
        Ok(ended) => {
            if !ended.output.is_empty() {
                // A reader that has gone (`wnm … | head`) has seen all it wanted.
                let _ = writeln!(io::stdout().lock(), "{}", ended.output);
            }
            ExitCode::from(ended.code)
        }
        Err(error) => {
            let _ = writeln!(io::stderr().lock(), "{error}");
            ExitCode::from(error.kind.code())
        }
    }
}
