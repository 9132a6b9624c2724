//! Splits shell commands into words.

use std::collections::BTreeMap;

/// The variables of a command, such as `PATH` and `HOME`.
pub type Variables = BTreeMap<String, String>;

/// Why a shell does not run a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished;

/// The words of each simple command, with their quotes and without redirections.
pub fn simple_commands(text: &str) -> Result<Vec<Vec<String>>, Unfinished> {
    let mut commands = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut chars = text.chars().peekable();
    let mut is_target = false;
    while let Some(&c) = chars.peek() {
        match c {
            ' ' | '\t' => {
                chars.next();
            }
            '#' => while chars.next_if(|c| *c != '\n').is_some() {},
            '>' | '<' => {
                while chars.next_if(|c| matches!(c, '>' | '<' | '&' | '|')).is_some() {}
                is_target = true;
            }
            ';' | '&' | '|' | '(' | ')' | '\n' => {
                chars.next();
                if c == '&' && chars.peek() == Some(&'>') {
                    continue;
                }
                commands.push(std::mem::take(&mut words));
            }
            _ => {
                let word = raw_word(&mut chars)?;
                let is_number = word.chars().all(|c| c.is_ascii_digit());
                let is_descriptor = is_number && matches!(chars.peek(), Some('>' | '<'));
                if !is_target && !is_descriptor {
                    words.push(word);
                }
                is_target = false;
            }
        }
    }
    commands.push(words);
    commands.retain(|words| !words.is_empty());
    Ok(commands)
}

/// One word, with its quotes.
fn raw_word(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, Unfinished> {
    let mut word = String::new();
    while let Some(&c) = chars.peek() {
        match c {
            ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | ')' => break,
            '(' if !word.ends_with('$') => break,
            _ => {}
        }
        chars.next();
        word.push(c);
        match c {
            '\\' => word.extend(chars.next()),
            '\'' | '`' => copy_until(chars, &mut word, c)?,
            '"' => copy_until(chars, &mut word, '"')?,
            '(' => copy_until(chars, &mut word, ')')?,
            _ => {}
        }
    }
    Ok(word)
}

/// Copies up to the end of a quote or substitution.
fn copy_until(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    word: &mut String,
    end: char,
) -> Result<(), Unfinished> {
    while let Some(c) = chars.next() {
        word.push(c);
        if c == end {
            return Ok(());
        }
        match c {
            '\\' if end != '\'' => word.extend(chars.next()),
            '(' if end != '\'' && (end == ')' || word.ends_with("$(")) => copy_until(chars, word, ')')?,
            '\'' | '"' if end == ')' => copy_until(chars, word, c)?,
            _ => {}
        }
    }
    Err(Unfinished)
}

/// The words that a shell makes of one word: without quotes, with variables replaced. A variable that is not known
/// stays as it is written.
pub fn expand(raw: &str, variables: &Variables) -> Vec<String> {
    let value = |name: &str| variables.get(name).cloned();
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    let mut quote = None;
    let mut rest = raw;
    if let Some(after) = rest.strip_prefix('~')
        && (after.is_empty() || after.starts_with('/'))
    {
        words[0].push_str(&value("HOME").unwrap_or_default());
        rest = after;
    }
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        let last = words.len() - 1;
        match (c, quote) {
            ('\'' | '"', None) => {
                quote = Some(c);
                is_quoted = true;
            }
            (end, Some(open)) if end == open => quote = None,
            ('\\', None | Some('"')) => {
                let next = rest.chars().next().unwrap_or('\\');
                rest = &rest[next.len_utf8().min(rest.len())..];
                words[last].push(next);
            }
            ('$', None | Some('"')) => {
                let braced = rest.strip_prefix('{').and_then(|after| after.split_once('}'));
                let plain = rest
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                let (name, after) = braced.unwrap_or((&rest[..plain], &rest[plain..]));
                match value(name) {
                    Some(text) => {
                        rest = after;
                        if quote.is_some() {
                            words[last].push_str(&text);
                        } else {
                            let mut parts = text.split_whitespace();
                            words[last].push_str(parts.next().unwrap_or_default());
                            words.extend(parts.map(str::to_owned));
                        }
                    }
                    None => words[last].push('$'),
                }
            }
            _ => words[last].push(c),
        }
    }
    words.retain(|word| is_quoted || !word.is_empty());
    words
}
