//! Parses the labels and the value of a sample.

use super::sample_value::SampleValue;

/// Longest version or peer ID in bytes. Longer text is ignored.
const TEXT_MOST: usize = 256;

/// The value of a sample, from the text after its name; None if it is not a number.
pub fn value(rest: &[u8]) -> Option<SampleValue<'_>> {
    let after = match rest.first() {
        Some(b'{') => &rest[labels_end(rest)?..],
        _ => rest,
    };
    // A timestamp or an exemplar may follow, and is ignored.
    let mut words = after
        .split(|byte| matches!(byte, b' ' | b'\t'))
        .filter(|word| !word.is_empty());
    SampleValue::read(words.next()?)
}

/// The index after the closing brace of a label set, ignoring braces and spaces in quotes.
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

/// The text of label `key` in `{a="x",b="y"}`; None if it is empty, too long or has control characters.
pub fn label(labels: &[u8], key: &[u8]) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::openmetrics::{LineScanner, MetricsPage};

    fn version(label_set: &str) -> Option<String> {
        read(&format!("ant_node_antnode_version_info{label_set} 1\n")).version
    }

    fn read(text: &str) -> MetricsPage {
        let mut scan = LineScanner::default();
        scan.feed(text.as_bytes());
        scan.finish()
    }

    #[test]
    fn version_is_the_label_as_written() {
        for text in [
            "0.4.17",
            "0.4.17-rc.1",
            "v0.4.17+abc",
            "unknown",
            "...",
            "0.4.17 ",
        ] {
            assert_eq!(
                version(&format!("{{antnode_version=\"{text}\"}}")).as_deref(),
                Some(text)
            );
        }
        let beside = "{arch=\"x=\\\"86,}\", antnode_version=\"0.4.17\",more=\"\"}";
        assert_eq!(version(beside).as_deref(), Some("0.4.17"));
        assert_eq!(
            version("{antnode_version=\"a\\\\b\\\"c\"}").as_deref(),
            Some("a\\b\"c")
        );
        let twice = "ant_node_antnode_version_info{antnode_version=\"1\"} 1\n\
                     ant_node_antnode_version_info{antnode_version=\"2\"} 1\n";
        assert_eq!(read(twice).version.as_deref(), Some("1"));
    }

    #[test]
    fn invalid_label_gives_no_version() {
        let long = format!("{{antnode_version=\"{}\"}}", "9".repeat(TEXT_MOST + 1));
        for label_set in [
            "",
            "{}",
            "{antnode_version=\"\"}",
            "{antnode_version='0.4.17'}",
            "{antnode_version=\"0.4.17",
            "{xantnode_version=\"0.4.17\"}",
            "{antnode_version=\"0.4\\n17\"}",
            "{antnode_version=\"\u{1b}[31m\"}",
            "{antnode_version",
            &long,
        ] {
            assert_eq!(version(label_set), None, "{label_set}");
        }
        let other =
            "x{antnode_version=\"0.4.17\"} 1\n# ant_node_antnode_version_info{antnode_version=\"1\"} 1";
        assert_eq!(read(other).version, None);
    }
}
