//! Asks the decision engine by hand: JSON lines in, JSON lines out.
//!
//! ```text
//! $ cargo run --release --example plan < tests/golden/decision_vectors.jsonl
//! {"features":{"allow_cpu":true,…},"actions":[{"type":"add","priority":40,"reason":"add new node (1/5)"},…]}
//! ```

use std::io::{self, BufRead, Write};

mod vector;

fn main() -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        if !text.trim().is_empty() {
            writeln!(out, "{}", vector::answer_line(text.trim()))?;
        }
        line.clear();
    }
    out.flush()
}
